package cause_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/loop/looptest/internal/cause"
)

func step(task, n int32) cause.Step { return cause.Step{Task: task, N: n} }

// The constraints of each form.
func ordered(a, b cause.Step) cause.Constraint {
	return cause.Constraint{Form: cause.Ordered, Before: a, After: b}
}
func ahead(a, b cause.Step) cause.Constraint {
	return cause.Constraint{Form: cause.Ahead, Before: a, After: b}
}
func parted(a cause.Step, by int32) cause.Constraint {
	return cause.Constraint{Form: cause.Parted, Before: a, After: step(a.Task, a.N+1), Task: by}
}
func joined(a cause.Step, by int32) cause.Constraint {
	return cause.Constraint{Form: cause.Joined, Before: a, After: step(a.Task, a.N+1), Task: by}
}
func taken(a cause.Step) cause.Constraint { return cause.Constraint{Form: cause.Taken, After: a} }
func never(a cause.Step) cause.Constraint { return cause.Constraint{Form: cause.Never, After: a} }
func chosen(c cause.Choice) cause.Constraint {
	return cause.Constraint{Form: cause.Chosen, Choice: c}
}

// An outcome is what a run of a test's program did so far. The program may change it.
type outcome struct {
	run   cause.Run
	rand  *rand.Rand
	place map[cause.Step]int
}

// before reports whether a and b were taken, in this order.
func (o *outcome) before(a, b cause.Step) bool {
	x, ok1 := o.place[a]
	y, ok2 := o.place[b]
	return ok1 && ok2 && x < y
}

// leave removes the steps for which gone returns true from the run: they are not taken.
func (o *outcome) leave(gone func(cause.Step) bool) {
	o.run.Order = slices.DeleteFunc(o.run.Order, gone)
	o.index()
}

func (o *outcome) index() {
	o.place = map[cause.Step]int{}
	for at, s := range o.run.Order {
		o.place[s] = at
	}
}

// program returns n runs of tasks that take this many steps each. In each run some tasks are much
// slower than others. A run fails if fails returns true.
func program(seed uint64, n int, steps []int, fails func(o *outcome) bool) []cause.Run {
	r := rand.New(rand.NewPCG(seed, 1))
	runs := make([]cause.Run, n)
	for i := range runs {
		o := &outcome{rand: r}
		left := make([]int, len(steps)) // of each task, times its weight
		weight := make([]int, len(steps))
		total := 0
		for task, k := range steps {
			weight[task] = 1 + 30*r.IntN(2)
			left[task] = weight[task] * k
			total += left[task]
		}
		for total > 0 {
			at, task := r.IntN(total), 0
			for ; at >= left[task]; task++ {
				at -= left[task]
			}
			o.run.Order = append(o.run.Order, step(int32(task), int32(steps[task]-left[task]/weight[task])))
			left[task] -= weight[task]
			total -= weight[task]
		}
		o.index()
		o.run.Failed = fails(o)
		runs[i] = o.run
	}
	return runs
}

// holds reports whether a constraint holds in a run.
func holds(c cause.Constraint, r cause.Run) bool {
	before, after := slices.Index(r.Order, c.Before), slices.Index(r.Order, c.After)
	between := func() bool {
		return slices.ContainsFunc(r.Order[before:after], func(s cause.Step) bool { return s.Task == c.Task })
	}
	switch c.Form {
	case cause.Chosen:
		return slices.Contains(r.Choices, c.Choice)
	case cause.Ordered:
		return before >= 0 && before < after
	case cause.Parted:
		return before >= 0 && after >= 0 && between()
	case cause.Joined:
		return before >= 0 && after >= 0 && !between()
	case cause.Ahead:
		return before >= 0 && (after < 0 || before < after)
	case cause.Taken:
		return after >= 0
	case cause.Never:
		return after < 0
	}
	panic(fmt.Sprintf("form %d", c.Form))
}

// count returns the numbers of failing and of passing runs in which all constraints hold.
func count(all []cause.Constraint, runs []cause.Run) (failed, passed int) {
	for _, r := range runs {
		switch ok := !slices.ContainsFunc(all, func(c cause.Constraint) bool { return !holds(c, r) }); {
		case ok && r.Failed:
			failed++
		case ok:
			passed++
		}
	}
	return failed, passed
}

