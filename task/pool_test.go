package task_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// underWay counts the calls that run, and the largest number at the same time.
type underWay struct{ now, most atomic.Int32 }

func (u *underWay) call(of func(context.Context) (int, error)) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		defer u.now.Add(-1)
		for n := u.now.Add(1); ; {
			if most := u.most.Load(); n <= most || u.most.CompareAndSwap(most, n) {
				return of(ctx)
			}
		}
	}
}

// A semaphore of four around Blocking, with a time limit inside, lets forty calls run at the same
// time: each limit that expires releases a permit, while its call goes on. A pool keeps to four.
func TestPoolCountsCallsThatWereLeft(t *testing.T) {
	for _, opts := range [][]task.PoolOption{nil, {task.FinishCalls()}} {
		synctest.Test(t, func(t *testing.T) {
			var u underWay
			hour := u.call(func(context.Context) (int, error) { time.Sleep(time.Hour); return 1, nil })
			runReal(t, func(ctx context.Context) (int, error) {
				pool := task.NewPool(4, opts...)
				var all []*task.Task[int]
				for range 40 {
					all = append(all, task.Go(ctx, func(ctx context.Context) (int, error) {
						v, err := task.Within(ctx, time.Second, func(ctx context.Context) (int, error) {
							return task.BlockingIn(ctx, pool, hour)
						})
						if err != nil && !errors.Is(err, context.DeadlineExceeded) {
							t.Error(err)
						}
						return v, nil
					}))
				}
				vs, err := task.Gather(all...).Await(ctx)
				finished := 0
				for _, v := range vs {
					finished += v
				}
				testkit.Equal(t, "calls with a result", finished, 4*len(opts))
				return 0, err
			})
			testkit.Equal(t, "the most calls at the same time", u.most.Load(), 4)
		})
	}
}

// Tasks get places in the order in which they call. A new call does not overtake tasks that wait.
func TestPoolIsFirstInFirstOut(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		pool := task.NewPool(1)
		gates := map[string]chan struct{}{}
		call := func(name string) *task.Task[int] {
			gate := make(chan struct{})
			gates[name] = gate
			return task.Go(ctx, func(ctx context.Context) (int, error) {
				_, err := task.BlockingIn(ctx, pool, func(context.Context) (int, error) {
					<-gate
					return 0, nil
				})
				j.Add("%s: %v", name, errors.Is(err, future.ErrCanceled))
				return 0, err
			}, task.Named(name))
		}
		a, b, c := call("a"), call("b"), call("c")
		yields(t, ctx, 1)
		testkit.Equal(t, "the status of the second", b.Task().Status(), "awaits a place in a pool of 1")
		b.Cancel(nil)
		yields(t, ctx, 1)
		close(gates["a"])
		_ = a.Wait(ctx)
		d := call("d")
		yields(t, ctx, 2)
		testkit.Equal(t, "the status of the last", d.Task().Status(), "awaits a place in a pool of 1")
		close(gates["d"])
		close(gates["c"])
		_ = task.Collect(b, c, d).Wait(ctx)
		j.Want(t, "b: true", "a: false", "c: false", "d: false")
	})
}

// If a task gets a place, and is canceled in the same turn, the next task gets the place.
func TestPoolPlaceIsPassedOn(t *testing.T) {
	l := virtual(t)
	pool := task.NewPool(1)
	gate := make(chan struct{})
	call := func(fn func(context.Context) (int, error)) *task.Task[int] {
		return task.Go(l.Context(), func(ctx context.Context) (int, error) { return task.BlockingIn(ctx, pool, fn) })
	}
	one := func(context.Context) (int, error) { return 1, nil }
	var second *task.Task[int]
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		_, err := task.BlockingIn(ctx, pool, func(context.Context) (int, error) { <-gate; return 0, nil })
		second.Cancel(nil) // second has the place, but has not run yet
		return 0, err
	})
	second = call(one)
	third := call(one)
	l.RunUntilIdle()
	close(gate)
	testkit.NoError(t, l.Run())
	testkit.Equal(t, "the second is canceled", second.Canceled(), true)
	v, err := third.Result()
	testkit.Equal(t, "the value of the third", v, 1)
	testkit.Equal(t, "its error", err, nil)
}

// With FinishCalls, a cancellation ends fn's context at once, and BlockingIn still returns the
// result. The next suspension delivers the first request.
func TestPoolFinishesCalls(t *testing.T) {
	for name, requests := range map[string]int{"one request": 1, "two requests": 2} {
		t.Run(name, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				pool := task.NewPool(1, task.FinishCalls())
				ended, gate := make(chan error, 1), make(chan struct{})
				x := task.Go(ctx, func(ctx context.Context) (int, error) {
					v, err := task.BlockingIn(ctx, pool, func(ctx context.Context) (int, error) {
						<-ctx.Done()
						ended <- context.Cause(ctx)
						<-gate
						return 7, errBoom
					})
					testkit.Equal(t, "the value", v, 7)
					testkit.Equal(t, "the error", err, errBoom)
					testkit.Equal(t, "what the next suspension delivers", causeOf(t, task.Yield(ctx)), errCause)
					testkit.Equal(t, "what the one after it delivers", task.Yield(ctx), nil)
					return 1, nil
				})
				yields(t, ctx, 1)
				for n := range requests {
					x.Cancel([]error{errCause, errBoom}[n])
					yields(t, ctx, 2)
				}
				testkit.Equal(t, "the cause of the end of fn's context", causeOf(t, <-ended), errCause)
				testkit.Equal(t, "it is done", x.Done(), false)
				close(gate)
				v, err := x.Await(ctx)
				testkit.Equal(t, "the value of the task", v, 1)
				testkit.Equal(t, "its error", err, nil)
			})
		})
	}
}

