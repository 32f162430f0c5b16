package task_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// awaits are ways to wait for an hour or more.
var awaits = map[string]func(ctx context.Context) error{
	"Sleep": func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) },
	"Await": func(ctx context.Context) error { _, err := future.New[int](ctx).Await(ctx); return err },
	"Gather": func(ctx context.Context) error {
		_, err := task.Gather(future.New[int](ctx)).Await(ctx)
		return err
	},
	"Recv":     func(ctx context.Context) error { _, _, err := task.Recv(ctx, make(chan int)); return err },
	"Blocking": func(ctx context.Context) error { _, err := task.Blocking(ctx, waitDone); return err },
}

func TestAwaitUnderADerivedContextThatIsCanceled(t *testing.T) {
	for name, await := range awaits {
		t.Run(name, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				l := lowlevel.LoopOf(ctx)
				derived, cancel := context.WithCancelCause(ctx)
				if name == "Blocking" { // time stands still during a blocking call
					l.CallSoon(func() { cancel(errCause) })
				} else {
					l.CallLater(time.Second, func() { cancel(errCause) })
				}
				testkit.Equal(t, "the error", await(derived), errCause)
				testkit.Equal(t, "the error of a second await, which returns at once", await(derived), errCause)
				testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 0)
				yields(t, ctx, 1) // the task can still suspend with its own context
			})
		})
	}
}

func TestAwaitUnderADerivedContextLeavesTheFutureAsItIs(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, gives(time.Minute, 1))
		derived, cancel := context.WithCancel(ctx)
		lowlevel.LoopOf(ctx).CallLater(time.Second, cancel)
		_, err := a.Await(derived)
		testkit.Equal(t, "the error", err, context.Canceled)
		testkit.Equal(t, "requests to cancel the task", a.CancelRequests(), 0)
		v, err := a.Await(ctx)
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
	})
}

// If the loop's own code ends the context in a turn, the loop notices that at the beginning of the
// next turn.
func TestAwaitUnderADerivedContextEndsInTheNextTurn(t *testing.T) {
	play(t, func(ctx context.Context) {
		derived, cancel := context.WithCancel(ctx)
		var turns func() int
		task.Go(ctx, func(ctx context.Context) (int, error) {
			turns = countTurns(ctx)
			cancel()
			return 0, nil
		})
		testkit.ErrorIs(t, task.Sleep(derived, time.Hour), context.Canceled)
		testkit.Equal(t, "turns that passed", turns(), 1)
	})
}

func TestAwaitUnderAStandardTimeLimit(t *testing.T) {
	for _, name := range []string{"Sleep", "Await", "Gather", "Recv", "Blocking"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				runReal(t, func(ctx context.Context) (int, error) {
					limited, cancel := context.WithTimeout(ctx, time.Second)
					defer cancel()
					testkit.Equal(t, "the error", awaits[name](limited), context.DeadlineExceeded)
					return 0, task.Yield(ctx)
				})
				testkit.Equal(t, "the time", time.Since(start), time.Second)
			})
		})
	}
}

func TestAwaitUnderAContextWithAValue(t *testing.T) {
	type key struct{}
	play(t, func(ctx context.Context) {
		valued := context.WithValue(ctx, key{}, "v")
		testkit.Equal(t, "the current task", task.Current(valued), task.Current(ctx))
		if err := task.Sleep(valued, time.Second); err != nil {
			t.Error(err)
		}
		v, err := task.Go(valued, func(ctx context.Context) (string, error) {
			return task.Go(ctx, func(ctx context.Context) (string, error) {
				return ctx.Value(key{}).(string), nil
			}).Await(ctx)
		}).Await(valued)
		testkit.Equal(t, "the value in the called function", v, "v")
		testkit.Equal(t, "the error", err, nil)
		testkit.Equal(t, "the value in the task itself", ctx.Value(key{}), nil)
	})
}

// A context with a value ends with the context around it.
func TestAwaitUnderAValueUnderACancel(t *testing.T) {
	type key struct{}
	play(t, func(ctx context.Context) {
		derived, cancel := context.WithCancelCause(ctx)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { cancel(errCause) })
		testkit.Equal(t, "the error", task.Sleep(context.WithValue(derived, key{}, 1), time.Hour), errCause)
	})
}

// The end of a derived context also ends awaits in scopes inside it.
func TestScopesUnderADerivedContext(t *testing.T) {
	play(t, func(ctx context.Context) {
		derived, cancel := context.WithCancelCause(ctx)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { cancel(errCause) })
		err := task.Timeout(derived, time.Hour, func(ctx context.Context, scope *task.Deadline) error {
			err := task.Sleep(ctx, 2*time.Hour)
			testkit.Equal(t, "expired", scope.Expired(), false)
			testkit.Equal(t, "the cause of the scope's context", context.Cause(ctx), errCause)
			return err
		})
		testkit.Equal(t, "the error", err, errCause)
		wantTime(t, ctx, time.Second)
	})
}

