package looptest

import "slices"

// minimise returns the schedule of a failure of the same kind as failing's, with the
// fewest deviations that could be found. First it looks through all schedules with no
// deviation, one, and two; most bugs need no more. Where that does not help, it leaves
// deviations out of the one that failed, and then looks again, as far as the budget goes.
func (x *explorer) minimise(failing *run) schedule {
	m := &minimiser{explorer: x, kind: failing.kind, best: x.scheduleOf(failing), budget: minimiserBudget}
	if m.search(0, 2) {
		return m.best
	}
	m.leaveOut()
	m.search(3, len(m.best.picks)-1)
	return m.best
}

type minimiser struct {
	*explorer
	kind   failureKind
	best   schedule
	budget int // in choice points
}

const (
	// searchBudget is how many schedules are looked through for each bound.
	searchBudget = 10_000
	// minimiserBudget is how many choice points are spent in all: a second or two.
	minimiserBudget = 3_000_000
	// runCost is what a run costs, in choice points, beside those that it makes.
	runCost = 50
)

// fails runs a schedule and, if it fails as it should, keeps it.
func (m *minimiser) fails(d decider) (r *run, failed bool) {
	r = m.one(d, nil)
	m.budget -= runCost + len(r.policy.choices)
	if !r.failed() || r.kind != m.kind {
		return r, false
	}
	m.best = m.scheduleOf(r)
	return r, true
}

// leaveOut leaves deviations out: half of them, quarters, ..., and one at a time.
func (m *minimiser) leaveOut() {
	for size := len(m.best.picks); size > 0; size /= 2 {
		for from := 0; from < len(m.best.picks) && m.budget > 0; {
			before := m.best
			fewer := slices.Delete(slices.Clone(before.picks), from, min(from+size, len(before.picks)))
			if _, failed := m.fails(&replayer{schedule: schedule{picks: fewer}}); !failed {
				from += size
			} else if len(m.best.picks) >= len(before.picks) { // picks that no longer fit count as others
				m.best = before
				from += size
			}
		}
	}
}

// search looks for a failure with so many deviations, or one more, and so on.
func (m *minimiser) search(from, to int) (found bool) {
	for bound := from; bound <= min(to, len(m.best.picks)); bound++ {
		s := systematic{bound: bound, limit: searchBudget}.plan(0, part{0, 1})
		for d := s.next(); d != nil && m.budget > 0; d = s.next() {
			r, failed := m.fails(d)
			if failed {
				return true
			}
			s.ran(d, r.policy.choices)
		}
	}
	return false
}
