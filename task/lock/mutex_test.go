package lock_test

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/task/lock"
)

func TestMutexMisuse(t *testing.T) {
	var m lock.Mutex
	panics(t, "lock: Unlock of a Mutex that is not locked", m.Unlock)
	equal(t, "locked", m.Locked(), false)
	equal(t, "TryLock", m.TryLock(), true)
	equal(t, "TryLock of what is locked", m.TryLock(), false)
	m.Unlock()
	panics(t, "lock: Unlock of a Mutex that is not locked", m.Unlock)
	equal(t, "TryLock after a misuse", m.TryLock(), true)
}

func TestMutexMayBeUnlockedByAnybody(t *testing.T) {
	l := virtual(t)
	var m lock.Mutex
	a := spawn(l.Context(), "A", m.Lock)
	b := spawn(l.Context(), "B", m.Lock)
	l.RunUntilIdle()
	must(t, a.Err())
	equal(t, "B has it, too", b.Done(), false)
	l.CallSoon(m.Unlock)
	l.RunUntilIdle()
	must(t, b.Err())
}

// mutexModel is a mutex as anybody would describe it: who holds it, and who stands in
// line, in the order in which they asked.
type mutexModel struct {
	*program
	m      lock.Mutex
	line   []*actor
	holder *actor
}

// host holds the mutex in the name of nobody.
var host = &actor{}

func (m *mutexModel) visit(derived bool) {
	m.spawn(func(ctx context.Context, a *actor) {
		within := ctx
		if derived {
			within = a.derive(ctx)
		}
		m.lock(within, a)
		if m.holder != a {
			return
		}
		a.hold(ctx)
		m.unlock()
	})
}

func (m *mutexModel) lock(ctx context.Context, a *actor) {
	free := m.holder == nil && len(m.line) == 0
	before := m.steps
	m.line = append(m.line, a)
	err := m.m.Lock(ctx)
	if free && m.steps != before {
		m.Errorf("%v found the mutex free, and was suspended", a)
	}
	ahead := m.leave(&m.line, a)
	if err != nil {
		m.excused(a, err)
		return
	}
	if m.holder != nil {
		m.Errorf("%v and %v hold the mutex", m.holder, a)
	}
	for _, other := range ahead {
		if !other.gaveUp() {
			m.Errorf("%v got the mutex before %v, who came first", a, other)
		}
	}
	m.holder = a
}

func (m *mutexModel) unlock() {
	m.holder = nil
	m.m.Unlock()
}

// tryLock is the host's: it unlocks, or tries to lock.
func (m *mutexModel) tryLock() {
	if m.holder == host {
		m.unlock()
		return
	}
	free := m.holder == nil && len(m.line) == 0
	got := m.m.TryLock()
	if got && m.holder != nil {
		m.Errorf("TryLock, while %v holds it", m.holder)
	}
	if free && !got {
		m.Errorf("TryLock fails, and nobody holds it or waits")
	}
	for _, a := range m.line {
		if got && !a.gaveUp() {
			m.Errorf("TryLock gets past %v, who waits", a)
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
		m.Errorf("nothing is ready, the mutex is free, and %v wait", m.line)
	}
	m.noneGaveUp(m.line)
}

func TestMutexModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &mutexModel{program: newProgram(t)}
		defer m.l.Close()
		m.run(m.check, func(n int) {
			switch n % 4 {
			case 0:
				m.visit(false)
			case 1:
				m.visit(true)
			case 2:
				m.tryLock()
			case 3:
				m.tell(n)
			}
		})
		if m.holder == host {
			m.unlock()
		}
		m.finish(m.check)
		if m.m.Locked() {
			m.Errorf("everybody has left, and the mutex is locked")
		}
	})
}
