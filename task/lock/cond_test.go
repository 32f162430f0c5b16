package lock_test

import (
	"context"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task/lock"
)

func TestCondMisuse(t *testing.T) {
	panics(t, "lock: NewCond(nil)", func() { lock.NewCond(nil) })
	var c lock.Cond
	panics(t, "lock: Signal of a Cond whose mutex is not locked", func() { c.Signal(1) })
	panics(t, "lock: Broadcast of a Cond whose mutex is not locked", c.Broadcast)
	panics(t, "lock: Unlock of a Mutex that is not locked", c.Unlock)
	run(t, func(ctx context.Context) {
		panics(t, "lock: Wait of a Cond whose mutex is not locked", func() { _ = c.Wait(ctx) })
		panics(t, "lock: Wait of a Cond whose mutex is not locked", func() {
			_ = c.WaitFor(ctx, func() bool { return false })
		})
		must(t, c.WaitFor(ctx, func() bool { return true }))
	})
}

func TestCondSharesAMutex(t *testing.T) {
	var m lock.Mutex
	empty, full := lock.NewCond(&m), lock.NewCond(&m)
	equal(t, "the mutex of the one", empty.Mutex(), &m)
	equal(t, "the mutex of the other", full.Mutex(), &m)
	run(t, func(ctx context.Context) {
		must(t, empty.Lock(ctx))
		full.Broadcast()
		full.Unlock()
		equal(t, "locked", m.Locked(), false)
	})
}

// Those signaled go on in the order in which they came, each with the mutex.
func TestCondWakesInOrder(t *testing.T) {
	l := virtual(t)
	var c lock.Cond
	var j looptest.Journal
	for _, name := range []string{"A", "B", "C", "D", "E"} {
		spawn(l.Context(), name, func(ctx context.Context) error {
			must(t, c.Lock(ctx))
			defer c.Unlock()
			must(t, c.Wait(ctx))
			j.Add("%s has the mutex", name)
			must(t, yields(ctx, 2))
			j.Add("%s gives it back", name)
			return nil
		})
	}
	signal := func(n int) {
		spawn(l.Context(), "signaler", func(ctx context.Context) error {
			must(t, c.Lock(ctx))
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
	l := virtual(t)
	var c lock.Cond
	n := 0
	a := spawn(l.Context(), "A", func(ctx context.Context) error {
		must(t, c.Lock(ctx))
		defer c.Unlock()
		return c.WaitFor(ctx, func() bool {
			equal(t, "the mutex is held where the condition is looked at", c.Mutex().Locked(), true)
			return n == 2
		})
	})
	for n < 2 {
		l.RunUntilIdle()
		equal(t, "A went on", a.Done(), false)
		equal(t, "the mutex is free", c.Mutex().TryLock(), true)
		n++
		c.Broadcast()
		c.Unlock()
	}
	l.RunUntilIdle()
	must(t, a.Err())
}

// A cancellation waits for the mutex, however often it is asked for, and passes the
// signal on that came with it.
func TestCondCanceledWhileItTakesTheMutexAgain(t *testing.T) {
	l := virtual(t)
	var c lock.Cond
	wait := func(ctx context.Context) error {
		must(t, c.Lock(ctx))
		defer c.Unlock()
		err := c.Wait(ctx)
		equal(t, "the mutex is held after Wait", c.Mutex().Locked(), true)
		return err
	}
	a, b := spawn(l.Context(), "A", wait), spawn(l.Context(), "B", wait)
	l.RunUntilIdle()
	c.Mutex().TryLock()
	c.Signal(1)
	l.RunUntilIdle()
	for range 3 {
		a.Cancel(errCause)
		l.RunUntilIdle()
		equal(t, "A ends without the mutex", a.Done(), false)
	}
	c.Unlock()
	l.RunUntilIdle()
	wantIs(t, a.Err(), context.Canceled)
	must(t, b.Err())
	equal(t, "locked", c.Mutex().Locked(), false)
}

// A context that has ended already ends the wait, but not the mutex.
func TestCondUnderAnEndedContext(t *testing.T) {
	run(t, func(ctx context.Context) {
		var c lock.Cond
		must(t, c.Lock(ctx))
		ended, end := context.WithCancelCause(ctx)
		end(errEnded)
		wantIs(t, c.Wait(ended), errEnded)
		wantIs(t, c.WaitFor(ended, func() bool { return false }), errEnded)
		equal(t, "locked", c.Mutex().Locked(), true)
		c.Unlock()
	})
}

// condModel is a cond as anybody would describe it: those who wait, in the order in
// which they came, and who of them was signaled; and who has the mutex.
type condModel struct {
	*program
	c      lock.Cond
	line   []*actor
	holder *actor
}

func (m *condModel) wait(derived bool) {
	m.spawn(func(ctx context.Context, a *actor) {
		if m.c.Lock(ctx) != nil {
			return
		}
		defer m.unlock(a)
		m.locked(a)
		within := ctx
		if derived {
			within = a.derive(ctx)
		}
		m.holder = nil
		m.line = append(m.line, a)
		err := m.c.Wait(within)
		ahead := m.leave(&m.line, a)
		if m.l.Running() {
			m.locked(a)
		}
		if err != nil {
			m.excused(a, err)
			m.signal(1) // what it was given, if anything, goes to the next
			return
		}
		if !a.woken {
			m.Errorf("%v goes on, and was not signaled", a)
		}
		for _, other := range ahead {
			if other.woken && !other.gaveUp() {
				m.Errorf("%v goes on before %v, who came first", a, other)
			}
		}
		if a.name < "A3" { // some hold the mutex for a while
			a.hold(ctx)
		}
	})
}

func (m *condModel) locked(a *actor) {
	if m.holder != nil {
		m.Errorf("%v and %v hold the mutex", m.holder, a)
	}
	m.holder = a
}

func (m *condModel) unlock(a *actor) {
	if m.holder == a {
		m.holder = nil
	}
	m.c.Unlock()
}

// holdMutex is for a task that only makes it harder for the others.
func (m *condModel) holdMutex() {
	m.spawn(func(ctx context.Context, a *actor) {
		if m.c.Lock(ctx) != nil {
			return
		}
		m.locked(a)
		a.hold(ctx)
		m.unlock(a)
	})
}

// signal marks up to n of those who can be signaled.
func (m *condModel) signal(n int) {
	for _, a := range m.line {
		if n > 0 && !a.woken && m.stands(a) {
			n--
			m.wake(a)
		}
	}
}

// stands reports whether a can be signaled: it was not canceled while it waited for that,
// nor does it wait for the mutex already because its context has ended. If it is about
// to (it awaits nothing), it can still be signaled, and passes that on.
func (m *condModel) stands(a *actor) bool {
	on := a.t.Task().Awaits()
	return on == nil || !a.canceled && strings.HasPrefix(on.Explain().What, "a signal")
}

// hostSignals signals in the name of whoever has the mutex, or of the host.
func (m *condModel) hostSignals(n int) {
	free := m.c.Mutex().TryLock()
	if !free && m.holder == nil {
		return // it is nobody's now, and promised
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
		if a.woken {
			m.Errorf("nothing is ready, the mutex is free, and %v, who was signaled, waits", a)
		}
	}
	m.noneGaveUp(m.line)
}

func TestCondModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &condModel{program: newProgram(t)}
		defer m.l.Close()
		m.run(m.check, func(n int) {
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
				m.tell(n)
			}
		})
		m.finish(m.check)
		if m.c.Mutex().Locked() {
			m.Errorf("everybody has left, and the mutex is locked")
		}
	})
}
