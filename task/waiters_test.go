package task_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// canceled runs wait as a task, and cancels that task a second later.
func canceled(t *testing.T, ctx context.Context, wait func(context.Context) error) {
	t.Helper()
	a := task.Go(ctx, func(ctx context.Context) (int, error) { return 0, wait(ctx) })
	lowlevel.LoopOf(ctx).CallLater(time.Second, func() { a.Cancel(errCause) })
	testkit.ErrorIs(t, a.Wait(ctx), future.ErrCanceled)
}

// ends are the ways in which a wait for the future long can end before long is done.
var ends = map[string]func(t *testing.T, ctx context.Context, long *future.Future[int]){
	"Wait, limit": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		_, pending, err := task.Wait(ctx, time.Second, task.AllCompleted, long)
		testkit.Equal(t, "pending", len(pending), 1)
		testkit.Equal(t, "the error", err, nil)
	},
	"Wait, the first": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		_, _, err := task.Wait(ctx, task.NoLimit, task.FirstCompleted, []future.Any{long, task.Go(ctx, gives(0, 1))}...)
		testkit.Equal(t, "the error", err, nil)
	},
	"Wait, canceled": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		canceled(t, ctx, func(ctx context.Context) error {
			_, _, err := task.Wait(ctx, time.Hour, task.AllCompleted, long)
			return err
		})
	},
	"Wait, its context ends": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		ctx, cancel := context.WithCancelCause(ctx)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { cancel(errCause) })
		_, _, err := task.Wait(ctx, time.Hour, task.AllCompleted, long)
		testkit.ErrorIs(t, err, errCause)
	},
	"AsCompleted, limit": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		for _, err := range task.AsCompleted(ctx, time.Second, long) {
			wantTimeout(t, ctx, err, elapsed(ctx))
		}
	},
	"AsCompleted, limit inside a round": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		for _, err := range task.AsCompleted(ctx, time.Second, []future.Any{long, task.Go(ctx, gives(0, 1))}...) {
			testkit.Equal(t, "the error", err, nil)
			_ = task.Sleep(ctx, time.Minute)
			break
		}
	},
	"AsCompleted, left": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		for range task.AsCompleted(ctx, time.Hour, []future.Any{long, task.Go(ctx, gives(0, 1))}...) {
			break
		}
	},
	"AsCompleted, canceled": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		canceled(t, ctx, func(ctx context.Context) (err error) {
			for _, err = range task.AsCompleted(ctx, task.NoLimit, long) {
				continue
			}
			return err
		})
	},
	"AsCompleted, canceled under a limit, which passes": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		canceled(t, ctx, func(ctx context.Context) (err error) {
			for _, err = range task.AsCompleted(ctx, time.Hour, long) {
				continue
			}
			return err
		})
		_, armed := lowlevel.LoopOf(ctx).NextDeadline()
		testkit.Equal(t, "the limit is armed", armed, true)
		_ = task.Sleep(ctx, time.Hour)
	},
	"WaitFor, limit": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		_, err := task.WaitFor(ctx, task.Shield(long), time.Second)
		wantTimeout(t, ctx, err, elapsed(ctx))
	},
	"WaitFor, canceled": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		canceled(t, ctx, func(ctx context.Context) error {
			_, err := task.WaitFor(ctx, task.Shield(long), time.Hour)
			return err
		})
	},
	"WaitFor without time, canceled": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		slow := task.Go(ctx, func(ctx context.Context) (int, error) {
			_, err := task.Shield(long).Await(ctx)
			_ = task.Sleep(ctx, time.Minute) // to clean up
			return 0, err
		})
		yields(t, ctx, 1)
		canceled(t, ctx, func(ctx context.Context) error {
			_, err := task.WaitFor(ctx, slow, 0)
			return err
		})
		_ = slow.Wait(ctx)
	},
	"an await under a context that ends": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		ctx, cancel := context.WithCancelCause(ctx)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { cancel(errCause) })
		testkit.ErrorIs(t, long.Wait(ctx), errCause)
	},
	"a gather that has failed": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		_, err := task.Gather([]future.Awaitable[int]{long, task.Go(ctx, fails(0, errBoom)), long}...).Await(ctx)
		testkit.ErrorIs(t, err, errBoom)
	},
	"a gather of a future that has failed": func(t *testing.T, ctx context.Context, long *future.Future[int]) {
		bad := future.New[int](ctx)
		_ = bad.SetError(errBoom)
		_, err := task.Gather(long, bad).Await(ctx)
		testkit.ErrorIs(t, err, errBoom)
	},
}

// A wait that has ended leaves no waiter on its awaitable: completing the awaitable makes nothing
// ready. (A canceled shield leaves one waiter, which reports an error.)
func TestNoWaiterIsLeft(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				long := future.New[int](ctx)
				for range 3 {
					end(t, ctx, long)
				}
				yields(t, ctx, 3)
				ready := lowlevel.LoopOf(ctx).Stats().Ready
				_ = long.SetResult(1)
				left := lowlevel.LoopOf(ctx).Stats().Ready - ready
				most := 0
				if name[:4] == "Wait" && name[4] == 'F' {
					most = 1
				}
				if left > most {
					t.Errorf("%d waiters are left, want at most %d", left, most)
				}
			})
		})
	}
}

