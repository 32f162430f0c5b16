package looptest

import (
	"context"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// Run runs body as the main task of a loop with a virtual clock, on the calling goroutine. It
// fails the test if
//
//   - body, another task, or a callback panics;
//   - all tasks wait for events that can no longer come (a deadlock);
//   - a task, an armed timer or a goroutine is left when body has ended;
//   - a task fails, and no other task takes its error;
//   - a property does not hold: see [T.Always] and [T.Eventually].
//
// The report names the tasks, what each one awaits and where, and where each one was spawned. If body has
// made a simulated world (package sim), the report also lists the faults, and what the nodes have logged around them.
//
// The methods of the T that body is given, such as Fatal, Skip and Cleanup, are those of t. Every
// task may call them, on the T or on t. A body may run subtests, and a subtest may run a body. In
// both cases the subtest may be parallel. The loop does nothing while a subtest runs. The loop is in debug mode.
//
// Run panics if t, body or an option is nil.
func Run(t testing.TB, body Body, opts ...Option) {
	mustBeGiven("Run", t, body)
	t.Helper()
	c := configure(opts, 0)
	outer, left := markGoroutines(t)
	r := &run{config: c, outer: outer, body: body, test: t, debug: true, seed: 1, policy: &recorder{by: fifo{}, alone: true}}
	world := &chronicle{}
	r.scene = world.add
	tl := newTimeline(t, r)
	defer func() {
		t.Helper()
		report := &report{failure: r.report}
		if shown := tl.rec != nil || !world.empty(); shown && (len(r.report) > 0 || t.Failed()) {
			report.world, report.timeline = world, tl.write(t)
		}
		if text := left(); text != "" {
			report.failure = append(report.failure, text)
		}
		switch {
		case len(report.failure) > 0:
			t.Error(report)
		case report.timeline != "" || !report.world.empty():
			t.Log(report)
		}
	}()
	r.execute()
}

// Clock returns the virtual clock of the loop of ctx. A test reads it, and can advance it itself.
// Clock panics if ctx belongs to no loop, or to a loop with another kind of clock.
func Clock(ctx context.Context) *timer.Virtual {
	c, ok := lowlevel.LoopOf(ctx).Clock().(*timer.Virtual)
	if !ok {
		panic("looptest: Clock of a loop whose clock is not virtual; call it in a body of Run, Explore or Replay")
	}
	return c
}

// Elapse lets the time d pass. When it returns, the timers that came due meanwhile have fired, and
// the tasks that they woke have run until they suspended. Elapse is [task.Sleep], then [Settle].
func Elapse(ctx context.Context, d time.Duration) error {
	if err := task.Sleep(ctx, d); err != nil {
		return err
	}
	return Settle(ctx)
}
