package lock_test

import (
	"context"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

func TestCondMisuse(t *testing.T) {
	testkit.Panics(t, "lock: NewCond(nil)", func() { lock.NewCond(nil) })
	var c lock.Cond
	testkit.Panics(t, "lock: Signal of a Cond whose mutex is not locked", func() { c.Signal(1) })
	testkit.Panics(t, "lock: Broadcast of a Cond whose mutex is not locked", c.Broadcast)
	testkit.Panics(t, "lock: Unlock of a Mutex that is not locked", c.Unlock)
	testkit.Run(t, func(ctx context.Context) {
		testkit.Panics(t, "lock: Wait of a Cond whose mutex is not locked", func() { _ = c.Wait(ctx) })
		testkit.Panics(t, "lock: Wait of a Cond whose mutex is not locked", func() {
			_ = c.WaitFor(ctx, func() bool { return false })
		})
		testkit.NoError(t, c.WaitFor(ctx, func() bool { return true }))
	})
}

func TestCondSharesAMutex(t *testing.T) {
	var m lock.Mutex
	empty, full := lock.NewCond(&m), lock.NewCond(&m)
	testkit.Equal(t, "the mutex of the one", empty.Mutex(), &m)
	testkit.Equal(t, "the mutex of the other", full.Mutex(), &m)
	testkit.Run(t, func(ctx context.Context) {
		testkit.NoError(t, empty.Lock(ctx))
		full.Broadcast()
		full.Unlock()
		testkit.Equal(t, "locked", m.Locked(), false)
	})
}

// The signaled tasks go on in the order in which they began to wait, each with the mutex.
func TestCondWakesInOrder(t *testing.T) {
	l := testkit.NewLoop(t)
	var c lock.Cond
	var j looptest.Journal
	for _, name := range []string{"A", "B", "C", "D", "E"} {
		testkit.Spawn(l.Context(), name, func(ctx context.Context) error {
			testkit.NoError(t, c.Lock(ctx))
			defer c.Unlock()
			testkit.NoError(t, c.Wait(ctx))
			j.Add("%s has the mutex", name)
			testkit.NoError(t, testkit.Yield(ctx, 2))
			j.Add("%s gives it back", name)
			return nil
		})
	}
	signal := func(n int) {
		testkit.Spawn(l.Context(), "signaler", func(ctx context.Context) error {
			testkit.NoError(t, c.Lock(ctx))
			defer c.Unlock()
			c.Signal(n)
			return nil
		})
		l.RunUntilIdle()
	}
	l.RunUntilIdle()
	signal(0)
	j.Want(t)
	signal(2)
	j.Want(t, "A has the mutex", "A gives it back", "B has the mutex", "B gives it back")
	signal(100)
	j.Want(t, "C has the mutex", "C gives it back", "D has the mutex", "D gives it back", "E has the mutex", "E gives it back")
}

func TestCondWaitForLooksAgain(t *testing.T) {
	l := testkit.NewLoop(t)
	var c lock.Cond
	n := 0
	a := testkit.Spawn(l.Context(), "A", func(ctx context.Context) error {
		testkit.NoError(t, c.Lock(ctx))
		defer c.Unlock()
		return c.WaitFor(ctx, func() bool {
			testkit.Equal(t, "the mutex is held while the condition is checked", c.Mutex().Locked(), true)
			return n == 2
		})
	})
	for n < 2 {
		l.RunUntilIdle()
		testkit.Equal(t, "A went on", a.Done(), false)
		testkit.Equal(t, "the mutex is free", c.Mutex().TryLock(), true)
		n++
		c.Broadcast()
		c.Unlock()
	}
	l.RunUntilIdle()
	testkit.NoError(t, a.Err())
}

// A canceled task waits for the mutex, also if it is canceled several times. It passes on
// the signal that it got before.
func TestCondCanceledWhileItTakesTheMutexAgain(t *testing.T) {
	l := testkit.NewLoop(t)
	var c lock.Cond
	wait := func(ctx context.Context) error {
		testkit.NoError(t, c.Lock(ctx))
		defer c.Unlock()
		err := c.Wait(ctx)
		testkit.Equal(t, "the mutex is held after Wait", c.Mutex().Locked(), true)
		return err
	}
	a, b := testkit.Spawn(l.Context(), "A", wait), testkit.Spawn(l.Context(), "B", wait)
	l.RunUntilIdle()
	c.Mutex().TryLock()
	c.Signal(1)
	l.RunUntilIdle()
	for range 3 {
		a.Cancel(testkit.ErrCause)
		l.RunUntilIdle()
		testkit.Equal(t, "A ends without the mutex", a.Done(), false)
	}
	c.Unlock()
	l.RunUntilIdle()
	testkit.ErrorIs(t, a.Err(), context.Canceled)
	testkit.NoError(t, b.Err())
	testkit.Equal(t, "locked", c.Mutex().Locked(), false)
}

// A context that has ended already ends the wait, but the task keeps the mutex.
func TestCondUnderAnEndedContext(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		var c lock.Cond
		testkit.NoError(t, c.Lock(ctx))
		ended, end := context.WithCancelCause(ctx)
		end(testkit.ErrEnded)
		testkit.ErrorIs(t, c.Wait(ended), testkit.ErrEnded)
		testkit.ErrorIs(t, c.WaitFor(ended, func() bool { return false }), testkit.ErrEnded)
		testkit.Equal(t, "locked", c.Mutex().Locked(), true)
		c.Unlock()
	})
}

