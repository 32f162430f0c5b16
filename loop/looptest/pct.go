package looptest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

// PCT runs n schedules of probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi,
// Nagarakatte: A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, ASPLOS 2010).
// Each task has a random priority, and the ready task with the highest priority runs. At depth-1
// random choice points the task that would run next gets a priority below all initial priorities.
//
// A bug has depth d if d constraints on the order (this event before that event) are enough to show
// it. If a program has t tasks, the main task included, and its runs have k choice points, one
// schedule finds a bug of depth d with a probability of at least 1/(t·k^(d-1)). Most published bugs
// have a depth from 1 to 3, but a program that suspends often needs a larger one: [Sample] needs no
// depth.
//
// PCT takes for k the largest number of choice points that a run has had. So the probability is lower
// for the first schedules, if they are longer than the very first one. A task that is picked a
// thousand times in a row loses its priority, so that other tasks run even if this task yields
// forever. Choices of the program are random, and do not count. The same seed gives the same
// schedules, except with [Parallel], where it depends on chance which run is known first. PCT panics
// if depth is less than 1 or n is negative.
func PCT(seed uint64, n, depth int) Strategy {
	if depth < 1 {
		panic(fmt.Sprintf("looptest: PCT of depth %d; give 1 or more", depth))
	}
	return pct{newSampling("PCT", seed, n), depth}
}

type pct struct {
	sampling
	depth int
}

func (s pct) String() string { return fmt.Sprintf("PCT(%d, %d, %d)", s.seed, s.n, s.depth) }

func (s pct) Begin(e Exploration) Search {
	most := max(1, e.Points)
	return s.search(e, func(source *rand.PCG) seeded {
		return &priorities{depth: s.depth, most: &most, rand: rand.New(source)}
	})
}

// priorities is the walk of PCT. An initial priority is firstPriority or more. A change sets a
// priority from lowPriority+1 to lowPriority+depth-1. A task that was picked maxInARow times in a
// row gets a lower one.
type priorities struct {
	depth int
	most  *int // the largest number of choice points of a run so far; all walks of the search share it
	rand  *rand.Rand

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

func (w *priorities) begin() {
	clear(w.of)
	w.changes = w.changes[:0]
	w.floor, w.changed, w.at, w.last, w.inARow = lowPriority, 0, 0, 0, 0
	// It is random which change sets the lowest priority: some bugs show only if the task that
	// was held back first goes on last.
	for low := range w.depth - 1 {
		w.changes = append(w.changes, change{w.rand.IntN(*w.most), lowPriority + 1 + uint64(low)})
	}
	slices.SortFunc(w.changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
}

func (w *priorities) ran(Outcome) { *w.most = max(*w.most, w.at) }

func (w *priorities) Pick(p *ChoicePoint) int {
	if p.site != "" {
		return p.Draw(w.rand)
	}
	best := w.highest(p)
	for w.changed < len(w.changes) && w.changes[w.changed].at <= w.at {
		w.of[id(p, best)] = w.changes[w.changed].to
		w.changed++
		best = w.highest(p)
	}
	w.at++
	if who := id(p, best); who != w.last {
		w.last, w.inARow = who, 0
	} else if w.inARow++; w.inARow >= maxInARow {
		w.inARow = 0
		w.floor--
		w.of[who] = w.floor
		best = w.highest(p)
	}
	return best
}

func (w *priorities) highest(p *ChoicePoint) int {
	best, most := 0, uint64(0)
	for at := range p.Len() {
		who := id(p, at)
		if who >= uint64(len(w.of)) {
			w.of = append(w.of, make([]uint64, who+8)...)
		}
		priority := w.of[who]
		if priority == 0 {
			priority = firstPriority + w.rand.Uint64N(firstPriority)
			w.of[who] = priority
		}
		if priority > most {
			best, most = at, priority
		}
	}
	return best
}

// id returns the ID of the task that is option i, and 0 for the passing of time.
func id(p *ChoicePoint, i int) uint64 {
	if t := p.Task(i); t != nil {
		return t.ID()
	}
	return 0
}
