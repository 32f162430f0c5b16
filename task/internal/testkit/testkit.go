// Package testkit helps the tests of package task and of the packages below it. It makes loops and
// tasks, has checks, and runs random programs for tests that compare with a model. Only tests import
// it.
package testkit

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// Main runs the tests of a package, and fails if goroutines are left at the end. TestMain calls it.
//
// Main ignores two goroutines of the standard library: on js, the goroutine that waits for events of
// JavaScript; and on wasip1, the goroutine that waits for signals, which goleak does not recognize
// there.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("runtime.handleEvent"), goleak.IgnoreAnyFunction("os/signal.loop"))
}

// NewLoop makes a loop with a virtual clock, and closes it at the end of the test. The test fails if
// the loop reports a failure. opts come last, so they can change all of this.
func NewLoop(t testing.TB, opts ...loop.Option) *loop.Loop {
	l := loop.New(append([]loop.Option{loop.WithVirtualTime(), loop.WithErrorHandler(func(f loop.Failure) {
		t.Errorf("%v: %v: %v", f.Kind, f.Task, f.Err)
	})}, opts...)...)
	t.Cleanup(l.Close)
	return l
}

// DebugMode turns debug mode on. It allows steps of up to an hour, since the machine may be slow.
var DebugMode = loop.WithSlowStep(time.Hour)

// A Body is the body of most tasks in tests. It returns only an error.
type Body = func(ctx context.Context) error

// Run runs body as the main task of a loop with a virtual clock.
func Run(t testing.TB, body func(ctx context.Context)) {
	t.Helper()
	_, err := task.Run(t.Context(), func(ctx context.Context) (struct{}, error) {
		body(ctx)
		return struct{}{}, nil
	}, loop.WithVirtualTime())
	NoError(t, err)
}

// Spawn makes a task that runs body.
func Spawn(ctx context.Context, name string, body Body) *task.Task[struct{}] {
	return task.Go(ctx, task.Void(body), task.Named(name))
}

// SleepForever is a body that only a cancellation ends.
func SleepForever(ctx context.Context) error { return task.Sleep(ctx, task.NoLimit) }

// Yield suspends for n turns.
func Yield(ctx context.Context, n int) error {
	for range n {
		if err := task.Yield(ctx); err != nil {
			return err
		}
	}
	return nil
}
