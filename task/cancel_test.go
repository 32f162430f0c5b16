package task_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// After a request to cancel, a body may return the Err of its context in place of the error of its
// await. Both let the request through.
func TestBodyReturnsTheErrOfItsContext(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("wrapped: %w", err) }
	for _, c := range []struct {
		name     string
		body     func(ctx context.Context) error
		canceled bool
	}{
		{"ctx.Err", func(ctx context.Context) error {
			_ = task.Sleep(ctx, time.Hour)
			return ctx.Err()
		}, true},
		{"wrapped", func(ctx context.Context) error {
			_ = task.Sleep(ctx, time.Hour)
			return wrap(wrap(ctx.Err()))
		}, true},
		{"of a derived context", func(ctx context.Context) error {
			std, cancel := context.WithCancel(ctx)
			defer cancel()
			_ = task.Sleep(ctx, time.Hour)
			return std.Err()
		}, true},
		{"joined", func(ctx context.Context) error {
			_ = task.Sleep(ctx, time.Hour)
			return errors.Join(ctx.Err(), errBoom)
		}, false},
		{"taken back", func(ctx context.Context) error {
			_ = task.Sleep(ctx, time.Hour)
			err := ctx.Err()
			task.Current(ctx).Uncancel()
			return err
		}, false},
		{"without a request", func(ctx context.Context) error {
			std, cancel := context.WithCancel(ctx)
			cancel()
			return std.Err()
		}, false},
		{"panic", func(ctx context.Context) error {
			_ = task.Sleep(ctx, time.Hour)
			panic(ctx.Err())
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				x := task.Go(ctx, func(ctx context.Context) (int, error) { return 1, c.body(ctx) })
				yields(t, ctx, 1)
				x.Cancel(errCause)
				_, err := x.Await(ctx)
				testkit.Equal(t, "canceled", x.Canceled(), c.canceled)
				testkit.ErrorIs(t, err, context.Canceled)
				if e, ok := err.(*loop.CanceledError); ok != c.canceled || ok && e.Cause != errCause {
					t.Errorf("the task ended with %#v", err)
				}
			})
		})
	}
}

func TestMachineReturnsTheErrOfItsContext(t *testing.T) {
	play(t, func(ctx context.Context) {
		x := task.GoMachine(ctx, task.MachineFunc[int](func(ctx context.Context, err error) (int, task.Suspension, error) {
			return 0, task.For(time.Hour), ctx.Err()
		}))
		yields(t, ctx, 1)
		x.Cancel(errCause)
		_, err := x.Await(ctx)
		testkit.Equal(t, "canceled", x.Canceled(), true)
		testkit.Equal(t, "the cause", causeOf(t, err), errCause)
	})
}

func TestTimeoutBodyReturnsTheErrOfItsContext(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			_ = task.Sleep(ctx, time.Hour)
			return fmt.Errorf("cut off: %w", ctx.Err())
		})
		wantTimeout(t, ctx, err, time.Second)

		// A context that ended by itself is no cancellation of the task.
		err = task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			std, cancel := context.WithCancel(ctx)
			cancel()
			return std.Err()
		})
		testkit.Equal(t, "the error", err, context.Canceled)

		// Timeout returns a request from outside.
		x := task.Go(ctx, func(ctx context.Context) (int, error) {
			return 0, task.Timeout(ctx, time.Hour, func(ctx context.Context, _ *task.Deadline) error {
				_ = task.Sleep(ctx, time.Minute)
				return ctx.Err()
			})
		})
		yields(t, ctx, 1)
		x.Cancel(errCause)
		_, err = x.Await(ctx)
		testkit.Equal(t, "the cause", causeOf(t, err), errCause)

		// Timeout returns the request of an outer limit, too.
		var inner error
		err = task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			inner = task.Timeout(ctx, time.Hour, func(ctx context.Context, _ *task.Deadline) error {
				_ = task.Sleep(ctx, time.Minute)
				return ctx.Err()
			})
			return inner
		})
		testkit.ErrorIs(t, inner, context.Canceled)
		wantTimeout(t, ctx, err, 2*time.Second)
	})
}

func TestGroupBodyReturnsTheErrOfItsContext(t *testing.T) {
	waits := func(ctx context.Context, _ *task.Group) error {
		_ = task.Sleep(ctx, time.Minute)
		return ctx.Err()
	}
	play(t, func(ctx context.Context) {
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			mustGoIn(t, g, fails(0, errBoom))
			return waits(ctx, g)
		})
		wantGroupErrors(t, err, errBoom)

		testkit.Equal(t, "the error of a group that was canceled", task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			lowlevel.LoopOf(ctx).CallSoon(g.Cancel)
			return waits(ctx, g)
		}), nil)

		x := task.Go(ctx, func(ctx context.Context) (int, error) { return 0, task.WithGroup(ctx, waits) })
		yields(t, ctx, 1)
		x.Cancel(errCause)
		_, err = x.Await(ctx)
		testkit.Equal(t, "the cause", causeOf(t, err), errCause)

		err = task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error { return task.WithGroup(ctx, waits) })
		testkit.ErrorIs(t, err, context.DeadlineExceeded)

		err = task.WithGroup(ctx, func(ctx context.Context, _ *task.Group) error {
			std, cancel := context.WithCancel(ctx)
			cancel()
			return std.Err() // std ended by itself
		})
		wantGroupErrors(t, err, context.Canceled)
	})
}

