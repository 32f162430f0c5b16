package looptest

import (
	"fmt"
	"slices"
	"strings"
)

// A layout lays out a transcript for a report.
type layout struct {
	steps         []*step
	inWorld       bool
	folded        bool // choices that are faults are not listed as deviations
	blocks        []block
	apart         bool   // the logs have a section of their own, and do not stand under the steps
	near          []bool // which steps the reader needs one by one; nil if that is all of them
	digits        int    // the width of the column for numbers
	at, who, path int    // the widths of other columns
}

// A block is a step, or a group of steps that is repeated.
type block struct {
	group
	deviates, fails, logs bool
	full, brief           int // how many lines it has, with all texts and with maxSaid of them
}

const (
	maxDeviations = 13   // lines of the list of deviations
	maxSaid       = 3    // lines of texts in a block, if there is not room for all steps
	manyTasks     = 4    // so many tasks that do the same share a line
	manySteps     = 40   // if there are more lines than this, and more logs than
	manyLogs      = 10   // this, the logs are apart
	before, after = 2, 3 // so many steps before and after a deviation are listed first
)

func newLayout(tr *transcript) *layout {
	f := &layout{steps: tr.all(), folded: tr.folded, digits: max(4, len(fmt.Sprint(len(tr.steps))))}
	logs := 0
	for _, s := range f.steps {
		for _, said := range s.said {
			if !said.bad {
				logs++
			}
		}
	}
	if f.fold(); f.want() > manySteps && logs > manyLogs {
		f.apart = true
		f.fold()
	}
	if f.want() > manySteps {
		f.near = f.nearSteps()
		f.fold()
	}
	return f
}

// nearSteps returns which steps a reader needs one by one: those near to a deviation, and the last ones.
func (f *layout) nearSteps() []bool {
	near := make([]bool, len(f.steps))
	for i, s := range f.steps {
		if i >= len(near)-8 {
			near[i] = true
		}
		if len(s.deviated) > 0 || s.fault {
			for j := max(i-before, 0); j <= min(i+after, len(near)-1); j++ {
				near[j] = true
			}
		}
	}
	return near
}

// all returns the steps, and what was logged outside of them.
func (tr *transcript) all() []*step {
	tr.run.said.mu.Lock() // a goroutine that the body has left may still log
	defer tr.run.said.mu.Unlock()
	if len(tr.outside.said) == 0 {
		return tr.steps
	}
	outside := *tr.outside
	outside.at = tr.run.loop.Elapsed().String()
	return append(tr.steps[:len(tr.steps):len(tr.steps)], &outside)
}

// deviations lists the deviations of the schedule, by step.
func (f *layout) deviations() section {
	var lines []string
	for i, s := range f.steps {
		for _, what := range s.deviated {
			lines = append(lines, fmt.Sprintf("\t%*d  %s", f.digits, i+1, cut(what, maxLine)))
		}
	}
	header := "The deviation, by step:"
	if len(lines) > 1 {
		header = "The deviations, by step:"
	}
	if f.folded {
		header = strings.Replace(header, "The", "The other", 1)
	}
	return section{header, min(len(lines), maxDeviations), 6, func(room int) []string {
		if len(lines) <= room {
			return lines
		}
		last := max(room-1, 0)
		return append(lines[:last:last], fmt.Sprintf("\t%*s  and %s", f.digits, "", count(len(lines)-last, "more", "more")))[:room]
	}}
}

func (f *layout) fold() {
	f.blocks = f.blocks[:0]
	for _, g := range f.groups() {
		b := block{group: g, full: g.size, brief: g.size}
		if g.size > 1 { // the line that says how often
			b.full++
			b.brief++
		}
		for _, s := range f.steps[g.first : g.first+g.size] {
			texts := f.texts(s)
			b.deviates = b.deviates || len(s.deviated) > 0 || s.fault
			b.logs = b.logs || len(texts) > 0
			b.fails = b.fails || slices.ContainsFunc(texts, func(s said) bool { return s.bad })
			n := 0
			for _, said := range texts {
				n += countLines([]string{said.text})
			}
			b.full += n
			b.brief += min(n, maxSaid/g.size)
		}
		f.blocks = append(f.blocks, b)
	}
}

