package task_test

import (
	"context"
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

func TestAsCompletedInOrderOfCompletion(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		for a, err := range task.AsCompleted(ctx, task.NoLimit, named(ctx, 3, 1, 2)...) {
			j.Add("%s %v at %v", a.Name(), err, elapsed(ctx))
		}
		j.Want(t, "b <nil> at 1s", "c <nil> at 2s", "a <nil> at 3s")
	})
}

func TestAsCompletedInOneTurn(t *testing.T) {
	play(t, func(ctx context.Context) {
		a, b, c := future.New[int](ctx), future.New[int](ctx), future.New[int](ctx)
		lowlevel.LoopOf(ctx).CallSoon(func() {
			_ = c.SetResult(3)
			_ = a.SetError(errBoom)
			b.Cancel(nil)
		})
		var order []*future.Future[int]
		for f, err := range task.AsCompleted(ctx, task.NoLimit, a, b, c) {
			if err != nil {
				t.Error(err)
			}
			order = append(order, f)
		}
		if len(order) != 3 || order[0] != c || order[1] != a || order[2] != b {
			t.Error("the futures did not come in the order in which they completed")
		}
	})
}

func TestAsCompletedOfWhatHasFailed(t *testing.T) {
	play(t, func(ctx context.Context) {
		for a, err := range task.AsCompleted(ctx, task.NoLimit, task.Go(ctx, fails(0, errBoom))) {
			testkit.Equal(t, "the error of the iterator", err, nil)
			testkit.Equal(t, "the error of the task", a.Err(), errBoom)
		}
	})
}

func TestAsCompletedTakesNoErrors(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		for range task.AsCompleted(ctx, task.NoLimit, task.Go(ctx, fails(0, errBoom), task.Named("a"))) {
			continue
		}
	}, told.option())
	told.want(t, "a task failed and its error was never retrieved: a: boom")
}

func TestAsCompletedOfNothing(t *testing.T) {
	play(t, func(ctx context.Context) {
		for range task.AsCompleted[*task.Task[int]](ctx, 0) {
			t.Error("the range yielded something")
		}
	})
}

func TestAsCompletedDuplicates(t *testing.T) {
	play(t, func(ctx context.Context) {
		all := named(ctx, 2, 1)
		names := ""
		for a := range task.AsCompleted(ctx, task.NoLimit, all[0], all[1], all[0]) {
			names += a.Name()
		}
		testkit.Equal(t, "the names in order", names, "ba")
	})
}

// A range suspends only if no other awaitable has completed. Awaitables that have completed during
// a round come at once.
func TestAsCompletedSuspendsOnlyWhenItMust(t *testing.T) {
	play(t, func(ctx context.Context) {
		turns := func() int { return 0 }
		for a := range task.AsCompleted(ctx, task.NoLimit, named(ctx, 1, 2, 3)...) {
			switch a.Name() {
			case "a":
				if err := task.Sleep(ctx, time.Minute); err != nil {
					t.Error(err)
				}
				turns = countTurns(ctx)
			case "c":
				testkit.Equal(t, "turns that passed", turns(), 0)
			}
		}
	})
}

func TestAsCompletedOfWhatIsDone(t *testing.T) {
	play(t, func(ctx context.Context) {
		a, b := future.New[int](ctx), future.New[int](ctx)
		_ = b.SetResult(2)
		_ = a.SetResult(1)
		sum := 0
		for f := range task.AsCompleted(ctx, task.NoLimit, a, b) {
			v, _ := f.Result()
			sum = sum*10 + v
		}
		testkit.Equal(t, "sum in order of the arguments", sum, 12)
	})
}

// leavings are ways to leave a range early.
var leavings = map[string]func(ctx context.Context, of []*task.Task[int]){
	"break": func(ctx context.Context, of []*task.Task[int]) {
		for range task.AsCompleted(ctx, time.Hour, of...) {
			break
		}
	},
	"return": func(ctx context.Context, of []*task.Task[int]) {
		for range task.AsCompleted(ctx, time.Hour, of...) {
			return
		}
	},
	"panic": func(ctx context.Context, of []*task.Task[int]) {
		defer func() { _ = recover() }()
		for range task.AsCompleted(ctx, time.Hour, of...) {
			panic("ouch")
		}
	},
}

