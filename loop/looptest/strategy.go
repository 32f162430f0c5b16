package looptest

import (
	"fmt"
	"math/rand/v2"

	"github.com/takt-go/takt/loop"
)

// A Strategy decides which schedules [Explore] runs. [PCT], [DelayBounded], [Exhaustive] and
// [Random] return one.
type Strategy interface {
	// plan begins an exploration of a program that takes about this number of steps.
	plan(steps int, part part) plan
	String() string
}

// A part is part i of the n parts of an exploration; i counts from 0.
type part struct{ i, n int }

func (p part) has(at int) bool { return at%p.n == p.i }

// A plan gives the schedules to run, one after the other. Its methods are never called at the same
// time.
type plan interface {
	// next returns the decider for the next run. It returns nil at the end, and also while the
	// next run depends on a run that has not been reported yet.
	next() decider
	// ran takes the choices that were made in a run, and its decider, which the plan may use
	// again. It reports whether the plan keeps the slice choices.
	ran(d decider, choices []choice) (kept bool)
}

// Random runs n schedules in which each choice is uniformly random. The same seed gives the same
// schedules.
//
// Random gives no guarantee. It is good at bugs that need many switches between tasks, at no
// particular places. It is bad at bugs that show only if one of t tasks does not run for k choice
// points in a row: it finds them in about one of (t/(t-1))^k schedules. Use [PCT] for these bugs. Random
// panics if n is negative.
func Random(seed uint64, n int) Strategy {
	if n < 0 {
		panic(fmt.Sprintf("looptest: Random of %d schedules; give 0 or more", n))
	}
	return random{seed, n}
}

type random struct {
	seed uint64
	n    int
}

func (s random) String() string { return fmt.Sprintf("Random(%d, %d)", s.seed, s.n) }

func (s random) plan(_ int, part part) plan {
	return &counted{n: s.n, part: part, make: func() seeded {
		source := new(rand.PCG)
		return &uniform{strategy: s, source: source, rand: rand.New(source)}
	}}
}

type uniform struct {
	strategy random
	source   *rand.PCG
	rand     *rand.Rand
}

func (u *uniform) seed(i int)                       { u.source.Seed(u.strategy.seed, uint64(i)) }
func (u *uniform) decide(_ []*loop.Task, n int) int { return u.rand.IntN(n) }

// A seeded is a decider that can decide any run of a plan in which runs do not depend on each
// other.
type seeded interface {
	decider
	seed(i int) // prepares the decider for run i, from 0
}

// counted is a plan of n runs that do not depend on each other.
type counted struct {
	n, at int
	part  part
	make  func() seeded
	free  []seeded
}

func (c *counted) next() decider {
	for c.at < c.n {
		c.at++
		if c.part.has(c.at - 1) {
			d := c.take()
			d.seed(c.at - 1)
			return d
		}
	}
	return nil
}

func (c *counted) take() seeded {
	last := len(c.free) - 1
	if last < 0 {
		return c.make()
	}
	d := c.free[last]
	c.free = c.free[:last]
	return d
}

func (c *counted) ran(d decider, _ []choice) bool {
	c.free = append(c.free, d.(seeded))
	return false
}

// DelayBounded runs every schedule with d deviations or fewer. A deviation is a choice point at
// which the first task in the queue is passed over and another task runs. This is delay bounding
// (Emmi, Qadeer, Rakamarić: Delay-Bounded Scheduling, POPL 2011), where a deviation counts once,
// no matter which task runs in place of the first. The schedule without deviations runs first. A
// schedule with more deviations runs after the schedule that it extends by one.
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
// each have (kn)!/(n!)^k schedules. Exhaustive panics if limit is negative.
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

func (s systematic) plan(_ int, part part) plan {
	return &search{systematic: s, part: part, todo: []path{{}}}
}

// A path is a run of a systematic search. It repeats an earlier run up to a choice point, makes
// another pick there, and is first in, first out from then on.
type path struct {
	before     []choice // the choices of the earlier run, up to the choice point
	pick       int32
	deviations int
	at         int
}

func (p *path) decide(_ []*loop.Task, n int) int {
	at := p.at
	p.at++
	pick := int32(0)
	switch {
	case at < len(p.before):
		pick = p.before[at].pick
	case at == len(p.before):
		pick = p.pick
	}
	if int(pick) >= n { // the program is not deterministic: the earlier run had more choices here
		return 0
	}
	return int(pick)
}

// search is a depth-first search of the tree of choices.
type search struct {
	systematic
	part    part // which of the paths that branch off from the first run are searched
	todo    []path
	free    []*path
	firsts  int // number of paths that branch off from the first run
	started int
	cut     bool // the limit was reached, and paths are left
}

func (s *search) next() decider {
	last := len(s.todo) - 1
	if last < 0 {
		return nil
	}
	if s.limit > 0 && s.started == s.limit {
		s.cut = true
		return nil
	}
	s.started++
	p := s.take()
	*p = s.todo[last]
	s.todo = s.todo[:last]
	return p
}

func (s *search) take() *path {
	last := len(s.free) - 1
	if last < 0 {
		return new(path)
	}
	p := s.free[last]
	s.free = s.free[:last]
	return p
}

// ran adds the runs that branch off from this one at a choice point after those that its path
// fixes. The search has added the runs for the earlier choice points already.
func (s *search) ran(d decider, choices []choice) (kept bool) {
	p := d.(*path)
	s.free = append(s.free, p)
	if s.bound >= 0 && p.deviations == s.bound {
		return false
	}
	from := 0
	if p.pick > 0 {
		from = len(p.before) + 1
	}
	for at := len(choices) - 1; at >= from; at-- {
		for pick := choices[at].of - 1; pick > 0; pick-- {
			if p.deviations == 0 {
				if s.firsts++; !s.part.has(s.firsts - 1) {
					continue
				}
			}
			s.todo = append(s.todo, path{before: choices[:at:at], pick: pick, deviations: p.deviations + 1})
			kept = true
		}
	}
	return kept
}