// groups folds the steps. If there are too many, steps that different tasks take in the same way make
// a group too, where the reader does not need them one by one.
func (f *layout) groups() []group {
	var groups []group
	first := 0
	exact := func(end int) {
		from := first
		for _, g := range fold(end-from, func(i, j int) bool { return f.sameTask(from+i, from+j) && f.alike(from+i, from+j) }) {
			groups = append(groups, group{from + g.first, g.size, g.times})
		}
	}
	for i, end := 0, 0; f.near != nil && i < len(f.steps); i = end {
		for end = i + 1; end < len(f.steps) && !f.near[i] && !f.near[end] && f.alike(i, end); end++ {
		}
		if g := (group{i, 1, end - i}); len(f.names(g)) >= manyTasks {
			exact(i)
			groups = append(groups, g)
			first = end
		}
	}
	exact(len(f.steps))
	return groups
}

func (f *layout) sameTask(i, j int) bool { return f.steps[i].who == f.steps[j].who }

// alike reports whether two steps look the same, except for the task and the time.
func (f *layout) alike(i, j int) bool {
	a, b := f.steps[i], f.steps[j]
	return a.path == b.path && len(a.deviated)+len(b.deviated) == 0 &&
		slices.Equal(a.did, b.did) && slices.Equal(f.texts(a), f.texts(b))
}

// names returns the names of the tasks in a group.
func (f *layout) names(g group) []string {
	var names []string
	seen := map[string]bool{}
	for _, s := range f.steps[g.first : g.first+g.size*g.times] {
		if !seen[s.who] {
			seen[s.who] = true
			names = append(names, short(s.who))
		}
	}
	return names
}

// texts returns the texts that stand under a step.
func (f *layout) texts(s *step) []said {
	if !f.apart {
		return s.said
	}
	var bad []said
	for _, said := range s.said {
		if said.bad {
			bad = append(bad, said)
		}
	}
	return bad
}

// want returns how many lines all steps have.
func (f *layout) want() int {
	n := 0
	for _, b := range f.blocks {
		n += b.full
	}
	return n
}

// interleaving lists the steps. If there is not room for all of them, it lists those that matter
// most, and says how many are left out. In a simulated world the faults and the logs of the nodes say more.
func (f *layout) interleaving(world *chronicle) section {
	want, least := f.want(), 16
	if f.inWorld = !world.empty(); f.inWorld {
		want, least = min(want, 16), 10
	}
	return section{"The interleaving; * marks a deviation from first in, first out:", want, least, func(room int) []string {
		kept := make([]int, len(f.blocks))
		for i := range kept {
			kept[i] = i
		}
		full := f.want() <= room
		if !full {
			kept = f.keep(room)
		}
		f.measure(kept)
		var lines []string
		next := 0
		for _, i := range append(kept, len(f.blocks)) {
			if i > next {
				lines = append(lines, f.leftOut(f.blocks[next:i]))
			}
			if i < len(f.blocks) {
				lines = append(lines, f.lines(&f.blocks[i], full)...)
			}
			next = i + 1
		}
		return lines
	}}
}

// leftOut is the line for steps that are not listed.
func (f *layout) leftOut(blocks []block) string {
	steps, deviations := 0, 0
	for _, b := range blocks {
		steps += b.size * b.times
		if b.deviates {
			deviations += len(f.steps[b.first].deviated)
		}
	}
	text := count(steps, "step", "steps")
	if deviations > 0 {
		text += " with " + count(deviations, "deviation", "deviations")
	}
	return fmt.Sprintf("\t%*s   ... %s ...", f.digits, "", text)
}