// check fails the test unless the counts of e are those of a plain count, each constraint is needed,
// and the rule that covers most is first.
func check(t rapid.TB, e cause.Explanation, runs []cause.Run) {
	t.Helper()
	failed, missed := 0, 0
	for _, r := range runs {
		if !r.Failed {
			continue
		}
		failed++
		if !slices.ContainsFunc(e.Rules, func(rule cause.Rule) bool {
			ok, _ := count(rule.Constraints, []cause.Run{r})
			return ok == 1
		}) {
			missed++
		}
	}
	if e.Runs != len(runs) || e.Failed != failed || e.Missed != missed {
		t.Errorf("%d of %d failed, and %d are missed; want %d of %d, and %d", e.Failed, e.Runs, e.Missed, failed, len(runs), missed)
	}
	for i, r := range e.Rules {
		if f, p := count(r.Constraints, runs); r.Covers != f || r.Wrong != p {
			t.Errorf("rule %v covers %d and is wrong in %d; want %d and %d", r.Constraints, r.Covers, r.Wrong, f, p)
		}
		for at := range r.Constraints {
			rest := slices.Delete(slices.Clone(r.Constraints), at, at+1)
			if _, p := count(rest, runs); p <= r.Wrong {
				t.Errorf("rule %v does not need constraint %d", r.Constraints, at)
			}
		}
		if i > 0 && r.Covers > e.Rules[i-1].Covers {
			t.Errorf("rule %d covers %d, and the one before it %d", i, r.Covers, e.Rules[i-1].Covers)
		}
	}
}

// The programs of the tests. Tasks 0 and 1 are A and B.

// lostUpdate fails if A, in its steps 0 and 1, and B, in its steps 2 and 3, both read before one of
// them writes.
func lostUpdate(o *outcome) bool {
	return o.before(step(0, 0), step(1, 3)) && o.before(step(1, 2), step(0, 1))
}

// deadlock fails if A locks x in step 1 and B locks y in step 1, before they need the other lock in
// step 2. Then neither of them takes a further step, and main, task 2, does not take its last one.
func deadlock(o *outcome) bool {
	if !o.before(step(0, 1), step(1, 2)) || !o.before(step(1, 1), step(0, 2)) {
		return false
	}
	o.leave(func(s cause.Step) bool { return s.Task < 2 && s.N > 2 || s == step(2, 2) })
	return true
}

// circle fails if each of three tasks takes a fork, in its step 0, before its neighbour needs it, in
// step 1.
func circle(o *outcome) bool {
	return o.before(step(0, 0), step(2, 1)) && o.before(step(1, 0), step(0, 1)) && o.before(step(2, 0), step(1, 1))
}

var circleRule = [][]cause.Constraint{{ordered(step(0, 0), step(2, 1)), ordered(step(1, 0), step(0, 1)), ordered(step(2, 0), step(1, 1))}}

