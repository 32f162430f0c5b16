package lock_test

import (
	"context"
	"errors"
	"testing"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

// A call that does not wait allocates nothing, and a task that waits costs one object, as
// the documentation promises.

func TestUncontendedAllocatesNothing(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		for _, s := range turnstiles() {
			testkit.Allocs(t, s.name, 0, func() {
				_ = s.enter(ctx)
				s.leave()
			})
		}
		var e lock.Event
		e.Set()
		testkit.Allocs(t, "Event", 0, func() { _ = e.Wait(ctx) })
		var c lock.Cond
		testkit.Allocs(t, "Cond", 0, func() {
			_ = c.Lock(ctx)
			c.Signal(1)
			c.Broadcast()
			c.Unlock()
		})
		b := lock.NewBarrier(1)
		testkit.Allocs(t, "Barrier", 0, func() { _, _ = b.Wait(ctx) })
	})
}

// loops makes a loop with a task that waits again and again.
func loops(t *testing.T, wait testkit.Body) *loop.Loop {
	l := testkit.NewLoop(t)
	testkit.Spawn(l.Context(), "waiter", func(ctx context.Context) error {
		for {
			if err := wait(ctx); err != nil {
				return err
			}
		}
	})
	return l
}

func TestWaitingAllocatesOneObject(t *testing.T) {
	forEachTurnstile(t, func(t *testing.T, s turnstile) {
		s.try()
		l := loops(t, func(ctx context.Context) error {
			err := s.enter(ctx)
			if err == nil {
				s.leave()
			}
			return testkit.Yield(ctx, 1)
		})
		l.RunUntilIdle()
		testkit.Allocs(t, "a wait", 1, func() {
			s.leave()
			l.RunOnce() // the task enters, leaves, and yields
			if !s.try() {
				t.Error("the turnstile is not free")
			}
			l.RunOnce() // the task waits
		})
		s.leave()
	})
	t.Run("Event", func(t *testing.T) {
		var e lock.Event
		l := loops(t, e.Wait)
		l.RunUntilIdle()
		testkit.Allocs(t, "a wait", 1, func() {
			e.Set()
			e.Clear()
			l.RunOnce()
		})
	})
	t.Run("Cond", func(t *testing.T) {
		var c lock.Cond
		l := loops(t, func(ctx context.Context) error {
			if err := c.Lock(ctx); err != nil {
				return err
			}
			defer c.Unlock()
			return c.Wait(ctx)
		})
		l.RunUntilIdle()
		testkit.Allocs(t, "a wait", 1, func() {
			c.Mutex().TryLock()
			c.Signal(1)
			c.Unlock()
			l.RunOnce()
		})
	})
	t.Run("Barrier", func(t *testing.T) {
		b := lock.NewBarrier(3)
		var e lock.Event
		meet := func(ctx context.Context) error {
			_, err := b.Wait(ctx)
			if err == nil {
				err = e.Wait(ctx)
			}
			return err
		}
		l := loops(t, meet)
		for range 2 {
			testkit.Spawn(l.Context(), "another", func(ctx context.Context) error {
				for {
					if err := meet(ctx); err != nil {
						return err
					}
				}
			})
		}
		l.RunUntilIdle()
		testkit.Allocs(t, "three tasks wait for the event, and two at the barrier", 3+2, func() {
			e.Set()
			e.Clear()
			l.RunUntilIdle()
		})
	})
}

func TestAskingAllocates(t *testing.T) {
	l := testkit.NewLoop(t)
	ctx := l.Context()
	for _, s := range askers() {
		testkit.Allocs(t, s.name+", which is free", 1, func() {
			_ = s.ask(ctx)
			s.leave()
		})
		s.try()
		testkit.Allocs(t, s.name+", which is not free", 2, func() {
			_ = s.ask(ctx)
			s.leave()
		})
		testkit.Allocs(t, s.name+", and a cancellation with its error", 3, func() { _ = s.ask(ctx).Cancel(nil) })
	}
	var e lock.Event
	testkit.Allocs(t, "Event", 2, func() {
		_ = e.Waiting(ctx)
		e.Set()
		e.Clear()
	})
	var c lock.Cond
	testkit.Allocs(t, "Cond", 2, func() {
		_ = waitingAt(l, &c)
		signal(&c, 1)
		l.RunOnce()
		c.Unlock()
	})
}

// A machine that waits for a mutex costs what the future costs.
func TestAMachineThatWaitsForAMutexAllocates(t *testing.T) {
	l := testkit.NewLoop(t)
	var m lock.Mutex
	m.TryLock()
	var locking *future.Future[struct{}]
	task.GoMachine(l.Context(), task.MachineFunc[int](func(ctx context.Context, err error) (int, task.Suspension, error) {
		if locking = m.Locking(ctx); locking.Done() {
			return 0, task.End(), errors.New("the mutex was free")
		}
		return 0, task.On(locking), err
	}))
	l.RunUntilIdle()
	testkit.Allocs(t, "a wait", 2, func() {
		m.Unlock()
		l.RunOnce()
	})
}
