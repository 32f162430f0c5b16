package looptest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/takt-go/takt/loop"
)

// PCT runs n schedules of probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi,
// Nagarakatte: A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, ASPLOS 2010).
// Each task has a random priority, and the ready task with the highest priority runs. At depth-1
// random choice points the task that would run next gets a priority below all initial priorities.
//
// A bug has depth d if d constraints on the order (this event before that event) are enough to show
// it. If a program has t tasks, the main task included, and all tasks together take k steps, one
// schedule finds a bug of depth d with a probability of at least 1/(t·k^(d-1)). Most published bugs
// have a depth from 1 to 3. So begin with n = 1000 and depth = 3.
//
// PCT takes k from the first run. If the program takes many more steps under other schedules, the
// probability is lower. A task that is picked a thousand times in a row loses its priority, so that
// other tasks run even if this task yields forever. The same seed gives the same schedules. PCT panics if
// depth is less than 1 or n is negative.
func PCT(seed uint64, n, depth int) Strategy {
	if depth < 1 {
		panic(fmt.Sprintf("looptest: PCT of depth %d; give 1 or more", depth))
	}
	if n < 0 {
		panic(fmt.Sprintf("looptest: PCT of %d schedules; give 0 or more", n))
	}
	return pct{seed, n, depth}
}

type pct struct {
	seed     uint64
	n, depth int
}

func (s pct) String() string { return fmt.Sprintf("PCT(%d, %d, %d)", s.seed, s.n, s.depth) }

func (s pct) plan(steps int, part part) plan {
	return &counted{n: s.n, part: part, make: func() seeded {
		source := new(rand.PCG)
		return &priorities{strategy: s, steps: max(1, steps), source: source, rand: rand.New(source)}
	}}
}

// priorities is the decider of PCT. An initial priority is firstPriority or more. A change sets a
// priority from lowPriority+1 to lowPriority+depth-1. A task that was picked maxInARow times in a
// row gets a lower one.
type priorities struct {
	strategy pct
	steps    int // of the program, approximately
	source   *rand.PCG
	rand     *rand.Rand

	of      []uint64 // priorities by task ID; 0 if the task has none yet. ID 0 is the passing of time.
	changes []change // in the order of their choice points
	changed int      // how many of the changes have been made
	floor   uint64   // no task has had a lower priority so far
	at      int
	last    uint64
	inARow  int
}

// A change lowers the priority of the task that would run next at a choice point.
type change struct {
	at int
	to uint64
}

const (
	firstPriority = 1 << 62
	lowPriority   = 1 << 61
	maxInARow     = 1000
)

func (p *priorities) seed(i int) {
	p.source.Seed(p.strategy.seed, uint64(i))
	clear(p.of)
	p.changes = p.changes[:0]
	p.floor, p.changed, p.at, p.last, p.inARow = lowPriority, 0, 0, 0, 0
	// It is random which change sets the lowest priority: some bugs show only if the task that
	// was held back first goes on last.
	for low := range p.strategy.depth - 1 {
		p.changes = append(p.changes, change{p.rand.IntN(p.steps), lowPriority + 1 + uint64(low)})
	}
	slices.SortFunc(p.changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
}

func (p *priorities) decide(ready []*loop.Task, n int) int {
	best := p.highest(ready, n)
	for p.changed < len(p.changes) && p.changes[p.changed].at <= p.at {
		p.of[id(ready, best)] = p.changes[p.changed].to
		p.changed++
		best = p.highest(ready, n)
	}
	p.at++
	if who := id(ready, best); who != p.last {
		p.last, p.inARow = who, 0
	} else if p.inARow++; p.inARow >= maxInARow {
		p.inARow = 0
		p.floor--
		p.of[who] = p.floor
		best = p.highest(ready, n)
	}
	return best
}

func (p *priorities) highest(ready []*loop.Task, n int) int {
	best, most := 0, uint64(0)
	for at := range n {
		who := id(ready, at)
		if who >= uint64(len(p.of)) {
			p.of = append(p.of, make([]uint64, who+8)...)
		}
		priority := p.of[who]
		if priority == 0 {
			priority = firstPriority + p.rand.Uint64N(firstPriority)
			p.of[who] = priority
		}
		if priority > most {
			best, most = at, priority
		}
	}
	return best
}

// id returns the ID of a ready task, and 0 for the passing of time.
func id(ready []*loop.Task, at int) uint64 {
	if at == len(ready) {
		return 0
	}
	return ready[at].ID()
}
