package lock

import (
	"context"
	"fmt"
	"slices"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// A Cond is where tasks that hold a mutex wait for a change of what it guards. The
// zero Cond has a mutex of its own; [NewCond] shares one. asyncio: Condition.
type Cond struct {
	named
	barrier bool // it is that of a Barrier
	shared  *Mutex
	own     Mutex
	waiters waiter.List
}

// NewCond makes a Cond that goes with m.
func NewCond(m *Mutex) *Cond {
	if m == nil {
		panic("lock: NewCond(nil); use the zero Cond for one with a mutex of its own")
	}
	return &Cond{shared: m}
}

// SetName gives the Cond a name, and its own mutex too, which deadlock reports and graphs
// show.
func (c *Cond) SetName(name string) {
	c.named.SetName(name)
	c.own.SetName(name)
}

// Mutex returns the mutex that the Cond goes with.
func (c *Cond) Mutex() *Mutex {
	if c.shared != nil {
		return c.shared
	}
	return &c.own
}

// Lock locks the mutex: see [Mutex.Lock].
func (c *Cond) Lock(ctx context.Context) error { return c.Mutex().Lock(ctx) }

// Unlock unlocks the mutex: see [Mutex.Unlock].
func (c *Cond) Unlock() { c.Mutex().Unlock() }

// Wait gives the mutex back, waits to be signaled, and takes the mutex again. Whatever
// it returns, the mutex is held: a cancellation waits until it is, and is returned then;
// a signal that came together with it goes to the next. (Only when the loop is being
// closed, Wait returns without the mutex, and Unlock is silent about it.)
//
// A task that was signaled runs later than the one that signaled, and others may have
// held the mutex in between, so look again at what was waited for, or use WaitFor. One
// that gives up wakes the next, signaled or not, so there are wake-ups for nothing. Wait
// panics if the mutex is not locked, and if ctx does not belong to the running task.
func (c *Cond) Wait(ctx context.Context) error {
	t := lowlevel.Current(ctx)
	m := c.Mutex()
	c.mustBeLocked("Wait")
	m.Unlock()
	held := false
	defer func() {
		if !held { // the task's stack is being unwound
			m.lost = append(m.lost, t)
			c.waiters.Set(1)
		}
	}()
	err := c.waiters.Wait(ctx, (*condInfo)(c), func(bool) {})
	for !held { // t's own context ends a Lock for a cancellation only
		failed := m.Lock(t.Context())
		held = failed == nil
		if !held {
			err = failed
		}
		if !held && lowlevel.Unwinding(t) {
			break
		}
	}
	if err != nil && held {
		c.waiters.Set(1)
	}
	return err
}

// WaitFor waits until holds reports true. holds is called with the mutex held, before
// the first wait and after every one; on success the mutex is held and it is true.
func (c *Cond) WaitFor(ctx context.Context, holds func() bool) error {
	if holds == nil {
		panic("lock: WaitFor of a nil function; give it one that tells whether to go on, or use Wait")
	}
	for !holds() {
		if err := c.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Signal wakes n of the tasks that wait, or all if there are fewer, in the order in
// which they came. Each goes on once it has the mutex, so the caller should give that
// back. Signal panics if the mutex is not locked, or n is negative.
func (c *Cond) Signal(n int) {
	if n < 0 {
		panic(fmt.Sprintf("lock: Signal(%d); give the number of tasks to wake, or use Broadcast", n))
	}
	c.mustBeLocked("Signal")
	c.waiters.Set(n)
}

// Broadcast is Signal for all who wait.
func (c *Cond) Broadcast() {
	c.mustBeLocked("Broadcast")
	c.waiters.Set(everyone)
}

func (c *Cond) mustBeLocked(what string) {
	c.waiters.Check(what)
	if m := c.Mutex(); !m.locked && !slices.ContainsFunc(m.lost, isCurrent) {
		panic(fmt.Sprintf("lock: %s of a Cond whose mutex is not locked", what))
	}
}

type condInfo Cond

func (c *condInfo) Describe() (string, []loop.Awaitable) {
	if c.barrier {
		return c.name("a barrier", "barrier"), nil
	}
	return "a signal of " + c.name("a cond", "cond"), nil
}
