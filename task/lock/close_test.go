package lock_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

// closing runs the bodies that setUp returns until nothing is ready, closes the loop, and
// calls check. Each task must end with the cancellation that Close delivers. A panic in a
// task fails the test too: the loop's error handler reports it.
func closing(t *testing.T, setUp func() (bodies []testkit.Body, check func())) {
	t.Helper()
	for _, opts := range [][]loop.Option{nil, {testkit.DebugMode}} {
		l := testkit.NewLoop(t, opts...)
		ended := 0
		bodies, check := setUp()
		for at, b := range bodies {
			testkit.Spawn(l.Context(), fmt.Sprint(at), func(ctx context.Context) error {
				err := b(ctx)
				var c *loop.CanceledError
				if !errors.As(err, &c) || c.Cause != loop.ErrClosed {
					t.Errorf("task %d ended with %v, want a cancellation by Close", at, err)
				}
				ended++
				return err
			})
		}
		l.RunUntilIdle()
		l.Close()
		testkit.Equal(t, "tasks that ended", ended, len(bodies))
		check()
	}
}

// free fails the test unless m is unlocked and can be locked.
func free(t *testing.T, m *lock.Mutex) {
	t.Helper()
	testkit.Equal(t, "locked", m.Locked(), false)
	testkit.Equal(t, "TryLock", m.TryLock(), true)
	m.Unlock()
	testkit.Panics(t, "lock: Unlock of a Mutex that is not locked", m.Unlock)
}

func holds(m *lock.Mutex) testkit.Body {
	return func(ctx context.Context) error {
		if err := m.Lock(ctx); err != nil {
			return err
		}
		defer m.Unlock()
		return testkit.SleepForever(ctx)
	}
}

func waits(c *lock.Cond) testkit.Body {
	return func(ctx context.Context) error {
		if err := c.Lock(ctx); err != nil {
			return err
		}
		defer c.Unlock()
		defer c.Broadcast()
		return c.Wait(ctx)
	}
}

func TestCloseUnwindsMutexes(t *testing.T) {
	closing(t, func() ([]testkit.Body, func()) {
		m := new(lock.Mutex)
		return []testkit.Body{holds(m), holds(m), holds(m)}, func() { free(t, m) }
	})
}

func TestCloseUnwindsConds(t *testing.T) {
	t.Run("with the mutex free", func(t *testing.T) {
		closing(t, func() ([]testkit.Body, func()) {
			c := new(lock.Cond)
			return []testkit.Body{waits(c), waits(c)}, func() { free(t, c.Mutex()) }
		})
	})
	t.Run("with the mutex held by a younger task", func(t *testing.T) {
		closing(t, func() ([]testkit.Body, func()) {
			c := new(lock.Cond)
			return []testkit.Body{waits(c), waits(c), holds(c.Mutex()), holds(c.Mutex())}, func() { free(t, c.Mutex()) }
		})
	})
	t.Run("with the mutex locked by the host", func(t *testing.T) {
		var c lock.Cond
		l := testkit.NewLoop(t)
		testkit.Spawn(l.Context(), "A", waits(&c))
		l.RunUntilIdle()
		c.Mutex().TryLock()
		l.Close()
		testkit.Equal(t, "locked", c.Mutex().Locked(), true)
		c.Unlock()
		testkit.Panics(t, "lock: Unlock of a Mutex that is not locked", c.Unlock)
	})
	t.Run("signaled, and without the mutex", func(t *testing.T) {
		var c lock.Cond
		l := testkit.NewLoop(t)
		testkit.Spawn(l.Context(), "A", waits(&c))
		testkit.Spawn(l.Context(), "B", waits(&c))
		l.RunUntilIdle()
		c.Mutex().TryLock()
		c.Signal(1)
		l.RunUntilIdle()
		l.Close()
		testkit.Equal(t, "locked", c.Mutex().Locked(), true)
		c.Unlock()
		testkit.Equal(t, "TryLock", c.Mutex().TryLock(), true)
	})
}

// A body is unwound while it waits for a Cond, goes on, and waits for the Cond again.
func TestCloseUnwindsACondTwice(t *testing.T) {
	closing(t, func() ([]testkit.Body, func()) {
		c := new(lock.Cond)
		return []testkit.Body{func(ctx context.Context) error {
			if err := c.Lock(ctx); err != nil {
				return err
			}
			defer c.Unlock()
			_ = c.Wait(ctx)
			c.Signal(1)
			return c.WaitFor(ctx, func() bool { return false })
		}, holds(c.Mutex())}, func() { free(t, c.Mutex()) }
	})
}

func TestCloseUnwindsSemaphores(t *testing.T) {
	closing(t, func() ([]testkit.Body, func()) {
		s := lock.NewBounded(1)
		visit := func(ctx context.Context) error {
			if err := s.Acquire(ctx); err != nil {
				return err
			}
			defer s.Release()
			return testkit.SleepForever(ctx)
		}
		return []testkit.Body{visit, visit, visit}, func() { testkit.Equal(t, "free permits", s.Free(), 1) }
	})
}

func TestCloseUnwindsEvents(t *testing.T) {
	closing(t, func() ([]testkit.Body, func()) {
		e := new(lock.Event)
		return []testkit.Body{e.Wait, e.Wait}, func() { testkit.Equal(t, "set", e.IsSet(), false) }
	})
}

func TestCloseUnwindsBarriers(t *testing.T) {
	closing(t, func() ([]testkit.Body, func()) {
		b := lock.NewBarrier(3)
		meet := func(ctx context.Context) error {
			_, err := b.Wait(ctx)
			return err
		}
		return []testkit.Body{meet, meet}, func() { testkit.Equal(t, "waiting", b.Waiting(), 0) }
	})
}

// A task may be unwound after its turn has come. It passes the turn on, too.
func TestCloseWithTheTurnInHand(t *testing.T) {
	forEachTurnstile(t, func(t *testing.T, s turnstile) {
		l := testkit.NewLoop(t)
		s.try()
		testkit.Spawn(l.Context(), "A", s.enter)
		testkit.Spawn(l.Context(), "B", s.enter)
		l.RunUntilIdle()
		s.leave()
		l.Close()
		testkit.Equal(t, "it is free", s.try(), true)
	})
}