// When the limit of a scope expires, contexts that are derived inside the scope end.
func TestDerivedContextInATimeout(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			derived, cancel := context.WithCancel(ctx)
			defer cancel()
			err := task.Sleep(derived, time.Hour)
			testkit.ErrorIs(t, err, future.ErrCanceled)
			testkit.ErrorIs(t, derived.Err(), context.Canceled)
			return err
		})
		wantTimeout(t, ctx, err, time.Second)
		testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 0)
	})
}

func TestDerivedContextInAGroup(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			mustGoIn(t, g, fails(time.Second, errBoom))
			derived, cancel := context.WithCancel(ctx)
			defer cancel()
			err := task.Sleep(derived, time.Hour)
			testkit.ErrorIs(t, err, future.ErrCanceled)
			return err
		})
		wantGroupErrors(t, err, errBoom)
	})
}

// Canceling a task ends its context and the contexts that are derived from it. An await under a
// derived context returns the cancellation.
func TestTaskIsCanceledUnderADerivedContext(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			derived, cancel := context.WithCancel(ctx)
			defer cancel()
			err := task.Sleep(derived, time.Hour)
			testkit.ErrorIs(t, causeOf(t, err), errCause)
			testkit.ErrorIs(t, derived.Err(), context.Canceled)
			testkit.ErrorIs(t, causeOf(t, context.Cause(derived)), errCause)
			if err := task.Sleep(derived, time.Second); err == nil {
				t.Error("a task could sleep under a derived context that has ended")
			}
			if err := task.Sleep(ctx, time.Second); err != nil { // to clean up
				t.Error(err)
			}
			return 0, err
		})
		yields(t, ctx, 1)
		a.Cancel(errCause)
		_, err := a.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		wantTime(t, ctx, time.Second)
	})
}

// If the context ends and the task is canceled in one turn, the cancellation is not lost.
func TestTaskIsCanceledAsTheDerivedContextEnds(t *testing.T) {
	for _, first := range []string{"the context", "the request"} {
		t.Run(first, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				var end context.CancelFunc
				a := task.Go(ctx, func(ctx context.Context) (int, error) {
					derived, cancel := context.WithCancel(ctx)
					end = cancel
					if err := task.Sleep(derived, time.Hour); err == nil {
						t.Error("Sleep has returned nil, want an error")
					}
					// The sleep has delivered the cancellation, or this suspension does.
					_ = task.Yield(ctx)
					testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 1)
					return 1, task.Yield(ctx) // it is delivered only once
				})
				yields(t, ctx, 1)
				if first == "the context" {
					end()
					a.Cancel(errCause)
				} else {
					a.Cancel(errCause)
					end()
				}
				v, err := a.Await(ctx)
				testkit.Equal(t, "the value", v, 1)
				testkit.Equal(t, "the error", err, nil)
			})
		})
	}
}

// A request is delivered even under a context that has ended already.
func TestTaskIsCanceledUnderADerivedContextThatHasEnded(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			derived, cancel := context.WithCancel(ctx)
			cancel()
			task.Current(ctx).Cancel(errCause)
			err := task.Yield(derived)
			testkit.ErrorIs(t, causeOf(t, err), errCause)
			return 1, task.Yield(ctx)
		})
		_, err := a.Await(ctx)
		testkit.Equal(t, "the error", err, nil)
	})
}

func TestTaskSpawnedWithADerivedContext(t *testing.T) {
	play(t, func(ctx context.Context) {
		derived, cancel := context.WithCancelCause(ctx)
		var turns func() int
		a := task.Go(derived, func(ctx context.Context) (int, error) {
			if ctx.Err() != nil {
				t.Error("the context has ended before the task suspends")
			}
			_, err := hangs(ctx)
			testkit.Equal(t, "turns after the end", turns(), 1)
			testkit.ErrorIs(t, ctx.Err(), context.Canceled)
			testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 1)
			return 0, err
		})
		free := task.Go(ctx, gives(time.Second, 1))
		yields(t, ctx, 1)
		cancel(errCause)
		turns = countTurns(ctx)
		_, err := a.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		testkit.Equal(t, "canceled", a.Canceled(), true)
		v, _ := free.Await(ctx)
		testkit.Equal(t, "the value of a task that was made with the task's own context", v, 1)
	})
}

// The derived context cancels the task that was made with it. It does not cancel the tasks that
// this task makes.
func TestTaskSpawnedWithADerivedContextBoundsNoOthers(t *testing.T) {
	play(t, func(ctx context.Context) {
		derived, cancel := context.WithCancel(ctx)
		var grandchild *task.Task[int]
		child := task.Go(derived, func(ctx context.Context) (int, error) {
			grandchild = task.Go(ctx, gives(time.Second, 1))
			return hangs(ctx)
		})
		yields(t, ctx, 1)
		cancel()
		_, _ = child.Await(ctx)
		v, err := grandchild.Await(ctx)
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
	})
}

