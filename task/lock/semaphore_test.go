package lock_test

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

func TestSemaphoreMisuse(t *testing.T) {
	testkit.Panics(t, "lock: NewSemaphore(-1)", func() { lock.NewSemaphore(-1) })
	testkit.Panics(t, "lock: NewBounded(0)", func() { lock.NewBounded(0) })
	testkit.Panics(t, "lock: NewBounded(-1)", func() { lock.NewBounded(-1) })

	b := lock.NewBounded(2)
	testkit.Panics(t, "lock: Release of a bounded Semaphore that has all its permits", b.Release)
	testkit.Equal(t, "free", b.Free(), 2)
	testkit.Equal(t, "TryAcquire", b.TryAcquire(), true)
	b.Release()
	testkit.Panics(t, "lock: Release of a bounded Semaphore that has all its permits", b.Release)
	testkit.Equal(t, "free", b.Free(), 2)
}

func TestSemaphoreMayGrow(t *testing.T) {
	var s lock.Semaphore
	testkit.Equal(t, "TryAcquire of none", s.TryAcquire(), false)
	s.Release()
	s.Release()
	testkit.Equal(t, "free", s.Free(), 2)
	testkit.Equal(t, "TryAcquire of two", s.TryAcquire(), true)
	testkit.Equal(t, "free", s.Free(), 1)
}

// Several permits that are released in one turn wake as many tasks in the next turn.
func TestSemaphoreLetsSeveralIn(t *testing.T) {
	l := testkit.NewLoop(t)
	s := lock.NewSemaphore(0)
	var j looptest.Journal
	for _, name := range []string{"A", "B", "C", "D"} {
		testkit.Spawn(l.Context(), name, func(ctx context.Context) error {
			testkit.NoError(t, s.Acquire(ctx))
			j.Add("%s", name)
			return nil
		})
	}
	l.RunUntilIdle()
	for range 3 {
		s.Release()
		testkit.Equal(t, "free permits, without those for the waiting tasks", s.Free(), 0)
	}
	l.RunOnce()
	j.Want(t, "A", "B", "C")
	s.Release()
	l.RunOnce()
	j.Want(t, "D")
}

// A permit is free, but a waiting task has not gone on yet: a later task must not pass it.
func TestSemaphoreKeepsLateComersBehind(t *testing.T) {
	l := testkit.NewLoop(t)
	s := lock.NewSemaphore(0)
	var j looptest.Journal
	enter := func(name string) {
		testkit.Spawn(l.Context(), name, func(ctx context.Context) error {
			testkit.NoError(t, s.Acquire(ctx))
			j.Add("%s", name)
			return nil
		})
	}
	enter("A")
	l.RunUntilIdle()
	enter("B") // B's step comes before the step of A, which is woken by Release
	s.Release()
	s.Release()
	testkit.Equal(t, "free", s.Free(), 1)
	testkit.Equal(t, "TryAcquire", s.TryAcquire(), false)
	l.RunUntilIdle()
	j.Want(t, "A", "B")
	testkit.Equal(t, "free", s.Free(), 0)
}

// Two permits are released, and the first two tasks in line give up: the next two tasks get
// the permits.
func TestSemaphorePassesOnSeveral(t *testing.T) {
	l := testkit.NewLoop(t)
	s := lock.NewBounded(2)
	s.TryAcquire()
	s.TryAcquire()
	a, b := testkit.Spawn(l.Context(), "A", s.Acquire), testkit.Spawn(l.Context(), "B", s.Acquire)
	c, d := testkit.Spawn(l.Context(), "C", s.Acquire), testkit.Spawn(l.Context(), "D", s.Acquire)
	l.RunUntilIdle()
	s.Release()
	s.Release()
	a.Cancel(nil)
	b.Cancel(nil)
	l.RunUntilIdle()
	testkit.ErrorIs(t, a.Err(), context.Canceled)
	testkit.ErrorIs(t, b.Err(), context.Canceled)
	testkit.NoError(t, c.Err())
	testkit.NoError(t, d.Err())
	testkit.Equal(t, "free", s.Free(), 0)
}

