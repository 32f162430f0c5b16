package cause

import (
	"cmp"
	"math"
	"slices"
)

// A fact is a constraint, and the runs in which it holds.
type fact struct {
	Constraint
	set   bitset
	tells float64 // the share of the failing runs in which it holds, less that of the passing runs
	cost  float64 // the factor by which it lowers the score of a rule
	when  float64 // the mean place of its first step in the failing runs
	far   float64 // how far after that its second step is
}

// costs has the factor of each form. The less a constraint says about the cause, the lower is its
// factor: a step that never came is often an effect of the failure.
var costs = [...]float64{Chosen: cheapest, Ordered: cheapest, Parted: 0.98, Joined: 0.98, Ahead: 0.97, Taken: 0.96, Never: 0.90}

const cheapest = 0.99

// preference orders facts: those that cost less come first, and then those with steps that are close
// to each other: the tasks switch between them.
func preference(a, b fact) int {
	return cmp.Or(cmp.Compare(b.cost, a.cost), cmp.Compare(a.Form, b.Form), cmp.Compare(a.far, b.far), a.compare(b.Constraint))
}

// maxFacts limits the work of the search.
const maxFacts = 1 << 13

// A collector gathers facts. If there are too many, it keeps those that tell most.
type collector struct {
	*table
	facts []fact
	floor float64 // facts that tell less are too many
}

// facts returns what holds in a failing run and does not hold in a passing one, in the order of
// preference. Of several facts that hold in the same runs it returns only the first.
func (t *table) facts() []fact {
	c := &collector{table: t, floor: math.Inf(-1)}
	for _, made := range t.choices {
		c.add(Constraint{Form: Chosen, Choice: made.Choice}, made.made, -1, 0, Chosen)
	}
	c.addSteps()
	c.addOrders()
	c.prune()
	slices.SortFunc(c.facts, preference)
	return distinct(c.facts)
}

// add adds a fact, which costs as much as the given form. It copies set.
func (c *collector) add(what Constraint, set bitset, when, far float64, as Form) {
	failed, passed := set[:c.split].count(), set[c.split:].count()
	tells := float64(failed)/float64(c.failed) - float64(passed)/float64(c.passed)
	if failed == 0 || passed == c.passed || tells < c.floor {
		return
	}
	c.facts = append(c.facts, fact{what, slices.Clone(set), tells, costs[as], when, far})
	if len(c.facts) == 2*maxFacts {
		c.prune()
	}
}

func (c *collector) prune() {
	if len(c.facts) <= maxFacts {
		return
	}
	slices.SortFunc(c.facts, func(a, b fact) int { return cmp.Or(cmp.Compare(b.tells, a.tells), preference(a, b)) })
	clear(c.facts[maxFacts:])
	c.facts = c.facts[:maxFacts]
	c.floor = c.facts[maxFacts-1].tells
}

// addSteps adds the facts about single steps, and about what came between two successive ones.
func (c *collector) addSteps() {
	began := map[int32]bitset{} // by task: the runs in which it took its first step
	for _, s := range c.steps {
		if began[s.Task] == nil {
			began[s.Task] = s.taken
		}
	}
	both, some := make(bitset, c.words), make(bitset, c.words)
	for i, s := range c.steps {
		c.add(Constraint{Form: Taken, After: s.Step}, s.taken, s.mean, 0, Taken)
		c.add(Constraint{Form: Never, After: s.Step}, some.minus(c.valid, s.taken), s.mean, 0, Never)
		if i == 0 || c.steps[i-1].Step != (Step{s.Task, s.N - 1}) {
			continue
		}
		last := c.steps[i-1]
		both.and(last.taken, s.taken)
		for j, others := range s.after {
			what := Constraint{Form: Parted, Before: last.Step, After: s.Step, Task: c.tasks[j]}
			if some.and(both, others).count() == 0 {
				continue
			}
			c.add(what, some, last.mean, 0, Parted)
			what.Form = Joined
			some.minus(both, others)
			c.add(what, some, last.mean, 0, c.joined(some, began[what.Task]))
		}
	}
}

// joined returns the form that the absence of a task between two steps costs as. It costs as Never
// if the task took no step at all in most of the failing runs.
func (c *collector) joined(set, began bitset) Form {
	all, without := 0, 0
	for w, x := range set[:c.split] {
		all += bitset{x}.count()
		without += bitset{x &^ began[w]}.count()
	}
	if 2*without > all {
		return Never
	}
	return Joined
}

// addOrders adds the facts about two steps of different tasks.
func (c *collector) addOrders() {
	ab, ba, ahead := make(bitset, c.words), make(bitset, c.words), make(bitset, c.words)
	for i := range c.steps {
		a := &c.steps[i]
		for j := i + 1; j < len(c.steps); j++ {
			if b := &c.steps[j]; a.Task != b.Task {
				order(a, b, ab, ba)
				c.addOrder(a, b, ab, ba, ahead)
				c.addOrder(b, a, ba, ab, ahead)
			}
		}
	}
}

// addOrder adds the facts that a comes before b, in the runs of ab. ba has the runs in which b comes
// before a. If no passing run is among them, all that the order tells is that both steps were taken.
// ahead is overwritten.
func (c *collector) addOrder(a, b *stepRow, ab, ba, ahead bitset) {
	if ba[c.split:].count() == 0 {
		return
	}
	what := Constraint{Form: Ordered, Before: a.Step, After: b.Step}
	c.add(what, ab, a.mean, b.mean-a.mean, Ordered)
	if !slices.Equal(ahead.minus(a.taken, ba), ab) {
		what.Form = Ahead
		c.add(what, ahead, a.mean, b.mean-a.mean, Ahead)
	}
}

// order finds the runs in which a comes before b, and those in which b comes before a.
func order(a, b *stepRow, ab, ba bitset) {
	for w := range ab {
		less := uint64(0)
		for bit, plane := range a.place {
			x, y := plane[w], b.place[bit][w]
			less = less&^(x^y) | y&^x
		}
		both := a.taken[w] & b.taken[w]
		ab[w], ba[w] = both&less, both&^less
	}
}

// distinct keeps the first of several facts that hold in the same runs.
func distinct(facts []fact) []fact {
	seen := make(map[uint64]int, len(facts))
	kept := facts[:0]
	for _, f := range facts {
		h := uint64(14695981039346656037)
		for _, w := range f.set {
			h = (h ^ w) * 0x9e3779b97f4a7c15
			h ^= h >> 32
		}
		at, ok := seen[h]
		if ok && slices.Equal(kept[at].set, f.set) {
			continue
		}
		if !ok {
			seen[h] = len(kept)
		}
		kept = append(kept, f)
	}
	return kept
}
