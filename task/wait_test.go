package task_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// named makes tasks that sleep for so many seconds. Their names are a, b, c and so on.
func named(ctx context.Context, seconds ...int) []*task.Task[int] {
	var all []*task.Task[int]
	for i, s := range seconds {
		all = append(all, task.Go(ctx, gives(time.Duration(s)*time.Second, i), task.Named(string(rune('a'+i)))))
	}
	return all
}

// namesOf returns the names of tasks as one string.
func namesOf(tasks []*task.Task[int]) string {
	names := ""
	for _, t := range tasks {
		names += t.Name()
	}
	return names
}

func TestWaitAllCompleted(t *testing.T) {
	play(t, func(ctx context.Context) {
		done, pending, err := task.Wait(ctx, task.NoLimit, task.AllCompleted, named(ctx, 3, 1, 2)...)
		testkit.Equal(t, "done", namesOf(done), "abc")
		testkit.Equal(t, "pending", len(pending), 0)
		testkit.Equal(t, "the error", err, nil)
		wantTime(t, ctx, 3*time.Second)
	})
}

func TestWaitFirstCompleted(t *testing.T) {
	play(t, func(ctx context.Context) {
		all := named(ctx, 3, 1, 2)
		done, pending, err := task.Wait(ctx, task.NoLimit, task.FirstCompleted, all...)
		testkit.Equal(t, "done", namesOf(done), "b")
		testkit.Equal(t, "pending", namesOf(pending), "ac")
		testkit.Equal(t, "the error", err, nil)
		wantTime(t, ctx, time.Second)
		for _, a := range pending {
			testkit.Equal(t, "requests to cancel", a.CancelRequests(), 0)
		}
		_, _ = task.Gather(all...).Await(ctx)
	})
}

// A task that fails or is canceled counts as completed, too.
func TestWaitFirstCompletedByAnErrorOrACancellation(t *testing.T) {
	for _, how := range []string{"error", "cancellation"} {
		play(t, func(ctx context.Context) {
			a, b := future.New[int](ctx), future.New[int](ctx)
			if how == "error" {
				_ = b.SetError(errBoom)
			} else {
				b.Cancel(nil)
			}
			done, pending, err := task.Wait(ctx, task.NoLimit, task.FirstCompleted, a, b)
			if !slices.Equal(done, []*future.Future[int]{b}) || !slices.Equal(pending, []*future.Future[int]{a}) || err != nil {
				t.Errorf("%s: done %v, pending %v, %v", how, done, pending, err)
			}
		})
	}
}

func TestWaitFirstError(t *testing.T) {
	play(t, func(ctx context.Context) {
		canceled := task.Go(ctx, hangs, task.Named("c"))
		canceled.Cancel(nil)
		of := []*task.Task[int]{
			task.Go(ctx, gives(time.Second, 1), task.Named("v")),
			canceled,
			task.Go(ctx, fails(2*time.Second, errBoom), task.Named("e")),
			task.Go(ctx, gives(3*time.Second, 1), task.Named("w")),
		}
		done, pending, err := task.Wait(ctx, task.NoLimit, task.FirstError, of...)
		testkit.Equal(t, "done", namesOf(done), "vce")
		testkit.Equal(t, "pending", namesOf(pending), "w")
		testkit.Equal(t, "the error", err, nil)
		wantTime(t, ctx, 2*time.Second)
		testkit.Equal(t, "the error of the failed task", of[2].Err(), errBoom)
		_, _ = of[3].Await(ctx)
	})
}

func TestWaitFirstErrorWithoutAny(t *testing.T) {
	play(t, func(ctx context.Context) {
		done, pending, err := task.Wait(ctx, task.NoLimit, task.FirstError, named(ctx, 2, 1)...)
		testkit.Equal(t, "done", namesOf(done), "ab")
		testkit.Equal(t, "pending", namesOf(pending), "")
		testkit.Equal(t, "the error", err, nil)
		wantTime(t, ctx, 2*time.Second)
	})
}