// The Err of the body's context does not stand for a request if the request did not end that
// context, or was taken back.
func TestErrOfAContextThatNoRequestEnded(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			_ = task.Sleep(ctx, time.Hour)
			task.Current(ctx).Uncancel()
			return ctx.Err()
		})
		testkit.Equal(t, "the error after the request was taken back", err, context.Canceled)

		x := task.Go(ctx, func(ctx context.Context) (int, error) {
			_ = task.Sleep(ctx, time.Hour)
			return 0, task.WithGroup(context.WithoutCancel(ctx), func(ctx context.Context, _ *task.Group) error {
				std, cancel := context.WithCancel(ctx)
				cancel()
				return std.Err()
			})
		})
		yields(t, ctx, 1)
		x.Cancel(nil)
		wantGroupErrors(t, x.Wait(ctx), context.Canceled)
	})
}

// If a limit expires at the same instant as a request from outside, the error has the cause of the
// request, whichever comes first.
func TestCauseOfARequestBesideALimit(t *testing.T) {
	for name, order := range map[string]func(ctx context.Context, w *task.Task[int], f *future.Future[int]){
		"the request first": func(ctx context.Context, w *task.Task[int], f *future.Future[int]) {
			lowlevel.LoopOf(ctx).CallLater(time.Second, func() { _ = f.SetResult(1); w.Cancel(errCause) })
			yields(t, ctx, 1) // the limit is armed after the timer above
		},
		"the limit first": func(ctx context.Context, w *task.Task[int], f *future.Future[int]) {
			yields(t, ctx, 1)
			lowlevel.LoopOf(ctx).CallLater(time.Second, func() { w.Cancel(errCause) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				f := future.New[int](ctx)
				w := task.Go(ctx, func(ctx context.Context) (int, error) { return task.WaitFor(ctx, f, time.Second) })
				order(ctx, w, f)
				_, err := w.Await(ctx)
				testkit.Equal(t, "the cause", causeOf(t, err), errCause)
			})
		})
	}
}

// The end of a program, the abort of a group, and a gather each cancel a chain of tasks by one
// request. The request reaches each task twice: directly, and through the task that awaits it.
func TestAChainIsAskedInOneGo(t *testing.T) {
	const n = 200
	links := func(ctx context.Context, spawn func(func(context.Context) (int, error)) *task.Task[int]) (all []*task.Task[int]) {
		all = append(all, spawn(hangs))
		for len(all) < n {
			before := all[len(all)-1]
			all = append(all, spawn(before.Await))
		}
		return all
	}
	want := func(t *testing.T, all []*task.Task[int]) {
		t.Helper()
		for i, x := range all {
			if asked := x.CancelRequests(); asked != 2 && i < n-1 || asked != 1 && i == n-1 {
				t.Fatalf("task %d of %d got %d requests to cancel", i, n, asked)
			}
		}
	}
	t.Run("the end", func(t *testing.T) {
		var all []*task.Task[int]
		play(t, func(ctx context.Context) {
			all = links(ctx, func(body func(context.Context) (int, error)) *task.Task[int] { return task.Go(ctx, body) })
			yields(t, ctx, 1)
		})
		want(t, all)
	})
	t.Run("a group", func(t *testing.T) {
		play(t, func(ctx context.Context) {
			var all []*task.Task[int]
			testkit.Equal(t, "the group", task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				all = links(ctx, func(body func(context.Context) (int, error)) *task.Task[int] { return mustGoIn(t, g, body) })
				yields(t, ctx, 1)
				g.Cancel()
				return nil
			}), nil)
			want(t, all)
		})
	})
	t.Run("a gather", func(t *testing.T) {
		play(t, func(ctx context.Context) {
			all := links(ctx, func(body func(context.Context) (int, error)) *task.Task[int] { return task.Go(ctx, body) })
			gather := task.Gather(all...)
			yields(t, ctx, 1)
			gather.Cancel(nil)
			_, err := gather.Await(ctx)
			testkit.ErrorIs(t, err, future.ErrCanceled)
			want(t, all)
		})
	})
}

// A request passes once through a gather that several tasks await.
func TestAGatherIsPassedOnce(t *testing.T) {
	play(t, func(ctx context.Context) {
		const n = 50
		child := task.Go(ctx, hangs)
		shared := task.Gather(child)
		var waiting []*task.Task[[]int]
		for range n {
			waiting = append(waiting, task.Go(ctx, shared.Await))
		}
		yields(t, ctx, 1)
		all := task.Collect(waiting...)
		all.Cancel(nil)
		testkit.Equal(t, "requests to the child", child.CancelRequests(), 1)
		_ = all.Wait(ctx)
		for _, w := range waiting {
			testkit.Equal(t, "canceled", w.Canceled(), true)
		}
	})
}

