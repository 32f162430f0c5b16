package looptest

import (
	"fmt"
	"math/rand/v2"
)

// Random runs n schedules in which each choice is uniformly random. The same seed gives the same
// schedules.
//
// Random gives no guarantee. It is good at bugs that need many switches between tasks, at no
// particular places. It is bad at bugs that show only if one of t tasks does not run for k choice
// points in a row: it finds them in about one of (t/(t-1))^k schedules. Use [Sample] for these bugs.
// Random panics if n is negative.
func Random(seed uint64, n int) Strategy {
	mustBeNumber("Random", n)
	return random{seed, n}
}

func mustBeNumber(what string, n int) {
	if n < 0 {
		panic(fmt.Sprintf("looptest: %s of %d schedules; give 0 or more", what, n))
	}
}

type random struct {
	seed uint64
	n    int
}

func (s random) String() string { return fmt.Sprintf("Random(%d, %d)", s.seed, s.n) }

// Seed returns the seed.
func (s random) Seed() uint64 { return s.seed }

func (s random) Begin(e Exploration) Search {
	return newSampler(e, s.seed, s.n, func(source *rand.PCG) seeded { return &uniform{rand.New(source)} })
}

type uniform struct{ rand *rand.Rand }

func (u *uniform) begin()                  {}
func (u *uniform) Pick(p *ChoicePoint) int { return p.Draw(u.rand) }
func (u *uniform) ran(Outcome)             {}

// A seeded is a random walk of a sampler. It is used for many runs.
type seeded interface {
	Walk
	begin()        // prepares the walk for a run; its random source has been seeded
	ran(o Outcome) // learns from the run
}

// A sampler is a search of n random walks. Walk i has a random source of its own, which depends on
// the seed and on i.
type sampler struct {
	seed  uint64
	n, at int
	part  Exploration
	make  func(source *rand.PCG) seeded
	free  []*sample
}

// A sample is a walk with its source.
type sample struct {
	seeded
	source rand.PCG
}

func newSampler(e Exploration, seed uint64, n int, make func(source *rand.PCG) seeded) *sampler {
	return &sampler{seed: e.Seed(seed), n: e.Number(n), part: e, make: make}
}

func (s *sampler) Next() Walk {
	if s.at == s.n {
		return nil
	}
	var w *sample
	if last := len(s.free) - 1; last >= 0 {
		w, s.free = s.free[last], s.free[:last]
	} else {
		w = new(sample)
		w.seeded = s.make(&w.source)
	}
	w.source.Seed(s.seed, uint64(s.at*s.part.Parts+s.part.Part))
	w.begin()
	s.at++
	return w
}

func (s *sampler) Ran(w Walk, o Outcome) {
	sample := w.(*sample)
	sample.ran(o)
	s.free = append(s.free, sample)
}
