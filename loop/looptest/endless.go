package looptest

import (
	"fmt"
	"strings"

	"github.com/takt-go/takt/loop"
)

// A limiter observes a run, and ends it where it has gone on for too long.
type limiter struct {
	limit  int // steps of tasks and timers fired, at which the run is taken for endless
	count  int
	lately []string
	stop   func() // ends the run, at the end of the turn
}

// maxLately is how many of the last steps of an endless run are kept.
const maxLately = 60

func (m *limiter) observe(e loop.Event) {
	if e.Kind != loop.StepBegan && e.Kind != loop.TimerFired {
		return
	}
	if m.count++; m.count > m.limit-maxLately {
		m.note(e)
	}
}

// over reports whether the limit was reached.
func (m *limiter) over() bool { return m.count >= m.limit }

func (m *limiter) note(e loop.Event) {
	switch {
	case m.count > m.limit:
		return
	case e.Kind == loop.TimerFired:
		m.lately = append(m.lately, "a timer")
	default:
		m.lately = append(m.lately, e.Task.Name())
	}
	if m.count == m.limit {
		m.stop()
	}
}

// String says what the run has done, and last of all.
func (m *limiter) String() string {
	var names []string
	times := map[string]int{}
	for _, name := range m.lately {
		if times[name]++; times[name] == 1 {
			names = append(names, name)
		}
	}
	for at, name := range names {
		names[at] = fmt.Sprintf("%d × %s", times[name], name)
	}
	return fmt.Sprintf("the body has not ended after %s (see MaxSteps); the last %d were: %s",
		plural(m.limit, "step", "steps"), len(m.lately), strings.Join(names, ", "))
}
