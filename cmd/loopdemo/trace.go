package main

import (
	"fmt"
	"io"
	"time"

	"github.com/takt-go/takt/loop"
)

// trace returns an observer that writes one line per event to out: the seconds by
// the loop's clock, the task, and the event. Names are width characters long at
// most.
//
//	1.000000s  A     step
func trace(out io.Writer, width int) func(loop.Event) {
	return func(e loop.Event) {
		name, what := "-", e.Kind.String()
		if e.Task != nil {
			name = e.Task.Name()
		}
		if e.Kind == loop.TimerArmed {
			what += " for " + seconds(time.Duration(e.Timer.Deadline))
		}
		if e.On != nil {
			what += " on " + e.On.Explain().What
		}
		fmt.Fprintf(out, "%12s  %-*s  %s\n", seconds(e.At), width, name, what)
	}
}

// seconds formats a time since the start of the loop's clock.
func seconds(at time.Duration) string {
	return fmt.Sprintf("%.6fs", at.Seconds())
}
