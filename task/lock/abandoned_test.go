package lock_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

// A body can leave a wait although the call does not return: a stackless body must not
// suspend in a call, so the call panics; and a Goexit of a callback that runs on the body's
// stack unwinds that stack. The tasks that wait later must not be affected.

// abandonStackless lets a stackless task wait, which panics.
func abandonStackless(t *testing.T, l *loop.Loop, wait testkit.Body) {
	t.Helper()
	leaver := task.GoMachine(l.Context(), task.MachineFunc[struct{}](
		func(ctx context.Context, _ error) (struct{}, task.Suspension, error) {
			return struct{}{}, task.End(), wait(ctx)
		}))
	l.RunUntilIdle()
	var p *task.PanicError
	if !errors.As(leaver.Err(), &p) {
		t.Errorf("a stackless task that waits ends with %v, want a panic", leaver.Err())
	}
}

// abandonByGoexit lets a task wait, and then calls then and Goexit on top of its stack.
func abandonByGoexit(t *testing.T, l *loop.Loop, wait testkit.Body, then func()) {
	t.Helper()
	leaver := testkit.Spawn(l.Context(), "leaver", wait)
	l.CallSoon(func() {
		then()
		runtime.Goexit()
	})
	if !testkit.Goexits(l.RunUntilIdle) {
		t.Error("the Goexit did not end the driver")
	}
	if err := leaver.Err(); !errors.Is(err, loop.ErrGoexit) {
		t.Errorf("the task that waited ended with %v, want %v", err, loop.ErrGoexit)
	}
}

// A gate is something that a task waits at, until the gate is opened for one task.
type gate struct {
	name string
	wait testkit.Body
	open func()
}

// gates returns closed gates. Each opens for one task at a time.
func gates() []gate {
	m := new(lock.Mutex)
	m.TryLock()
	s := lock.NewSemaphore(0)
	c := new(lock.Cond)
	return []gate{
		{"Mutex", m.Lock, m.Unlock},
		{"Semaphore", s.Acquire, s.Release},
		{"Cond", func(ctx context.Context) error {
			if err := c.Lock(ctx); err != nil {
				return err
			}
			defer c.Unlock()
			return c.Wait(ctx)
		}, func() {
			c.Mutex().TryLock()
			c.Signal(1)
			c.Unlock()
		}},
	}
}

func TestAbandonedWaitTakesNobodysTurn(t *testing.T) {
	for _, g := range gates() {
		t.Run(g.name+"/stackless", func(t *testing.T) {
			l := testkit.NewLoop(t)
			abandonStackless(t, l, g.wait)
			wantServed(t, l, g, g.open)
		})
	}
	for _, g := range gates() {
		t.Run(g.name+"/Goexit", func(t *testing.T) {
			l := testkit.NewLoop(t)
			abandonByGoexit(t, l, g.wait, func() {})
			wantServed(t, l, g, g.open)
		})
	}
	for _, g := range gates()[:2] { // not the Cond: a signal only wakes tasks that wait already
		t.Run(g.name+"/Goexit with the turn in hand", func(t *testing.T) {
			l := testkit.NewLoop(t)
			abandonByGoexit(t, l, g.wait, g.open)
			wantServed(t, l, g, func() {})
		})
	}
}

// wantServed fails the test unless a task that begins to wait now goes on when the gate opens.
func wantServed(t *testing.T, l *loop.Loop, g gate, open func()) {
	t.Helper()
	next := testkit.Spawn(l.Context(), "next", g.wait)
	l.RunUntilIdle()
	open()
	l.RunUntilIdle()
	if !next.Done() {
		t.Errorf("the task that waits after the abandoned wait is never woken")
		return
	}
	testkit.NoError(t, next.Err())
}

func TestAbandonedWaitOfACondLeavesTheMutexAlone(t *testing.T) {
	l := testkit.NewLoop(t)
	var c lock.Cond
	abandonByGoexit(t, l, func(ctx context.Context) error {
		testkit.NoError(t, c.Lock(ctx))
		defer c.Unlock()
		return c.Wait(ctx)
	}, func() { c.Mutex().TryLock() })
	testkit.Equal(t, "the mutex, which was locked again meanwhile, is locked", c.Mutex().Locked(), true)
}

