package looptest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// Run runs body as the main task of a loop with a virtual clock, on the calling
// goroutine, and fails the test if body, or what it spawned,
//
//   - panics;
//   - waits for something that can no longer come (a deadlock);
//   - leaves a task, an armed timer or a goroutine behind when it ends;
//   - fails with an error that nobody takes, or has a callback that panics.
//
// The report names the tasks, what they await and where, and where each was spawned.
//
// Fatal, Skip, Cleanup and all else of the T that body is handed are those of t, and may
// be called in every task, on either one. Subtests may be run in a body, and a body in
// subtests, with t.Parallel too; the loop stands still while a subtest runs. The loop is
// in debug mode.
func Run(t testing.TB, body Body, opts ...Option) {
	mustBeGiven("Run", t, body)
	t.Helper()
	c := configure(opts, 0)
	outer, left := markGoroutines()
	r := &run{outer: outer, body: body, test: t, eager: c.eager, debug: true, maxSteps: c.maxSteps}
	tl := newTimeline(t, r)
	defer func() {
		t.Helper()
		if tl.rec != nil && (len(r.report) > 0 || t.Failed()) {
			t.Log(strings.TrimSpace(tl.write(t)))
		}
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
	c, ok := lowlevel.LoopOf(ctx).Clock().(*timer.Virtual)
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
