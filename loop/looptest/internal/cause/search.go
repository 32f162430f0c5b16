package cause

import (
	"cmp"
	"math/bits"
	"slices"
)

const (
	maxRules       = 4 // of an explanation
	maxConstraints = 4 // of a rule

	precise = 0.99    // a rule is precise if this share of the runs in which it holds fail
	effort  = 2 << 20 // words of bitsets that one round of a search looks at, about

	// How often precision is squared in a score. With strict, a rule that is wrong in a twentieth of
	// its runs scores as high as one that is never wrong and covers half as many: a failure may have
	// two causes. With lenient, a search does not lose the beginning of a rule.
	lenient = 1
	strict  = 4
)

// A searcher looks for rules, one after the other.
type searcher struct {
	*table
	facts []fact // in the order of preference
	left  bitset // the failing runs in which no rule holds yet
	total int    // number of runs in left
	care  int    // lenient or strict: how a search rates what it goes on with
}

// A conjunction is a rule: all its facts hold.
type conjunction struct {
	facts  []int32 // indices, ascending
	set    bitset  // the runs in which it holds
	failed int     // number of failing runs in set
	passed int     // number of passing runs in set
	left   int     // number of runs in set that are left
	cost   float64 // the product of the costs of its facts
	hope   float64 // its score as the beginning of a rule
	worth  float64 // its score as a rule
}

// hopeful orders conjunctions in a search, the most promising first.
func hopeful(a, b *conjunction) int {
	return cmp.Or(cmp.Compare(b.hope, a.hope), cmp.Compare(len(a.facts), len(b.facts)), slices.Compare(a.facts, b.facts))
}

// better reports whether a is a better rule than b.
func better(a, b *conjunction) bool {
	return cmp.Or(cmp.Compare(b.worth, a.worth), cmp.Compare(len(a.facts), len(b.facts)), slices.Compare(a.facts, b.facts)) < 0
}

// rules returns the rules that together cover most of the failing runs.
func (s *searcher) rules() []*conjunction {
	var all []*conjunction
	s.left = slices.Clone(s.valid[:s.split])
	for s.total = s.left.count(); s.total > 0 && len(all) < maxRules; s.total = s.left.count() {
		c := s.rule()
		if c == nil || len(all) > 0 && !s.worthwhile(c) {
			break
		}
		all = append(all, c)
		s.left.minus(s.left, c.set)
	}
	return all
}

// worthwhile reports whether c is good enough for a rule after the first one.
func (s *searcher) worthwhile(c *conjunction) bool {
	return 10*c.failed >= 9*(c.failed+c.passed) && c.left >= max(2, s.failed/50)
}

// rule returns the best conjunction that it finds, or nil. First it looks for one that holds in all
// runs that are left: each of its facts does, and such facts are few.
func (s *searcher) rule() *conjunction {
	var some, all []int32
	for i := range s.facts {
		some = append(some, int32(i))
		if s.coversLeft(s.facts[i].set) {
			all = append(all, int32(i))
		}
	}
	s.care = lenient
	best := s.search(all)
	if best == nil || !best.precise() {
		for _, s.care = range []int{lenient, strict} {
			if c := s.search(some); c != nil && (best == nil || better(c, best)) {
				best = c
			}
		}
	}
	if best == nil {
		return nil
	}
	return s.drop(best)
}

func (s *searcher) coversLeft(set bitset) bool {
	for w, l := range s.left {
		if l&^set[w] != 0 {
			return false
		}
	}
	return true
}

func (c *conjunction) precise() bool {
	return float64(c.failed) >= precise*float64(c.failed+c.passed)
}

// search returns the best conjunction of candidates, or nil. In each round it adds one more candidate
// to the best conjunctions of the last round (a beam search).
func (s *searcher) search(candidates []int32) (best *conjunction) {
	width := min(32, max(2, effort/max(1, len(candidates)*s.words)))
	beam := []*conjunction{s.and(nil)}
	bound := s.rate(s.failed, 0, s.total, cheapest, strict)
	for range maxConstraints {
		var next []*conjunction
		for _, c := range beam {
			for _, f := range candidates {
				next = s.extend(next, c, f, width)
			}
		}
		for _, c := range next {
			if best == nil || better(c, best) {
				best = c
			}
		}
		if bound *= cheapest; best == nil || best.worth >= bound {
			break // one more fact cannot make it better
		}
		beam = next
	}
	return best
}

// rate returns a score of a conjunction: its precision, squared as often as care says, times the share
// that it covers of what is left, times its cost. Precision counts one wrong run more, so that a rule
// for very few runs scores low.
func (s *searcher) rate(failed, passed, left int, cost float64, care int) float64 {
	p := float64(failed) / float64(failed+passed+1)
	for range care {
		p *= p
	}
	return p * float64(left) / float64(s.total) * cost
}

// and returns the conjunction of these facts.
func (s *searcher) and(facts []int32) *conjunction {
	c := &conjunction{facts: facts, set: slices.Clone(s.valid), cost: 1}
	for _, f := range facts {
		for w := range c.set {
			c.set[w] &= s.facts[f].set[w]
		}
		c.cost *= s.facts[f].cost
	}
	for w, x := range c.set[:s.split] {
		c.failed += bits.OnesCount64(x)
		c.left += bits.OnesCount64(x & s.left[w])
	}
	c.passed = c.set[s.split:].count()
	c.hope = s.rate(c.failed, c.passed, c.left, c.cost, s.care)
	c.worth = s.rate(c.failed, c.passed, c.left, c.cost, strict)
	return c
}

// extend adds fact f to c, and inserts the result into beam, which holds the best width conjunctions.
// Of those that hold in the same runs, beam holds only the best.
func (s *searcher) extend(beam []*conjunction, c *conjunction, f int32, width int) []*conjunction {
	set, cost := s.facts[f].set, c.cost*s.facts[f].cost
	floor := 0.0
	if len(beam) == width {
		floor = beam[width-1].hope
	}
	failed, left, passed := 0, 0, 0
	for w, l := range s.left {
		x := c.set[w] & set[w]
		failed += bits.OnesCount64(x)
		left += bits.OnesCount64(x & l)
	}
	if left == 0 || s.rate(failed, 0, left, cost, s.care) < floor {
		return beam
	}
	for w := s.split; w < s.words; w++ {
		passed += bits.OnesCount64(c.set[w] & set[w])
	}
	if passed == c.passed || s.rate(failed, passed, left, cost, s.care) < floor {
		return beam
	}
	facts := append(slices.Clone(c.facts), f)
	slices.Sort(facts)
	d := s.and(facts)
	for at, e := range beam {
		if e.failed == d.failed && e.passed == d.passed && slices.Equal(e.set, d.set) {
			if hopeful(e, d) <= 0 {
				return beam
			}
			beam = slices.Delete(beam, at, at+1)
			break
		}
	}
	at, _ := slices.BinarySearchFunc(beam, d, hopeful)
	if at == width {
		return beam
	}
	return slices.Insert(beam[:min(len(beam), width-1)], at, d)
}

// drop drops the facts without which the rule holds in no more passing runs.
func (s *searcher) drop(c *conjunction) *conjunction {
	for i := len(c.facts) - 1; i >= 0; i-- {
		if d := s.and(slices.Delete(slices.Clone(c.facts), i, i+1)); d.passed <= c.passed {
			c = d
		}
	}
	return c
}
