package task_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// wantTimeout fails the test unless err is a TimeoutError of a limit at this time after the start of
// the clock.
func wantTimeout(t *testing.T, ctx context.Context, err error, at time.Duration) {
	t.Helper()
	e, ok := err.(*task.TimeoutError)
	if !ok {
		t.Errorf("the error is %T %v, want a *TimeoutError", err, err)
		return
	}
	testkit.Equal(t, "the limit that expired", e.When, start(ctx).Add(at))
}

// start returns the instant at which the loop's clock was started.
func start(ctx context.Context) time.Time { return lowlevel.LoopOf(ctx).Clock().Start() }

// sleeping makes the body of a scope, which sleeps for d.
func sleeping(d time.Duration) func(context.Context, *task.Deadline) error {
	return func(ctx context.Context, _ *task.Deadline) error { return task.Sleep(ctx, d) }
}

func TestTimeoutExpires(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.Timeout(ctx, time.Second, sleeping(time.Hour))
		wantTimeout(t, ctx, err, time.Second)
		wantTime(t, ctx, time.Second)
		testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 0)
		yields(t, ctx, 2)
	})
}

func TestTimeoutError(t *testing.T) {
	err := &task.TimeoutError{When: time.Date(2000, 1, 1, 1, 2, 3, 4_000_000, time.UTC)}
	wantText(t, err, "time limit expired at 2000-01-01 01:02:03.004 UTC")
	wantText(t, &task.TimeoutError{When: err.When, Limit: 1500 * time.Millisecond}, "time limit of 1.5s expired")
	testkit.ErrorIs(t, err, context.DeadlineExceeded)
	if errors.Is(err, future.ErrCanceled) || errors.Is(err, context.Canceled) {
		t.Error("the TimeoutError matches a cancellation")
	}
	var netErr interface{ Timeout() bool }
	if !errors.As(err, &netErr) || !netErr.Timeout() {
		t.Error("the method Timeout returns false")
	}
}

// The error says which of several limits has expired.
func TestTimeoutErrorSaysWhichLimit(t *testing.T) {
	play(t, func(ctx context.Context) {
		outer := func(d time.Duration, inner func(ctx context.Context) error) error {
			return task.Timeout(ctx, d, func(ctx context.Context, _ *task.Deadline) error { return inner(ctx) })
		}
		endless := future.New[int](ctx)
		wantText(t, outer(time.Hour, func(ctx context.Context) error {
			return task.Timeout(ctx, time.Minute, sleeping(2*time.Hour))
		}), "time limit of 1m0s expired")
		wantText(t, outer(time.Minute, func(ctx context.Context) error {
			return task.Timeout(ctx, time.Hour, sleeping(2*time.Hour))
		}), "time limit of 1m0s expired")
		wantText(t, outer(time.Hour, func(ctx context.Context) error {
			_, err := task.WaitFor(ctx, task.Shield(endless), time.Second)
			return err
		}), "time limit of 1s expired")
		wantText(t, outer(time.Hour, func(ctx context.Context) error {
			for _, err := range task.AsCompleted(ctx, 2*time.Second, endless) {
				return err
			}
			return nil
		}), "time limit of 2s expired")
		now := lowlevel.LoopOf(ctx).Now()
		wantText(t, outer(time.Hour, func(ctx context.Context) error {
			return task.TimeoutAt(ctx, now.Add(time.Second), sleeping(2*time.Hour))
		}), "time limit expired at 2000-01-01 00:02:04.000 UTC")
		wantText(t, outer(time.Hour, func(ctx context.Context) error {
			return task.Timeout(ctx, time.Second, func(ctx context.Context, scope *task.Deadline) error {
				if err := scope.Reschedule(now.Add(time.Minute)); err != nil {
					return err
				}
				return task.Sleep(ctx, 2*time.Hour)
			})
		}), "time limit expired at 2000-01-01 00:03:03.000 UTC")
	})
}