func TestLearn(t *testing.T) {
	drop := cause.Choice{Site: "drop", Use: 2, Value: 1}
	for _, c := range []struct {
		name  string
		steps []int
		fails func(o *outcome) bool
		want  [][]cause.Constraint // nil for none, or not exactly
	}{
		{"lost update", []int{2, 4, 3}, lostUpdate, [][]cause.Constraint{{ordered(step(0, 0), step(1, 3)), ordered(step(1, 2), step(0, 1))}}},
		{"lost update among others", []int{2, 4, 10, 10, 10, 10, 10, 10}, lostUpdate, [][]cause.Constraint{{ordered(step(0, 0), step(1, 3)), ordered(step(1, 2), step(0, 1))}}},
		{"deadlock", []int{4, 4, 3}, deadlock, [][]cause.Constraint{{ordered(step(0, 1), step(1, 2)), ordered(step(1, 1), step(0, 2))}}},
		{"a circle of three", []int{2, 2, 2}, circle, circleRule},
		{"a circle of three among others", []int{2, 2, 2, 10, 10, 10, 10, 10, 10, 10, 10}, circle, circleRule},
		{"a circle of three, and so a step that never comes", []int{2, 2, 2, 2}, func(o *outcome) bool {
			failed := circle(o)
			o.leave(func(s cause.Step) bool { return failed && s == step(3, 1) })
			return failed
		}, circleRule},
		{"a circle of three, and so a task that never begins", []int{2, 2, 2, 1, 2}, func(o *outcome) bool {
			begin, end := step(4, 0), step(4, 1) // of a task around all others
			o.leave(func(s cause.Step) bool { return s == begin || s == end })
			o.run.Order = append(append([]cause.Step{begin}, o.run.Order...), end)
			o.index()
			failed := circle(o)
			o.leave(func(s cause.Step) bool { return failed && s.Task == 3 })
			return failed
		}, circleRule},
		{"two causes", []int{3, 3, 3, 3}, func(o *outcome) bool {
			return o.before(step(0, 2), step(1, 0)) || o.before(step(2, 2), step(3, 0))
		}, [][]cause.Constraint{{ordered(step(0, 2), step(1, 0))}, {ordered(step(2, 2), step(3, 0))}}},
		{"one or the other", []int{3, 3}, func(o *outcome) bool {
			return o.before(step(0, 0), step(1, 0)) != o.before(step(0, 2), step(1, 2))
		}, [][]cause.Constraint{
			{ordered(step(0, 0), step(1, 0)), ordered(step(1, 2), step(0, 2))}, {ordered(step(1, 0), step(0, 0)), ordered(step(0, 2), step(1, 2))},
		}},
		{"one or the other, of many steps", []int{12, 12}, func(o *outcome) bool {
			return o.before(step(0, 2), step(1, 2)) != o.before(step(0, 9), step(1, 9))
		}, [][]cause.Constraint{
			{ordered(step(0, 2), step(1, 2)), ordered(step(1, 9), step(0, 9))}, {ordered(step(1, 2), step(0, 2)), ordered(step(0, 9), step(1, 9))},
		}},
		{"a poll misses a pulse", []int{12, 4}, func(o *outcome) bool {
			return holds(joined(step(1, 2), 0), o.run)
		}, [][]cause.Constraint{{joined(step(1, 2), 0)}}},
		{"a step in between", []int{12, 4}, func(o *outcome) bool {
			return holds(parted(step(1, 2), 0), o.run)
		}, [][]cause.Constraint{{parted(step(1, 2), 0)}}},
		{"a task that may not begin", []int{4, 1}, func(o *outcome) bool {
			if o.rand.IntN(2) == 0 {
				o.leave(func(s cause.Step) bool { return s.Task == 1 })
			}
			return holds(ahead(step(0, 2), step(1, 0)), o.run)
		}, [][]cause.Constraint{{ahead(step(0, 2), step(1, 0))}}},
		{"a retry", []int{4, 4}, func(o *outcome) bool {
			if o.rand.IntN(2) == 0 {
				o.leave(func(s cause.Step) bool { return s == step(1, 3) })
			}
			return holds(taken(step(1, 3)), o.run)
		}, [][]cause.Constraint{{taken(step(1, 3))}}},
		{"a step that never comes", []int{4, 4}, func(o *outcome) bool {
			if o.rand.IntN(2) == 0 {
				o.leave(func(s cause.Step) bool { return s == step(1, 3) })
			}
			return holds(never(step(1, 3)), o.run)
		}, [][]cause.Constraint{{never(step(1, 3))}}},
		{"a choice", []int{4, 4}, func(o *outcome) bool {
			o.run.Choices = []cause.Choice{{Site: "drop", Use: o.rand.IntN(4), Value: 1}, {Site: "delay", Use: o.rand.IntN(4), Value: 1}}
			return slices.Contains(o.run.Choices, drop)
		}, [][]cause.Constraint{{chosen(drop)}}},
		{"a choice and an order", []int{4, 4}, func(o *outcome) bool {
			o.run.Choices = []cause.Choice{{Site: "drop", Use: o.rand.IntN(4), Value: 1}}
			return slices.Contains(o.run.Choices, drop) && o.before(step(0, 1), step(1, 1))
		}, [][]cause.Constraint{{chosen(drop), ordered(step(0, 1), step(1, 1))}}},
		{"late steps of many tasks", slices.Repeat([]int{40}, 30), func(o *outcome) bool {
			return o.before(step(28, 30), step(10, 25))
		}, nil},
		{"all fail", []int{2, 2}, func(*outcome) bool { return true }, [][]cause.Constraint{nil}},
		{"none fail", []int{2, 2}, func(*outcome) bool { return false }, [][]cause.Constraint{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			runs := program(1, 2000, c.steps, c.fails)
			e := cause.Learn(runs)
			var got [][]cause.Constraint
			for _, r := range e.Rules {
				got = append(got, r.Constraints)
				if r.Wrong > 0 {
					t.Errorf("%v is wrong in %d passing runs", r.Constraints, r.Wrong)
				}
			}
			if e.Missed > 0 || c.want == nil && len(got) != 1 || c.want != nil && !sameRules(got, c.want) {
				t.Errorf("the rules are\n%v\nand %d failing runs are missed; want\n%v", got, e.Missed, c.want)
			}
			if len(got) > 0 && got[0] != nil {
				check(t, e, runs)
			}
		})
	}
}

// sameRules compares without regard to the order of the rules, and of the constraints in each.
func sameRules(got, want [][]cause.Constraint) bool {
	in := func(all [][]cause.Constraint, r []cause.Constraint) bool {
		return slices.ContainsFunc(all, func(o []cause.Constraint) bool {
			return len(o) == len(r) && !slices.ContainsFunc(r, func(c cause.Constraint) bool { return !slices.Contains(o, c) })
		})
	}
	return len(got) == len(want) && !slices.ContainsFunc(want, func(r []cause.Constraint) bool { return !in(got, r) })
}

