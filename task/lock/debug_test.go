package lock_test

import (
	"context"
	"testing"

	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

// In debug mode, a change from another goroutine than the loop's panics if a task has ever
// waited at the primitive, also when no task waits any more.
func TestDebugFindsUseOnAnotherGoroutine(t *testing.T) {
	l := testkit.NewLoop(t, testkit.DebugMode)
	var held, m lock.Mutex
	var e lock.Event
	var c lock.Cond
	s := lock.NewSemaphore(1)
	testkit.Spawn(l.Context(), "waits", func(ctx context.Context) error {
		testkit.NoError(t, held.Lock(ctx))
		testkit.NoError(t, m.Lock(ctx))
		testkit.NoError(t, m.Lock(ctx))
		testkit.NoError(t, e.Wait(ctx))
		testkit.NoError(t, c.Lock(ctx))
		testkit.NoError(t, c.Wait(ctx))
		testkit.NoError(t, s.Acquire(ctx))
		testkit.NoError(t, s.Acquire(ctx))
		for what, call := range map[string]func(){
			"Unlock":                 held.Unlock,
			"TryLock":                func() { m.TryLock() },
			"Set":                    e.Set,
			"Clear":                  e.Clear,
			"Signal":                 func() { c.Signal(1) },
			"Broadcast":              c.Broadcast,
			"TryAcquire":             func() { s.TryAcquire() },
			"Release":                s.Release,
			"using a task's context": func() { _ = held.Lock(ctx) },
		} {
			testkit.Goexits(func() { testkit.Panics(t, "loop: "+what+" from another goroutine than the loop's; use Post", call) })
		}
		testkit.Equal(t, "the mutex is locked", held.Locked(), true)
		testkit.Equal(t, "the event is set", e.IsSet(), true)
		testkit.Equal(t, "permits", s.Free(), 0)
		m.Unlock()
		testkit.Goexits(func() {
			testkit.Panics(t, "loop: TryLock from another goroutine than the loop's; use Post", func() { m.TryLock() })
		})
		testkit.Equal(t, "the mutex is locked", m.Locked(), false)
		return nil
	})
	testkit.Spawn(l.Context(), "wakes", func(ctx context.Context) error {
		testkit.NoError(t, testkit.Yield(ctx, 2))
		m.Unlock()
		testkit.NoError(t, testkit.Yield(ctx, 2))
		e.Set()
		testkit.NoError(t, testkit.Yield(ctx, 2))
		testkit.NoError(t, c.Lock(ctx))
		c.Signal(1)
		c.Unlock()
		testkit.NoError(t, testkit.Yield(ctx, 2))
		s.Release()
		return nil
	})
	testkit.NoError(t, l.Run())
}