func TestTimeoutReturnsWhatTheBodyReturns(t *testing.T) {
	play(t, func(ctx context.Context) {
		testkit.Equal(t, "nil", task.Timeout(ctx, time.Second, sleeping(0)), nil)
		err := task.Timeout(ctx, time.Second, func(context.Context, *task.Deadline) error { return errBoom })
		testkit.Equal(t, "an error", err, errBoom)
		if err := task.Sleep(ctx, time.Hour); err != nil { // the limit does not cancel it
			t.Error(err)
		}
	})
}

func TestTimeoutThatExpiredReturnsAnotherErrorAsItIs(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			_ = task.Sleep(ctx, time.Hour)
			return errBoom
		})
		testkit.Equal(t, "the error", err, errBoom)
		testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 0)
	})
}

func TestTimeoutSwallowed(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, scope *task.Deadline) error {
			testkit.Equal(t, "expired before", scope.Expired(), false)
			testkit.ErrorIs(t, task.Sleep(ctx, time.Hour), future.ErrCanceled)
			testkit.Equal(t, "expired after", scope.Expired(), true)
			return task.Sleep(ctx, time.Second) // the limit cancels only once
		})
		testkit.Equal(t, "the error", err, nil)
		wantTime(t, ctx, 2*time.Second)
	})
}

func TestTimeoutOfNothing(t *testing.T) {
	for _, d := range []time.Duration{0, -time.Second} {
		play(t, func(ctx context.Context) {
			ran := false
			err := task.Timeout(ctx, d, func(ctx context.Context, _ *task.Deadline) error {
				ran = true
				return task.Yield(ctx)
			})
			testkit.Equal(t, "the body ran", ran, true)
			wantTimeout(t, ctx, err, d)

			err = task.Timeout(ctx, d, func(_ context.Context, scope *task.Deadline) error {
				testkit.Equal(t, "expired", scope.Expired(), false)
				return nil // the body has not suspended
			})
			testkit.Equal(t, "the error where the body does not suspend", err, nil)
			yields(t, ctx, 3)
		})
	}
}

func TestTimeoutNoLimit(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.Timeout(ctx, task.NoLimit, func(ctx context.Context, scope *task.Deadline) error {
			if when, ok := scope.When(); ok || !when.IsZero() {
				t.Errorf("the limit is %v, want none", when)
			}
			if _, ok := ctx.Deadline(); ok {
				t.Error("the context has a deadline")
			}
			return task.Sleep(ctx, 1000*time.Hour)
		})
		testkit.Equal(t, "the error", err, nil)
	})
}

// A limit beyond the end of the clock's range never expires.
func TestTimeoutBeyondTheEndOfTime(t *testing.T) {
	err := playToEnd(t, func(ctx context.Context) {
		if err := task.Sleep(ctx, time.Second); err != nil {
			t.Error(err)
		}
		err := task.Timeout(ctx, task.NoLimit-1, func(ctx context.Context, _ *task.Deadline) error {
			_, err := hangs(ctx)
			return err
		})
		testkit.ErrorIs(t, err, future.ErrCanceled)
	})
	var deadlock *loop.DeadlockError
	if !errors.As(err, &deadlock) {
		t.Errorf("Run: %v", err)
	}
}

func TestTimeoutWhen(t *testing.T) {
	play(t, func(ctx context.Context) {
		if err := task.Sleep(ctx, time.Second); err != nil {
			t.Error(err)
		}
		_ = task.Timeout(ctx, time.Minute, func(ctx context.Context, scope *task.Deadline) error {
			when, ok := scope.When()
			testkit.Equal(t, "the scope has a limit", ok, true)
			testkit.Equal(t, "the limit", when, start(ctx).Add(time.Minute+time.Second))
			deadline, ok := ctx.Deadline()
			testkit.Equal(t, "the context has a deadline", ok, true)
			testkit.Equal(t, "the context's deadline", deadline, when)
			return nil
		})
		if _, ok := ctx.Deadline(); ok {
			t.Error("the task's own context has a deadline")
		}
	})
}

