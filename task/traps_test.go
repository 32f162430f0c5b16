package task_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/task/queue"
)

// These tests show that the traps in the package's documentation exist, and that the ways out work.

func TestTrapOfASharedFuture(t *testing.T) {
	for _, shielded := range []bool{false, true} {
		play(t, func(ctx context.Context) {
			f := future.New[int](ctx)
			awaits := func(ctx context.Context) (int, error) {
				if shielded {
					return task.Shield(f).Await(ctx)
				}
				return f.Await(ctx)
			}
			one, other := task.Go(ctx, awaits), task.Go(ctx, awaits)
			yields(t, ctx, 1)
			one.Cancel(nil)
			yields(t, ctx, 2)
			testkit.Equal(t, "the future is canceled", f.Canceled(), !shielded)
			_ = f.SetResult(1)
			_, err := other.Await(ctx)
			testkit.Equal(t, "the other task is canceled", errors.Is(err, future.ErrCanceled), !shielded)
		})
	}
}

func TestTrapOfASecondRange(t *testing.T) {
	play(t, func(ctx context.Context) {
		all := task.AsCompleted(ctx, 2*time.Second, task.Go(ctx, gives(time.Second, 1)), task.Go(ctx, gives(time.Hour, 2)))
		for range 2 {
			began, rounds, last := elapsed(ctx), 0, error(nil)
			for _, err := range all {
				rounds, last = rounds+1, err
			}
			testkit.Equal(t, "rounds", rounds, 2)
			testkit.ErrorIs(t, last, context.DeadlineExceeded)
			testkit.Equal(t, "the limit", elapsed(ctx)-began, 2*time.Second)
		}
		for _, left := range task.All(ctx) {
			if left != task.Current(ctx) {
				left.Cancel(nil)
			}
		}
		yields(t, ctx, 2)
	})
}

func TestTrapOfAValueWithAnError(t *testing.T) {
	play(t, func(ctx context.Context) {
		v, err := task.Go(ctx, func(context.Context) (int, error) { return 1, io.EOF }).Await(ctx)
		testkit.Equal(t, "the value", v, 0)
		testkit.ErrorIs(t, err, io.EOF)
	})
}

// Here a cancellation ends the wait, since with a virtual clock no limit expires during a blocking
// call.
func TestTrapOfALimitAroundBlocking(t *testing.T) {
	play(t, func(ctx context.Context) {
		input := make(chan string)
		read := func(ctx context.Context) (string, error) {
			return task.Blocking(ctx, func(context.Context) (string, error) { return <-input, nil })
		}
		first := task.Go(ctx, read)
		yields(t, ctx, 1)
		first.Cancel(nil)
		_, err := first.Await(ctx)
		testkit.ErrorIs(t, err, future.ErrCanceled)
		second := task.Go(ctx, read)
		go func() { input <- "one"; input <- "two" }() // each of the two calls may read any of the lines
		line, err := second.Await(ctx)
		if err != nil || line != "one" && line != "two" {
			t.Errorf("the second call returned %q, %v, want a line", line, err)
		} // the other line is lost

		// The way out: one task reads, and tasks that wait for a line can give up.
		lines := queue.New[string](0)
		task.Go(ctx, func(ctx context.Context) (int, error) {
			for range 2 {
				line, err := read(ctx)
				if err != nil {
					return 0, err
				}
				if err := lines.Put(ctx, line); err != nil {
					return 0, err
				}
			}
			return 0, nil
		})
		first = task.Go(ctx, lines.Get)
		yields(t, ctx, 1)
		first.Cancel(nil)
		_, err = first.Await(ctx)
		testkit.ErrorIs(t, err, future.ErrCanceled)
		go func() { input <- "one"; input <- "two" }()
		for _, want := range []string{"one", "two"} {
			line, err := lines.Get(ctx)
			testkit.Equal(t, "the line", line, want)
			testkit.Equal(t, "the error", err, nil)
		}
	})
}

func TestTrapOfASemaphoreAroundBlocking(t *testing.T) {
	for _, shielded := range []bool{false, true} {
		play(t, func(ctx context.Context) {
			sem := lock.NewSemaphore(1)
			release := make(chan struct{})
			entered := make(chan struct{}, 2)
			var running, most atomic.Int32
			limited := func(ctx context.Context) (int, error) {
				if err := sem.Acquire(ctx); err != nil {
					return 0, err
				}
				defer sem.Release()
				return task.Blocking(ctx, func(context.Context) (int, error) {
					n := running.Add(1)
					if n > most.Load() {
						most.Store(n)
					}
					entered <- struct{}{}
					<-release
					running.Add(-1)
					return 0, nil
				})
			}
			call := limited
			if shielded {
				call = func(ctx context.Context) (int, error) { return task.Shield(task.Go(ctx, limited)).Await(ctx) }
			}
			first := task.Go(ctx, call)
			yields(t, ctx, 2)
			<-entered
			first.Cancel(nil)
			second := task.Go(ctx, call)
			yields(t, ctx, 4)
			if !shielded {
				<-entered
			}
			close(release)
			_ = first.Wait(ctx)
			_ = second.Wait(ctx)
			want := int32(2)
			if shielded {
				want = 1
			}
			testkit.Equal(t, "calls that ran at the same time", most.Load(), want)
		})
	}
}

func TestTrapOfYieldingUntilSomethingHasChanged(t *testing.T) {
	l := virtual(t)
	changed, turns := false, 0
	l.CallLater(time.Second, func() { changed = true })
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		for ; !changed && turns < 1000; turns++ {
			if err := task.Yield(ctx); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	if err := l.Run(); err != nil {
		t.Error(err)
	}
	testkit.Equal(t, "turns without a change", turns, 1000)
	testkit.Equal(t, "the state has changed in the end", changed, true)

	var c lock.Event
	l.CallLater(time.Second, c.Set)
	waits := task.Go(l.Context(), func(ctx context.Context) (int, error) { return 1, c.Wait(ctx) })
	l.RunUntilIdle()
	testkit.Equal(t, "the waiting task is done", waits.Done(), false)
	if err := l.Run(); err != nil || !waits.Done() {
		t.Error(err)
	}
}
