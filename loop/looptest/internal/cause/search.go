package cause

import (
	"cmp"
	"math/bits"
	"slices"
)

// A searcher looks for the rule that tells most of the failing runs that are left from all passing
// runs.
type searcher struct {
	*table
	facts []fact // the preferred ones first
	left  bitset // the failing runs that no rule covers yet
}

// A conjunction is a rule while it is being built.
type conjunction struct {
	facts  []int32 // indices, ascending
	set    bitset  // the runs in which all facts hold
	failed int     // number of failing runs in set
	passed int     // number of passing runs in set
	left   int     // number of failing runs in set that were left
	cost   float64
	score  float64
}

// better orders conjunctions: a higher score, then fewer facts, then the preferred ones.
func better(a, b *conjunction) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(len(a.facts), len(b.facts)), slices.Compare(a.facts, b.facts))
}

const (
	precise = 0.99 // a rule is good if it is right in this share of the runs in which it holds
	effort  = 2 << 20
)

func (c *conjunction) precision() float64 { return float64(c.failed) / float64(c.failed+c.passed) }

// worthwhile reports whether c is good enough for a further rule.
func (s *searcher) worthwhile(c *conjunction) bool {
	return c.precision() >= 0.9 && c.left >= max(2, s.failed/50)
}

// rule returns the best conjunction that it finds. One that covers all of what is left comes first.
func (s *searcher) rule() *conjunction {
	total := s.left.count()
	best := s.search(s.candidates(true))
	if best == nil || best.precision() < precise {
		if c := s.search(s.candidates(false)); c != nil && (best == nil || s.preferred(c, best, total)) {
			best = c
		}
	}
	if best == nil {
		return &conjunction{}
	}
	return s.polish(best)
}

// candidates returns all facts, or those that hold in all runs that are left.
func (s *searcher) candidates(all bool) (some []int32) {
	for i := range s.facts {
		if f := &s.facts[i]; !all || s.holds(f.set) {
			some = append(some, int32(i))
		}
	}
	return some
}

// holds reports whether set has all failing runs that are left.
func (s *searcher) holds(set bitset) bool {
	for w, l := range s.left {
		if l&^set[w] != 0 {
			return false
		}
	}
	return true
}

// preferred reports whether c is a better rule than d: a precise one that covers a good part comes
// first.
func (s *searcher) preferred(c, d *conjunction, total int) bool {
	sure := func(c *conjunction) bool { return c.precision() >= precise && 4*c.left >= total }
	if sure(c) != sure(d) {
		return sure(c)
	}
	return better(c, d) < 0
}

// search is a beam search over conjunctions of candidates. It returns nil if nothing is found.
func (s *searcher) search(candidates []int32) *conjunction {
	total := s.left.count()
	width := min(32, max(2, effort/max(1, len(candidates)*s.words)))
	beam := []*conjunction{{set: s.valid}}
	s.measure(beam[0], total)
	var best *conjunction
	bound := 1.0
	for range maxConstraints {
		var next []*conjunction
		for _, c := range beam {
			next = s.extend(next, c, candidates, total, width)
		}
		beam = next
		if len(beam) == 0 {
			break
		}
		for _, c := range beam {
			if best == nil || s.preferred(c, best, total) {
				best = c
			}
		}
		if bound *= cheapest; best.score >= bound*cheapest {
			break // one more constraint cannot be better
		}
	}
	return best
}

func score(failed, passed, left, total int) float64 {
	p := float64(failed) / float64(max(1, failed+passed))
	return p * p * float64(left) / float64(total)
}

// measure counts the runs of c.
func (s *searcher) measure(c *conjunction, total int) {
	c.failed, c.passed, c.left = c.set[:s.split].count(), c.set[s.split:].count(), 0
	for w, l := range s.left {
		c.left += bits.OnesCount64(l & c.set[w])
	}
	c.score, c.cost = score(c.failed, c.passed, c.left, total), 1
	for _, f := range c.facts {
		c.cost *= s.facts[f].cost
	}
	c.score *= c.cost
}

// extend adds a candidate to c in every way, and keeps the best of the result and next.
func (s *searcher) extend(next []*conjunction, c *conjunction, candidates []int32, total, width int) []*conjunction {
	for _, f := range candidates {
		set := s.facts[f].set
		failed, left := 0, 0
		for w, l := range s.left {
			x := c.set[w] & set[w]
			failed += bits.OnesCount64(x)
			left += bits.OnesCount64(x & l)
		}
		full := len(next) == width
		if left == 0 || full && float64(left)/float64(total) < next[width-1].score {
			continue
		}
		passed := 0
		for w := s.split; w < s.words; w++ {
			passed += bits.OnesCount64(c.set[w] & set[w])
		}
		if passed == c.passed {
			continue
		}
		d := &conjunction{failed: failed, passed: passed, left: left, cost: c.cost * s.facts[f].cost}
		d.score = d.cost * score(failed, passed, left, total)
		if full && d.score < next[width-1].score {
			continue
		}
		d.facts = append(append(make([]int32, 0, len(c.facts)+1), c.facts...), f)
		slices.Sort(d.facts)
		at, found := slices.BinarySearchFunc(next, d, better)
		if found || full && at == width {
			continue
		}
		d.set = make(bitset, s.words)
		for w := range d.set {
			d.set[w] = c.set[w] & set[w]
		}
		if full {
			next = next[:width-1]
		}
		next = slices.Insert(next, at, d)
	}
	return next
}

// with returns the conjunction of these facts.
func (s *searcher) with(facts []int32) *conjunction {
	c := &conjunction{facts: slices.Sorted(slices.Values(facts)), set: slices.Clone(s.valid)}
	for _, f := range facts {
		for w := range c.set {
			c.set[w] &= s.facts[f].set[w]
		}
	}
	s.measure(c, s.left.count())
	return c
}

// polish drops the facts that are not needed, and takes preferred ones in place of others if the
// rule stays as good.
func (s *searcher) polish(c *conjunction) *conjunction {
	for i := len(c.facts) - 1; i >= 0; i-- {
		if d := s.with(slices.Delete(slices.Clone(c.facts), i, i+1)); len(d.facts) > 0 && d.passed <= c.passed {
			c = d
		}
	}
	for i := len(c.facts) - 1; i >= 0; i-- {
		rest := s.with(slices.Delete(slices.Clone(c.facts), i, i+1))
		for f := range c.facts[i] {
			if d := s.extend(nil, rest, []int32{f}, s.left.count(), 1); len(d) > 0 && d[0].passed <= c.passed && d[0].left >= c.left {
				c = d[0]
				break
			}
		}
	}
	return c
}