func TestTimeoutAt(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.TimeoutAt(ctx, start(ctx).Add(2*time.Second), sleeping(time.Hour))
		wantTimeout(t, ctx, err, 2*time.Second)
		wantTime(t, ctx, 2*time.Second)

		past := start(ctx).Add(time.Second)
		wantTimeout(t, ctx, task.TimeoutAt(ctx, past, sleeping(time.Hour)), time.Second)
		wantTime(t, ctx, 2*time.Second)

		testkit.Equal(t, "the error without a limit", task.TimeoutAt(ctx, time.Time{}, sleeping(time.Hour)), nil)
	})
}

func TestTimeoutContext(t *testing.T) {
	play(t, func(ctx context.Context) {
		own := ctx.Done()
		var inner context.Context
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			inner = ctx
			if ctx.Err() != nil {
				t.Errorf("the context has ended before the expiry: %v", ctx.Err())
			}
			done := ctx.Done()
			err := task.Sleep(ctx, time.Hour)
			select {
			case <-done:
			default:
				t.Error("the limit has expired, but Done of the context is still open")
			}
			testkit.ErrorIs(t, ctx.Err(), context.Canceled)
			testkit.ErrorIs(t, context.Cause(ctx), future.ErrCanceled)
			var limit *task.TimeoutError
			if cause := causeOf(t, context.Cause(ctx)); !errors.As(cause, &limit) {
				t.Errorf("the cause of the context is %v", cause)
			}
			testkit.Equal(t, "the cause that the await returned", causeOf(t, err), error(limit))
			return err
		})
		wantTimeout(t, ctx, err, time.Second)
		select {
		case <-own:
			t.Error("the task's own context has ended")
		default:
		}
		if ctx.Err() != nil || context.Cause(ctx) != nil {
			t.Errorf("the task's own context has the cause %v, want none", context.Cause(ctx))
		}
		_ = inner
	})
}

func TestTimeoutContextEndsWithTheScope(t *testing.T) {
	play(t, func(ctx context.Context) {
		var derived context.Context
		var cancel context.CancelFunc
		_ = task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			derived, cancel = context.WithCancel(ctx)
			return nil
		})
		if derived.Err() == nil {
			t.Error("a context that was derived from the scope's context has not ended with the scope")
		}
		cancel()
	})
}

func TestTimeoutDoesNotLimitWhatTheBodySpawns(t *testing.T) {
	play(t, func(ctx context.Context) {
		var a *task.Task[int]
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			a = task.Go(ctx, func(ctx context.Context) (int, error) {
				if _, ok := ctx.Deadline(); ok {
					t.Error("the new task has a deadline")
				}
				return 1, task.Sleep(ctx, time.Minute)
			})
			_, err := hangs(ctx)
			return err
		})
		wantTimeout(t, ctx, err, time.Second)
		v, err := a.Await(ctx)
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
		wantTime(t, ctx, time.Minute)
	})
}

func TestTimeoutCancelsWhatItAwaits(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, hangs)
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			_, err := a.Await(ctx)
			return err
		})
		wantTimeout(t, ctx, err, time.Second)
		testkit.Equal(t, "a is canceled", a.Canceled(), true)
	})
}

