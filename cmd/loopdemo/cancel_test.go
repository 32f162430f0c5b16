package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// A ctrlC is a stdout that presses Ctrl-C when the program writes the line at.
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

// If Ctrl-C is pressed in the middle of a step, the loop notices it at the beginning of the
// next turn. Then every task has taken its first step.
func TestCancel(t *testing.T) {
	for _, test := range []struct {
		args, at string
		printed  int // the number of lines; at is one of them
		want     string
	}{
		{"", "Task A: Compute factorial(2), currently i=2...", 3, "cut off: A, B, C"},
		{"", "Task C: Compute factorial(4), currently i=2...", 3, "cut off: A, B, C"},
		{"", "Task A: factorial(2) = 2", 6, "cut off: B, C"},
		{"-step 0", "Task A: factorial(2) = 2", 6, "cut off: B, C"},
		{"-eager", "Task A: Compute factorial(2), currently i=2...", 3, "cut off: A, B, C"},
		{"A=1 B=3 C=0 D=4", "Task A: factorial(1) = 1", 4, "cut off: B, D"},
		{"-eager A=1 B=3 C=0 D=4", "Task C: factorial(0) = 1", 4, "cut off: B, D"},
		{"A=2", "Task A: factorial(2) = 2", 2, "no task was cut off"},
	} {
		ctx, cancel := context.WithCancelCause(context.Background())
		out := &ctrlC{at: test.at, cancel: cancel}
		var errs bytes.Buffer
		status := run(ctx, append(strings.Fields(test.args), "-virtual"), out, &errs)
		if want := "loopdemo: Ctrl-C was pressed; " + test.want + "\n"; status != exitCanceled || errs.String() != want {
			t.Errorf("%q: status %d, stderr %q; want %d, %q", test.args, status, errs.String(), exitCanceled, want)
		}
		if got := strings.Count(out.String(), "\n"); got != test.printed || !strings.Contains(out.String(), test.at+"\n") {
			t.Errorf("%q: want %d lines, got\n%s", test.args, test.printed, out.String())
		}
	}
}

// With the real clock Ctrl-C comes from another goroutine, while every task sleeps for an
// hour. The loop must wake at once.
func TestCancelWakesTheLoop(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	out := &ctrlC{at: "Task C: Compute factorial(4), currently i=2...", cancel: func(cause error) { go cancel(cause) }}
	var errs bytes.Buffer
	status := run(ctx, []string{"-step", "1h"}, out, &errs)
	if want := "loopdemo: Ctrl-C was pressed; cut off: A, B, C\n"; status != exitCanceled || errs.String() != want {
		t.Errorf("status %d, stderr %q; want %d, %q", status, errs.String(), exitCanceled, want)
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

// The trace shows how a cancellation goes from main to the tasks that sleep.
func TestTraceOfCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	var both ctrlC
	both.at, both.cancel = "Task B: Compute factorial(3), currently i=3...", cancel
	run(ctx, []string{"-virtual", "-trace", "A=2", "B=3", "C=2"}, &both, &both)
	_, got, _ := strings.Cut(both.String(), both.at+"\n")
	compare(t, got, strings.TrimPrefix(`
   1.000000s  B     timer armed for 2.000000s
   1.000000s  B     suspended
   1.000000s  C     step
Task C: factorial(2) = 2
   1.000000s  C     done
   1.000000s  main  cancel
   1.000000s  B     cancel
   1.000000s  B     woken
   1.000000s  B     timer canceled
   1.000000s  B     step
   1.000000s  B     done
   1.000000s  main  woken
   1.000000s  main  step
   1.000000s  main  done
loopdemo: Ctrl-C was pressed; cut off: B
`, "\n"))
}
