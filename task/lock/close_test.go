package lock_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task/lock"
)

// closing runs what setUp gives until nothing is ready, closes the loop, and checks. Each
// task must end with the cancellation that Close delivers, and none may panic: the loop's
// error handler would tell.
func closing(t *testing.T, setUp func() (bodies []body, check func())) {
	t.Helper()
	for _, opts := range [][]loop.Option{nil, {inDebugMode}} {
		l := virtual(t, opts...)
		ended := 0
		bodies, check := setUp()
		for at, b := range bodies {
			spawn(l.Context(), fmt.Sprint(at), func(ctx context.Context) error {
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
		equal(t, "tasks that ended", ended, len(bodies))
		check()
	}
}

// free fails the test unless nobody has m, and somebody can.
func free(t *testing.T, m *lock.Mutex) {
	t.Helper()
	equal(t, "locked", m.Locked(), false)
	equal(t, "TryLock", m.TryLock(), true)
	m.Unlock()
	panics(t, "lock: Unlock of a Mutex that is not locked", m.Unlock)
}

func holds(m *lock.Mutex) body {
	return func(ctx context.Context) error {
		if err := m.Lock(ctx); err != nil {
			return err
		}
		defer m.Unlock()
		return hangs(ctx)
	}
}

func waits(c *lock.Cond) body {
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
	closing(t, func() ([]body, func()) {
		m := new(lock.Mutex)
		return []body{holds(m), holds(m), holds(m)}, func() { free(t, m) }
	})
}

func TestCloseUnwindsConds(t *testing.T) {
	t.Run("with the mutex free", func(t *testing.T) {
		closing(t, func() ([]body, func()) {
			c := new(lock.Cond)
			return []body{waits(c), waits(c)}, func() { free(t, c.Mutex()) }
		})
	})
	t.Run("with the mutex held by a younger one", func(t *testing.T) {
		closing(t, func() ([]body, func()) {
			c := new(lock.Cond)
			return []body{waits(c), waits(c), holds(c.Mutex()), holds(c.Mutex())}, func() { free(t, c.Mutex()) }
		})
	})
	t.Run("with the mutex held by nobody in particular", func(t *testing.T) {
		var c lock.Cond
		l := virtual(t)
		spawn(l.Context(), "A", waits(&c))
		l.RunUntilIdle()
		c.Mutex().TryLock()
		l.Close()
		equal(t, "locked", c.Mutex().Locked(), true)
		c.Unlock()
		panics(t, "lock: Unlock of a Mutex that is not locked", c.Unlock)
	})
	t.Run("signaled, and without the mutex", func(t *testing.T) {
		var c lock.Cond
		l := virtual(t)
		spawn(l.Context(), "A", waits(&c))
		spawn(l.Context(), "B", waits(&c))
		l.RunUntilIdle()
		c.Mutex().TryLock()
		c.Signal(1)
		l.RunUntilIdle()
		l.Close()
		equal(t, "locked", c.Mutex().Locked(), true)
		c.Unlock()
		equal(t, "TryLock", c.Mutex().TryLock(), true)
	})
}

// A body that goes on after it was unwound in a Cond, and waits there again.
func TestCloseUnwindsACondTwice(t *testing.T) {
	closing(t, func() ([]body, func()) {
		c := new(lock.Cond)
		return []body{func(ctx context.Context) error {
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
	closing(t, func() ([]body, func()) {
		s := lock.NewBounded(1)
		visit := func(ctx context.Context) error {
			if err := s.Acquire(ctx); err != nil {
				return err
			}
			defer s.Release()
			return hangs(ctx)
		}
		return []body{visit, visit, visit}, func() { equal(t, "free permits", s.Free(), 1) }
	})
}

func TestCloseUnwindsEvents(t *testing.T) {
	closing(t, func() ([]body, func()) {
		e := new(lock.Event)
		return []body{e.Wait, e.Wait}, func() { equal(t, "set", e.IsSet(), false) }
	})
}

func TestCloseUnwindsBarriers(t *testing.T) {
	closing(t, func() ([]body, func()) {
		b := lock.NewBarrier(3)
		meet := func(ctx context.Context) error {
			_, err := b.Wait(ctx)
			return err
		}
		return []body{meet, meet}, func() { equal(t, "waiting", b.Waiting(), 0) }
	})
}

// Those unwound with the turn in hand pass it on, too.
func TestCloseWithTheTurnInHand(t *testing.T) {
	forEachTurnstile(t, func(t *testing.T, s turnstile) {
		l := virtual(t)
		s.try()
		spawn(l.Context(), "A", s.enter)
		spawn(l.Context(), "B", s.enter)
		l.RunUntilIdle()
		s.leave()
		l.Close()
		equal(t, "it is free", s.try(), true)
	})
}