// The constraints of a rule come in the order of time, even if the later one has steps that are
// closer to each other.
func TestConstraintsAreInOrder(t *testing.T) {
	want := []cause.Constraint{ordered(step(1, 0), step(0, 2)), ordered(step(0, 8), step(1, 8))}
	e := cause.Learn(program(1, 2000, []int{10, 10}, func(o *outcome) bool {
		return holds(want[0], o.run) && holds(want[1], o.run)
	}))
	if len(e.Rules) != 1 || !slices.Equal(e.Rules[0].Constraints, want) {
		t.Errorf("the rules are %v, want %v", e.Rules, want)
	}
}

// If a hundredth of the passing runs fail, too, by chance, the rule is the same, and its counts
// say what it does not explain.
func TestNoise(t *testing.T) {
	runs := program(1, 2000, []int{2, 4, 10}, func(o *outcome) bool { return lostUpdate(o) != (o.rand.IntN(100) == 0) })
	e := cause.Learn(runs)
	check(t, e, runs)
	want := []cause.Constraint{ordered(step(0, 0), step(1, 3)), ordered(step(1, 2), step(0, 1))}
	if len(e.Rules) == 0 || !sameRules([][]cause.Constraint{e.Rules[0].Constraints}, [][]cause.Constraint{want}) {
		t.Fatalf("the rules are %v, want %v", e.Rules, want)
	}
	if e.Rules[0].Wrong == 0 || e.Rules[0].Covers == e.Failed {
		t.Errorf("the rule covers %d of %d, and is wrong in %d: that hides the noise", e.Rules[0].Covers, e.Failed, e.Rules[0].Wrong)
	}
}

// If failures do not depend on the order, no rule is precise and covers much.
func TestNothingToLearn(t *testing.T) {
	runs := program(1, 2000, []int{3, 3, 3}, func(o *outcome) bool { return o.rand.IntN(4) == 0 })
	e := cause.Learn(runs)
	check(t, e, runs)
	for _, r := range e.Rules {
		if r.Covers > 5*r.Wrong && r.Covers > e.Failed/20 {
			t.Errorf("rule %v covers %d of %d, and is wrong in %d", r.Constraints, r.Covers, e.Failed, r.Wrong)
		}
	}
}

// drawRuns returns runs of a few tasks, in which steps may be missing, and which fail for a cause or
// by chance.
func drawRuns(t *rapid.T) []cause.Run {
	steps := rapid.SliceOfN(rapid.IntRange(1, 5), 1, 5).Draw(t, "steps")
	last := int32(len(steps) - 1)
	rules := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) cause.Constraint {
		task := rapid.Int32Range(0, last)
		n := rapid.Int32Range(0, 4)
		return ordered(step(task.Draw(t, "task"), n.Draw(t, "n")), step(task.Draw(t, "task"), n.Draw(t, "n")))
	}), 1, 3), 0, 3).Draw(t, "rules")
	missing := rapid.IntRange(0, 3).Draw(t, "missing")
	noise := rapid.IntRange(0, 30).Draw(t, "noise")
	return program(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 200).Draw(t, "n"), steps, func(o *outcome) bool {
		o.leave(func(cause.Step) bool { return o.rand.IntN(10) < missing })
		for use := range o.rand.IntN(3) {
			o.run.Choices = append(o.run.Choices, cause.Choice{Site: "drop", Use: use, Value: 1 + o.rand.IntN(2)})
		}
		return o.rand.IntN(100) < noise || slices.ContainsFunc(rules, func(all []cause.Constraint) bool {
			return !slices.ContainsFunc(all, func(c cause.Constraint) bool { return !holds(c, o.run) })
		})
	})
}

func TestCountsAreTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawRuns(t)
		check(t, cause.Learn(all), all)
	})
}

func TestOrderOfRunsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawRuns(t)
		want := cause.Learn(all)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "permutation"), 1))
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if got := cause.Learn(all); !reflect.DeepEqual(got, want) {
			t.Fatalf("in another order:\n%+v\nwant\n%+v", got, want)
		}
	})
}

// A run may have no steps, or more of them than Learn looks at.
func TestOddRuns(t *testing.T) {
	long := func(task int32) (order []cause.Step) {
		for n := range int32(1000) {
			order = append(order, step(task, n))
		}
		return order
	}
	for name, runs := range map[string][]cause.Run{
		"no runs":        nil,
		"no steps":       {{}, {Failed: true}},
		"many steps":     {{Order: long(0)}, {Order: append(long(1), long(0)...), Failed: true}},
		"a step or none": {{}, {Order: []cause.Step{step(0, 0)}, Failed: true}},
	} {
		t.Run(name, func(t *testing.T) { check(t, cause.Learn(runs), runs) })
	}
	late := []cause.Run{{Order: []cause.Step{step(3, 256)}}, {Order: []cause.Step{step(5, 256)}, Failed: true}}
	if e := cause.Learn(late); len(e.Rules) > 0 || e.Missed != 1 {
		t.Errorf("learned from the step after the 256th of a task: %+v", e)
	}
}
