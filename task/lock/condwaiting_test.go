package lock_test

import (
	"context"
	"errors"
	"testing"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

// waitingAt makes a future that waits at c, whose mutex is free.
func waitingAt(l *loop.Loop, c *lock.Cond) *future.Future[struct{}] {
	c.Mutex().TryLock()
	return c.Waiting(l.Context())
}

// signal signals n at c, whose mutex is free.
func signal(c *lock.Cond, n int) {
	c.Mutex().TryLock()
	c.Signal(n)
	c.Unlock()
}

func TestWaitingAtACondGivesTheMutexBack(t *testing.T) {
	l := testkit.NewLoop(t)
	var c lock.Cond
	testkit.Panics(t, "lock: Waiting of a Cond whose mutex is not locked", func() { c.Waiting(l.Context()) })
	w := waitingAt(l, &c)
	testkit.Equal(t, "locked", c.Mutex().Locked(), false)
	l.RunUntilIdle()
	testkit.Equal(t, "done", w.Done(), false)
	signal(&c, 1)
	testkit.Equal(t, "done inside Signal", w.Done(), false)
	l.RunOnce()
	testkit.Equal(t, "done", w.Done(), true)
	testkit.NoError(t, w.Err())
	testkit.Equal(t, "locked", c.Mutex().Locked(), true)
}

// Futures and tasks that were signaled get the mutex in the order in which they came.
func TestWaitingAtACondInOrder(t *testing.T) {
	l := testkit.NewLoop(t)
	var c lock.Cond
	var j looptest.Journal
	for at, name := range []string{"A", "B", "C", "D"} {
		testkit.Spawn(l.Context(), name, func(ctx context.Context) error {
			testkit.NoError(t, c.Lock(ctx))
			defer c.Unlock()
			if at%2 == 0 {
				testkit.NoError(t, c.Waiting(ctx).Wait(ctx))
			} else {
				testkit.NoError(t, c.Wait(ctx))
			}
			j.Add("%s has the mutex", name)
			testkit.NoError(t, testkit.Yield(ctx, 2))
			j.Add("%s gives it back", name)
			return nil
		})
	}
	l.RunUntilIdle()
	signal(&c, 3)
	l.RunUntilIdle()
	j.Want(t, "A has the mutex", "A gives it back", "B has the mutex", "B gives it back", "C has the mutex", "C gives it back")
	signal(&c, 1)
	l.RunUntilIdle()
	j.Want(t, "D has the mutex", "D gives it back")
}

// The future is done once it has the mutex, and not before, though it was canceled.
func TestWaitingAtACondCanceled(t *testing.T) {
	for _, moment := range []string{"before the signal", "after the signal", "in the line of the mutex"} {
		l := testkit.NewLoop(t)
		var c lock.Cond
		w, next := waitingAt(l, &c), waitingAt(l, &c)
		c.Mutex().TryLock()
		if moment != "before the signal" {
			c.Signal(1)
		}
		if moment == "in the line of the mutex" {
			l.RunUntilIdle()
		}
		testkit.Equal(t, "Cancel", w.Cancel(testkit.ErrCause), true)
		l.RunUntilIdle()
		testkit.Equal(t, moment+": done without the mutex", w.Done(), false)
		c.Unlock()
		l.RunUntilIdle()
		testkit.Equal(t, moment+": done", w.Done(), true)
		testkit.Equal(t, "locked", c.Mutex().Locked(), true)
		var e *loop.CanceledError
		if !errors.As(w.Err(), &e) || e.Cause != testkit.ErrCause {
			t.Errorf("the error is %v, want a cancellation with %v", w.Err(), testkit.ErrCause)
		}
		testkit.Equal(t, "the next, without the mutex", next.Done(), false)
		c.Unlock()
		l.RunUntilIdle()
		testkit.Equal(t, moment+": the next is signaled", next.Done(), true)
	}
}

// Reports name the task that asked.
func TestWaitingAtACondHoldsTheMutex(t *testing.T) {
	l := testkit.NewLoop(t)
	var c lock.Cond
	testkit.Spawn(l.Context(), "A", func(ctx context.Context) error {
		c.Mutex().TryLock()
		c.Waiting(ctx)
		return nil
	})
	l.RunUntilIdle()
	signal(&c, 1)
	b := testkit.Spawn(l.Context(), "B", c.Lock)
	l.RunUntilIdle()
	testkit.Equal(t, "B", b.Task().Status(), `awaits a mutex, held by "A", which has ended`)
}

// A machine whose task is canceled holds the mutex once it is told.
func TestWaitingAtACondInAMachineThatIsCanceled(t *testing.T) {
	l := testkit.NewLoop(t)
	var c lock.Cond
	w := waitingAt(l, &c)
	a := task.GoMachine(l.Context(), task.MachineFunc[int](func(ctx context.Context, err error) (int, task.Suspension, error) {
		if !w.Done() {
			return 0, task.On(w), err
		}
		testkit.Equal(t, "locked", c.Mutex().Locked(), true)
		c.Unlock()
		return 0, task.End(), err
	}))
	l.RunUntilIdle()
	a.Cancel(nil)
	l.RunUntilIdle()
	testkit.Equal(t, "canceled", a.Canceled(), true)
	testkit.Equal(t, "locked", c.Mutex().Locked(), false)
}

func TestWaitingAtACondOfALoopThatIsClosed(t *testing.T) {
	l := testkit.NewLoop(t)
	var c lock.Cond
	c.SetName("changed")
	signaled, canceled, waits := waitingAt(l, &c), waitingAt(l, &c), waitingAt(l, &c)
	c.Mutex().TryLock()
	c.Signal(1)
	canceled.Cancel(nil)
	a := testkit.Spawn(l.Context(), "A", signaled.Wait)
	b := testkit.Spawn(l.Context(), "B", waits.Wait)
	l.RunUntilIdle()
	testkit.Equal(t, "A", a.Task().Status(), `awaits mutex "changed", which is locked`)
	testkit.Equal(t, "B", b.Task().Status(), `awaits a signal of cond "changed"`)
	l.Close()
	c.Broadcast()
	c.Unlock()
	for _, w := range []*future.Future[struct{}]{signaled, canceled, waits} {
		testkit.Equal(t, "done", w.Done(), false)
	}
	testkit.Equal(t, "locked", c.Mutex().Locked(), false)
}

// Whatever the order in which tasks run, and which of them is canceled, no signal is lost.
func TestWaitingAtACondLosesNoSignal(t *testing.T) {
	for _, opt := range []task.Option{task.Lazy(), task.Eager()} {
		looptest.Explore(t, looptest.PCT(1, 500, 3), func(ctx context.Context, t *looptest.T) {
			var c lock.Cond
			inside, stock := 0, 0
			hold := func(n int) {
				if inside += n; inside < 0 || inside > 1 {
					t.Errorf("%d have the mutex", inside)
				}
			}
			buy := func(ctx context.Context) (int, error) {
				if err := c.Lock(ctx); err != nil {
					return 0, err
				}
				hold(1)
				defer func() {
					hold(-1)
					c.Unlock()
				}()
				for stock == 0 {
					hold(-1)
					err := c.Waiting(ctx).Wait(ctx)
					hold(1)
					if err != nil {
						return 0, err
					}
				}
				stock--
				return 1, nil
			}
			buyers := []*task.Task[int]{task.Go(ctx, buy, opt), task.Go(ctx, buy, opt), task.Go(ctx, buy, opt)}
			task.Go(ctx, func(ctx context.Context) (int, error) {
				defer buyers[0].Cancel(nil)
				return 0, testkit.Yield(ctx, 2)
			})
			for range buyers {
				if err := c.Lock(ctx); err != nil {
					t.Fatal(err)
				}
				stock++
				c.Signal(1)
				c.Unlock()
			}
			outcomes, err := task.Collect(buyers...).Await(ctx)
			sold := 0
			for _, o := range outcomes {
				sold += o.Value
			}
			if err != nil || sold+stock != len(buyers) || sold < 2 {
				t.Errorf("sold %d, left %d, %v", sold, stock, err)
			}
		})
	}
}
