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
// the set are interleaved uniformly: the next task of the set is drawn again and again, and the more
// steps a task has left, the more likely it is. So every order of their steps is about equally likely,
// also one in which a task takes all its steps last. While the next task of the set is not ready, the
// others of the set wait for it, as long as there is something else to run. The next task of the set,
// the tasks that are not in the set, and the passing of time are drawn with equal probabilities.
//
// How many steps a task has left is estimated by the schedules before: the average of the task that the
// same task has made as its n-th. The estimate may be wrong, and then some orders are less likely than
// others. Sample gives no guarantee such as that of [PCT].
//
// A program that polls ends all the same. If a task is first in the queue and is passed over for very
// many choice points, it runs next, and the set's next task is drawn among those that are ready from
// then on. Very many means: fifty, and twice the choice points of the first run, but at most
// MaxSteps/10.
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
	patience := max(1, min(e.MaxSteps/10, 2*e.Points+50))
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

	all     bool     // the set has all tasks
	set     []chosen // otherwise the tasks in the set
	next    int      // the index in set of the task that runs next; -1 if none is drawn
	fair    bool     // a task has waited for too long: next is drawn among those that are ready
	members []member // by task ID; 0 is the passing of time
	front   uint64   // the ID of the task at the front of the queue
	waits   int      // for how many choice points it has been there
	weights []float64
	free    []int // the options to draw from
}

// A chosen is a task in the set.
type chosen struct {
	identity uint64
	steps    float64 // how many steps it takes, by the estimate
	id       uint64  // 0 until the task is an option for the first time
	ready    bool    // it is an option now
}

// A member is a task of the run.
type member struct {
	known bool
	at    int     // its index in the set; -1 if it is not in the set
	steps float64 // how many steps it takes, by the estimate
}

func (w *selection) begin() {
	for at := len(w.number); at < len(w.known.identities); at++ {
		w.number[w.known.identities[at]] = at
	}
	w.steps = append(w.steps[:0], w.known.steps...)
	clear(w.members)
	w.set, w.next, w.fair, w.front, w.waits = w.set[:0], -1, false, 0, 0
	size := [...]int{2, 2, 3, 0}[w.rand.IntN(4)]
	w.all = size == 0 || size >= len(w.steps)
	for !w.all && len(w.set) < size {
		at := w.rand.IntN(len(w.steps))
		if one := w.known.identities[at]; w.find(one) < 0 {
			w.set = append(w.set, chosen{identity: one, steps: w.steps[at]})
		}
	}
}

// find returns the index of a task in the set, or -1.
func (w *selection) find(identity uint64) int {
	return slices.IndexFunc(w.set, func(c chosen) bool { return c.identity == identity })
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
	switch {
	case w.waits >= w.patience:
		w.fair = true
	case w.all:
		pick = w.drawOfAll(p)
	default:
		pick = w.draw(p)
	}
	if w.member(p, pick).at >= 0 {
		w.next = -1
	}
	return pick
}

// drawOfAll draws one of the options: the more steps a task has left, the more likely it is.
func (w *selection) drawOfAll(p *ChoicePoint) int {
	w.weights = w.weights[:0]
	for i := range p.Len() {
		w.weights = append(w.weights, left(w.member(p, i).steps, p.Steps(i)))
	}
	return w.weighted()
}

// draw draws one of the options: the next one of the set, or one that is not in the set.
func (w *selection) draw(p *ChoicePoint) int {
	if w.next < 0 {
		w.drawNext(p)
	}
	w.free = w.free[:0]
	for i := range p.Len() {
		if at := w.member(p, i).at; at < 0 || at == w.next {
			w.free = append(w.free, i)
		}
	}
	if len(w.free) == 0 { // there is nothing to run but tasks that wait for the next one
		return p.Draw(w.rand)
	}
	return w.free[w.rand.IntN(len(w.free))]
}

// drawNext draws the task of the set that runs next. If none can run, next stays -1.
func (w *selection) drawNext(p *ChoicePoint) {
	for i := range w.set {
		w.set[i].ready = false
	}
	for i := range p.Len() {
		if at := w.member(p, i).at; at >= 0 {
			w.set[at].id, w.set[at].ready = id(p, i), true
		}
	}
	w.weights = w.weights[:0]
	for _, c := range w.set {
		weight := 0.0
		switch o := &p.tasks.all[c.id]; {
		case w.fair && !c.ready, c.id > 0 && o.task.Done():
		case c.id > 0:
			weight = left(c.steps, int(o.steps))
		default:
			weight = left(c.steps, 0)
		}
		w.weights = append(w.weights, weight)
	}
	w.next = w.weighted()
}

// weighted draws an index of the weights. It returns -1 if all of them are 0.
func (w *selection) weighted() int {
	sum := 0.0
	for _, weight := range w.weights {
		sum += weight
	}
	at, last := w.rand.Float64()*sum, -1
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

// left returns how many steps a task has left. all is the estimate of all its steps, and steps is how
// many it has taken.
func left(all float64, steps int) float64 {
	return max(1, math.Ceil(all)-float64(steps))
}

// member returns what is known about the task that is option i.
func (w *selection) member(p *ChoicePoint, i int) *member {
	who := id(p, i)
	if who >= uint64(len(w.members)) {
		w.members = append(w.members, make([]member, who+8)...)
	}
	m := &w.members[who]
	if !m.known {
		*m = member{known: true, at: -1}
		if who > 0 {
			identity := p.Identity(i)
			m.at = w.find(identity)
			if at, ok := w.number[identity]; ok {
				m.steps = w.steps[at]
			}
		}
	}
	return m
}
