package lock_test

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

func TestMutexMisuse(t *testing.T) {
	var m lock.Mutex
	testkit.Panics(t, "lock: Unlock of a Mutex that is not locked", m.Unlock)
	testkit.Equal(t, "locked", m.Locked(), false)
	testkit.Equal(t, "TryLock", m.TryLock(), true)
	testkit.Equal(t, "TryLock of a locked mutex", m.TryLock(), false)
	m.Unlock()
	testkit.Panics(t, "lock: Unlock of a Mutex that is not locked", m.Unlock)
	testkit.Equal(t, "TryLock after a misuse", m.TryLock(), true)
}

func TestMutexMayBeUnlockedByAnybody(t *testing.T) {
	l := testkit.NewLoop(t)
	var m lock.Mutex
	a := testkit.Spawn(l.Context(), "A", m.Lock)
	b := testkit.Spawn(l.Context(), "B", m.Lock)
	l.RunUntilIdle()
	testkit.NoError(t, a.Err())
	testkit.Equal(t, "B has the mutex, too", b.Done(), false)
	l.CallSoon(m.Unlock)
	l.RunUntilIdle()
	testkit.NoError(t, b.Err())
}

// mutexModel is a simple model of a mutex: its holder, and the waiting tasks, in the order
// in which they called Lock.
type mutexModel struct {
	*testkit.Program
	m      lock.Mutex
	line   []*testkit.Actor
	holder *testkit.Actor
}

// host stands for the host as the holder: the test itself, outside of all tasks.
var host = &testkit.Actor{}

func (m *mutexModel) visit(derived bool) {
	m.Spawn(func(ctx context.Context, a *testkit.Actor) {
		within := ctx
		if derived {
			within = a.Derive(ctx)
		}
		m.lock(within, a)
		if m.holder != a {
			return
		}
		a.Hold(ctx)
		m.unlock()
	})
}

func (m *mutexModel) lock(ctx context.Context, a *testkit.Actor) {
	free := m.holder == nil && len(m.line) == 0
	before := m.Steps
	m.line = append(m.line, a)
	err := m.m.Lock(ctx)
	if free && m.Steps != before {
		m.Errorf("%v found the mutex free, but was suspended", a)
	}
	ahead := m.Leave(&m.line, a)
	if err != nil {
		m.Excused(a, err)
		return
	}
	if m.holder != nil {
		m.Errorf("%v and %v both hold the mutex", m.holder, a)
	}
	for _, other := range ahead {
		if !other.GaveUp() {
			m.Errorf("%v got the mutex before %v, which called Lock earlier", a, other)
		}
	}
	m.holder = a
}

func (m *mutexModel) unlock() {
	m.holder = nil
	m.m.Unlock()
}

// tryLock acts for the host: it unlocks the mutex if the host holds it, and tries to lock it
// otherwise.
func (m *mutexModel) tryLock() {
	if m.holder == host {
		m.unlock()
		return
	}
	free := m.holder == nil && len(m.line) == 0
	got := m.m.TryLock()
	if got && m.holder != nil {
		m.Errorf("TryLock succeeds while %v holds the mutex", m.holder)
	}
	if free && !got {
		m.Errorf("TryLock fails, but no task holds the mutex or waits for it")
	}
	for _, a := range m.line {
		if got && !a.GaveUp() {
			m.Errorf("TryLock succeeds while %v waits", a)
		}
	}
	if got {
		m.holder = host
	}
}

func (m *mutexModel) check(idle bool) {
	if m.m.Locked() != (m.holder != nil) {
		m.Errorf("Locked() = %t, and %v holds it", m.m.Locked(), m.holder)
	}
	if !idle {
		return
	}
	if m.holder == nil && len(m.line) > 0 {
		m.Errorf("nothing is ready and the mutex is free, but %v wait", m.line)
	}
	m.NoneGaveUp(m.line)
}

func TestMutexModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &mutexModel{Program: testkit.NewProgram(t)}
		defer m.Loop.Close()
		m.Run(m.check, func(n int) {
			switch n % 4 {
			case 0:
				m.visit(false)
			case 1:
				m.visit(true)
			case 2:
				m.tryLock()
			case 3:
				m.Tell(n)
			}
		})
		if m.holder == host {
			m.unlock()
		}
		m.Finish(m.check)
		if m.m.Locked() {
			m.Errorf("every task has left, but the mutex is locked")
		}
	})
}
