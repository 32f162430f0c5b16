package looptest

import "slices"

// minimise returns a schedule that fails with the same kind as failing, with the fewest deviations
// that it finds. First it runs the schedules with no deviation, with one, and with two: most bugs
// need no more. If none of them fails, it leaves deviations out of the schedule that failed. Then it
// runs the schedules with three deviations and more, until the budget is spent.
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
	// searchBudget is how many schedules are run for each number of deviations.
	searchBudget = 10_000
	// minimiserBudget is how many choice points all runs may have together. They take a second
	// or two.
	minimiserBudget = 3_000_000
	// runCost is the fixed cost of a run, in choice points. It is added to the choice points that
	// the run makes.
	runCost = 50
)

// fails runs a schedule. If it fails with the wanted kind, fails keeps it as the best one.
func (m *minimiser) fails(d decider) (r *run, failed bool) {
	r = m.one(d, nil)
	m.budget -= runCost + len(r.policy.choices)
	if !r.failed() || r.kind != m.kind {
		return r, false
	}
	m.best = m.scheduleOf(r)
	return r, true
}

// leaveOut tries to leave out deviations: all of them, then halves, quarters, and so on, and in the
// end single ones.
func (m *minimiser) leaveOut() {
	for size := len(m.best.picks); size > 0; size /= 2 {
		for from := 0; from < len(m.best.picks) && m.budget > 0; {
			before := m.best
			fewer := slices.Delete(slices.Clone(before.picks), from, min(from+size, len(before.picks)))
			if _, failed := m.fails(&replayer{schedule: schedule{picks: fewer}}); !failed {
				from += size
			} else if len(m.best.picks) >= len(before.picks) { // nothing was left out
				m.best = before
				from += size
			}
		}
	}
}

// search looks for a failure with from deviations, then with one more, and so on, up to to.
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
