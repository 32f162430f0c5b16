package loop_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/task"
)

func TestMain(m *testing.M) { testkit.Main(m) }

type none = struct{}

// newLoop makes a loop with a virtual clock that the end of the test closes. A
// failure that nobody expects fails the test; errors of tasks are each test's own
// business, and how long a step takes is the machine's.
func newLoop(t *testing.T, opts ...loop.Option) *loop.Loop {
	t.Helper()
	l := loop.New(append([]loop.Option{
		loop.WithVirtualTime(),
		loop.WithErrorHandler(func(f loop.Failure) {
			if f.Kind != loop.ErrorUnretrieved && f.Kind != loop.SlowStep {
				t.Errorf("unexpected failure: %v: %v", f.Kind, f.Err)
			}
		}),
	}, opts...)...)
	t.Cleanup(l.Close)
	return l
}

// toldTo makes an error handler that keeps what it is told.
func toldTo(failures *[]loop.Failure) loop.Option {
	return loop.WithErrorHandler(func(f loop.Failure) { *failures = append(*failures, f) })
}

// run drives l until nothing is left, which must not be a deadlock.
func run(t *testing.T, l *loop.Loop) {
	t.Helper()
	if err := l.Run(); err != nil {
		t.Fatalf("Run: %v", err)
	}
}

// spawn makes a stackful task without a result.
func spawn(ctx context.Context, name string, body func(context.Context) error) *task.Task[none] {
	return task.Go(ctx, func(ctx context.Context) (none, error) { return none{}, body(ctx) }, task.Named(name))
}

// step is one call of a machine.
type step func(ctx context.Context, err error) (task.Suspension, error)

// script makes a stackless task that takes one step after another and ends when
// there is none left.
func script(ctx context.Context, name string, steps ...step) *task.Task[none] {
	at := 0
	return task.GoMachine(ctx, task.MachineFunc[none](func(ctx context.Context, err error) (none, task.Suspension, error) {
		if at == len(steps) {
			return none{}, task.End(), err
		}
		at++
		s, err := steps[at-1](ctx, err)
		return none{}, s, err
	}), task.Named(name))
}

// panicOf returns what fn panics with, as text; "" if it does not.
func panicOf(fn func()) (text string) {
	defer func() {
		if value := recover(); value != nil {
			text = fmt.Sprint(value)
		}
	}()
	fn()
	return ""
}

// mustPanic checks that fn panics with a text that contains want.
func mustPanic(t *testing.T, want string, fn func()) {
	t.Helper()
	switch text := panicOf(fn); {
	case text == "":
		t.Errorf("no panic; want one with %q", want)
	case !strings.Contains(text, want):
		t.Errorf("panic %q; want one with %q", text, want)
	}
}

// inGoroutine runs fn in a goroutine, waits for the end of that, and reports
// whether fn returned: false says that a Goexit ended it.
func inGoroutine(fn func()) (returned bool) {
	ended := make(chan none)
	go func() {
		defer close(ended)
		fn()
		returned = true
	}()
	<-ended
	return returned
}

// belongs reports whether ctx belongs to a loop.
func belongs(ctx context.Context) bool {
	_, ok := loop.FromContext(ctx)
	return ok
}
