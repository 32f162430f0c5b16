package looptest

import (
	"context"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// Run runs body as the main task of a loop with a virtual clock, on the calling
// goroutine, and fails the test if body, or what it spawned,
//
//   - panics;
//   - waits for something that can no longer come (a deadlock), and says who awaits
//     what, and where each was spawned;
//   - leaves a task, an armed timer or a goroutine behind when it ends;
//   - fails with an error that nobody takes, or has a callback that panics.
//
// t.Fatal and t.Skip of the T that body is handed, and of the test's own t, work in
// every task; so do Cleanup, subtests and t.Parallel. The loop is in debug mode.
func Run(t testing.TB, body Body, opts ...Option) {
	t.Helper()
	c := configure(opts, 0)
	r := &run{body: body, test: t, eager: c.eager, debug: true, maxSteps: c.maxSteps}
	left := markGoroutines()
	defer func() {
		t.Helper()
		for _, text := range r.report {
			t.Error(text)
		}
		if text := left(); text != "" {
			t.Error(text)
		}
	}()
	r.execute()
}

// Clock returns the virtual clock of the loop that ctx belongs to, to look at and to
// advance by hand. It panics outside of this package's bodies.
func Clock(ctx context.Context) *timer.Virtual {
	c, ok := loop.FromContext(ctx).Clock().(*timer.Virtual)
	if !ok {
		panic("looptest: Clock of a loop whose clock is not virtual")
	}
	return c
}

// Elapse lets d pass: timers that come due on the way have fired when it returns, and
// everything that they made ready has run. It is task.Sleep, and Settle.
func Elapse(ctx context.Context, d time.Duration) error {
	if err := task.Sleep(ctx, d); err != nil {
		return err
	}
	return Settle(ctx)
}

// Settle waits until every other task is suspended, and nothing but time or the outside
// could wake it. Time does not pass meanwhile. Several tasks may settle at once; they
// are woken together. testing/synctest: Wait.
func Settle(ctx context.Context) error {
	_, err := settled(ctx).Await(ctx)
	return err
}
