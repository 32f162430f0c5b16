package looptest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// inAll runs body with Run and under schedules of every strategy, with both factories.
func inAll(t *testing.T, body looptest.Body) {
	t.Helper()
	looptest.Run(t, body)
	looptest.Run(t, body, looptest.Eager())
	for _, s := range []looptest.Strategy{looptest.Random(1, 200), looptest.PCT(1, 200, 3), looptest.DelayBounded(2)} {
		looptest.Explore(t, s, body, looptest.BothFactories())
	}
}

func TestSettle(t *testing.T) {
	inAll(t, func(ctx context.Context, t *looptest.T) {
		steps := 0
		worker := spawn(ctx, "worker", func(ctx context.Context) error {
			for range 5 {
				task.Yield(ctx)
				steps++
			}
			child := spawn(ctx, "child", func(ctx context.Context) error { task.Yield(ctx); steps++; return nil })
			must(t, child.Wait(ctx))
			return task.Sleep(ctx, time.Second)
		})
		must(t, looptest.Settle(ctx))
		if steps != 6 || worker.Done() || looptest.Clock(ctx).Now() != 0 {
			t.Errorf("%d steps, done %v, at %v", steps, worker.Done(), looptest.Clock(ctx).Now())
		}
		must(t, looptest.Settle(ctx)) // nothing to wait for
		must(t, worker.Wait(ctx))
	})
}

func TestSeveralSettle(t *testing.T) {
	inAll(t, func(ctx context.Context, t *looptest.T) {
		busy := 0
		settles := func(ctx context.Context) {
			busy++
			pauses(ctx, 3)
			busy--
			must(t, looptest.Settle(ctx))
			if busy != 0 {
				t.Errorf("%d are busy", busy)
			}
		}
		together(ctx, t, settles, settles, after(4, settles))
	})
}

func TestSettleIsCanceled(t *testing.T) {
	inAll(t, func(ctx context.Context, t *looptest.T) {
		settler := spawn(ctx, "settler", looptest.Settle)
		settler.Cancel(nil)
		if err := settler.Wait(ctx); !errors.Is(err, future.ErrCanceled) {
			t.Error(err)
		}
		must(t, looptest.Settle(ctx))
	})
}

func TestElapse(t *testing.T) {
	inAll(t, func(ctx context.Context, t *looptest.T) {
		clock := looptest.Clock(ctx)
		ticks := 0
		ticker := spawn(ctx, "ticker", func(ctx context.Context) error {
			for {
				if err := task.Sleep(ctx, time.Second); err != nil {
					return nil
				}
				ticks++
				pauses(ctx, 3)
			}
		})
		must(t, looptest.Settle(ctx))
		must(t, looptest.Elapse(ctx, 10*time.Second))
		if ticks != 10 || time.Duration(clock.Now()) != 10*time.Second {
			t.Errorf("%d ticks at %v", ticks, time.Duration(clock.Now()))
		}
		must(t, looptest.Elapse(ctx, 0))
		must(t, looptest.Elapse(ctx, 500*time.Millisecond))
		if ticks != 10 || time.Duration(clock.Now()) != 10500*time.Millisecond {
			t.Errorf("%d ticks at %v", ticks, time.Duration(clock.Now()))
		}
		ticker.Cancel(nil)
		_ = ticker.Wait(ctx)
	})
}

func TestElapseIsCanceled(t *testing.T) {
	inAll(t, func(ctx context.Context, t *looptest.T) {
		sleeper := spawn(ctx, "sleeper", func(ctx context.Context) error { return looptest.Elapse(ctx, time.Hour) })
		must(t, looptest.Settle(ctx))
		sleeper.Cancel(nil)
		if err := sleeper.Wait(ctx); !errors.Is(err, future.ErrCanceled) || looptest.Clock(ctx).Now() != 0 {
			t.Errorf("%v at %v", err, looptest.Clock(ctx).Now())
		}
	})
}

func TestClock(t *testing.T) {
	inAll(t, func(ctx context.Context, t *looptest.T) {
		clock := looptest.Clock(ctx)
		late := false
		l := lowlevel.LoopOf(ctx)
		l.CallLater(time.Minute, func() { late = true })
		clock.Advance(time.Minute)
		if late || l.Elapsed() != time.Minute {
			t.Errorf("late %v at %v", late, l.Elapsed())
		}
		must(t, looptest.Settle(ctx))
		if !late || l.Elapsed() != time.Minute {
			t.Errorf("late %v at %v", late, l.Elapsed())
		}
	})
	l := loop.New()
	defer l.Close()
	panics(t, "looptest: Clock of a loop whose clock is not virtual", func() { looptest.Clock(l.Context()) })
	panics(t, "belongs to no loop", func() { looptest.Clock(context.Background()) })
}

