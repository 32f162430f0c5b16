package looptest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/takt-go/takt/loop"
)

// A Strategy says which schedules [Explore] runs.
type Strategy interface {
	// plan begins an exploration of a program like the sample.
	plan(sample sample, part part) plan
	String() string
}

// A sample is what the first run, first in, first out, tells of the program.
type sample struct {
	choices int // choice points
	tasks   int
}

// A part is the i-th of n parts of an exploration, from 0.
type part struct{ i, n int }

func (p part) has(at int) bool { return at%p.n == p.i }

// A plan hands out schedules to run. Its methods are called one at a time.
type plan interface {
	// next returns who decides in the next run, or nil if there is none now: at the
	// end, or until a run under way has been reported.
	next() decider
	// ran reports what was chosen in a run.
	ran(d decider, choices []choice)
}

// Random runs n schedules in each of which every choice is uniformly random. The same
// seed makes the same schedules.
func Random(seed uint64, n int) Strategy { return random{seed, n} }

type random struct {
	seed uint64
	n    int
}

func (s random) String() string { return fmt.Sprintf("Random(%d, %d)", s.seed, s.n) }

func (s random) plan(_ sample, part part) plan {
	return &counted{n: s.n, part: part, make: func(i int) decider {
		return &uniform{rand.New(rand.NewPCG(s.seed, uint64(i)))}
	}}
}

type uniform struct{ *rand.Rand }

func (u *uniform) decide(_ []*loop.Task, n int) int { return u.IntN(n) }

// counted is a plan of n runs that do not depend on each other.
type counted struct {
	n, at int
	part  part
	make  func(i int) decider
}

func (c *counted) next() decider {
	for c.at < c.n {
		c.at++
		if c.part.has(c.at - 1) {
			return c.make(c.at - 1)
		}
	}
	return nil
}

func (c *counted) ran(decider, []choice) {}

// PCT runs n schedules of probabilistic concurrency testing (Burckhardt et al.,
// ASPLOS 2010): tasks have random priorities, the ready one of highest priority runs, and
// at depth-1 random choice points the one that is about to run gets the lowest. A bug of
// that depth (so many ordering constraints have to be met) in a program of t tasks and k
// choice points is found by one schedule with probability at least 1/(t·k^(depth-1)).
//
// t and k are taken from the first run. A task that is picked a thousand times in a row
// loses its priority, so that one that spins lets the others run.
func PCT(seed uint64, n, depth int) Strategy {
	if depth < 1 {
		panic(fmt.Sprintf("looptest: PCT of depth %d; the depth is at least 1", depth))
	}
	return pct{seed, n, depth}
}

type pct struct {
	seed     uint64
	n, depth int
}

func (s pct) String() string { return fmt.Sprintf("PCT(%d, %d, %d)", s.seed, s.n, s.depth) }

func (s pct) plan(sample sample, part part) plan {
	return &counted{n: s.n, part: part, make: func(i int) decider {
		r := rand.New(rand.NewPCG(s.seed, uint64(i)))
		p := &priorities{rand: r, of: make(map[uint64]uint64, sample.tasks), low: uint64(s.depth)}
		for range s.depth - 1 {
			p.changes = append(p.changes, r.IntN(max(1, sample.choices)))
		}
		slices.Sort(p.changes)
		return p
	}}
}

// priorities is the decider of PCT.
type priorities struct {
	rand    *rand.Rand
	of      map[uint64]uint64 // by task ID; the passing of time has 0 as its ID
	changes []int             // choice points, in order, at which a priority is lowered
	low     uint64            // below every priority given so far
	at      int
	last    uint64
	inARow  int
}

const maxInARow = 1000

func (p *priorities) decide(ready []*loop.Task, n int) int {
	best := p.highest(ready, n)
	for len(p.changes) > 0 && p.changes[0] <= p.at {
		p.changes = p.changes[1:]
		p.lower(id(ready, best))
		best = p.highest(ready, n)
	}
	p.at++
	if who := id(ready, best); who != p.last {
		p.last, p.inARow = who, 0
	} else if p.inARow++; p.inARow >= maxInARow {
		p.inARow = 0
		p.lower(who)
		best = p.highest(ready, n)
	}
	return best
}

func (p *priorities) highest(ready []*loop.Task, n int) int {
	best, most := 0, uint64(0)
	for at := range n {
		priority, ok := p.of[id(ready, at)]
		if !ok {
			priority = 1<<32 + p.rand.Uint64N(1<<62)
			p.of[id(ready, at)] = priority
		}
		if priority > most {
			best, most = at, priority
		}
	}
	return best
}

// lower makes a priority lower than all others.
func (p *priorities) lower(who uint64) {
	if p.low == 1 { // more were lowered than the depth says: spinning tasks
		for id, priority := range p.of {
			if priority < 1<<32 {
				p.of[id] = priority + 1<<16
			}
		}
		p.low = 1 << 16
	}
	p.low--
	p.of[who] = p.low
}

func id(ready []*loop.Task, at int) uint64 {
	if at == len(ready) {
		return 0
	}
	return ready[at].ID()
}

// DelayBounded runs every schedule that deviates from first in, first out at d choice
// points or fewer (Emmi, Qadeer, Rakamarić, POPL 2011). Their number grows as k^d with
// the k choice points of the program; most bugs need one or two.
func DelayBounded(d int) Strategy {
	if d < 0 {
		panic(fmt.Sprintf("looptest: DelayBounded(%d); the bound is not negative", d))
	}
	return systematic{name: fmt.Sprintf("DelayBounded(%d)", d), bound: d}
}

// Exhaustive runs every schedule that there is, up to limit of them. Where there are
// more, [Explore] says in the log that it did not come to the end.
func Exhaustive(limit int) Strategy {
	return systematic{name: fmt.Sprintf("Exhaustive(%d)", limit), bound: -1, limit: limit}
}

type systematic struct {
	name  string
	bound int // deviations; -1 is any
	limit int // schedules; 0 is any
}

func (s systematic) String() string { return s.name }

func (s systematic) plan(_ sample, part part) plan {
	return &search{systematic: s, part: part, todo: []*path{{}}}
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
	todo    []*path
	firsts  int // paths that depart from the first run
	started int
	cut     bool // the limit was reached with paths left
}

func (s *search) next() decider {
	if len(s.todo) == 0 {
		return nil
	}
	if s.limit > 0 && s.started == s.limit {
		s.cut = true
		return nil
	}
	s.started++
	last := len(s.todo) - 1
	p := s.todo[last]
	s.todo = s.todo[:last]
	return p
}

// ran adds the runs that depart from this one at a point behind those given to it.
func (s *search) ran(d decider, choices []choice) {
	p := d.(*path)
	if s.bound >= 0 && p.deviations == s.bound {
		return
	}
	from := 0
	if p.pick > 0 {
		from = len(p.before) + 1
	}
	for at := len(choices) - 1; at >= from; at-- {
		for pick := choices[at].of - 1; pick > 0; pick-- {
			if p.deviations == 0 {
				if s.firsts++; !s.part.has(s.firsts) {
					continue
				}
			}
			s.todo = append(s.todo, &path{before: choices[:at:at], pick: pick, deviations: p.deviations + 1})
		}
	}
}
