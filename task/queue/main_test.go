package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// On js the runtime has a goroutine of its own, which waits for events of JavaScript.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

var (
	errCause = errors.New("the cause")
	errEnded = errors.New("the context has ended")
)

// virtual makes a loop with a virtual clock, and closes it at the end of the test. The
// test fails if the loop reports a failure.
func virtual(t testing.TB, opts ...loop.Option) *loop.Loop {
	l := loop.New(append([]loop.Option{loop.WithClock(timer.NewVirtual()), loop.WithErrorHandler(func(f loop.Failure) {
		t.Errorf("%v: %v: %v", f.Kind, f.Task, f.Err)
	})}, opts...)...)
	t.Cleanup(l.Close)
	return l
}

// inDebugMode turns that on, for machines however slow.
var inDebugMode = loop.WithSlowStep(time.Hour)

// run runs body as the main task of a loop with a virtual clock.
func run(t *testing.T, body func(ctx context.Context)) {
	t.Helper()
	_, err := task.Run(t.Context(), func(ctx context.Context) (struct{}, error) {
		body(ctx)
		return struct{}{}, nil
	}, loop.WithClock(timer.NewVirtual()))
	if err != nil {
		t.Errorf("Run returned %v", err)
	}
}

// A failer is a test, of package testing or rapid.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

// A body is what most tasks here run: it has an error for its outcome.
type body func(ctx context.Context) error

// spawn makes a task of a body.
func spawn(ctx context.Context, name string, b body) *task.Task[struct{}] {
	return task.Go(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, b(ctx) }, task.Name(name))
}

// equal fails the test unless got is want.
func equal[T comparable](t failer, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n\t%v\nwant\n\t%v", what, got, want)
	}
}

// wantIs fails the test unless errors.Is(err, target).
func wantIs(t failer, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("the error is %v, want %v", err, target)
	}
}

// must fails the test if err is an error, and goes on.
func must(t failer, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("unexpected: %v", err)
	}
}

// panics calls fn, which must panic with a message that contains want.
func panics(t failer, want string, fn func()) {
	t.Helper()
	defer func() {
		t.Helper()
		value := recover()
		if value == nil {
			t.Errorf("no panic; want one with %q", want)
		} else if got := fmt.Sprint(value); !strings.Contains(got, want) {
			t.Errorf("the panic is %q, want %q in it", got, want)
		}
	}()
	fn()
}

// hangs is a body that only a cancellation ends.
func hangs(ctx context.Context) error { return task.Sleep(ctx, task.NoLimit) }

// yields suspends for n turns.
func yields(ctx context.Context, n int) error {
	for range n {
		if err := task.Yield(ctx); err != nil {
			return err
		}
	}
	return nil
}

// exits runs fn on a goroutine of its own, and reports whether a runtime.Goexit ended
// that.
func exits(fn func()) (byGoexit bool) {
	over := make(chan struct{})
	returned := false
	go func() {
		defer close(over)
		fn()
		returned = true
	}()
	<-over
	return !returned
}
