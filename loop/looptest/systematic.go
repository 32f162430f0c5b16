package looptest

import (
	"fmt"
	"math"
)

// DelayBounded runs every schedule with d deviations or fewer. A deviation is a choice point at
// which the first task in the queue is passed over and another task runs, or a choice of the program
// that is not 0. This is delay bounding (Emmi, Qadeer, Rakamarić: Delay-Bounded Scheduling, POPL 2011),
// where a deviation counts once, no matter which task runs in place of the first. The schedule
// without deviations runs first. A schedule with more deviations runs after the schedule that it
// extends by one.
//
// With k choice points and t ready tasks there are about (k·t)^d/d! schedules. DelayBounded
// certainly finds each bug that d deviations can show. It panics if d is negative.
func DelayBounded(d int) Strategy {
	if d < 0 {
		panic(fmt.Sprintf("looptest: DelayBounded(%d); give 0 deviations or more", d))
	}
	return systematic{name: fmt.Sprintf("DelayBounded(%d)", d), bound: d}
}

// Exhaustive runs every possible schedule once, but at most limit schedules; 0 is no limit. If the
// limit is reached, [Explore] logs that some schedules were not run. If it is not reached and the
// test passes, no schedule makes the body fail. k tasks that are ready at once and have n steps
// each have (kn)!/(n!)^k schedules. With TAKT_SHARD the limit is that of each part. Exhaustive panics
// if limit is negative.
//
// Exhaustive is not fair. If a task polls, which is to say that it yields until another task has done
// something, there is a schedule in which only this task runs. That schedule reaches [MaxSteps], and fails.
// Let the task wait for an event, or sleep between two looks. Or use [Sample], which lets every task run
// after a while, or [DelayBounded], which goes back to first in, first out.
func Exhaustive(limit int) Strategy {
	if limit < 0 {
		panic(fmt.Sprintf("looptest: Exhaustive(%d); give a limit of 1 or more, or 0 for no limit", limit))
	}
	return systematic{name: fmt.Sprintf("Exhaustive(%d)", limit), bound: -1, limit: limit}
}

type systematic struct {
	name  string
	bound int // of deviations; -1 for no bound
	limit int // of schedules; 0 for no limit
}

func (s systematic) String() string { return s.name }

func (s systematic) Begin(e Exploration) Search {
	if math.IsInf(e.Factor, 1) {
		s.limit = 0
	}
	return &search{systematic: s, parts: 1, todo: []path{{end: 1, step: 1}}}
}

// An option is a pick at a choice point, and the number of options there.
type option struct{ pick, of int32 }

// A path is a run of a systematic search. It repeats an earlier run up to a choice point, makes
// another pick there, and is first in, first out from then on.
type path struct {
	before     []option // the picks of the earlier run, up to the choice point
	pick       int32
	end, step  int32 // in todo, the paths with the picks pick+step, pick+2*step and so on, less than end, follow this one
	deviations int
	made       []option // the picks of this run
}

func (p *path) Pick(c *ChoicePoint) int {
	pick := int32(0)
	switch at := len(p.made); {
	case at < len(p.before):
		pick = p.before[at].pick
	case at == len(p.before):
		pick = p.pick
	}
	i := min(int(pick), c.Len()-1)
	for i > 0 && c.Index(i) > int(pick) { // options may be left out
		i--
	}
	if c.Index(i) != int(pick) { // the earlier run had this option: the program is not deterministic, or it is left out
		i = 0
	}
	p.made = append(p.made, option{int32(c.Index(i)), int32(c.n)})
	return i
}

// search is a depth-first search of the tree of picks.
type search struct {
	systematic
	part, parts int // which of the paths that branch off from the first run are searched
	todo        []path
	free        []*path
	firsts      int // number of paths that branch off from the first run
	started     int
	cut         bool // the limit was reached, and paths are left
}

func (s *search) Next() Walk {
	last := len(s.todo) - 1
	if last < 0 {
		return nil
	}
	if s.limit > 0 && s.started == s.limit {
		s.cut = true
		return nil
	}
	s.started++
	p := new(path)
	if last := len(s.free) - 1; last >= 0 {
		p, s.free = s.free[last], s.free[:last]
	}
	made := p.made[:0]
	next := &s.todo[last]
	*p = *next
	p.made = made
	if next.pick += next.step; next.pick >= next.end {
		s.todo = s.todo[:last]
	}
	return p
}

// left returns how many paths are known that were not run.
func (s *search) left() (n int) {
	for _, p := range s.todo {
		n += int((p.end - p.pick + p.step - 1) / p.step)
	}
	return n
}

// Ran adds the runs that branch off from this one at a choice point after those that its path
// fixes. The search has added the runs for the earlier choice points already.
func (s *search) Ran(w Walk, _ Outcome) {
	p := w.(*path)
	s.free = append(s.free, p)
	if s.bound >= 0 && p.deviations == s.bound {
		return
	}
	made, kept := p.made, false
	from := 0
	if p.pick > 0 {
		from = len(p.before) + 1
	}
	for at := len(made) - 1; at >= from; at-- {
		pick, step := 1, 1
		if p.deviations == 0 {
			pick, step = 1+(s.part+s.parts-s.firsts%s.parts)%s.parts, s.parts
			s.firsts += int(made[at].of) - 1
		}
		if of := made[at].of; pick < int(of) {
			s.todo = append(s.todo, path{before: made[:at:at], pick: int32(pick), end: of, step: int32(step), deviations: p.deviations + 1})
			kept = true
		}
	}
	if kept {
		p.made = nil
	}
}

// foreign reports whether the run of p belongs to another part. Each part needs the first run.
func (s *search) foreign(p *path) bool { return p.deviations == 0 && s.part > 0 }
