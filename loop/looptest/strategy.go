package looptest

import (
	"fmt"
	"math/rand/v2"

	"github.com/takt-go/takt/loop"
)

// A Strategy says which schedules [Explore] runs.
type Strategy interface {
	// plan begins an exploration of a program that takes so many steps.
	plan(steps int, part part) plan
	String() string
}

// A part is the i-th of n parts of an exploration, from 0.
type part struct{ i, n int }

func (p part) has(at int) bool { return at%p.n == p.i }

// A plan hands out schedules to run. Its methods are called one at a time.
type plan interface {
	// next returns who decides in the next run, or nil if there is none now: at the
	// end, or until a run under way has been reported.
	next() decider
	// ran reports what was chosen in a run, and takes its decider back. It reports
	// whether choices is kept.
	ran(d decider, choices []choice) (kept bool)
}

// Random runs n schedules in each of which every choice is uniformly random. The same
// seed makes the same schedules.
//
// It promises nothing, and is good at bugs that need many switches at no particular
// places. A bug that needs one task to be held back for k choice points in a row, among
// t tasks, it finds in one schedule of about (t/(t-1))^k: for those there is [PCT].
func Random(seed uint64, n int) Strategy {
	if n < 0 {
		panic(fmt.Sprintf("looptest: Random of %d schedules; the number is not negative", n))
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

// A seeded is a decider for any run of those that do not depend on each other.
type seeded interface {
	decider
	seed(i int) // makes it the i-th run's, from 0
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

// DelayBounded runs every schedule that deviates from first in, first out at d choice
// points or fewer: who is first in line is passed over in favour of another one. That is
// delay bounding (Emmi, Qadeer, Rakamarić: Delay-Bounded Scheduling, POPL 2011), where a
// deviation counts once, whomever it favours. The schedules with one deviation are run
// after the one with none, those with two after the one that they extend, and so on.
//
// With k choice points and t tasks that are ready there are about (k·t)^d/d! schedules,
// and every bug that d deviations bring out is found for sure. It panics if d is
// negative.
func DelayBounded(d int) Strategy {
	if d < 0 {
		panic(fmt.Sprintf("looptest: DelayBounded(%d); the bound is not negative", d))
	}
	return systematic{name: fmt.Sprintf("DelayBounded(%d)", d), bound: d}
}

// Exhaustive runs every schedule that there is, once, up to limit of them, where 0 is no
// limit. Where there are more, [Explore] says in the log that it did not come to the end;
// if it did, no schedule makes the body fail. k tasks of n steps each that are ready at
// once have (kn)!/(n!)^k schedules. It panics if limit is negative.
func Exhaustive(limit int) Strategy {
	if limit < 0 {
		panic(fmt.Sprintf("looptest: Exhaustive(%d); the limit is not negative", limit))
	}
	return systematic{name: fmt.Sprintf("Exhaustive(%d)", limit), bound: -1, limit: limit}
}

type systematic struct {
	name  string
	bound int // deviations; -1 is any
	limit int // schedules; 0 is any
}

func (s systematic) String() string { return s.name }

func (s systematic) plan(_ int, part part) plan {
	return &search{systematic: s, part: part, todo: []path{{}}}
}

// A path is a run of a systematic search: it goes as an earlier run did up to a choice
// point, picks something else there, and is first in, first out from then on.
type path struct {
	before     []choice // of the earlier run, up to the choice point
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
	if int(pick) >= n { // the program is not deterministic
		return 0
	}
	return int(pick)
}

// search is a depth-first search of the tree of choices.
type search struct {
	systematic
	part    part // which of the paths that depart from the first run are gone
	todo    []path
	free    []*path
	firsts  int // paths that depart from the first run
	started int
	cut     bool // the limit was reached with paths left
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

// ran adds the runs that depart from this one at a point behind those given to it.
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
