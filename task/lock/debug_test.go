package lock_test

import (
	"context"
	"testing"

	"github.com/takt-go/takt/task/lock"
)

// In debug mode a primitive that tasks have waited for is not changed on another goroutine
// than the loop's, also where nobody waits any more.
func TestDebugFindsUseOnAnotherGoroutine(t *testing.T) {
	l := virtual(t, inDebugMode)
	var held, m lock.Mutex
	var e lock.Event
	var c lock.Cond
	s := lock.NewSemaphore(1)
	spawn(l.Context(), "waits", func(ctx context.Context) error {
		must(t, held.Lock(ctx))
		must(t, m.Lock(ctx))
		must(t, m.Lock(ctx))
		must(t, e.Wait(ctx))
		must(t, c.Lock(ctx))
		must(t, c.Wait(ctx))
		must(t, s.Acquire(ctx))
		must(t, s.Acquire(ctx))
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
			exits(func() { panics(t, "loop: "+what+" from another goroutine than the loop's; use Post", call) })
		}
		equal(t, "the mutex is locked", held.Locked(), true)
		equal(t, "the event is set", e.IsSet(), true)
		equal(t, "permits", s.Free(), 0)
		m.Unlock()
		exits(func() {
			panics(t, "loop: TryLock from another goroutine than the loop's; use Post", func() { m.TryLock() })
		})
		equal(t, "the mutex is locked", m.Locked(), false)
		return nil
	})
	spawn(l.Context(), "wakes", func(ctx context.Context) error {
		must(t, yields(ctx, 2))
		m.Unlock()
		must(t, yields(ctx, 2))
		e.Set()
		must(t, yields(ctx, 2))
		must(t, c.Lock(ctx))
		c.Signal(1)
		c.Unlock()
		must(t, yields(ctx, 2))
		s.Release()
		return nil
	})
	must(t, l.Run())
}