func TestTimeoutReschedule(t *testing.T) {
	play(t, func(ctx context.Context) {
		at := func(d time.Duration) time.Time { return start(ctx).Add(d) }
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, scope *task.Deadline) error {
			if err := scope.Reschedule(at(3 * time.Second)); err != nil {
				t.Error(err)
			}
			when, _ := scope.When()
			testkit.Equal(t, "the limit", when, at(3*time.Second))
			deadline, _ := ctx.Deadline()
			testkit.Equal(t, "the deadline", deadline, when)
			return task.Sleep(ctx, time.Hour)
		})
		wantTimeout(t, ctx, err, 3*time.Second)
		wantTime(t, ctx, 3*time.Second)

		err = task.Timeout(ctx, time.Second, func(ctx context.Context, scope *task.Deadline) error {
			if err := scope.Reschedule(time.Time{}); err != nil {
				t.Error(err)
			}
			if _, ok := scope.When(); ok {
				t.Error("the scope has a limit after the limit was removed")
			}
			if _, ok := ctx.Deadline(); ok {
				t.Error("the context has a deadline after the limit was removed")
			}
			return task.Sleep(ctx, time.Hour)
		})
		testkit.Equal(t, "the error after the limit was removed", err, nil)

		err = task.Timeout(ctx, task.NoLimit, func(ctx context.Context, scope *task.Deadline) error {
			if err := scope.Reschedule(lowlevel.LoopOf(ctx).Now()); err != nil {
				t.Error(err)
			}
			testkit.Equal(t, "expired inside the call of Reschedule", scope.Expired(), false)
			return task.Yield(ctx)
		})
		wantTimeout(t, ctx, err, time.Hour+3*time.Second)
	})
}

func TestTimeoutRescheduleIsRefused(t *testing.T) {
	play(t, func(ctx context.Context) {
		var left *task.Deadline
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, scope *task.Deadline) error {
			left = scope
			err := task.Sleep(ctx, time.Hour)
			wantText(t, scope.Reschedule(start(ctx).Add(time.Hour)), "task: Reschedule of a time limit that has expired; move the limit before it expires")
			when, _ := scope.When()
			testkit.Equal(t, "the limit", when, start(ctx).Add(time.Second))
			return err
		})
		wantTimeout(t, ctx, err, time.Second)
		wantText(t, left.Reschedule(time.Time{}), "task: Reschedule of a time limit after its body has ended; call it while the body runs")

		_ = task.Timeout(ctx, time.Second, func(_ context.Context, scope *task.Deadline) error {
			left = scope
			return nil
		})
		wantText(t, left.Reschedule(time.Time{}), "task: Reschedule of a time limit after its body has ended; call it while the body runs")
		testkit.Equal(t, "expired", left.Expired(), false)
		if err := task.Sleep(ctx, time.Hour); err != nil {
			t.Error(err)
		}
	})
}

// A limit that is due in the present turn can still be moved.
func TestTimeoutRescheduleInTheNickOfTime(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.TimeoutAt(ctx, time.Time{}, func(ctx context.Context, scope *task.Deadline) error {
			var moved error
			lowlevel.LoopOf(ctx).CallLater(time.Second, func() {
				moved = scope.Reschedule(start(ctx).Add(2 * time.Second))
			})
			if err := scope.Reschedule(start(ctx).Add(time.Second)); err != nil {
				t.Error(err)
			}
			err := task.Sleep(ctx, time.Hour)
			testkit.Equal(t, "the error of Reschedule", moved, nil)
			return err
		})
		wantTimeout(t, ctx, err, 2*time.Second)
	})
}

func TestTimeoutNested(t *testing.T) {
	for _, c := range []struct {
		name         string
		outer, inner time.Duration
	}{
		{"the inner first", 2 * time.Second, time.Second},
		{"the outer first", time.Second, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				var innerErr error
				err := task.Timeout(ctx, c.outer, func(ctx context.Context, _ *task.Deadline) error {
					innerErr = task.Timeout(ctx, c.inner, func(ctx context.Context, _ *task.Deadline) error {
						deadline, _ := ctx.Deadline()
						testkit.Equal(t, "the innermost limit", deadline, start(ctx).Add(time.Second))
						return task.Sleep(ctx, time.Hour)
					})
					if c.inner < c.outer {
						wantTimeout(t, ctx, innerErr, c.inner)
						testkit.Equal(t, "the error of the outer context", ctx.Err(), nil)
						return task.Sleep(ctx, time.Millisecond)
					}
					return innerErr
				})
				if c.inner < c.outer {
					testkit.Equal(t, "the error of the outer Timeout", err, nil)
					return
				}
				testkit.ErrorIs(t, innerErr, future.ErrCanceled)
				wantTimeout(t, ctx, err, c.outer)
			})
		})
	}
}

