package looptest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// minimise returns a schedule that fails as failing does, with the fewest deviations that it finds
// within the budget of time. It leaves out what is not needed: first large pieces, then single
// deviations; choices of the program before picks. Then it makes values smaller. It does the same from other schedules
// that fail, and keeps the best. In the end it runs all schedules with no deviation, with one, and so on, as far as
// that fits into the budget.
func (x *explorer) minimise(failing *run) schedule {
	m := &minimiser{explorer: x, failing: failing, best: failing.schedule(), began: time.Now()}
	m.shrink()
	m.restart()
	for bound := 0; bound < len(m.best.deviations) && m.fits(bound); bound++ {
		m.search(bound)
	}
	return m.best
}

// shrink leaves out deviations, and makes values smaller.
func (m *minimiser) shrink() {
	for before := -1; before != len(m.best.deviations); {
		before = len(m.best.deviations)
		m.leaveOut(func(d deviation) bool { return d.site != "" })
		m.leaveOut(func(d deviation) bool { return d.site == "" })
	}
	m.lower()
}

const (
	restartRuns = 4000 // how many runs restart has at most; their number does not depend on the machine, as the time does
	restartFrom = 3    // a schedule with fewer deviations is simple enough
)

// restart shrinks other schedules that fail, because each single deviation of a shrunk schedule may be needed, and
// another schedule may need far fewer. Half of the schedules that it tries are random ones, and half are like the best one
// so far: a failure may be too rare for random schedules.
func (m *minimiser) restart() {
	random := rand.New(rand.NewPCG(1, 2))
	search := Sample(1, restartRuns).Begin(Exploration{Points: m.failing.outcome().Points, MaxSteps: m.maxSteps, Factor: 1, Parts: 1})
	seeded := func(r *run) { r.seed = m.failing.seed }
	end := m.runs + restartRuns
	for like := false; m.runs < end && m.left() > 0 && len(m.best.deviations) >= restartFrom; like = !like {
		best := m.best
		var r *run
		if like {
			r = m.one(&detour{newReplayer(best.deviations), random}, seeded)
		} else {
			w := search.Next()
			r = m.one(w, seeded)
			search.Ran(w, r.outcome())
		}
		if !m.fails(r) {
			continue
		}
		if m.shrink(); !m.best.simplerThan(best) {
			m.best = best
		}
	}
}

type minimiser struct {
	*explorer
	failing *run
	best    schedule
	began   time.Time
	runs    int
}

// left returns how much of the budget is left.
func (m *minimiser) left() time.Duration { return m.minimiseFor - time.Since(m.began) }

// fails reports whether r fails as it should. Then its schedule is the best one.
func (m *minimiser) fails(r *run) bool {
	m.runs++
	if !r.failed() || !m.failing.failsAs(r) {
		return false
	}
	m.best = r.schedule()
	return true
}

// try runs the schedule with these deviations, and reports whether it is better: it fails as it should,
// and has fewer deviations, or as many with smaller values.
func (m *minimiser) try(deviations []deviation) bool {
	before := m.best
	if !m.fails(m.again(schedule{seed: m.failing.seed, deviations: deviations}, nil)) {
		return false
	}
	if m.best.simplerThan(before) {
		return true
	}
	m.best = before
	return false
}

// simplerThan reports whether s has fewer deviations than o, or as many with smaller values.
func (s schedule) simplerThan(o schedule) bool {
	now, was := s.deviations, o.deviations
	return cmp.Or(cmp.Compare(len(now), len(was)), cmp.Compare(sum(now), sum(was))) < 0
}

// sum returns the sum of the values.
func sum(deviations []deviation) (sum int) {
	for _, d := range deviations {
		sum += d.value
	}
	return sum
}

// leaveOut tries to leave out the deviations of a kind: all of them, then halves, quarters, and so on,
// and in the end single ones. It begins with the last ones.
func (m *minimiser) leaveOut(kind func(deviation) bool) {
	count := func() (n int) {
		for _, d := range m.best.deviations {
			if kind(d) {
				n++
			}
		}
		return n
	}
	for size := count(); size > 0; size /= 2 {
		for end := count(); end > 0 && m.left() > 0; {
			at := 0
			fewer := slices.DeleteFunc(slices.Clone(m.best.deviations), func(d deviation) bool {
				if !kind(d) {
					return false
				}
				at++
				return at > end-size && at <= end
			})
			m.try(fewer)
			end = min(end-size, count())
		}
	}
}

// lower tries smaller values for the choices of the program.
func (m *minimiser) lower() {
	for i := 0; i < len(m.best.deviations); i++ {
		if m.best.deviations[i].value > 1 && !m.lowerTo(i, 1) {
			for less := m.best.deviations[i].value / 2; less > 0; less /= 2 {
				for i < len(m.best.deviations) && m.lowerTo(i, m.best.deviations[i].value-less) {
				}
			}
		}
	}
}

// lowerTo tries a smaller value for choice i.
func (m *minimiser) lowerTo(i, value int) bool {
	if value < 1 || m.left() <= 0 {
		return false
	}
	deviations := slices.Clone(m.best.deviations)
	deviations[i].value = value
	return m.try(deviations)
}

// fits reports whether the runs of all schedules with this number of deviations take no longer than
// the budget. It assumes that they take as long as the runs so far, and have as many options as the failing run.
func (m *minimiser) fits(bound int) bool {
	schedules := 1.0 // as many as there are ways to take bound of the other options
	for i := range bound {
		schedules *= float64(m.failing.policy.others-int64(i)) / float64(i+1)
	}
	each := float64(time.Since(m.began)) / float64(max(1, m.runs))
	return each*schedules < float64(m.left())
}

// search looks for a failure with this number of deviations or fewer.
func (m *minimiser) search(bound int) {
	s := systematic{bound: bound}.Begin(Exploration{Parts: 1})
	for w := s.Next(); w != nil && m.left() > 0; w = s.Next() {
		r := m.one(w, func(r *run) { r.seed = m.failing.seed })
		if m.fails(r) {
			return
		}
		s.Ran(w, r.outcome())
	}
}
