package task_test

import (
	"context"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

func TestSleep(t *testing.T) {
	play(t, func(ctx context.Context) {
		for n := 1; n <= 3; n++ {
			if err := task.Sleep(ctx, time.Second); err != nil {
				t.Error(err)
			}
			wantTime(t, ctx, time.Duration(n)*time.Second)
		}
	})
}

func TestSleepOfNothingIsOneTurn(t *testing.T) {
	for _, d := range []time.Duration{0, -time.Second} {
		play(t, func(ctx context.Context) {
			turns := countTurns(ctx)
			for range 5 {
				if err := task.Sleep(ctx, d); err != nil {
					t.Error(err)
				}
			}
			testkit.Equal(t, "turns that passed", turns(), 5)
			wantTime(t, ctx, 0)
		})
	}
}

func TestYieldIsOneTurn(t *testing.T) {
	play(t, func(ctx context.Context) {
		turns := countTurns(ctx)
		yields(t, ctx, 5)
		testkit.Equal(t, "turns that passed", turns(), 5)
	})
}

// Yield lets everything that is ready run first.
func TestYieldInOrder(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		for _, name := range []string{"a", "b"} {
			task.Go(ctx, func(ctx context.Context) (int, error) {
				for n := range 2 {
					j.Add("%s%d", name, n)
					yields(t, ctx, 1)
				}
				return 0, nil
			})
		}
		lowlevel.LoopOf(ctx).CallSoon(func() { j.Add("callback") })
		yields(t, ctx, 1)
		j.Add("main")
		yields(t, ctx, 1)
		j.Want(t, "a0", "b0", "callback", "main", "a1", "b1")
	})
}

// If several sleeps end at the same instant, the tasks wake in the order in which they went to sleep.
func TestSleepersWakeInOrder(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		sleeper := func(name string, first, second time.Duration) *task.Task[int] {
			return task.Go(ctx, func(ctx context.Context) (int, error) {
				_ = task.Sleep(ctx, first)
				_ = task.Sleep(ctx, second)
				j.Add("%s at %v", name, elapsed(ctx))
				return 0, nil
			})
		}
		_, err := task.Gather(
			sleeper("a", 2*time.Second, time.Second), // goes to sleep for the second time at 2s
			sleeper("b", time.Second, 2*time.Second), // at 1s
			sleeper("c", 0, 3*time.Second),           // at 0s
			sleeper("d", 0, 3*time.Second),
		).Await(ctx)
		testkit.Equal(t, "the error", err, nil)
		j.Want(t, "c at 3s", "d at 3s", "b at 3s", "a at 3s")
	})
}

func TestSleepIsCanceled(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, gives(time.Hour, 0))
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { a.Cancel(errCause) })
		_, err := a.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		wantTime(t, ctx, time.Second)
		if _, armed := lowlevel.LoopOf(ctx).NextDeadline(); armed {
			t.Error("the timer of the sleep is still armed")
		}
	})
}

// A sleep beyond the end of the clock's range never ends.
func TestSleepForEver(t *testing.T) {
	err := playToEnd(t, func(ctx context.Context) {
		_ = task.Sleep(ctx, time.Second)
		_ = task.Sleep(ctx, task.NoLimit)
	})
	if _, ok := err.(*loop.DeadlockError); !ok {
		t.Errorf("Run: %v", err)
	}
}

func TestSleepPanics(t *testing.T) {
	l := virtual(t)
	for _, suspend := range []func(context.Context) error{
		task.Yield,
		func(ctx context.Context) error { return task.Sleep(ctx, time.Second) },
		func(ctx context.Context) error { return task.Sleep(ctx, 0) },
	} {
		testkit.Panics(t, "belongs to no loop", func() { _ = suspend(context.Background()) })
		testkit.Panics(t, "outside every task", func() { _ = suspend(l.Context()) })
		l.CallSoon(func() { testkit.Panics(t, "outside every task", func() { _ = suspend(l.Context()) }) })
	}
	l.RunUntilIdle()
}