func TestAsCompletedLeftEarlyDetachesAndCancelsNothing(t *testing.T) {
	for name, leave := range leavings {
		t.Run(name, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				f := future.New[int](ctx)
				all := append(named(ctx, 1), task.Go(ctx, func(ctx context.Context) (int, error) { return f.Await(ctx) }))
				leave(ctx, all)
				if _, armed := lowlevel.LoopOf(ctx).NextDeadline(); armed {
					t.Error("the limit is still armed")
				}
				testkit.Equal(t, "requests to cancel the other task", all[1].CancelRequests(), 0)
				_ = f.SetResult(4)
				v, err := all[1].Await(ctx)
				testkit.Equal(t, "the result of the other task", v, 4)
				testkit.Equal(t, "the error of the other task", err, nil)
			})
		})
	}
}

// counted is a future that records its waiters.
type counted struct {
	*future.Future[int]
	waiters map[loop.Runnable]bool
}

func (c counted) AddWaiter(r loop.Runnable) {
	c.waiters[r] = true
	c.Future.AddWaiter(r)
}

func (c counted) RemoveWaiter(r loop.Runnable) bool {
	delete(c.waiters, r)
	return c.Future.RemoveWaiter(r)
}

func TestAsCompletedLeftEarlyRemovesItsCallbacks(t *testing.T) {
	play(t, func(ctx context.Context) {
		done, pending := future.New[int](ctx), future.New[int](ctx)
		_ = done.SetResult(1)
		waiters := map[loop.Runnable]bool{}
		a, b := &counted{done, waiters}, &counted{pending, waiters}
		for f := range task.AsCompleted(ctx, task.NoLimit, a, b) {
			if f != a || len(waiters) == 0 {
				t.Errorf("the range yielded %v, with %d waiters; want a, and some waiters", f, len(waiters))
			}
			break
		}
		testkit.Equal(t, "waiters that are left", len(waiters), 0)
	})
}

func TestAsCompletedLeftByGoexit(t *testing.T) {
	waiters := map[loop.Runnable]bool{}
	if !testkit.Goexits(func() {
		_ = playToEnd(t, func(ctx context.Context) {
			f := future.New[int](ctx)
			_ = f.SetResult(1)
			for range task.AsCompleted(ctx, task.NoLimit, &counted{f, waiters}, &counted{future.New[int](ctx), waiters}) {
				runtime.Goexit()
			}
		})
	}) {
		t.Error("the Goexit did not end the goroutine of Run")
	}
	testkit.Equal(t, "waiters that are left", len(waiters), 0)
}

func TestAsCompletedLimit(t *testing.T) {
	play(t, func(ctx context.Context) {
		all := named(ctx, 1, 3, 2)
		var j looptest.Journal
		for a, err := range task.AsCompleted(ctx, 2500*time.Millisecond, all...) {
			if err != nil {
				wantTimeout(t, ctx, err, 2500*time.Millisecond)
				if a != nil {
					t.Errorf("the range yielded %v together with an error", a)
				}
				j.Add("limit at %v", elapsed(ctx))
				continue // the range ends nevertheless
			}
			j.Add("%s", a.Name())
		}
		j.Want(t, "a", "c", "limit at 2.5s")
		testkit.Equal(t, "requests to cancel the other task", all[1].CancelRequests(), 0)
		_, _ = all[1].Await(ctx)
	})
}

// Awaitables that have completed before the limit come before the error of the limit.
func TestAsCompletedLimitComesLast(t *testing.T) {
	play(t, func(ctx context.Context) {
		all := named(ctx, 1, 2, 9)
		names := ""
		for a, err := range task.AsCompleted(ctx, 3*time.Second, all...) {
			if err != nil {
				names += "!"
				break
			}
			names += a.Name()
			if err := task.Sleep(ctx, 4*time.Second); err != nil {
				t.Error(err)
			}
		}
		testkit.Equal(t, "the names in order", names, "ab!")
		_, _ = all[2].Await(ctx)
	})
}

func TestAsCompletedWithoutTime(t *testing.T) {
	play(t, func(ctx context.Context) {
		all := named(ctx, 1)
		for _, err := range task.AsCompleted(ctx, 0, all...) {
			wantTimeout(t, ctx, err, 0)
		}
		wantTime(t, ctx, 0)
		_, _ = all[0].Await(ctx)
	})
}