// The same holds if a standard context ends.
func TestPoolFinishesCallsUnderADerivedContext(t *testing.T) {
	play(t, func(ctx context.Context) {
		derived, cancel := context.WithCancelCause(ctx)
		lowlevel.LoopOf(ctx).CallSoon(func() { cancel(errCause) })
		v, err := task.BlockingIn(derived, task.NewPool(1, task.FinishCalls()), func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 7, nil
		})
		testkit.Equal(t, "the value", v, 7)
		testkit.Equal(t, "the error", err, nil)
		testkit.Equal(t, "what the next suspension returns", task.Yield(derived), errCause)
	})
}

// If a standard context ends first, and then the task is canceled, the next suspension delivers the cancellation.
func TestPoolFinishesCallsAfterADerivedContext(t *testing.T) {
	play(t, func(ctx context.Context) {
		gate := make(chan struct{})
		x := task.Go(ctx, func(ctx context.Context) (int, error) {
			derived, end := context.WithCancelCause(ctx)
			lowlevel.LoopOf(ctx).CallSoon(func() { end(errBoom) })
			v, err := task.BlockingIn(derived, task.NewPool(1, task.FinishCalls()), func(context.Context) (int, error) { <-gate; return 7, nil })
			testkit.Equal(t, "the value", v, 7)
			testkit.Equal(t, "the error", err, nil)
			testkit.Equal(t, "what the next suspension delivers", causeOf(t, task.Yield(ctx)), errCause)
			return 0, nil
		})
		yields(t, ctx, 4)
		x.Cancel(errCause)
		yields(t, ctx, 2)
		close(gate)
		testkit.NoError(t, x.Wait(ctx))
	})
}

// With FinishCalls, too, the cancellation of a task that waits for a place takes effect at once.
func TestPoolThatFinishesCallsIsLeftWhileWaiting(t *testing.T) {
	play(t, func(ctx context.Context) {
		pool := task.NewPool(1, task.FinishCalls())
		gate := make(chan struct{})
		first := task.Go(ctx, func(ctx context.Context) (int, error) {
			return task.BlockingIn(ctx, pool, func(context.Context) (int, error) { <-gate; return 1, nil })
		})
		second := task.Go(ctx, func(ctx context.Context) (int, error) {
			return task.BlockingIn(ctx, pool, func(context.Context) (int, error) { t.Error("fn ran"); return 2, nil })
		})
		yields(t, ctx, 1)
		second.Cancel(nil)
		yields(t, ctx, 2)
		testkit.Equal(t, "the second is canceled", second.Canceled(), true)
		close(gate)
		testkit.NoError(t, first.Wait(ctx))
	})
}

// When the loop is closed, the task does not wait for its call. A place that becomes free then does
// no harm. (synctest reports a Close that hangs as a deadlock.)
func TestPoolOfALoopThatIsClosed(t *testing.T) {
	for _, opts := range [][]task.PoolOption{nil, {task.FinishCalls()}} {
		synctest.Test(t, func(t *testing.T) {
			var told failures
			l := virtual(t, told.option())
			pool := task.NewPool(1, opts...)
			var all []*task.Task[int]
			for range 3 {
				all = append(all, task.Go(l.Context(), func(ctx context.Context) (int, error) { return task.BlockingIn(ctx, pool, waitDone) }))
			}
			l.RunUntilIdle()
			l.Close()
			for _, x := range all {
				testkit.Equal(t, "the cause", causeOf(t, x.Err()), loop.ErrClosed)
			}
			told.want(t)
		})
	}
}

// A call that panics, or calls Goexit, gives its place back.
func TestPoolPlaceOfACallThatFails(t *testing.T) {
	play(t, func(ctx context.Context) {
		pool := task.NewPool(1)
		testkit.Panics(t, "boom", func() {
			_, _ = task.BlockingIn(ctx, pool, func(context.Context) (int, error) { panic(errBoom) })
		})
		_, err := task.BlockingIn(ctx, pool, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil })
		testkit.ErrorIs(t, err, loop.ErrGoexit)
		v, err := task.BlockingIn(ctx, pool, func(context.Context) (int, error) { return 7, nil })
		testkit.Equal(t, "the value", v, 7)
		testkit.Equal(t, "the error", err, nil)
	})
}

func TestPoolOfAnotherLoopPanics(t *testing.T) {
	pool := task.NewPool(1)
	call := func(ctx context.Context) {
		_, _ = task.BlockingIn(ctx, pool, func(context.Context) (int, error) { return 7, nil })
	}
	play(t, call)
	play(t, func(ctx context.Context) {
		testkit.Panics(t, "task: BlockingIn with a pool that tasks of another loop use", func() { call(ctx) })
	})
}

// Under a context that does not end with the task, fn is told of the cancellation all the same.
func TestPoolFinishesCallsUnderAContextThatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where a call that is not told is a deadlock
		play(t, func(ctx context.Context) {
			x := task.Go(ctx, func(ctx context.Context) (int, error) {
				return task.BlockingIn(context.WithoutCancel(ctx), task.NewPool(1, task.FinishCalls()), func(ctx context.Context) (int, error) {
					<-ctx.Done()
					testkit.Equal(t, "the cause of its end", causeOf(t, context.Cause(ctx)), errCause)
					return 7, nil
				})
			})
			yields(t, ctx, 1)
			x.Cancel(errCause)
			_, err := x.Await(ctx)
			testkit.Equal(t, "the cause", causeOf(t, err), errCause) // no suspension has delivered it
		})
	})
}