// A canceled gather has the cause of the cancellation of its last child. If that child refuses, the
// gather has the cause of the request.
func TestCauseOfAGatherThatWasCanceled(t *testing.T) {
	play(t, func(ctx context.Context) {
		early, late := future.New[int](ctx), future.New[int](ctx)
		early.Cancel(errCause)
		lastEarly, lastLate := task.Collect(late, early), task.Collect(early, late)
		other := errors.New("other")
		testkit.Equal(t, "taken", lastEarly.Cancel(other), true)
		_, err := lastEarly.Await(ctx)
		testkit.Equal(t, "the cause if the last child was canceled before", causeOf(t, err), errCause)
		_, err = lastLate.Await(ctx)
		testkit.Equal(t, "the error of a gather that was not canceled", err, nil)

		refuses := task.Go(ctx, stubborn(time.Second, 1, nil))
		yields(t, ctx, 1)
		g := task.Collect(refuses)
		g.Cancel(other)
		_, err = g.Await(ctx)
		testkit.Equal(t, "the cause if the last child refuses", causeOf(t, err), other)
	})
}

// Canceling a gather skips a child that has failed already, and does not take its error.
func TestGatherThatIsCanceledPassesOverWhatHasFailed(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		failing := func(err error) *task.Task[int] {
			return task.Go(ctx, func(context.Context) (int, error) { return 0, err })
		}
		a, b := failing(errBoom), failing(errCause)
		g := task.Gather(a, b, task.Go(ctx, hangs))
		lowlevel.LoopOf(ctx).CallSoon(func() { g.Cancel(nil) }) // a and b are done, but g's waiters have not run yet
		_, err := g.Await(ctx)
		testkit.Equal(t, "the error", err, errBoom)
	}, told.option())
	told.want(t, "a task failed and its error was never retrieved: Task-3: the cause")
}

// several is an awaitable that cancels several tasks, without Sweep.
type several struct {
	*future.Future[int]
	of []*task.Task[int]
}

func (s *several) Cancel(cause error) bool {
	taken := false
	for _, t := range s.of {
		taken = t.Cancel(cause) || taken
	}
	return taken
}

// If an awaitable of the program passes a request on to several tasks, the request reaches all of
// them, in the order of the awaitable.
func TestAwaitableThatCancelsSeveralTasks(t *testing.T) {
	var j looptest.Journal
	l := virtual(t)
	s := &several{Future: future.New[int](l.Context())}
	for i := range 3 {
		s.of = append(s.of, task.Go(l.Context(), func(ctx context.Context) (int, error) {
			err := task.Sleep(ctx, time.Hour)
			j.Add("%d %v", i, err)
			return 0, err
		}))
	}
	x := task.Go(l.Context(), func(ctx context.Context) (int, error) {
		return 0, lowlevel.Await(ctx, s)
	})
	l.RunUntilIdle()
	x.Cancel(errBoom)
	l.RunUntilIdle()
	j.Want(t, "0 canceled: boom", "1 canceled: boom", "2 canceled: boom")
	for _, child := range s.of {
		testkit.Equal(t, "requests", child.CancelRequests(), 1)
	}
}

// A cancellation that was passed on to an awaitable is not lost if something else ends the wait before the awaitable
// ends: a standard context, here. The same wait delivers it.
func TestCancellationIsNotLostWhenAStandardContextEndsTheWait(t *testing.T) {
	slow := func(ctx context.Context) (int, error) { // it takes a minute to end
		err := task.Sleep(ctx, time.Hour)
		_ = task.Sleep(ctx, time.Minute)
		return 0, err
	}
	for name, awaited := range map[string]func(ctx context.Context) future.Any{
		"a task":   func(ctx context.Context) future.Any { return task.Go(ctx, slow) },
		"a gather": func(ctx context.Context) future.Any { return task.Gather(task.Go(ctx, slow)) },
	} {
		for _, back := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, taken back %t", name, back), func(t *testing.T) {
				play(t, func(ctx context.Context) {
					x := task.Go(ctx, func(ctx context.Context) (int, error) {
						derived, end := context.WithCancelCause(context.WithoutCancel(ctx))
						lowlevel.LoopOf(ctx).CallLater(2*time.Second, func() { end(errBoom) })
						err := awaited(ctx).Wait(derived)
						if back {
							testkit.Equal(t, "the error of the wait", err, errBoom)
						} else {
							testkit.Equal(t, "the error of the wait", causeOf(t, err), errCause)
						}
						wantTime(t, ctx, 2*time.Second)
						testkit.Equal(t, "what the next suspension returns", task.Yield(context.WithoutCancel(ctx)), nil)
						return 0, nil
					})
					testkit.NoError(t, task.Sleep(ctx, time.Second))
					x.Cancel(errCause)
					if back {
						x.Uncancel()
					}
					testkit.NoError(t, x.Wait(ctx))
				})
			})
		}
	}
}