func TestAsCompletedLimitCountsFromTheStartOfTheRange(t *testing.T) {
	play(t, func(ctx context.Context) {
		all := named(ctx, 3)
		seq := task.AsCompleted(ctx, 2*time.Second, all...)
		if err := task.Sleep(ctx, 2*time.Second); err != nil {
			t.Error(err)
		}
		for a, err := range seq {
			testkit.Equal(t, "the error", err, nil)
			testkit.Equal(t, "the yielded task", a, all[0])
		}
	})
}

// A second range over the iterator begins again.
func TestAsCompletedTwice(t *testing.T) {
	play(t, func(ctx context.Context) {
		seq := task.AsCompleted(ctx, task.NoLimit, named(ctx, 2, 1)...)
		names := ""
		for range 2 {
			for a := range seq {
				names += a.Name()
			}
		}
		testkit.Equal(t, "the names in order", names, "ba"+"ab")
	})
}

func TestAsCompletedIsCanceled(t *testing.T) {
	play(t, func(ctx context.Context) {
		all := named(ctx, 1, 5)
		rounds := 0
		waiter := task.Go(ctx, func(ctx context.Context) (int, error) {
			for a, err := range task.AsCompleted(ctx, task.NoLimit, all...) {
				rounds++
				if err != nil {
					if a != nil {
						t.Errorf("the range yielded %v together with an error", a)
					}
					return 0, err
				}
			}
			return 0, nil
		})
		lowlevel.LoopOf(ctx).CallLater(2*time.Second, func() { waiter.Cancel(errCause) })
		_, err := waiter.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		testkit.Equal(t, "rounds", rounds, 2)
		testkit.Equal(t, "requests to cancel the other task", all[1].CancelRequests(), 0)
		_, _ = all[1].Await(ctx)
	})
}

func TestAsCompletedUnderADerivedContextThatEnds(t *testing.T) {
	play(t, func(ctx context.Context) {
		derived, cancel := context.WithCancelCause(ctx)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { cancel(errCause) })
		rounds := 0
		for _, err := range task.AsCompleted(derived, task.NoLimit, future.New[int](ctx)) {
			rounds++
			testkit.Equal(t, "the error", err, errCause)
		}
		testkit.Equal(t, "rounds", rounds, 1)
	})
}

func TestAsCompletedPanics(t *testing.T) {
	l := virtual(t)
	f := future.New[int](l.Context())
	for _, ctx := range []context.Context{context.Background(), l.Context()} {
		testkit.Panics(t, "loop: ", func() {
			for range task.AsCompleted(ctx, time.Second, f) {
				t.Error("the range yielded something")
			}
		})
	}
	if _, armed := l.NextDeadline(); armed {
		t.Error("a range that panics leaves the timer of its limit behind")
	}
}

func TestAsCompletedOfAnotherLoopsFuturePanics(t *testing.T) {
	foreign := virtual(t)
	done, pending := future.New[int](foreign.Context()), future.New[int](foreign.Context())
	_ = done.SetResult(1)
	play(t, func(ctx context.Context) {
		for _, f := range []*future.Future[int]{done, pending} {
			testkit.Panics(t, "belongs to another loop", func() {
				for range task.AsCompleted(ctx, task.NoLimit, f) {
					t.Error("the range yielded something")
				}
			})
		}
	})
}

// The timer of the limit is canceled when all awaitables are done. Without awaitables there is no
// timer.
func TestAsCompletedLimitEnds(t *testing.T) {
	armed := 0
	l := virtual(t, loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.TimerArmed {
			armed++
		}
	}))
	f := future.New[int](l.Context())
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		for range task.AsCompleted[*future.Future[int]](ctx, time.Hour) {
			t.Error("the range yielded something")
		}
		testkit.Equal(t, "timers without awaitables", armed, 0)
		for range task.AsCompleted(ctx, time.Hour, f) {
		}
		return 0, nil
	})
	l.RunUntilIdle()
	testkit.Equal(t, "timers", armed, 1)
	_ = f.SetResult(1)
	l.RunOnce()
	if at, armed := l.NextDeadline(); armed {
		t.Errorf("all awaitables are done, but a timer is armed for %v", at)
	}
	l.RunUntilIdle()
}
