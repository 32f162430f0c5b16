package task_test

import (
	"context"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

func TestShieldEndsAsInnerDoes(t *testing.T) {
	play(t, func(ctx context.Context) {
		v, err := task.Shield(task.Go(ctx, gives(time.Second, 1))).Await(ctx)
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
		_, err = task.Shield(task.Go(ctx, fails(0, errBoom))).Await(ctx)
		testkit.Equal(t, "the error", err, errBoom)
	})
}

func TestShieldOfWhatIsDone(t *testing.T) {
	play(t, func(ctx context.Context) {
		f := future.New[int](ctx)
		_ = f.SetResult(1)
		s := task.Shield(f)
		v, err := s.Result()
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
		testkit.Equal(t, "canceling a shield that is done", s.Cancel(nil), false)

		g := future.New[int](ctx)
		g.Cancel(errCause)
		_, err = task.Shield(g).Result()
		testkit.ErrorIs(t, causeOf(t, err), errCause)

		h := future.New[int](ctx)
		_ = h.SetError(errBoom)
		_, err = task.Shield(h).Result()
		testkit.Equal(t, "the error", err, errBoom)
	})
}

func TestShieldKeepsACancellationFromInner(t *testing.T) {
	play(t, func(ctx context.Context) {
		inner := task.Go(ctx, gives(time.Second, 1))
		waiter := task.Go(ctx, func(ctx context.Context) (int, error) { return task.Shield(inner).Await(ctx) })
		yields(t, ctx, 2)
		waiter.Cancel(errCause)
		_, err := waiter.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		testkit.Equal(t, "inner is done", inner.Done(), false)
		testkit.Equal(t, "requests to cancel inner", inner.CancelRequests(), 0)
		v, err := inner.Await(ctx)
		testkit.Equal(t, "inner's value", v, 1)
		testkit.Equal(t, "inner's error", err, nil)
		wantTime(t, ctx, time.Second)
	})
}

func TestShieldIsCanceledWithInner(t *testing.T) {
	play(t, func(ctx context.Context) {
		inner := task.Go(ctx, hangs)
		s := task.Shield(inner)
		inner.Cancel(errCause)
		_, err := s.Await(ctx)
		testkit.Equal(t, "canceled", s.Canceled(), true)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
	})
}

func TestShieldOfAShield(t *testing.T) {
	play(t, func(ctx context.Context) {
		inner := task.Go(ctx, gives(time.Second, 1))
		s := task.Shield(task.Shield(inner))
		s.Cancel(nil)
		testkit.Equal(t, "canceled at once", s.Canceled(), true)
		testkit.Equal(t, "canceling the shield again", s.Cancel(nil), false)
		v, err := inner.Await(ctx)
		testkit.Equal(t, "inner's value", v, 1)
		testkit.Equal(t, "inner's error", err, nil)
	})
}

func TestShieldOfAGather(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, gives(time.Second, 1))
		g := task.Gather(a)
		task.Shield(g).Cancel(nil)
		got, err := g.Await(ctx)
		wantResults(t, got, err, 1)
	})
}

func TestShieldIsNobodyElsesToSet(t *testing.T) {
	play(t, func(ctx context.Context) {
		s := task.Shield(future.New[int](ctx))
		testkit.ErrorIs(t, s.SetResult(1), future.ErrInvalidState)
		testkit.ErrorIs(t, s.SetError(errBoom), future.ErrInvalidState)
	})
}

// The failure is reported once for any number of canceled shields of inner, and not again when the
// loop is closed.
func TestShieldCanceledAndInnerFails(t *testing.T) {
	for _, shields := range []int{1, 3} {
		var told failures
		play(t, func(ctx context.Context) {
			inner := task.Go(ctx, fails(time.Second, errBoom), task.Named("inner"))
			for range shields {
				task.Shield(inner).Cancel(nil)
			}
			if err := task.Sleep(ctx, 2*time.Second); err != nil {
				t.Error(err)
			}
			told.want(t, "a shielded awaitable failed after its shield was canceled: inner: boom")
		}, told.option())
		told.want(t, "a shielded awaitable failed after its shield was canceled: inner: boom")
	}
}

// If one of two shields is canceled, the failure is reported for that one. The other shield still
// passes the error on.
func TestShieldCanceledBesideAnother(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		inner := task.Go(ctx, fails(time.Second, errBoom), task.Named("inner"))
		task.Shield(inner).Cancel(nil)
		_, err := task.Shield(inner).Await(ctx)
		testkit.Equal(t, "the error", err, errBoom)
		yields(t, ctx, 1)
	}, told.option())
	told.want(t, "a shielded awaitable failed after its shield was canceled: inner: boom")
}

func TestShieldCanceledAndInnerEndsWell(t *testing.T) {
	play(t, func(ctx context.Context) { // play fails if the loop reports a failure
		a, b := task.Go(ctx, gives(time.Second, 1)), task.Go(ctx, hangs)
		task.Shield(a).Cancel(nil)
		task.Shield(b).Cancel(nil)
		yields(t, ctx, 2)
		b.Cancel(nil)
		_, _ = a.Await(ctx)
	})
}

func TestShieldCanceledOfAFutureThatIsNoTask(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		f := future.New[int](ctx)
		task.Shield(f).Cancel(nil)
		yields(t, ctx, 1)
		_ = f.SetError(errBoom)
		yields(t, ctx, 1)
	}, told.option())
	told.want(t, "a shielded awaitable failed after its shield was canceled: no task: boom")
}

// Inner fails after the shield was canceled, and before the shield's waiters run. The task that
// awaits the shield gets a cancellation, so no code takes the error of inner.
func TestShieldCanceledJustBeforeInnerFails(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		inner := task.Go(ctx, func(ctx context.Context) (int, error) {
			yields(t, ctx, 2)
			return 0, errBoom
		}, task.Named("inner"))
		waiter := task.Go(ctx, func(ctx context.Context) (int, error) { return task.Shield(inner).Await(ctx) })
		yields(t, ctx, 1)
		// This task runs in the next turn, after inner. In the turn after that, inner fails, before
		// the shield's waiters run.
		task.Go(ctx, func(context.Context) (int, error) {
			testkit.Equal(t, "inner is done", inner.Done(), false)
			waiter.Cancel(nil)
			return 0, nil
		})
		_, err := waiter.Await(ctx)
		if !loop.IsCanceled(err) || !inner.Done() {
			t.Errorf("the error of the waiter is %v, want a cancellation; inner is done: %v, want true", err, inner.Done())
		}
	}, told.option())
	told.want(t, "a task failed and its error was never retrieved: inner: boom")
}

// With a shield, a time limit only ends the wait, and does not cancel the task.
func TestShieldUnderWaitFor(t *testing.T) {
	play(t, func(ctx context.Context) {
		inner := task.Go(ctx, gives(3*time.Second, 1))
		_, err := task.WaitFor(ctx, task.Shield(inner), time.Second)
		testkit.ErrorIs(t, err, context.DeadlineExceeded)
		wantTime(t, ctx, time.Second)
		v, err := inner.Await(ctx)
		testkit.Equal(t, "inner's value", v, 1)
		testkit.Equal(t, "inner's error", err, nil)
		wantTime(t, ctx, 3*time.Second)
	})
}