func TestTaskSpawnedWithAContextThatHasEnded(t *testing.T) {
	for _, f := range []loop.TaskFactory{factory.Lazy, factory.Eager} {
		play(t, func(ctx context.Context) {
			derived, cancel := context.WithCancelCause(ctx)
			cancel(errCause)
			ran := false
			a := task.Go(derived, func(ctx context.Context) (int, error) {
				ran = true
				return 0, task.Yield(ctx)
			})
			_, err := a.Await(ctx)
			testkit.ErrorIs(t, causeOf(t, err), errCause)
			testkit.Equal(t, "the body ran", ran, false)
		}, loop.WithTaskFactory(f))
	}
}

func TestTaskSpawnedWithAStandardTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runReal(t, func(ctx context.Context) (int, error) {
			limited, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			want, _ := limited.Deadline()
			a := task.Go(limited, func(ctx context.Context) (int, error) {
				got, ok := ctx.Deadline()
				testkit.Equal(t, "the context has a deadline", ok, true)
				testkit.Equal(t, "the deadline", got, want)
				return hangs(ctx)
			})
			_, err := a.Await(ctx)
			testkit.ErrorIs(t, causeOf(t, err), context.DeadlineExceeded)
			return 0, nil
		})
	})
}

func TestTaskContextEndsWhenItIsAskedToCancel(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			done := ctx.Done()
			if ctx.Err() != nil || context.Cause(ctx) != nil {
				t.Errorf("the context has ended before the cancellation: %v", context.Cause(ctx))
			}
			_, err := hangs(ctx)
			<-done
			testkit.Equal(t, "Err", ctx.Err(), context.Canceled)
			testkit.Equal(t, "the context's cause is the delivered cancellation", context.Cause(ctx).Error(), err.Error())
			task.Current(ctx).Uncancel()
			if renewed := task.Current(ctx).Context(); renewed.Err() != nil {
				t.Errorf("the task's context after Uncancel has the error %v, want none", renewed.Err())
			}
			return 0, task.Yield(ctx) // the old context can still be used to await
		})
		yields(t, ctx, 1)
		a.Cancel(errCause)
		_, err := a.Await(ctx)
		testkit.Equal(t, "the error", err, nil)
	})
}

func TestContextOfAnotherTaskPanics(t *testing.T) {
	play(t, func(ctx context.Context) {
		var other context.Context
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			other = ctx
			return 0, task.Yield(ctx)
		}, task.Named("a"))
		yields(t, ctx, 1)
		const want = `the context of task "a" was used where task "main" is running`
		never := func(context.Context) (int, error) { return 0, nil }
		testkit.Panics(t, want, func() { _ = task.Yield(other) })
		testkit.Panics(t, want, func() { _ = task.Sleep(other, time.Second) })
		testkit.Panics(t, want, func() { _, _ = a.Await(other) })
		testkit.Panics(t, want, func() { task.Current(other) })
		testkit.Panics(t, want, func() { _ = task.Timeout(other, 0, func(context.Context, *task.Deadline) error { return nil }) })
		testkit.Panics(t, want, func() { _ = task.WithGroup(other, func(context.Context, *task.Group) error { return nil }) })
		testkit.Panics(t, want, func() { _, _ = task.WaitFor(other, a, time.Second) })
		testkit.Panics(t, want, func() { _, _, _ = task.Wait(other, time.Second, task.AllCompleted, a) })
		testkit.Panics(t, want, func() { _, _ = task.Blocking(other, never) })
		testkit.Panics(t, want, func() { _, _, _ = task.Recv(other, make(chan int)) })
		_, _ = a.Await(ctx)
		testkit.Panics(t, `the context of task "a" was used after the task ended (task "main" is running)`, func() { _ = task.Yield(other) })
	})
}

// A standard time limit counts real time. If the clock is virtual, the loop reports that, once.
func TestRealTimeLimitUnderAVirtualClock(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		for range 2 {
			limited, cancel := context.WithTimeout(ctx, time.Hour)
			testkit.Equal(t, "the error", task.Sleep(limited, time.Second), nil)
			cancel()
		}
		testkit.Equal(t, "the error", task.Timeout(ctx, time.Hour, func(ctx context.Context, _ *task.Deadline) error {
			derived, cancel := context.WithCancel(ctx)
			defer cancel()
			return task.Sleep(derived, time.Second)
		}), nil)
	}, told.option())
	told.want(t, "a standard time limit does not follow the virtual clock: main: loop: the task awaits under a context of context.WithTimeout or WithDeadline, which counts real time, but the clock is virtual; use task.Timeout")
}
