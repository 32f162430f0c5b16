package looptest

import "slices"

// minimise returns the schedule of a failure of the same kind as failing's, with the
// fewest deviations that could be found: first it leaves deviations out of the one that
// failed, then it looks for a failure among all schedules with fewer, as far as the
// budget goes.
func (x *explorer) minimise(failing *run) schedule {
	best := deviations(failing.policy.choices)
	length := len(failing.policy.choices)
	try := func(picks []deviation) bool {
		r := x.one(&replayer{schedule: schedule{picks: picks}}, nil)
		if !r.failed() || r.kind != failing.kind {
			return false
		}
		found := deviations(r.policy.choices)
		if len(found) > len(best) {
			return false
		}
		best, length = found, len(r.policy.choices)
		return true
	}
	for size := len(best); size > 0; size /= 2 {
		for from := 0; from < len(best); {
			if !try(slices.Delete(slices.Clone(best), from, min(from+size, len(best)))) {
				from += size
			}
		}
	}
	for bound := 0; bound < len(best); bound++ {
		if found, n, ok := x.search(bound, failing.kind); ok {
			best, length = found, n
			break
		}
	}
	return schedule{eager: x.eager, timePasses: x.passing, length: length, picks: best}
}

// searchBudget is how many schedules the minimiser looks through for each bound.
const searchBudget = 2000

// search looks for a failure with no more than bound deviations.
func (x *explorer) search(bound int, kind failureKind) (picks []deviation, length int, ok bool) {
	s := systematic{bound: bound, limit: searchBudget}.plan(sample{}, part{0, 1})
	for d := s.next(); d != nil; d = s.next() {
		r := x.one(d, nil)
		if r.failed() && r.kind == kind {
			return deviations(r.policy.choices), len(r.policy.choices), true
		}
		s.ran(d, r.policy.choices)
	}
	return nil, 0, false
}
