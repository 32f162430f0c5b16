package looptest

import (
	"fmt"
	"math/rand/v2"
)

// A sampling is what the strategies of random walks have in common.
type sampling struct {
	name string
	seed uint64
	n    int // of schedules
}

// newSampling panics if n is negative.
func newSampling(name string, seed uint64, n int) sampling {
	if n < 0 {
		panic(fmt.Sprintf("looptest: %s of %d schedules; give 0 or more", name, n))
	}
	return sampling{name, seed, n}
}

func (s sampling) String() string { return fmt.Sprintf("%s(%d, %d)", s.name, s.seed, s.n) }

// Seed returns the seed.
func (s sampling) Seed() uint64 { return s.seed }

// search begins an exploration by the walks that make returns.
func (s sampling) search(e Exploration, make func(source *rand.PCG) seeded) *sampler {
	return &sampler{seed: e.Seed(s.seed), n: e.Number(s.n), part: e, make: make}
}

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
