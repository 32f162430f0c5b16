package looptest

import (
	"fmt"
	"strings"

	"github.com/takt-go/takt/loop"
)

// A limiter counts the steps of a run, and stops the run when there are too many.
type limiter struct {
	limit  int // a run with this number of steps counts as endless; each callback is a step; 0 for no limit
	count  int
	lately []string // the tasks of the last steps
	stop   func()   // stops the run at the end of the turn
}

// maxLately is how many of the last steps of an endless run the limiter keeps.
const maxLately = 60

// step counts a step of t, or a callback if t is nil.
func (m *limiter) step(t *loop.Task) {
	if m.count++; m.limit > 0 && m.count > m.limit-maxLately {
		m.note(t)
	}
}

// over reports whether the limit has been reached.
func (m *limiter) over() bool { return m.limit > 0 && m.count >= m.limit }

func (m *limiter) note(t *loop.Task) {
	switch {
	case m.count > m.limit:
		return
	case t == nil:
		m.lately = append(m.lately, "a callback")
	default:
		m.lately = append(m.lately, t.Name())
	}
	if m.count == m.limit {
		m.stop()
	}
}

// String describes an endless run: the number of steps, and the last steps by task.
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
	if most := 6; len(names) > most {
		names = append(names[:most-1], fmt.Sprintf("and %d more tasks", len(names)-most+1))
	}
	return fmt.Sprintf("the body has not ended after %s (see MaxSteps); the last %d steps were: %s",
		plural(m.limit, "step", "steps"), len(m.lately), strings.Join(names, ", "))
}
