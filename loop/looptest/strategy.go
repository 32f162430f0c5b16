package looptest

import (
	"iter"
	"math"
	"math/rand/v2"

	"github.com/takt-go/takt/loop"
)

// A Strategy decides which schedules [Explore] runs. [Sample], [PCT], [DelayBounded], [Exhaustive]
// and [Random] return one, and a program can have a strategy of its own: see the example.
//
// A strategy that also has a method Seed() uint64 says by that from which seed the noise of the schedules
// comes: see [T.Rand].
type Strategy interface {
	// Begin begins an exploration. Explore has run the first schedule, first in, first out, and
	// says what it knows from that.
	Begin(e Exploration) Search
	// String returns the strategy as reports name it, such as "PCT(1, 1000, 3)".
	String() string
}

// An Exploration is what a [Strategy] is told when it begins.
type Exploration struct {
	Steps    int     // of the first run: the steps of tasks and the callbacks
	Points   int     // of the first run: the choice points
	MaxSteps int     // a run with this number of steps counts as endless
	Factor   float64 // run so many times as many schedules; infinite if a budget of time ends the exploration
	Part     int     // the part of the strategy to run, from 0: see TAKT_SHARD
	Parts    int     // the number of parts, at least 1
	Chance   bool    // the first run has called [T.Rand], so two runs with the same picks may differ

	seed   uint64
	seeded bool
}

// Seed returns the seed that the environment sets (TAKT_SEED), and own if it sets none.
func (e Exploration) Seed(own uint64) uint64 {
	if e.seeded {
		return e.seed
	}
	return own
}

// Number returns how many of n schedules belong to this part, if n is the number for the whole
// strategy, before the factor.
func (e Exploration) Number(n int) int {
	all := math.Ceil(float64(n) * e.Factor)
	if !(all < math.MaxInt/2) { // also if n is 0 and the factor is infinite
		return math.MaxInt / 2
	}
	parts := max(1, e.Parts)
	return (int(all) - e.Part + parts - 1) / parts
}

// A Search gives the schedules of an exploration, one after the other. Its methods are never called
// at the same time.
type Search interface {
	// Next returns the walk of the next run. It returns nil at the end, and also while the next run
	// depends on a run that has not ended.
	Next() Walk
	// Ran tells the outcome of the run that w decided. From then on w may be used again.
	Ran(w Walk, o Outcome)
}

// A Walk decides one run.
type Walk interface {
	// Pick returns the option to take at a choice point, from 0 to p.Len()-1. The walk must not
	// keep p.
	Pick(p *ChoicePoint) int
}

// A ChoicePoint is a moment in a run that has two options or more. The options are the ready tasks in
// the order of the queue, then, with [TimePasses], the passing of time. At a choice that the program
// makes by [T.Choose] or [T.Chance] they are the values 0, 1, and so on.
//
// Explore leaves out options that lead only to schedules which have been run, or which belong to
// another part of the exploration. So a choice point may have one option only.
type ChoicePoint struct {
	site   string
	use    int
	chance float64 // of T.Chance; negative otherwise
	ready  []*loop.Task
	n      int     // the number of all options
	some   []int32 // the options that are left; nil for all
	tasks  *tasks
}

// Len returns the number of options.
func (p *ChoicePoint) Len() int {
	if p.some != nil {
		return len(p.some)
	}
	return p.n
}

// Index returns the number of option i among all options, also those that are left out. The option
// with the index 0 is the one of first in, first out, and the benign one of a choice.
func (p *ChoicePoint) Index(i int) int {
	if p.some != nil {
		return int(p.some[i])
	}
	return i
}

// Site returns the name of the choice that the program makes. It returns an empty string if a task is
// to be picked.
func (p *ChoicePoint) Site() string { return p.site }

// Task returns the ready task that is option i. It returns nil for the passing of time, and at a
// choice that the program makes.
func (p *ChoicePoint) Task(i int) *loop.Task {
	if i = p.Index(i); i < len(p.ready) {
		return p.ready[i]
	}
	return nil
}

// Identity returns a number for the task that is option i. The number is the same in other runs for
// the task that the same task makes as its n-th. It is 0 for the passing of time.
func (p *ChoicePoint) Identity(i int) uint64 {
	if t := p.Task(i); t != nil {
		return p.tasks.of(t).identity
	}
	return 0
}

// Steps returns how many steps the task that is option i has taken. The first step of an eager task
// does not count.
func (p *ChoicePoint) Steps(i int) int {
	if t := p.Task(i); t != nil {
		return int(p.tasks.of(t).steps)
	}
	return 0
}

// Draw returns a random option: each is as likely as the others. At a [T.Chance] the second option has
// the probability that the program gives it.
func (p *ChoicePoint) Draw(r *rand.Rand) int {
	n := p.Len()
	switch {
	case n == 1:
		return 0
	case p.chance < 0:
		return r.IntN(n)
	case r.Float64() < p.chance:
		return 1
	}
	return 0
}

// An Outcome is what a [Search] is told about a run.
type Outcome struct {
	Steps  int    // the steps of tasks and the callbacks
	Points int    // the choice points
	Order  uint64 // a hash of the picks
	Failed bool
	tasks  *tasks
}

// Tasks returns the identity of each task of the run, and the number of its steps, in order of
// creation: see [ChoicePoint.Identity].
func (o Outcome) Tasks() iter.Seq2[uint64, int] {
	return func(yield func(uint64, int) bool) {
		for i := 1; o.tasks != nil && i < len(o.tasks.all); i++ {
			if t := &o.tasks.all[i]; !yield(t.identity, int(t.steps)) {
				return
			}
		}
	}
}
