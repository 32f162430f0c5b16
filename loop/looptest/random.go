package looptest

import "math/rand/v2"

// Random runs n schedules in which each choice is uniformly random. The same seed gives the same
// schedules.
//
// Random gives no guarantee. It is good at bugs that need many switches between tasks, at no
// particular places. It is bad at bugs that show only if one of t tasks does not run for k choice
// points in a row: it finds them in about one of (t/(t-1))^k schedules. Use [Sample] for these bugs.
// Random panics if n is negative.
func Random(seed uint64, n int) Strategy {
	return random{newSampling("Random", seed, n)}
}

type random struct{ sampling }

func (s random) Begin(e Exploration) Search {
	return s.search(e, func(source *rand.PCG) seeded { return &uniform{rand.New(source)} })
}

type uniform struct{ rand *rand.Rand }

func (u *uniform) begin()                  {}
func (u *uniform) Pick(p *ChoicePoint) int { return p.Draw(u.rand) }
func (u *uniform) ran(Outcome)             {}
