package lock_test

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task/lock"
)

func TestEventThatIsSetDoesNotSuspend(t *testing.T) {
	run(t, func(ctx context.Context) {
		var e lock.Event
		e.Set()
		other := false
		loop.FromContext(ctx).CallSoon(func() { other = true })
		must(t, e.Wait(ctx))
		ended, end := context.WithCancel(ctx)
		end()
		must(t, e.Wait(ended))
		e.Clear()
		wantIs(t, e.Wait(ended), context.Canceled)
		equal(t, "something else ran", other, false)
	})
}

// Set wakes those who wait, in their order, also if the flag is cleared at once; who
// comes after that waits.
func TestEventSetAndCleared(t *testing.T) {
	l := virtual(t)
	var e lock.Event
	var j looptest.Journal
	for _, name := range []string{"A", "B", "C"} {
		spawn(l.Context(), name, func(ctx context.Context) error {
			must(t, e.Wait(ctx))
			j.Add("%s, set %t", name, e.IsSet())
			return e.Wait(ctx)
		})
	}
	l.RunUntilIdle()
	e.Set()
	e.Clear()
	j.Want(t)
	l.RunOnce()
	j.Want(t, "A, set false", "B, set false", "C, set false")
	e.Set()
	l.RunUntilIdle()
	for left := range l.Tasks() {
		t.Errorf("%v still %s", left, left.Waits())
	}
}

// eventModel is a flag, and those who wait for it.
type eventModel struct {
	*program
	e    lock.Event
	set  bool
	line []*actor
}

func (m *eventModel) wait(derived bool) {
	m.spawn(func(ctx context.Context, a *actor) {
		if derived {
			ctx = a.derive(ctx)
		}
		before, set := m.steps, m.set
		m.line = append(m.line, a)
		err := m.e.Wait(ctx)
		if set && m.steps != before {
			m.Errorf("%v found the flag set, and was suspended", a)
		}
		ahead := m.leave(&m.line, a)
		if err != nil {
			m.excused(a, err)
		}
		if err != nil || set {
			return
		}
		if !a.woken {
			m.Errorf("%v goes on, and the flag was not set", a)
		}
		for _, other := range ahead {
			if other.woken && !other.gaveUp() {
				m.Errorf("%v goes on before %v, who came first", a, other)
			}
		}
	})
}

func (m *eventModel) check(bool) {
	if m.e.IsSet() != m.set {
		m.Errorf("IsSet() = %t, want %t", m.e.IsSet(), m.set)
	}
	for _, a := range m.line {
		if a.woken && a.due <= m.turn {
			m.Errorf("%v should have gone on in turn %d", a, a.due)
		}
	}
}

func TestEventModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &eventModel{program: newProgram(t)}
		defer m.l.Close()
		m.run(m.check, func(n int) {
			switch n % 5 {
			case 0, 1, 2:
				m.wait(n%5 == 0)
			case 3:
				if !m.set {
					for _, a := range m.line {
						if !a.canceled && !a.woken {
							m.wake(a)
						}
					}
				}
				m.set = true
				m.e.Set()
			case 4:
				m.set = false
				m.e.Clear()
			}
		})
		m.finish(func(idle bool) {
			m.check(idle)
			if idle {
				m.noneGaveUp(m.line)
			}
		})
	})
}

// Also an event that is set, for which nobody waits, takes no context but the running task's.
func TestEventThatIsSetChecksTheContext(t *testing.T) {
	run(t, func(ctx context.Context) {
		var e lock.Event
		e.Set()
		must(t, e.Wait(ctx))
		other := spawn(ctx, "other", hangs)
		panics(t, "loop: ", func() { _ = e.Wait(other.Task().Context()) })
		other.Cancel(nil)
	})
}