// Each expiry belongs to one scope: after the inner limit has expired, the outer one still does.
func TestTimeoutNestedBothExpire(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.Timeout(ctx, 2*time.Second, func(ctx context.Context, _ *task.Deadline) error {
			wantTimeout(t, ctx, task.Timeout(ctx, time.Second, sleeping(time.Hour)), time.Second)
			return task.Sleep(ctx, time.Hour)
		})
		wantTimeout(t, ctx, err, 2*time.Second)
	})
}

func TestTimeoutEqualDeadlines(t *testing.T) {
	play(t, func(ctx context.Context) {
		when := start(ctx).Add(time.Second)
		var j looptest.Journal
		err := task.TimeoutAt(ctx, when, func(ctx context.Context, outer *task.Deadline) error {
			err := task.TimeoutAt(ctx, when, func(ctx context.Context, middle *task.Deadline) error {
				err := task.TimeoutAt(ctx, when, func(ctx context.Context, inner *task.Deadline) error {
					err := task.Sleep(ctx, time.Hour)
					j.Add("expired %v %v %v", outer.Expired(), middle.Expired(), inner.Expired())
					return err
				})
				j.Add("inner: a cancellation %v", loop.IsCanceled(err))
				return err
			})
			j.Add("middle: a cancellation %v", loop.IsCanceled(err))
			return err
		})
		j.Want(t, "expired true true true", "inner: a cancellation true", "middle: a cancellation true")
		wantTimeout(t, ctx, err, time.Second)
		testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 0)
	})
}

// The cancellation from outside and the expiry come at the same instant, in both orders.
func TestTimeoutAndCancellationInOneInstant(t *testing.T) {
	for _, first := range []string{"the cancellation", "the expiry"} {
		t.Run(first, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				l := lowlevel.LoopOf(ctx)
				var victim *task.Task[int]
				cancel := func() { victim.Cancel(errCause) }
				if first == "the cancellation" {
					l.CallLater(time.Second, cancel)
				}
				victim = task.Go(ctx, func(ctx context.Context) (int, error) {
					err := task.Timeout(ctx, time.Second, func(ctx context.Context, scope *task.Deadline) error {
						_, err := hangs(ctx)
						testkit.Equal(t, "expired", scope.Expired(), true)
						testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 2)
						return err
					})
					testkit.Equal(t, "cancel requests that are left", task.Current(ctx).CancelRequests(), 1)
					return 0, err
				})
				yields(t, ctx, 1)
				if first == "the expiry" {
					l.CallLater(time.Second, cancel)
				}
				if _, err := victim.Await(ctx); !loop.IsCanceled(err) {
					t.Errorf("the error is %v, want a cancellation", err)
				}
				testkit.Equal(t, "the task is canceled", victim.Canceled(), true)
			})
		})
	}
}

// The cancellation comes after the expiry, while the body cleans up.
func TestTimeoutAndCancellationBeforeTheScopeIsLeft(t *testing.T) {
	play(t, func(ctx context.Context) {
		victim := task.Go(ctx, func(ctx context.Context) (int, error) {
			return 0, task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
				_ = task.Sleep(ctx, time.Hour)
				return task.Sleep(ctx, time.Hour)
			})
		})
		lowlevel.LoopOf(ctx).CallLater(2*time.Second, func() { victim.Cancel(errCause) })
		_, err := victim.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		testkit.Equal(t, "the task is canceled", victim.Canceled(), true)
		wantTime(t, ctx, 2*time.Second)
	})
}

// A request that was made before the scope was entered does not count for the scope.
func TestTimeoutInATaskThatWasAskedBefore(t *testing.T) {
	play(t, func(ctx context.Context) {
		victim := task.Go(ctx, func(ctx context.Context) (int, error) {
			_, _ = hangs(ctx) // swallows the cancellation, and does not take the request back
			err := task.Timeout(ctx, time.Second, sleeping(time.Hour))
			wantTimeout(t, ctx, err, time.Second)
			testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 1)
			return 1, nil
		})
		yields(t, ctx, 1)
		victim.Cancel(nil)
		v, err := victim.Await(ctx)
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
	})
}