// A body that leaves in this way does not call Unlock if the call is not deferred. The
// Unlock of the next holder must work all the same.
func TestAbandonedWaitOfACondWithoutDefer(t *testing.T) {
	var c lock.Cond
	wait := func(ctx context.Context) error {
		testkit.NoError(t, c.Lock(ctx))
		err := c.Wait(ctx)
		c.Unlock()
		return err
	}
	for _, leave := range []func(l *loop.Loop){
		func(l *loop.Loop) { abandonStackless(t, l, wait) },
		func(l *loop.Loop) { abandonByGoexit(t, l, wait, func() {}) },
	} {
		c = lock.Cond{}
		leave(testkit.NewLoop(t))
		testkit.Equal(t, "TryLock", c.Mutex().TryLock(), true)
		c.Unlock()
		testkit.Equal(t, "locked, after it was unlocked", c.Mutex().Locked(), false)
		testkit.Panics(t, "lock: Unlock of a Mutex that is not locked", c.Unlock)
	}
}

// A task that was signaled, and leaves while it waits for the mutex, passes the signal on.
func TestAbandonedWaitOfACondPassesTheSignalOn(t *testing.T) {
	l := testkit.NewLoop(t)
	var c lock.Cond
	wait := func(ctx context.Context) error {
		testkit.NoError(t, c.Lock(ctx))
		defer c.Unlock()
		return c.Wait(ctx)
	}
	leaver, next := testkit.Spawn(l.Context(), "leaver", wait), testkit.Spawn(l.Context(), "next", wait)
	l.RunUntilIdle()
	c.Mutex().TryLock()
	c.Signal(1)
	l.CallSoon(runtime.Goexit) // behind the leaver's step, which finds the mutex locked
	testkit.Equal(t, "the driver was ended", testkit.Goexits(l.RunUntilIdle), true)
	testkit.ErrorIs(t, leaver.Err(), loop.ErrGoexit)
	c.Unlock()
	l.RunUntilIdle()
	testkit.Equal(t, "the next has the signal", next.Done(), true)
}

func TestAbandonedBarrier(t *testing.T) {
	l := testkit.NewLoop(t)
	b := lock.NewBarrier(2)
	wait := func(ctx context.Context) error {
		_, err := b.Wait(ctx)
		return err
	}
	abandonByGoexit(t, l, wait, func() {})
	testkit.Equal(t, "tasks at the barrier", b.Waiting(), 0)
	first, second := testkit.Spawn(l.Context(), "first", wait), testkit.Spawn(l.Context(), "second", wait)
	l.RunUntilIdle()
	testkit.Equal(t, "the two later tasks have met", first.Done() && second.Done(), true)
}

func TestAbandonedEvent(t *testing.T) {
	l := testkit.NewLoop(t)
	var e lock.Event
	abandonStackless(t, l, e.Wait)
	abandonByGoexit(t, l, e.Wait, func() {})
	next := testkit.Spawn(l.Context(), "next", e.Wait)
	l.RunUntilIdle()
	e.Set()
	l.RunUntilIdle()
	testkit.Equal(t, "the later task was woken", next.Done(), true)
}

// A task that has lost the mutex may call Unlock once: that call is a no-op. Its second
// Unlock is a normal one.
func TestLoserUnlocksOnceInVain(t *testing.T) {
	l := testkit.NewLoop(t)
	var c lock.Cond
	abandonByGoexit(t, l, func(ctx context.Context) error {
		testkit.NoError(t, c.Lock(ctx))
		defer func() {
			c.Unlock()
			testkit.Equal(t, "locked after the first Unlock", c.Mutex().Locked(), true)
			c.Unlock()
			testkit.Equal(t, "locked after the second", c.Mutex().Locked(), false)
		}()
		return c.Wait(ctx)
	}, func() { c.Mutex().TryLock() })
}