func TestSequencer(t *testing.T) {
	inAll(t, func(ctx context.Context, t *looptest.T) {
		var turn looptest.Sequencer
		var order []string
		steps := func(numbers ...int) part {
			return func(ctx context.Context) {
				for _, n := range numbers {
					must(t, turn.Step(ctx, n))
					order = append(order, fmt.Sprint(n))
				}
			}
		}
		together(ctx, t, steps(1, 4, 6), steps(0, 5), steps(2, 3))
		if want := []string{"0", "1", "2", "3", "4", "5", "6"}; !slices.Equal(order, want) {
			t.Errorf("the order is %v", order)
		}
	})
}

// The task with the next number goes on only after the task before it has suspended.
func TestSequencerWaitsForTheSuspension(t *testing.T) {
	inAll(t, func(ctx context.Context, t *looptest.T) {
		var turn looptest.Sequencer
		ready := false
		together(ctx, t, func(ctx context.Context) {
			must(t, turn.Step(ctx, 1))
			if !ready {
				t.Error("the task with step 0 has not suspended yet")
			}
		}, func(ctx context.Context) {
			must(t, turn.Step(ctx, 0))
			ready = true
			task.Yield(ctx)
		})
	})
}

func TestSequencerIsCanceled(t *testing.T) {
	inAll(t, func(ctx context.Context, t *looptest.T) {
		var turn looptest.Sequencer
		var order []int
		step := func(n int) func(ctx context.Context) error {
			return func(ctx context.Context) error {
				if err := turn.Step(ctx, n); err != nil {
					return err
				}
				order = append(order, n)
				return nil
			}
		}
		first := spawn(ctx, "first", step(1))
		must(t, looptest.Settle(ctx))
		first.Cancel(nil)
		if err := first.Wait(ctx); !errors.Is(err, future.ErrCanceled) {
			t.Error(err)
		}
		// The number can be used again. This time the task is canceled after it was woken.
		first = spawn(ctx, "again", step(1))
		must(t, looptest.Settle(ctx))
		must(t, step(0)(ctx))
		first.Cancel(nil)
		if err := first.Wait(ctx); !errors.Is(err, future.ErrCanceled) {
			t.Error(err)
		}
		must(t, step(1)(ctx))
		must(t, step(2)(ctx))
		if !slices.Equal(order, []int{0, 1, 2}) {
			t.Errorf("the order is %v", order)
		}
	})
}

func TestSequencerMisuse(t *testing.T) {
	inAll(t, func(ctx context.Context, t *looptest.T) {
		var turn looptest.Sequencer
		panics(t, "looptest: Step(-1) of a Sequencer; numbers begin with 0", func() { _ = turn.Step(ctx, -1) })
		must(t, turn.Step(ctx, 0))
		panics(t, "looptest: Step(0) of a Sequencer, but the next step is 1; use each number once", func() { _ = turn.Step(ctx, 0) })
		waits := spawn(ctx, "waits", func(ctx context.Context) error { return turn.Step(ctx, 2) })
		must(t, looptest.Settle(ctx))
		panics(t, "looptest: Step(2) of a Sequencer, but another task waits for this step; use each number once", func() { _ = turn.Step(ctx, 2) })
		must(t, turn.Step(ctx, 1))
		must(t, waits.Wait(ctx))
	})
	r := run(t, func(ctx context.Context, t *looptest.T) {
		var turn looptest.Sequencer
		_ = turn.Step(ctx, 1)
	})
	contains(t, r.report(), "looptest: deadlock", "main awaits step 1 of a sequencer (the next step is 0), at settle_test.go:")
	r = run(t, func(ctx context.Context, t *looptest.T) {
		done := spawn(ctx, "settler", looptest.Settle)
		together(ctx, t, func(ctx context.Context) { _ = done.Wait(ctx); _ = task.Sleep(ctx, task.NoLimit) })
	})
	contains(t, r.report(), "looptest: deadlock")
}