func TestWaitLimit(t *testing.T) {
	play(t, func(ctx context.Context) {
		all := named(ctx, 1, 3, 2)
		done, pending, err := task.Wait(ctx, 2500*time.Millisecond, task.AllCompleted, all...)
		testkit.Equal(t, "done", namesOf(done), "ac")
		testkit.Equal(t, "pending", namesOf(pending), "b")
		testkit.Equal(t, "the error", err, nil)
		wantTime(t, ctx, 2500*time.Millisecond)
		testkit.Equal(t, "requests to cancel", all[1].CancelRequests(), 0)
		_, _ = all[1].Await(ctx)
	})
}

func TestWaitWithoutTime(t *testing.T) {
	for _, limit := range []time.Duration{0, -time.Second} {
		play(t, func(ctx context.Context) {
			all := named(ctx, 1)
			done, pending, err := task.Wait(ctx, limit, task.AllCompleted, all...)
			testkit.Equal(t, "done", namesOf(done), "")
			testkit.Equal(t, "pending", namesOf(pending), "a")
			testkit.Equal(t, "the error", err, nil)
			wantTime(t, ctx, 0)
			_, _ = all[0].Await(ctx)
		})
	}
}

func TestWaitLeavesNoLimitBehind(t *testing.T) {
	play(t, func(ctx context.Context) {
		if _, _, err := task.Wait(ctx, time.Hour, task.AllCompleted, named(ctx, 1)...); err != nil {
			t.Error(err)
		}
		if _, armed := lowlevel.LoopOf(ctx).NextDeadline(); armed {
			t.Error("the limit is still armed")
		}
	})
}

// The timer of the limit is canceled when the awaitables are done, before the waiting task takes
// its next step.
func TestWaitLimitEndsWithTheWaiting(t *testing.T) {
	l := virtual(t)
	f := future.New[int](l.Context())
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		_, _, err := task.Wait(ctx, time.Hour, task.AllCompleted, f)
		return 0, err
	})
	l.RunUntilIdle()
	if _, armed := l.NextDeadline(); !armed {
		t.Error("no limit was set")
	}
	_ = f.SetResult(1)
	l.RunOnce()
	if at, armed := l.NextDeadline(); armed {
		t.Errorf("the future is done, but a timer is armed for %v", at)
	}
	l.RunUntilIdle()
}

func TestWaitSuspendsForATurnAlsoIfAllAreDone(t *testing.T) {
	play(t, func(ctx context.Context) {
		f := future.New[int](ctx)
		_ = f.SetResult(1)
		turns := countTurns(ctx)
		done, _, err := task.Wait(ctx, task.NoLimit, task.AllCompleted, f)
		testkit.Equal(t, "the number of tasks that are done", len(done), 1)
		testkit.Equal(t, "the error", err, nil)
		if turns() < 1 {
			t.Error("Wait did not suspend")
		}
	})
}

func TestWaitTakesNoErrors(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, fails(0, errBoom), task.Named("a"))
		for _, until := range []task.Until{task.AllCompleted, task.FirstCompleted, task.FirstError} {
			if _, _, err := task.Wait(ctx, task.NoLimit, until, a); err != nil {
				t.Error(err)
			}
		}
	}, told.option())
	told.want(t, "a task failed and its error was never retrieved: a: boom")
}

func TestWaitForTheSameTwice(t *testing.T) {
	play(t, func(ctx context.Context) {
		all := named(ctx, 1, 2)
		done, pending, err := task.Wait(ctx, task.NoLimit, task.AllCompleted, all[0], all[1], all[0])
		testkit.Equal(t, "done", namesOf(done), "ab")
		testkit.Equal(t, "pending", namesOf(pending), "")
		testkit.Equal(t, "the error", err, nil)
	})
	play(t, func(ctx context.Context) {
		all := named(ctx, 1, 2, 3)
		waiter := task.Go(ctx, func(ctx context.Context) (int, error) {
			done, pending, err := task.Wait(ctx, task.NoLimit, task.FirstCompleted, all[2], all[1], all[2], all[0], all[1])
			testkit.Equal(t, "done", namesOf(done), "a")
			testkit.Equal(t, "pending", namesOf(pending), "cb")
			return 0, err
		})
		yields(t, ctx, 1)
		testkit.Equal(t, "the status", waiter.Task().Status(), "awaits the first of 3")
		_, err := waiter.Await(ctx)
		testkit.Equal(t, "the error", err, nil)
		_ = all[2].Wait(ctx)
	})
}