// If a Goexit ends a body while it waits, the body's waiters are removed, too.
func TestNoWaiterIsLeftByGoexit(t *testing.T) {
	for name, wait := range map[string]func(ctx context.Context, long *future.Future[int]){
		"await": func(ctx context.Context, long *future.Future[int]) { _ = long.Wait(ctx) },
		"Wait": func(ctx context.Context, long *future.Future[int]) {
			_, _, _ = task.Wait(ctx, time.Hour, task.AllCompleted, long)
		},
		"AsCompleted": func(ctx context.Context, long *future.Future[int]) {
			for range task.AsCompleted(ctx, time.Hour, long) {
				continue
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := virtual(t, loop.WithErrorHandler(func(loop.Failure) {}))
			long := future.New[int](l.Context())
			a := task.Go(l.Context(), func(ctx context.Context) (int, error) {
				wait(ctx, long)
				return 0, nil
			})
			l.CallSoon(func() { l.CallSoon(runtime.Goexit) }) // runs on the stack of the suspended body
			testkit.Goexits(l.RunUntilIdle)
			testkit.Equal(t, "the task is done", a.Done(), true)
			ready := l.Stats().Ready
			_ = long.SetResult(1)
			testkit.Equal(t, "waiters that are left", l.Stats().Ready-ready, 0)
			testkit.Equal(t, "timers that are left", l.Stats().Timers, 0)
		})
	}
}

// After a cancellation the limit of a range stays armed until all other awaitables are done, as in
// asyncio. This costs one waiter.
func TestAsCompletedsLimitOutlastsACancellation(t *testing.T) {
	play(t, func(ctx context.Context) {
		l := lowlevel.LoopOf(ctx)
		var rest []*future.Future[int]
		for range 10 {
			rest = append(rest, future.New[int](ctx))
		}
		canceled(t, ctx, func(ctx context.Context) (err error) {
			for _, err = range task.AsCompleted(ctx, time.Hour, rest...) {
				continue
			}
			return err
		})
		ready := l.Stats().Ready
		for _, at := range []int{3, 0, 1, 9, 2, 4, 5, 6, 7, 8} {
			_, armed := l.NextDeadline()
			testkit.Equal(t, "the limit is armed", armed, true)
			_ = rest[at].SetResult(1)
			if l.Stats().Ready > ready+1 {
				t.Errorf("future %d has more than one waiter", at)
			}
			yields(t, ctx, 2)
		}
		_, armed := l.NextDeadline()
		testkit.Equal(t, "the limit is armed when all futures are done", armed, false)
	})
}

// A gather of nothing is done and belongs to no loop. Every function that takes awaitables accepts
// it.
func TestFanInsOfNothing(t *testing.T) {
	play(t, func(ctx context.Context) {
		for name, make := range map[string]func() future.Any{
			"Gather":               func() future.Any { return task.Gather[*task.Task[int]]() },
			"Collect":              func() future.Any { return task.Collect[*task.Task[int]]() },
			"Shield":               func() future.Any { return task.Shield(task.Gather[*task.Task[int]]()) },
			"Untyped":              func() future.Any { return future.Untyped(task.Gather[*task.Task[int]]()) },
			"a gather of a gather": func() future.Any { return task.Gather(task.Gather[*task.Task[int]]()) },
		} {
			t.Run(name, func(t *testing.T) {
				l, turns := lowlevel.LoopOf(ctx), func() uint64 { return lowlevel.LoopOf(ctx).Stats().Turns }
				before := turns()
				done, _, err := task.Wait(ctx, time.Second, task.AllCompleted, make(), make())
				testkit.Equal(t, "Wait: the error", err, nil)
				testkit.Equal(t, "Wait: done", len(done), 2)
				for a, err := range task.AsCompleted(ctx, time.Second, make(), make()) {
					testkit.Equal(t, "AsCompleted: the error", err, nil)
					testkit.Equal(t, "AsCompleted: done", a.Done(), true)
				}
				testkit.Equal(t, "turns", turns()-before, 4) // as for any awaitables that are done
				_, armed := l.NextDeadline()
				testkit.Equal(t, "a limit is armed", armed, false)
				_, err = task.WaitFor(ctx, future.Untyped(make()), 0)
				testkit.Equal(t, "WaitFor without time", err, nil)
				_, err = task.WaitFor(ctx, future.Untyped(make()), time.Second)
				testkit.Equal(t, "WaitFor", err, nil)
				v, err := task.Gather(future.Untyped(make()), future.Untyped(make())).Await(ctx)
				testkit.Equal(t, "Gather of two: results", len(v), 2)
				testkit.Equal(t, "Gather of two: the error", err, nil)
				called := 0
				c := make().OnDone(func() { called++ })
				testkit.Equal(t, "OnDone: calls", called, 1)
				testkit.Equal(t, "OnDone: removed", c.Remove(), false)
				testkit.Equal(t, "Cancel", make().Cancel(nil), false)
				testkit.Equal(t, "the error", make().Wait(ctx), nil)
				_, on := make().Explain()
				testkit.Equal(t, "the number of awaitables that it waits for", len(on), 0)
			})
		}
	})
}
