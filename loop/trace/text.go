package trace

import (
	"bufio"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/oneline"
	"github.com/takt-go/takt/timer"
)

const maxWidth = 1_000_000 // package fmt cannot make a wider column

// Text returns an observer that writes one line to w for each event, at once: the time on the loop's
// clock in seconds, the name of the task ("-" for none) in a column of width characters, and the
// event. It writes no line for the beginning of a turn. A name that is longer than width moves the
// rest of its line to the right. A name of more than 256 bytes is cut. Characters that are not
// printable are escaped, as in a Go string.
//
//	1.000000s  A     woken
//	1.000000s  main  suspended on task "A"
//	1.000000s  A     timer armed for 2.000000s
//
// Each line is one Write. The error of the Write is ignored, because an observer cannot return an error. Text
// panics if w is nil, and unless 0 <= width <= 1,000,000.
func Text(w io.Writer, width int) func(loop.Event) {
	mustWrite("Text", w)
	if width < 0 || width > maxWidth {
		panic(fmt.Sprintf("trace: Text with the width %d; give the column for names 0 to %d characters, such as 10", width, maxWidth))
	}
	return func(e loop.Event) {
		if e.Kind == loop.TurnBegan {
			return
		}
		name, on := "", ""
		if e.Task != nil {
			name = oneline.Cut(e.Task.Name())
		}
		if e.On != nil {
			what, _ := e.On.Explain()
			on = oneline.Cut(what)
		}
		_, _ = io.WriteString(w, line(e.At, width, name, e.Kind, e.Timer, on))
	}
}

// WriteText writes one line for each kept event, in the format of [Text]. The column for the task is
// as wide as the longest name. The text does not say how many events were dropped: see
// [Recorder.Dropped]. WriteText returns the error of w. It panics if w is nil.
func (r *Recorder) WriteText(w io.Writer) error {
	mustWrite("WriteText", w)
	events := r.Events()
	width := 0
	for _, e := range events {
		width = max(width, utf8.RuneCountInString(oneline.Of(e.Name)))
	}
	out := bufio.NewWriter(w)
	for _, e := range events {
		_, _ = out.WriteString(line(e.At, width, e.Name, e.Kind, e.Timer, e.On))
	}
	return out.Flush()
}

// mustWrite panics for a nil writer.
func mustWrite(what string, w io.Writer) {
	if w == nil {
		panic("trace: " + what + " to a nil writer; give it one, such as os.Stdout")
	}
}

// line formats an event as a line of text.
func line(at time.Duration, width int, name string, kind loop.EventKind, key timer.Key, on string) string {
	return fmt.Sprintf("%12s  %-*s  %s\n", seconds(at), width, label(name), what(kind, key, on))
}

// what describes an event.
func what(kind loop.EventKind, key timer.Key, on string) string {
	switch {
	case kind == loop.TimerArmed:
		return kind.String() + " for " + seconds(time.Duration(key.Deadline))
	case on != "":
		return kind.String() + " on " + oneline.Of(on)
	}
	return kind.String()
}

// label returns the name of a task as a line shows it.
func label(name string) string {
	if name == "" {
		return "-"
	}
	return oneline.Of(name)
}

// seconds formats a time since the start of the loop's clock.
func seconds(at time.Duration) string {
	return fmt.Sprintf("%.6fs", at.Seconds())
}