// semaphoreModel is a simple model of a semaphore: the number of permits, the number that
// is held, and the waiting tasks, in the order in which they called Acquire.
type semaphoreModel struct {
	*testkit.Program
	s       *lock.Semaphore
	bound   int // 0: none
	permits int // in all
	held    int
	line    []*testkit.Actor
}

func (m *semaphoreModel) visit(derived bool) {
	m.Spawn(func(ctx context.Context, a *testkit.Actor) {
		within := ctx
		if derived {
			within = a.Derive(ctx)
		}
		free := m.s.Free() > 0 && len(m.line) == 0
		before := m.Steps
		m.line = append(m.line, a)
		err := m.s.Acquire(within)
		if free && m.Steps != before {
			m.Errorf("%v found a free permit, but was suspended", a)
		}
		ahead := m.Leave(&m.line, a)
		if err != nil {
			m.Excused(a, err)
			return
		}
		m.acquired(a, ahead)
		a.Hold(ctx)
		m.held--
		m.s.Release()
	})
}

func (m *semaphoreModel) acquired(a *testkit.Actor, ahead []*testkit.Actor) {
	if m.held++; m.held > m.permits {
		m.Errorf("%d permits are held, of %d", m.held, m.permits)
	}
	for _, other := range ahead {
		if !other.GaveUp() {
			m.Errorf("%v got a permit before %v, which called Acquire earlier", a, other)
		}
	}
}

// tryAcquire acts for the host.
func (m *semaphoreModel) tryAcquire() {
	free := m.s.Free() > 0
	got := m.s.TryAcquire()
	switch {
	case got && !free:
		m.Errorf("TryAcquire succeeds without a free permit")
	case got:
		m.acquired(host, m.line)
	case free && len(m.line) == 0:
		m.Errorf("TryAcquire fails, but a permit is free and no task waits")
	}
}

// release acts for the host: it adds a permit to a semaphore without a bound, and checks that
// Release of a full bounded one panics.
func (m *semaphoreModel) release() {
	if m.bound > 0 && m.s.Free() == m.bound {
		testkit.Panics(m, "has all its permits", m.s.Release)
		return
	}
	if m.bound > 0 { // the permits that are not free are held by tasks
		return
	}
	m.permits++
	m.s.Release()
}

func (m *semaphoreModel) check(idle bool) {
	handed := m.permits - m.held - m.s.Free() // given to tasks that have not gone on yet
	if handed < 0 || handed > len(m.line) {
		m.Errorf("of %d permits %d are held and %d free, with %d waiting", m.permits, m.held, m.s.Free(), len(m.line))
	}
	if !idle {
		return
	}
	if handed != 0 {
		m.Errorf("nothing is ready, but of %d permits only %d are held and %d free", m.permits, m.held, m.s.Free())
	}
	if m.s.Free() > 0 && len(m.line) > 0 {
		m.Errorf("nothing is ready and %d permits are free, but %v wait", m.s.Free(), m.line)
	}
	m.NoneGaveUp(m.line)
}

func TestSemaphoreModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &semaphoreModel{Program: testkit.NewProgram(t)}
		m.permits = rapid.IntRange(0, 3).Draw(t, "permits")
		if m.permits > 0 && rapid.Bool().Draw(t, "bounded") {
			m.bound = m.permits
			m.s = lock.NewBounded(m.permits)
		} else {
			m.s = lock.NewSemaphore(m.permits)
		}
		defer m.Loop.Close()
		hosts := 0
		m.Run(m.check, func(n int) {
			switch n % 6 {
			case 0, 1:
				m.visit(n%6 == 0)
			case 2, 3:
				m.Tell(n)
			case 4:
				before := m.held
				m.tryAcquire()
				hosts += m.held - before
			case 5:
				if hosts > 0 && n%4 != 1 {
					hosts--
					m.held--
					m.s.Release()
				} else {
					m.release()
				}
			}
		})
		for ; hosts > 0; hosts-- {
			m.held--
			m.s.Release()
		}
		m.Finish(m.check)
		if m.s.Free() != m.permits {
			m.Errorf("every task has left, but of %d permits only %d are free", m.permits, m.s.Free())
		}
	})
}
