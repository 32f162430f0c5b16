package main

import (
	"fmt"
	"io"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/timer"
)

// trace returns an observer that writes one line per event to out: the seconds
// by clock, the task, and the event. Names are width characters long at most.
//
//	1.000000s  A     step
func trace(out io.Writer, clock timer.Clock, width int) func(loop.Event) {
	sleepers := make(map[timer.Key]*loop.Task) // by the timer that is to wake them
	return func(e loop.Event) {
		t, what := e.Task, e.Kind.String()
		switch e.Kind {
		case loop.TimerArmed:
			t = e.By
			sleepers[e.Timer] = t
			what += " for " + seconds(e.Timer.Deadline)
		case loop.TimerFired, loop.TimerCanceled:
			t = sleepers[e.Timer]
			delete(sleepers, e.Timer)
		case loop.TaskSuspended:
			if on, ok := e.On.(fmt.Stringer); ok {
				what += " on " + on.String()
			}
		}
		name := "-"
		if t != nil {
			name = t.Name()
		}
		fmt.Fprintf(out, "%12s  %-*s  %s\n", seconds(clock.Now()), width, name, what)
	}
}

// seconds formats an instant, given in nanoseconds.
func seconds(at int64) string {
	return fmt.Sprintf("%.6fs", time.Duration(at).Seconds())
}
