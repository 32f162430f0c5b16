package lock_test

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

func TestEventThatIsSetDoesNotSuspend(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		var e lock.Event
		e.Set()
		other := false
		lowlevel.LoopOf(ctx).CallSoon(func() { other = true })
		testkit.NoError(t, e.Wait(ctx))
		ended, end := context.WithCancel(ctx)
		end()
		testkit.NoError(t, e.Wait(ended))
		e.Clear()
		testkit.ErrorIs(t, e.Wait(ended), context.Canceled)
		testkit.Equal(t, "something else ran", other, false)
	})
}

// Set wakes the waiting tasks, in their order, also if the flag is cleared at once. A task
// that calls Wait after that waits.
func TestEventSetAndCleared(t *testing.T) {
	l := testkit.NewLoop(t)
	var e lock.Event
	var j looptest.Journal
	for _, name := range []string{"A", "B", "C"} {
		testkit.Spawn(l.Context(), name, func(ctx context.Context) error {
			testkit.NoError(t, e.Wait(ctx))
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
		t.Errorf("%v still %s", left, left.Status())
	}
}

// eventModel is a simple model of an Event: a flag, and the tasks that wait for it.
type eventModel struct {
	*testkit.Program
	e    lock.Event
	set  bool
	line []*testkit.Actor
}

func (m *eventModel) wait(derived bool) {
	m.Spawn(func(ctx context.Context, a *testkit.Actor) {
		if derived {
			ctx = a.Derive(ctx)
		}
		before, set := m.Steps, m.set
		m.line = append(m.line, a)
		err := m.e.Wait(ctx)
		if set && m.Steps != before {
			m.Errorf("%v found the flag set, but was suspended", a)
		}
		ahead := m.Leave(&m.line, a)
		if err != nil {
			m.Excused(a, err)
		}
		if err != nil || set {
			return
		}
		if !a.Woken {
			m.Errorf("%v goes on, but the flag was not set", a)
		}
		for _, other := range ahead {
			if other.Woken && !other.GaveUp() {
				m.Errorf("%v goes on before %v, which began to wait earlier", a, other)
			}
		}
	})
}

func (m *eventModel) check(bool) {
	if m.e.IsSet() != m.set {
		m.Errorf("IsSet() = %t, want %t", m.e.IsSet(), m.set)
	}
	for _, a := range m.line {
		if a.Woken && a.Due <= m.Turn {
			m.Errorf("%v should have gone on in turn %d", a, a.Due)
		}
	}
}

func TestEventModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &eventModel{Program: testkit.NewProgram(t)}
		defer m.Loop.Close()
		m.Run(m.check, func(n int) {
			switch n % 5 {
			case 0, 1, 2:
				m.wait(n%5 == 0)
			case 3:
				if !m.set {
					for _, a := range m.line {
						if !a.Canceled && !a.Woken {
							m.Wake(a)
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
		m.Finish(func(idle bool) {
			m.check(idle)
			if idle {
				m.NoneGaveUp(m.line)
			}
		})
	})
}

// Wait checks the context also if the event is set: it must be the running task's.
func TestEventThatIsSetChecksTheContext(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		var e lock.Event
		e.Set()
		testkit.NoError(t, e.Wait(ctx))
		other := testkit.Spawn(ctx, "other", testkit.SleepForever)
		testkit.Panics(t, "loop: ", func() { _ = e.Wait(other.Task().Context()) })
		other.Cancel(nil)
	})
}