// With d <= 0, the earlier request and the limit's request come before the same suspension, and are
// delivered as one.
func TestTimeoutOfNothingSwallowsAnEarlierCancelToo(t *testing.T) {
	play(t, func(ctx context.Context) {
		victim := task.Go(ctx, func(ctx context.Context) (int, error) {
			task.Current(ctx).Cancel(errCause)
			err := task.Timeout(ctx, 0, func(ctx context.Context, _ *task.Deadline) error {
				_ = task.Yield(ctx)
				return nil
			})
			testkit.Equal(t, "the error of Timeout", err, nil)
			yields(t, ctx, 2)
			return 1, nil
		})
		v, err := victim.Await(ctx)
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
	})
}

func TestTimeoutPanicInTheBody(t *testing.T) {
	play(t, func(ctx context.Context) {
		testkit.Panics(t, "ouch", func() {
			_ = task.Timeout(ctx, time.Second, func(context.Context, *task.Deadline) error { panic("ouch") })
		})
		testkit.Panics(t, "late", func() {
			_ = task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
				_ = task.Sleep(ctx, time.Hour)
				panic("late")
			})
		})
		testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 0)
		if err := task.Sleep(ctx, time.Hour); err != nil { // the limits do not cancel it
			t.Error(err)
		}
	})
}

func TestTimeoutGoexitInTheBody(t *testing.T) {
	unwound := false
	testkit.Equal(t, "a Goexit ended the goroutine", testkit.Goexits(func() {
		_ = playToEnd(t, func(ctx context.Context) {
			_ = task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
				defer func() { unwound = true }()
				_ = task.Sleep(ctx, time.Hour)
				runtime.Goexit()
				return nil
			})
		})
	}), true)
	testkit.Equal(t, "the deferred call of the body ran", unwound, true)
}

func TestTimeoutPanics(t *testing.T) {
	l := virtual(t)
	never := func(context.Context, *task.Deadline) error {
		t.Error("the body ran")
		return nil
	}
	testkit.Panics(t, "belongs to no loop", func() { _ = task.Timeout(context.Background(), 1, never) })
	testkit.Panics(t, "outside every task", func() { _ = task.Timeout(l.Context(), 1, never) })
	testkit.Panics(t, "outside every task", func() { _ = task.TimeoutAt(l.Context(), l.Now(), never) })
	if _, armed := l.NextDeadline(); armed {
		t.Error("a timer is left")
	}
}

func TestWaitForWhatComesInTime(t *testing.T) {
	play(t, func(ctx context.Context) {
		v, err := task.WaitFor(ctx, task.Go(ctx, gives(time.Second, 1)), time.Minute)
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
		wantTime(t, ctx, time.Second)
		_, err = task.WaitFor(ctx, task.Go(ctx, fails(0, errBoom)), time.Minute)
		testkit.Equal(t, "the error", err, errBoom)
		if _, armed := lowlevel.LoopOf(ctx).NextDeadline(); armed {
			t.Error("a limit is still armed")
		}
	})
}

func TestWaitForPastTheLimit(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, hangs)
		_, err := task.WaitFor(ctx, a, time.Second)
		wantTimeout(t, ctx, err, time.Second)
		testkit.Equal(t, "the task was canceled", a.Canceled(), true)
		testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 0)

		f := future.New[int](ctx)
		_, err = task.WaitFor(ctx, f, time.Second)
		wantTimeout(t, ctx, err, 2*time.Second)
		testkit.Equal(t, "the future was canceled", f.Canceled(), true)
	})
}

