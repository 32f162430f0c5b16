// Package cause explains failures. It learns from many runs of a program the shortest rule about the
// order of steps that tells the failing runs from the passing ones. A lost update of two tasks is:
// step 1 of A comes before step 4 of B, and step 3 of B comes before step 2 of A.
package cause

import (
	"cmp"
	"slices"
)

// A Step is the n-th step of a task. The caller numbers the tasks from 0, without large gaps. The same
// number means the same task in all runs. A run has a step at most once.
type Step struct {
	Task int32
	N    int32 // from 0
}

func (s Step) compare(o Step) int { return cmp.Or(cmp.Compare(s.Task, o.Task), cmp.Compare(s.N, o.N)) }

// A Choice is a choice of the program that was not benign: the n-th use of a site, counted from 0,
// took this value.
type Choice struct {
	Site  string
	Use   int
	Value int
}

func (c Choice) compare(o Choice) int {
	return cmp.Or(cmp.Compare(c.Site, o.Site), cmp.Compare(c.Use, o.Use), cmp.Compare(c.Value, o.Value))
}

// A Run is the steps of a run in their order, the choices that were made, and the outcome. The order
// may end where the failure was noticed: what comes later is no cause of it.
type Run struct {
	Order   []Step
	Choices []Choice
	Failed  bool
}

// An Explanation says how many of the runs failed, and has the rules that tell which: a run fails if
// all constraints of one of the rules hold. The first rule covers most. The rules are what was found:
// their counts say how good they are. There is no rule if no run failed.
type Explanation struct {
	Runs, Failed int
	Rules        []Rule
	Missed       int  // number of failing runs in which no rule holds
	All          bool // the program has no other runs; the caller of Learn sets it, for the text
}

// A Rule holds in a run if all its constraints do. A rule without constraints holds in every run.
type Rule struct {
	Constraints []Constraint
	Covers      int // number of failing runs in which it holds
	Wrong       int // number of passing runs in which it holds
}

// A Constraint is a condition on a run. Its form says which fields it uses.
type Constraint struct {
	Form          Form
	Before, After Step
	Task          int32
	Choice        Choice
}

// A Form is what a constraint says. Learn prefers the forms in this order.
type Form uint8

const (
	Chosen  Form = iota // Choice was made
	Ordered             // Before and After were both taken, in this order
	Parted              // Before and After are successive steps of a task, and Task took a step between them
	Joined              // Before and After are successive steps of a task, and Task took no step between them
	Ahead               // Before was taken, and After had not been taken then: it came later, or never
	Taken               // After was taken; Before is not used
	Never               // After was never taken; Before is not used
)

// compare orders constraints of the same form.
func (c Constraint) compare(o Constraint) int {
	return cmp.Or(c.Before.compare(o.Before), c.After.compare(o.After), cmp.Compare(c.Task, o.Task), c.Choice.compare(o.Choice))
}

// Learn returns the rules that tell the failing runs from the passing ones. The order of the runs
// does not matter. A rule has at most 4 constraints, and there are at most 4 rules. Of a large program
// Learn looks only at the steps that tell most: 360 of at most 24 tasks. So 2,000 runs take about a
// millisecond for a program with ten steps, and some 300 ms for a large one.
func Learn(runs []Run) Explanation {
	t := newTable(runs)
	e := Explanation{Runs: len(runs), Failed: t.failed, Missed: t.failed}
	switch {
	case t.failed == 0:
		return e
	case t.passed == 0:
		e.Rules, e.Missed = []Rule{{Covers: t.failed}}, 0
		return e
	}
	s := searcher{table: t, facts: t.facts()}
	all := s.rules()
	slices.SortStableFunc(all, func(a, b *conjunction) int { return cmp.Compare(b.failed, a.failed) })
	for _, c := range all {
		slices.SortFunc(c.facts, func(a, b int32) int { return cmp.Or(cmp.Compare(s.facts[a].when, s.facts[b].when), cmp.Compare(a, b)) })
		r := Rule{Covers: c.failed, Wrong: c.passed}
		for _, f := range c.facts {
			r.Constraints = append(r.Constraints, s.facts[f].Constraint)
		}
		e.Rules = append(e.Rules, r)
	}
	e.Missed = s.left.count()
	return e
}
