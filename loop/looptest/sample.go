package looptest

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Sample runs n schedules of a selective uniform random walk. Begin with this strategy: it finds
// bugs of every kind that the other random strategies find, in programs with few steps and with many,
// and it has nothing to set.
//
// For each schedule Sample draws a set of tasks: two tasks in half of the schedules, three in a
// quarter, and all in a quarter. Most bugs are between two or three tasks. The steps of the tasks in
// the set are interleaved uniformly: at each choice point the next task of the set is drawn, and the
// more steps a task has left, the more likely it is. So every order of their steps is about equally
// likely, also one in which a task takes all its steps last. The other tasks and the passing of time
// are drawn with equal probabilities.
//
// How many steps a task has left is estimated by the schedules before: the average of the task that the
// same task has made as its n-th. The estimate may be wrong, and then some orders are less likely than
// others. Sample gives no guarantee such as that of [PCT].
//
// A program that polls ends all the same: a task that was ready and passed over for MaxSteps/10
// choice points runs next, and the next task of the set is drawn among those that are ready.
//
// The same seed gives the same schedules, except with [Parallel], where it depends on chance which run
// is known first. Choices of the program are random, and do not count. Sample panics if n is
// negative.
//
// This is selectively uniform concurrency testing (Zhao, Wolff, Mathur, Roychoudhury: Selectively
// Uniform Concurrency Testing, ASPLOS 2025), with a set of tasks in place of a set of events. The
// weights are those of the uniform random walk of shuttle.
func Sample(seed uint64, n int) Strategy {
	return selective{newSampling("Sample", seed, n)}
}

type selective struct{ sampling }

func (s selective) Begin(e Exploration) Search {
	known := &census{number: map[uint64]int{}}
	patience := max(1, e.MaxSteps/10)
	return s.search(e, func(source *rand.PCG) seeded {
		return &selection{known: known, patience: patience, rand: rand.New(source), number: map[uint64]int{}}
	})
}

// A census knows the tasks of all runs so far, by their identities.
type census struct {
	number     map[uint64]int
	identities []uint64
	steps      []float64 // the average number of steps of each
	runs       []float64 // how many runs had it
}

func (c *census) learn(o Outcome) {
	for identity, steps := range o.Tasks() {
		at, ok := c.number[identity]
		if !ok {
			at = len(c.steps)
			c.number[identity] = at
			c.identities, c.steps, c.runs = append(c.identities, identity), append(c.steps, 0), append(c.runs, 0)
		}
		c.runs[at]++
		c.steps[at] += (float64(steps) - c.steps[at]) / c.runs[at]
	}
}

// selection is the walk of Sample.
type selection struct {
	known    *census // all walks of the search share it, so it is used in begin and ran only
	patience int     // a task that is at the front of the queue for so many choice points runs next
	rand     *rand.Rand
	number   map[uint64]int // a copy of the census
	steps    []float64

	all      bool     // the set has all tasks
	set      []uint64 // otherwise the identities of the tasks in the set
	members  []member // by task ID; 0 is the passing of time
	intended uint64   // the ID of the task of the set that runs next; 0 if none is drawn
	front    uint64   // the ID of the task at the front of the queue
	waits    int      // for how many choice points it has been there
	weights  []float64
}

// A member is a task of the run.
type member struct {
	known bool
	in    bool    // it is in the set
	steps float64 // how many steps it takes, by the estimate
}

func (w *selection) begin() {
	for at := len(w.number); at < len(w.known.identities); at++ {
		w.number[w.known.identities[at]] = at
	}
	w.steps = append(w.steps[:0], w.known.steps...)
	clear(w.members)
	w.set, w.intended, w.front, w.waits = w.set[:0], 0, 0, 0
	size := [...]int{2, 2, 3, 0}[w.rand.IntN(4)]
	w.all = size == 0 || size >= len(w.steps)
	for !w.all && len(w.set) < size {
		if one := w.known.identities[w.rand.IntN(len(w.steps))]; !slices.Contains(w.set, one) {
			w.set = append(w.set, one)
		}
	}
}

func (w *selection) ran(o Outcome) { w.known.learn(o) }

func (w *selection) Pick(p *ChoicePoint) int {
	if p.site != "" {
		return p.Draw(w.rand)
	}
	if w.waits++; id(p, 0) != w.front {
		w.front, w.waits = id(p, 0), 0
	}
	pick := 0
	if w.waits < w.patience {
		pick = w.draw(p)
	}
	if id(p, pick) == w.intended {
		w.intended = 0
	}
	return pick
}

// draw draws one of the options.
func (w *selection) draw(p *ChoicePoint) int {
	w.weights = w.weights[:0]
	sum := 0.0
	for i := range p.Len() {
		weight := 0.0
		if m := w.member(p, i); m.in || w.all {
			weight = w.left(m, p.Steps(i))
		}
		w.weights = append(w.weights, weight)
		sum += weight
	}
	if w.all {
		return w.weighted(sum)
	}
	if w.intended == 0 && sum > 0 {
		w.intended = id(p, w.weighted(sum))
	}
	sum = 0
	for i := range w.weights { // now the tasks that are not in the set, and the intended one
		weight := 1.0
		if w.weights[i] > 0 && id(p, i) != w.intended {
			weight = 0
		}
		w.weights[i] = weight
		sum += weight
	}
	if sum == 0 { // the intended task is not among the options
		return p.Draw(w.rand)
	}
	return w.weighted(sum)
}

// weighted returns an index of the weights, which are not all 0. sum is their sum.
func (w *selection) weighted(sum float64) int {
	at, last := w.rand.Float64()*sum, 0
	for i, weight := range w.weights {
		if weight == 0 {
			continue
		}
		if last = i; at < weight {
			return i
		}
		at -= weight
	}
	return last
}

// left returns how many steps a task has left, by the estimate. steps is how many it has taken.
func (w *selection) left(m *member, steps int) float64 {
	return max(1, math.Ceil(m.steps)-float64(steps))
}

// member returns what is known about the task that is option i.
func (w *selection) member(p *ChoicePoint, i int) *member {
	who := id(p, i)
	if who >= uint64(len(w.members)) {
		w.members = append(w.members, make([]member, who+8)...)
	}
	m := &w.members[who]
	if !m.known && who > 0 {
		identity := p.Identity(i)
		m.known, m.in = true, slices.Contains(w.set, identity)
		if at, ok := w.number[identity]; ok {
			m.steps = w.steps[at]
		}
	}
	return m
}
