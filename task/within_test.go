package task_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

func TestWithin(t *testing.T) {
	play(t, func(ctx context.Context) {
		v, err := task.Within(ctx, 2*time.Second, gives(time.Second, 7))
		testkit.Equal(t, "the value", v, 7)
		testkit.Equal(t, "the error", err, nil)
		wantTime(t, ctx, time.Second)

		_, err = task.Within(ctx, time.Minute, fails(time.Second, errBoom))
		testkit.Equal(t, "the body's own error", err, errBoom)

		v, err = task.Within(ctx, task.NoLimit, gives(time.Hour, 8))
		testkit.Equal(t, "the value without a limit", v, 8)
		testkit.Equal(t, "the error without a limit", err, nil)
	})
}

// If the limit expires, the error is a TimeoutError, and the value is the value of the body.
func TestWithinExpires(t *testing.T) {
	for _, d := range []time.Duration{time.Second, 0, -1} {
		play(t, func(ctx context.Context) {
			v, err := task.Within(ctx, d, gives(time.Hour, 7))
			testkit.Equal(t, "the value", v, 7)
			var e *task.TimeoutError
			if !errors.As(err, &e) || e.Limit != d || errors.Is(err, future.ErrCanceled) {
				t.Errorf("the error is %v, want a TimeoutError with limit %v", err, d)
			}
			wantTime(t, ctx, max(0, d))
			testkit.Equal(t, "cancel requests that are left", task.Current(ctx).CancelRequests(), 0)
		})
	}
}

// Within returns a cancellation from outside, and does not mistake it for the limit.
func TestWithinIsCanceled(t *testing.T) {
	play(t, func(ctx context.Context) {
		x := task.Go(ctx, func(ctx context.Context) (int, error) {
			return task.Within(ctx, time.Minute, hangs)
		})
		yields(t, ctx, 1)
		x.Cancel(errCause)
		_, err := x.Await(ctx)
		testkit.Equal(t, "the cause", causeOf(t, err), errCause)
	})
}

func TestWithinOfABodyThatPanics(t *testing.T) {
	play(t, func(ctx context.Context) {
		testkit.Panics(t, "boom", func() {
			_, _ = task.Within(ctx, time.Minute, func(context.Context) (int, error) { panic(errBoom) })
		})
		yields(t, ctx, 1)
		testkit.NoError(t, task.Sleep(ctx, time.Hour)) // the limit does not cancel it
	})
}
