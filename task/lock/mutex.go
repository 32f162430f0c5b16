package lock

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// A Mutex is held by one task at a time. The zero Mutex is unlocked and ready to use.
//
// It is fair: tasks get it in the order in which they asked. One that is canceled
// while it waits, even in the turn in which the mutex came to it, passes it on. A
// Mutex belongs to one loop from the first task that has to wait for it. asyncio:
// Lock.
type Mutex struct {
	named
	locked  bool
	lost    []*loop.Task // who held it, and could not take it again in Cond.Wait
	holder  *loop.Task
	waiters waiter.List
}

// Lock takes the mutex, and waits for it if need be. An error says that the task does
// not have the mutex: it was canceled while it waited, or ctx has ended (see
// [lowlevel.Suspend]). A mutex that is free is taken without suspending, at a cost of a few
// nanoseconds; a task that waits costs one allocation. Locking a mutex that the task
// holds is a deadlock. Lock panics if ctx does not belong to the running task.
func (m *Mutex) Lock(ctx context.Context) error {
	t := lowlevel.Current(ctx)
	if !m.TryLock() {
		if err := m.waiters.Wait(ctx, (*mutexInfo)(m), m.giveUp); err != nil {
			return err
		}
		m.locked = true
	}
	m.holder = t
	return nil
}

// TryLock takes the mutex if it is free and nobody waits for it, and reports whether.
func (m *Mutex) TryLock() bool {
	m.check("TryLock")
	if m.locked || m.waiters.Waiting() {
		return false
	}
	m.locked = true
	return true
}

// Unlock gives the mutex back; the task that has waited longest gets it in the next
// turn. Any task may unlock. It panics if the mutex is not locked, as sync.Mutex does.
func (m *Mutex) Unlock() {
	m.check("Unlock")
	if len(m.lost) > 0 && m.unlockedByLoser() {
		return
	}
	if !m.locked {
		panic("lock: Unlock of a Mutex that is not locked")
	}
	m.locked, m.holder = false, nil
	m.wake()
}

// unlockedByLoser reports whether the running task is one that has lost the mutex, and
// forgets it: its deferred Unlock is nothing to anybody.
func (m *Mutex) unlockedByLoser() bool {
	m.lost = slices.DeleteFunc(m.lost, (*loop.Task).Done)
	at := slices.IndexFunc(m.lost, isCurrent)
	if at >= 0 {
		m.lost = slices.Delete(m.lost, at, at+1)
	}
	return at >= 0
}

func isCurrent(t *loop.Task) bool { return t.Loop().Current() == t }

// check panics where the mutex must not be changed: see [lowlevel.CheckGoroutine].
func (m *Mutex) check(what string) {
	if m.holder != nil {
		lowlevel.CheckGoroutine(m.holder.Loop(), what)
	} else {
		m.waiters.Check(what)
	}
}

// Locked reports whether a task holds the mutex.
func (m *Mutex) Locked() bool { return m.locked }

// giveUp passes a turn on that has come to one who no longer waits.
func (m *Mutex) giveUp(bool) {
	if !m.locked {
		m.wake()
	}
}

// wake sets the first in line, unless that has happened. It stays in line until it
// has taken the mutex, so that nobody gets in between.
func (m *Mutex) wake() {
	if w := m.waiters.First(); w != nil {
		w.Set()
	}
}

type mutexInfo Mutex

func (m *mutexInfo) Describe() (what string, on []loop.Awaitable) {
	what = m.name("a mutex", "mutex")
	switch {
	case m.holder == nil && m.locked:
		what += ", which is locked"
	case m.holder == nil:
	case m.holder.Done():
		what += fmt.Sprintf(", held by %q, which has ended", m.holder.Name())
	default:
		what += fmt.Sprintf(", held by %q", m.holder.Name())
		on = []loop.Awaitable{m.holder.Outcome()}
	}
	return what, on
}

// named is what has a name in reports.
type named struct{ label string }

// SetName gives it a name, which deadlock reports and graphs show.
func (n *named) SetName(name string) { n.label = name }

func (n *named) name(anonymous, kind string) string {
	if n.label == "" {
		return anonymous
	}
	return fmt.Sprintf("%s %q", kind, n.label)
}

// everyone is more than there can be in a line.
const everyone = math.MaxInt