// After the limit, WaitFor waits until the task has cleaned up.
func TestWaitForAwaitsWhatItHasCanceled(t *testing.T) {
	for _, limit := range []time.Duration{time.Second, 0} {
		play(t, func(ctx context.Context) {
			begin := func(body func(context.Context) (int, error)) *task.Task[int] {
				a := task.Go(ctx, body)
				yields(t, ctx, 1)
				return a
			}
			v, err := task.WaitFor(ctx, begin(stubborn(time.Minute, 5, nil)), limit)
			testkit.Equal(t, "the value of the canceled task", v, 5)
			testkit.Equal(t, "the error", err, nil)
			wantTime(t, ctx, limit+time.Minute)

			_, err = task.WaitFor(ctx, begin(stubborn(time.Minute, 0, errBoom)), limit)
			testkit.Equal(t, "the error of the canceled task", err, errBoom)
			testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 0)
		})
	}
}

func TestWaitForWithoutTime(t *testing.T) {
	for _, limit := range []time.Duration{0, -time.Second} {
		play(t, func(ctx context.Context) {
			done := future.New[int](ctx)
			_ = done.SetResult(3)
			turns := countTurns(ctx)
			v, err := task.WaitFor(ctx, done, limit)
			testkit.Equal(t, "the value of a future that is done", v, 3)
			testkit.Equal(t, "its error", err, nil)
			testkit.Equal(t, "turns that passed", turns(), 0)

			ran := false
			a := task.Go(ctx, func(context.Context) (int, error) {
				ran = true
				return 0, nil
			})
			_, err = task.WaitFor(ctx, a, limit)
			wantTimeout(t, ctx, err, 0)
			testkit.Equal(t, "the task was canceled", a.Canceled(), true)
			testkit.Equal(t, "the body ran", ran, false)

			failed := future.New[int](ctx)
			_ = failed.SetError(errBoom)
			_, err = task.WaitFor(ctx, failed, limit)
			testkit.Equal(t, "the error of a future that has failed", err, errBoom)
		})
	}
}

// Of a shared future only the wait ends, also without time.
func TestWaitForASharedFuture(t *testing.T) {
	for _, limit := range []time.Duration{-time.Second, 0, time.Second} {
		play(t, func(ctx context.Context) {
			f := future.NewShared[int](ctx)
			_, err := task.WaitFor(ctx, f, limit)
			wantTimeout(t, ctx, err, max(0, limit))
			testkit.Equal(t, "it is done", f.Done(), false)
		})
	}
}

func TestWaitForAnotherLoopsFutureWithoutTimePanics(t *testing.T) {
	foreign := virtual(t)
	done, pending := future.New[int](foreign.Context()), future.New[int](foreign.Context())
	_ = done.SetResult(1)
	play(t, func(ctx context.Context) {
		for _, f := range []*future.Future[int]{done, pending} {
			testkit.Panics(t, "belongs to another loop", func() {
				_, _ = task.WaitFor(ctx, f, 0)
			})
		}
	})
}

func TestWaitForNoLimit(t *testing.T) {
	play(t, func(ctx context.Context) {
		v, err := task.WaitFor(ctx, task.Go(ctx, gives(1000*time.Hour, 1)), task.NoLimit)
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
	})
}

func TestWaitForIsCanceled(t *testing.T) {
	for _, limit := range []time.Duration{task.NoLimit, time.Hour, 0} {
		play(t, func(ctx context.Context) {
			a := task.Go(ctx, stubborn(time.Second, 1, nil))
			yields(t, ctx, 1)
			waiter := task.Go(ctx, func(ctx context.Context) (int, error) { return task.WaitFor(ctx, a, limit) })
			yields(t, ctx, 1)
			waiter.Cancel(errCause)
			_, err := waiter.Await(ctx)
			if limit == 0 { // WaitFor has canceled a already, and waits for its end: this wait ends at once
				testkit.ErrorIs(t, causeOf(t, err), errCause)
				wantTime(t, ctx, 0)
			} else { // the cancellation goes on to a, and WaitFor returns the result of a
				testkit.Equal(t, "the error", err, nil)
				wantTime(t, ctx, time.Second)
			}
			testkit.Equal(t, "requests to cancel a", a.CancelRequests(), 1)
			_, _ = a.Await(ctx)
		})
	}
}

