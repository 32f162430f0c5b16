package trace

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/takt-go/takt/loop"
)

// text stands for a string in the texts of a recorder.
type text uint32

const (
	noText  text = 0 // ""
	noRoom  text = 1 // there was one, but no room for it
	maxText      = 256
)

// texts holds strings in a fixed amount of memory. When it is full, those that no
// event in the ring mentions any more are forgotten; if that does not help, what is
// new is not kept.
type texts struct {
	all    []string // by text; "" for a place that is free
	free   []text
	of     map[string]text
	used   int // bytes
	budget int
	swept  uint64 // what had been seen by then
}

// textCost is what a string costs besides its bytes: its header, its place in the
// map, and that it is a little longer in memory.
const textCost = 64

func makeTexts(budget int) texts {
	return texts{all: []string{"", "…"}, of: make(map[string]text), budget: budget}
}

// room reports whether s is there already or there is room for it.
func (t *texts) room(s string) bool {
	return s == "" || t.of[cut(s)] != noText || t.used+len(cut(s))+textCost <= t.budget
}

func (t *texts) intern(s string) text {
	if s == "" {
		return noText
	}
	s = cut(s)
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

// sweep forgets what ring does not mention. As it takes a walk through the ring, it
// does nothing unless half of that has been written anew since the last time.
func (t *texts) sweep(ring []record, seen uint64) {
	if t.swept != 0 && seen-t.swept < uint64(len(ring))/2 {
		return
	}
	t.swept = seen
	used := make([]bool, len(t.all))
	for i := range ring {
		x := &ring[i]
		used[x.text] = true
		if x.kind == loop.TaskDone {
			used[x.arg] = true
		}
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

// cut shortens what is too long to keep.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText-len("…")], "") + "…"
}

const prefix = "Task-"

// unnamed is the name of a task that was given none.
func unnamed(id uint64) string { return prefix + strconv.FormatUint(id, 10) }

// errorText is err as text, whatever its Error method is up to.
func errorText(err error) (s string) {
	defer func() {
		if recover() != nil {
			s = fmt.Sprintf("a %T, whose Error method panicked", err)
		}
	}()
	return err.Error()
}