func TestWaitIsCanceled(t *testing.T) {
	play(t, func(ctx context.Context) {
		all := named(ctx, 1, 5)
		waiter := task.Go(ctx, func(ctx context.Context) (int, error) {
			done, pending, err := task.Wait(ctx, time.Hour, task.AllCompleted, all...)
			if done != nil || pending != nil {
				t.Errorf("Wait returned %v and %v with the error, want nil", done, pending)
			}
			return 0, err
		})
		lowlevel.LoopOf(ctx).CallLater(2*time.Second, func() { waiter.Cancel(errCause) })
		_, err := waiter.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		wantTime(t, ctx, 2*time.Second)
		testkit.Equal(t, "requests to cancel", all[1].CancelRequests(), 0)
		v, _ := all[1].Await(ctx)
		testkit.Equal(t, "the value of the awaited task", v, 1)
		if _, armed := lowlevel.LoopOf(ctx).NextDeadline(); armed {
			t.Error("the limit is still armed")
		}
	})
}

func TestWaitUnderADerivedContextThatEnds(t *testing.T) {
	play(t, func(ctx context.Context) {
		f := future.New[int](ctx)
		derived, cancel := context.WithCancelCause(ctx)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { cancel(errCause) })
		done, pending, err := task.Wait(derived, task.NoLimit, task.AllCompleted, f)
		testkit.Equal(t, "the error", err, errCause)
		if done != nil || pending != nil || f.Done() {
			t.Errorf("Wait returned done %v, pending %v, and the future is done: %v; want nil, nil and false", done, pending, f.Done())
		}
	})
}

func TestWaitRefuses(t *testing.T) {
	play(t, func(ctx context.Context) {
		_, _, err := task.Wait[*task.Task[int]](ctx, task.NoLimit, task.AllCompleted)
		wantText(t, err, "task: Wait for nothing; give it at least one task or future")
		_, _, err = task.Wait(ctx, task.NoLimit, task.Until(7), future.New[int](ctx))
		wantText(t, err, "task: Wait(Until(7)); use AllCompleted, FirstCompleted or FirstError")
	})
}

func TestWaitPanics(t *testing.T) {
	l := virtual(t)
	f := future.New[int](l.Context())
	testkit.Panics(t, "outside every task", func() { _, _, _ = task.Wait(l.Context(), time.Second, task.AllCompleted, f) })
	testkit.Panics(t, "belongs to no loop", func() { _, _, _ = task.Wait(context.Background(), time.Second, task.AllCompleted, f) })
}

func TestWaitForAZeroFuturePanics(t *testing.T) {
	play(t, func(ctx context.Context) {
		testkit.Panics(t, "future: a zero Future belongs to no loop", func() {
			_, _, _ = task.Wait(ctx, time.Second, task.AllCompleted, new(future.Future[int]))
		})
	})
}

func TestWaitForAnotherLoopsFuturePanics(t *testing.T) {
	foreign := virtual(t)
	done, pending := future.New[int](foreign.Context()), future.New[int](foreign.Context())
	_ = done.SetResult(1)
	play(t, func(ctx context.Context) {
		for _, f := range []*future.Future[int]{done, pending} {
			testkit.Panics(t, "belongs to another loop", func() {
				_, _, _ = task.Wait(ctx, task.NoLimit, task.AllCompleted, f)
			})
		}
	})
}

func TestWaitThatPanicsLeavesNothingBehind(t *testing.T) {
	l := virtual(t)
	f := future.New[int](l.Context())
	testkit.Panics(t, "outside every task", func() { _, _, _ = task.Wait(l.Context(), time.Second, task.AllCompleted, f) })
	if _, armed := l.NextDeadline(); armed {
		t.Error("the limit is armed")
	}
}