// If other code cancels the task, WaitFor returns the cancellation, and no TimeoutError.
func TestWaitForWhatSomebodyElseCancels(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, hangs)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { a.Cancel(errCause) })
		_, err := task.WaitFor(ctx, a, time.Minute)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		wantTime(t, ctx, time.Second)
	})
}

func TestWaitForUnderADerivedContextThatEnds(t *testing.T) {
	for _, limit := range []time.Duration{time.Hour, 0} {
		play(t, func(ctx context.Context) {
			a := task.Go(ctx, stubborn(time.Minute, 1, nil))
			yields(t, ctx, 1)
			derived, cancel := context.WithCancelCause(ctx)
			lowlevel.LoopOf(ctx).CallLater(time.Second, func() { cancel(errCause) })
			_, err := task.WaitFor(derived, a, limit)
			testkit.Equal(t, "the error", err, errCause)
			wantTime(t, ctx, time.Second)
			testkit.Equal(t, "the awaited task is done", a.Done(), false)
			a.Cancel(nil)
			_, _ = a.Await(ctx)
		})
	}
}

// A body may return the cancellation of another task. Timeout returns it unchanged, even if the
// running task was canceled from outside, too.
func TestTimeoutAndTheCancellationOfSomethingElse(t *testing.T) {
	play(t, func(ctx context.Context) {
		other := task.Go(ctx, hangs)
		victim := task.Go(ctx, func(ctx context.Context) (int, error) {
			return 0, task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
				_ = task.Sleep(ctx, time.Hour)
				_ = task.Sleep(ctx, time.Hour)
				return other.Wait(ctx)
			})
		})
		yields(t, ctx, 1)
		other.Cancel(errBoom)
		lowlevel.LoopOf(ctx).CallLater(2*time.Second, func() { victim.Cancel(errCause) })
		_, err := victim.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errBoom)
	})
}

// In debug mode, Reschedule on another goroutine panics and changes nothing.
func TestTimeoutRescheduleOnAnotherGoroutine(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, d *task.Deadline) error {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				testkit.Panics(t, "loop: Reschedule from another goroutine than the loop's", func() {
					_ = d.Reschedule(start(ctx).Add(time.Hour))
				})
			}()
			<-ended
			when, _ := d.When()
			testkit.Equal(t, "the limit", when, start(ctx).Add(time.Second))
			return task.Sleep(ctx, time.Minute)
		})
		wantTimeout(t, ctx, err, time.Second)
		wantTime(t, ctx, time.Second)
	}, loop.WithDebug())
}

// countsWaiters is a future that counts its waiters.
type countsWaiters struct {
	*future.Future[int]
	waiters int
}

func (c *countsWaiters) AddWaiter(w loop.Runnable) {
	c.waiters++
	c.Future.AddWaiter(w)
}

func (c *countsWaiters) RemoveWaiter(w loop.Runnable) bool {
	removed := c.Future.RemoveWaiter(w)
	if removed {
		c.waiters--
	}
	return removed
}

func (c *countsWaiters) Cancel(error) bool { return true } // accepts the request, and goes on

// A WaitFor that ends early leaves no waiter behind.
func TestWaitForThatIsGivenUpLeavesNoWaiter(t *testing.T) {
	for _, limit := range []time.Duration{time.Hour, 0} {
		play(t, func(ctx context.Context) {
			a := &countsWaiters{Future: future.New[int](ctx)}
			derived, cancel := context.WithCancelCause(ctx)
			lowlevel.LoopOf(ctx).CallLater(time.Second, func() { cancel(errCause) })
			_, err := task.WaitFor(derived, future.Awaitable[int](a), limit)
			testkit.Equal(t, "the error", err, errCause)
			testkit.Equal(t, "waiters that are left", a.waiters, 0)
		})
	}
}
