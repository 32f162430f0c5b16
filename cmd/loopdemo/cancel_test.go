package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// A ctrlC is a stdout that presses Ctrl-C when a line is written.
type ctrlC struct {
	bytes.Buffer
	at     string
	cancel context.CancelCauseFunc
}

var errPressed = errors.New("Ctrl-C was pressed")

func (w *ctrlC) Write(p []byte) (int, error) {
	if string(p) == w.at+"\n" {
		w.cancel(errPressed)
	}
	return w.Buffer.Write(p)
}

// The request comes from another goroutine, in some later turn. The clock is the
// real one and a step lasts an hour: whatever that turn is, the tasks that have
// steps to do are asleep, and no test waits for them.
func TestCancel(t *testing.T) {
	for _, test := range []struct {
		args, at string
		printed  int // lines, of which at is the first, the last, or in between
		want     string
	}{
		{"", "Task A: Compute factorial(2), currently i=2...", 3, "cut off: A, B, C"},
		{"", "Task C: Compute factorial(4), currently i=2...", 3, "cut off: A, B, C"},
		{"-eager", "Task A: Compute factorial(2), currently i=2...", 3, "cut off: A, B, C"},
		{"A=1 B=3 C=0 D=4", "Task A: factorial(1) = 1", 4, "cut off: B, D"},
		{"-eager A=1 B=3 C=0 D=4", "Task C: factorial(0) = 1", 4, "cut off: B, D"},
	} {
		ctx, cancel := context.WithCancelCause(context.Background())
		out := &ctrlC{at: test.at, cancel: cancel}
		var errs bytes.Buffer
		status := run(ctx, append(strings.Fields(test.args), "-step", "1h"), out, &errs)
		if want := "loopdemo: Ctrl-C was pressed; " + test.want + "\n"; status != exitCanceled || errs.String() != want {
			t.Errorf("%q: status %d, stderr %q; want %d, %q", test.args, status, errs.String(), exitCanceled, want)
		}
		if got := strings.Count(out.String(), "\n"); got != test.printed || !strings.Contains(out.String(), test.at+"\n") {
			t.Errorf("%q: want %d lines, got\n%s", test.args, test.printed, out.String())
		}
	}
}

func TestCanceledBeforeTheStart(t *testing.T) {
	for _, args := range [][]string{{}, {"-eager"}, {"-virtual"}} {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errPressed)
		var out, errs bytes.Buffer
		status := run(ctx, args, &out, &errs)
		want := "loopdemo: Ctrl-C was pressed; no task had begun\n"
		if status != exitCanceled || out.String() != "" || errs.String() != want {
			t.Errorf("%q: status %d, stdout %q, stderr %q", args, status, out.String(), errs.String())
		}
	}
}

// The trace shows how a cancellation goes from main down to those that sleep.
func TestTraceOfCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	out := &ctrlC{at: "Task B: Compute factorial(3), currently i=2...", cancel: cancel}
	var errs bytes.Buffer
	run(ctx, []string{"-trace", "-step", "1h", "A=2", "B=3"}, out, &errs)
	var events []string // since the request came, without the time
	for line := range strings.Lines(errs.String()) {
		fields := strings.Fields(line)
		if event := strings.Join(fields[1:], " "); len(events) > 0 || event == "- posted" {
			events = append(events, event)
		}
	}
	compare(t, strings.Join(events, "\n"), strings.TrimSpace(`
- posted
main cancel
A cancel
A woken
B cancel
B woken
A timer canceled
A step
A done
B timer canceled
B step
B done
main woken
main step
main done
Ctrl-C was pressed; cut off: A, B
`))
}