// condModel is a simple model of a Cond: the waiting tasks, in the order in which they
// began to wait, and the holder of the mutex. Actor.Woken says which tasks were signaled.
type condModel struct {
	*testkit.Program
	c      lock.Cond
	line   []*testkit.Actor
	holder *testkit.Actor
}

func (m *condModel) wait(derived bool) {
	m.Spawn(func(ctx context.Context, a *testkit.Actor) {
		if m.c.Lock(ctx) != nil {
			return
		}
		defer m.unlock(a)
		m.locked(a)
		within := ctx
		if derived {
			within = a.Derive(ctx)
		}
		m.holder = nil
		m.line = append(m.line, a)
		err := m.c.Wait(within)
		ahead := m.Leave(&m.line, a)
		if m.Loop.Running() {
			m.locked(a)
		}
		if err != nil {
			m.Excused(a, err)
			m.signal(1) // the next task is woken
			return
		}
		if !a.Woken {
			m.Errorf("%v goes on, but was not signaled", a)
		}
		for _, other := range ahead {
			if other.Woken && !other.GaveUp() {
				m.Errorf("%v goes on before %v, which began to wait earlier", a, other)
			}
		}
		if a.String() < "A3" { // some hold the mutex for a while
			a.Hold(ctx)
		}
	})
}

func (m *condModel) locked(a *testkit.Actor) {
	if m.holder != nil {
		m.Errorf("%v and %v both hold the mutex", m.holder, a)
	}
	m.holder = a
}

func (m *condModel) unlock(a *testkit.Actor) {
	if m.holder == a {
		m.holder = nil
	}
	m.c.Unlock()
}

// holdMutex spawns a task that only holds the mutex for a while.
func (m *condModel) holdMutex() {
	m.Spawn(func(ctx context.Context, a *testkit.Actor) {
		if m.c.Lock(ctx) != nil {
			return
		}
		m.locked(a)
		a.Hold(ctx)
		m.unlock(a)
	})
}

// signal marks up to n of the tasks that can be signaled.
func (m *condModel) signal(n int) {
	for _, a := range m.line {
		if n > 0 && !a.Woken && m.stands(a) {
			n--
			m.Wake(a)
		}
	}
}

// stands reports whether a can be signaled. A task cannot if it was canceled while it
// waited, or if its context has ended and it waits for the mutex already. A task that is
// woken but has not run yet (it awaits nothing) can be signaled, and passes the signal on.
func (m *condModel) stands(a *testkit.Actor) bool {
	on := a.Task.Task().Awaits()
	if on == nil {
		return true
	}
	what, _ := on.Explain()
	return !a.Canceled && strings.HasPrefix(what, "a signal")
}

// hostSignals signals n tasks from the host, which first locks the mutex if it is free.
func (m *condModel) hostSignals(n int) {
	free := m.c.Mutex().TryLock()
	if !free && m.holder == nil {
		return // the mutex is unlocked, but a waiter is about to get it
	}
	m.signal(n)
	if n > 100 {
		m.c.Broadcast()
	} else {
		m.c.Signal(n)
	}
	if free {
		m.c.Unlock()
	}
}

func (m *condModel) check(idle bool) {
	if m.c.Mutex().Locked() != (m.holder != nil) {
		m.Errorf("the mutex is locked: %t, and %v holds it", m.c.Mutex().Locked(), m.holder)
	}
	if !idle || m.holder != nil {
		return
	}
	for _, a := range m.line {
		if a.Woken {
			m.Errorf("nothing is ready and the mutex is free, but %v was signaled and still waits", a)
		}
	}
	m.NoneGaveUp(m.line)
}

func TestCondModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &condModel{Program: testkit.NewProgram(t)}
		defer m.Loop.Close()
		m.Run(m.check, func(n int) {
			switch n % 7 {
			case 0, 1, 2:
				m.wait(n%7 == 0)
			case 3:
				m.holdMutex()
			case 4:
				m.hostSignals(1)
			case 5:
				m.hostSignals(2 * n)
			case 6:
				m.Tell(n)
			}
		})
		m.Finish(m.check)
		if m.c.Mutex().Locked() {
			m.Errorf("every task has left, but the mutex is locked")
		}
	})
}
