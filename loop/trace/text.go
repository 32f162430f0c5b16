package trace

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/timer"
)

// Text returns an observer that writes a line to w as each event comes: the time by
// the loop's clock in seconds, the task ("-" for none) in a column of width
// characters, and what happened. Turns are left out. Longer names push the rest of the
// line to the right; of those beyond 256 bytes the beginning is written. What does not
// print is escaped, as in a Go string.
//
//	1.000000s  A     woken
//	1.000000s  main  suspended on task "A"
//	1.000000s  A     timer armed for 2.000000s
//
// Each line is one Write, whose error is ignored: an observer has nobody to tell.
func Text(w io.Writer, width int) func(loop.Event) {
	mustWrite("Text", w)
	return func(e loop.Event) {
		if e.Kind == loop.TurnBegan {
			return
		}
		name, on := "", ""
		if e.Task != nil {
			name = cut(e.Task.Name())
		}
		if e.On != nil {
			what, _ := e.On.Explain()
			on = cut(what)
		}
		_, _ = io.WriteString(w, line(e.At, width, name, e.Kind, e.Timer, on))
	}
}

// WriteText writes a line per event that was kept, in the form that [Text] has, with
// the column as wide as the longest name. What the recorder had no room for is left
// out, without a word: see [Recorder.Dropped].
func (r *Recorder) WriteText(w io.Writer) error {
	mustWrite("WriteText", w)
	events := r.Events()
	width := 0
	for _, e := range events {
		width = max(width, utf8.RuneCountInString(printable(e.Name)))
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
		panic("trace: " + what + " to a nil writer; use os.Stdout, say")
	}
}

// line is the one format of an event as text.
func line(at time.Duration, width int, name string, kind loop.EventKind, key timer.Key, on string) string {
	return fmt.Sprintf("%12s  %-*s  %s\n", seconds(at), width, label(name), what(kind, key, on))
}

// what says what happened.
func what(kind loop.EventKind, key timer.Key, on string) string {
	switch {
	case kind == loop.TimerArmed:
		return kind.String() + " for " + seconds(time.Duration(key.Deadline))
	case on != "":
		return kind.String() + " on " + printable(on)
	}
	return kind.String()
}

// label is a task's name as a line shows it.
func label(name string) string {
	if name == "" {
		return "-"
	}
	return printable(name)
}

// printable returns s with what does not print escaped, so that a line stays one, and
// what is no UTF-8.
func printable(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}

// seconds formats a time since the start of the loop's clock.
func seconds(at time.Duration) string {
	return fmt.Sprintf("%.6fs", at.Seconds())
}
