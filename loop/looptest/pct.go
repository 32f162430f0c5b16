package looptest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/takt-go/takt/loop"
)

// PCT runs n schedules of probabilistic concurrency testing (Burckhardt, Kothari,
// Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic Guarantees of
// Finding Bugs, ASPLOS 2010). Every task has a random priority, and of those that are
// ready the one with the highest runs. At depth-1 random choice points the task that is
// about to run gets a priority below all of these.
//
// A bug is of depth d if d constraints on the order (this before that) are enough to
// bring it out. In a program of t tasks, the main task included, which take k steps in
// all, one schedule finds a bug of that depth with a probability of at least
// 1/(t·k^(d-1)). Most published bugs are of depth 1 to 3. So n = 1000 and depth = 3 is a
// good beginning.
//
// k is taken from the first run: a program that takes many more steps under other
// schedules is searched less well. A task that is picked a thousand times in a row loses
// its priority, so that one that spins lets the others run. The same seed makes the same
// schedules. PCT panics if depth is less than 1 or n is negative.
func PCT(seed uint64, n, depth int) Strategy {
	if depth < 1 {
		panic(fmt.Sprintf("looptest: PCT of depth %d; the depth is at least 1", depth))
	}
	if n < 0 {
		panic(fmt.Sprintf("looptest: PCT of %d schedules; the number is not negative", n))
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

// priorities is the decider of PCT. Priorities are at least firstPriority to begin with,
// lowPriority+1 to lowPriority+depth-1 after a change, and less for who spins.
type priorities struct {
	strategy pct
	steps    int // of the program, about
	source   *rand.PCG
	rand     *rand.Rand

	of      []uint64 // by task ID; 0 if none was given yet. The passing of time is 0.
	changes []change // in order
	changed int      // of them
	floor   uint64   // below every priority given so far
	at      int
	last    uint64
	inARow  int
}

// A change lowers the priority of who is about to run at a choice point.
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
	// Which of the changes makes the lowest priority is random, too: some bugs need
	// the task that was held back first to go on last.
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

// id returns the ID of a task that is ready, and 0 for the passing of time.
func id(ready []*loop.Task, at int) uint64 {
	if at == len(ready) {
		return 0
	}
	return ready[at].ID()
}
