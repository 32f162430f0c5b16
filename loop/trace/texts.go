package trace

import (
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/takt-go/takt/loop/internal/oneline"
)

// A text is the index of a string in the texts of a recorder.
type text uint32

const (
	noText text = 0 // ""
	noRoom text = 1 // "…", in place of a string for which there was no room
)

// texts holds strings in a fixed amount of memory. When it is full, it drops the strings that no event
// in the ring uses. If there is still no room, it does not keep the new string.
type texts struct {
	all    []string // by text; "" for a free place
	free   []text
	of     map[string]text
	used   int // bytes
	budget int
	swept  uint64 // number of records seen before the last sweep
}

// textCost is the memory that a string needs in addition to its bytes: its header, its place in the
// map, and the rounding up of its size.
const textCost = 64

func makeTexts(budget int) texts {
	return texts{all: []string{"", "…"}, of: make(map[string]text), budget: budget}
}

// room reports whether s is kept already, or there is room for it.
func (t *texts) room(s string) bool {
	return s == "" || t.of[oneline.Cut(s)] != noText || t.used+len(oneline.Cut(s))+textCost <= t.budget
}

func (t *texts) intern(s string) text {
	if s == "" {
		return noText
	}
	s = oneline.Cut(s)
	if at, ok := t.of[s]; ok {
		return at
	}
	if t.used+len(s)+textCost > t.budget {
		return noRoom
	}
	s = strings.Clone(s)
	t.used += len(s) + textCost
	var at text
	if n := len(t.free); n > 0 {
		at, t.free = t.free[n-1], t.free[:n-1]
		t.all[at] = s
	} else {
		at = text(len(t.all))
		t.all = append(t.all, s)
	}
	t.of[s] = at
	return at
}

func (t *texts) get(at text) string { return t.all[at] }

// sweep drops the strings that are not in use. It reads all records, so it does nothing until half as many as there
// may be have been overwritten since the last sweep. seen is the number of records so far, and most how many are kept.
func (t *texts) sweep(inUse iter.Seq[text], seen, most uint64) {
	if t.swept != 0 && seen-t.swept < most/2 {
		return
	}
	t.swept = seen
	used := make([]bool, len(t.all))
	for at := range inUse {
		used[at] = true
	}
	for at := noRoom + 1; int(at) < len(t.all); at++ {
		if s := t.all[at]; s != "" && !used[at] {
			delete(t.of, s)
			t.used -= len(s) + textCost
			t.all[at] = ""
			t.free = append(t.free, at)
		}
	}
}

const prefix = "Task-"

// unnamed returns the default name of a task.
func unnamed(id uint64) string { return prefix + strconv.FormatUint(id, 10) }

// errorText returns the text of err. The Error method may panic.
func errorText(err error) (s string) {
	defer func() {
		if recover() != nil {
			s = fmt.Sprintf("a %T (its Error method panicked)", err)
		}
	}()
	return err.Error()
}
