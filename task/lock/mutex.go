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
// A Mutex is fair: tasks get it in the order in which they called Lock. A task may be canceled
// while it waits, even in the turn in which it was to get the mutex: then the next task gets it.
// When a task has had to wait for a Mutex, the Mutex belongs to the loop of that task. asyncio:
// Lock.
type Mutex struct {
	named
	locked  bool
	lost    []*loop.Task // the tasks that left Cond.Wait without the mutex
	holder  *loop.Task
	waiters waiter.List
}

// Lock takes the mutex. If another task holds it, or waits for it, Lock waits. If Lock
// returns an error, the task does not have the mutex: the task was canceled while it
// waited, or ctx has ended (see [lowlevel.Suspend]).
//
// If the mutex is free, Lock does not suspend, and takes a few nanoseconds. A task that waits costs
// one allocation. If a task locks a mutex that it already holds, it waits for itself, and the loop
// may report a deadlock. Lock panics if ctx does not belong to the running task.
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

// TryLock takes the mutex if it is free and no task waits for it. It reports whether it has taken
// the mutex.
func (m *Mutex) TryLock() bool {
	m.check("TryLock")
	if m.locked || m.waiters.Waiting() {
		return false
	}
	m.locked = true
	return true
}

// Unlock releases the mutex. The task that has waited longest gets it in the next turn. Any task or
// callback may call Unlock, not only the task that has locked the mutex. Unlock panics if the mutex
// is not locked, as sync.Mutex does.
func (m *Mutex) Unlock() {
	m.check("Unlock")
	if len(m.lost) > 0 && m.unlockedByLoser() {
		return
	}
	if !m.locked {
		panic("lock: Unlock of a Mutex that is not locked; unlock it once for each Lock")
	}
	m.locked, m.holder = false, nil
	m.wake()
}

// unlockedByLoser reports whether the running task is in lost, and removes it from there. Such a
// task does not hold the mutex, so its deferred Unlock must be a no-op.
func (m *Mutex) unlockedByLoser() bool {
	m.lost = slices.DeleteFunc(m.lost, (*loop.Task).Done)
	at := slices.IndexFunc(m.lost, isCurrent)
	if at >= 0 {
		m.lost = slices.Delete(m.lost, at, at+1)
	}
	return at >= 0
}

func isCurrent(t *loop.Task) bool { return t.Loop().Current() == t }

// check panics if the mutex must not be changed from here: see [lowlevel.CheckGoroutine].
func (m *Mutex) check(what string) {
	if m.holder != nil {
		lowlevel.CheckGoroutine(m.holder.Loop(), what)
	} else {
		m.waiters.Check(what)
	}
}

// Locked reports whether a task holds the mutex.
func (m *Mutex) Locked() bool { return m.locked }

// giveUp is called when a task stops waiting and does not take the mutex. The mutex may have woken
// this task already. So giveUp wakes the next task.
func (m *Mutex) giveUp(bool) {
	if !m.locked {
		m.wake()
	}
}

// wake sets the first waiter of the line, if it is not set already. The waiter stays in the line
// until its task has taken the mutex, so that no other task can take the mutex in between. (A
// promise takes the mutex inside Set.)
func (m *Mutex) wake() {
	for w := m.waiters.First(); w != nil; w = m.waiters.First() {
		if w.Set() || w.Done() { // otherwise w belonged to a closed loop, and Set has removed it
			return
		}
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

// named is embedded by the types that have a name in reports.
type named struct{ label string }

// SetName sets the name. Deadlock reports and graphs show it.
func (n *named) SetName(name string) { n.label = name }

func (n *named) name(anonymous, kind string) string {
	if n.label == "" {
		return anonymous
	}
	return fmt.Sprintf("%s %q", kind, n.label)
}

// everyone is larger than the length of any line of waiters.
const everyone = math.MaxInt
