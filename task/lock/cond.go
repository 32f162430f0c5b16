package lock

import (
	"context"
	"fmt"
	"slices"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// A Cond lets tasks wait until the data that a mutex guards has changed. The zero Cond has its own
// mutex; [NewCond] makes a Cond for an existing mutex. asyncio: Condition.
type Cond struct {
	named
	barrier bool // the Cond is part of a Barrier
	shared  *Mutex
	own     Mutex
	waiters waiter.List
}

// NewCond makes a Cond that uses the mutex m. It panics if m is nil.
func NewCond(m *Mutex) *Cond {
	if m == nil {
		panic("lock: NewCond(nil); use the zero Cond, which has its own mutex")
	}
	return &Cond{shared: m}
}

// SetName gives the Cond and its own mutex a name. Deadlock reports and graphs show it. A
// mutex that was given to [NewCond] keeps its name.
func (c *Cond) SetName(name string) {
	c.named.SetName(name)
	c.own.SetName(name)
}

// Mutex returns the mutex that the Cond uses.
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

// Wait unlocks the mutex, waits for a signal, and locks the mutex again.
//
// When Wait returns, the task holds the mutex, even if Wait returns an error. If the task is
// canceled, Wait first locks the mutex again, and then returns the cancellation. If the task was
// signaled as well, the signal goes to the next waiting task. There is one exception: when the loop
// is being closed, or the task's realm has ended (see [lowlevel.Realm]), Wait may return without the mutex. Then the task's Unlock is a no-op.
//
// A signaled task goes on later than the call of Signal, and other tasks may have held the mutex in
// between. So check the condition again after Wait, or use [Cond.WaitFor]. Wait may also return
// without a signal: a task whose wait ends with an error wakes the next waiting task.
//
// Wait panics if the mutex is not locked, and if ctx does not belong to the running task.
func (c *Cond) Wait(ctx context.Context) error {
	t := lowlevel.Current(ctx)
	m := c.Mutex()
	c.mustBeLocked("Wait")
	m.Unlock()
	held := false
	defer func() {
		if !held { // the task is being unwound
			m.lost = append(m.lost, t)
			c.waiters.Set(1)
		}
	}()
	err := c.waiters.Wait(ctx, (*condInfo)(c), func(bool) {})
	for !held { // under t's own context Lock fails only if t is canceled or unwound
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

// WaitFor waits until holds returns true. It calls holds before the first wait and after each wait,
// always with the mutex locked. The error is the error of [Cond.Wait]. As with Wait, the task holds
// the mutex when WaitFor returns. WaitFor panics if holds is nil. When it waits, it panics in the
// same cases as Wait.
func (c *Cond) WaitFor(ctx context.Context, holds func() bool) error {
	if holds == nil {
		panic("lock: WaitFor with a nil function; give it a function that reports whether the condition holds, or use Wait")
	}
	for !holds() {
		if err := c.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Signal wakes n of the waiting tasks, in the order in which they began to wait. If there are fewer
// than n, it wakes all of them. Each task goes on when it has the mutex. So the caller of Signal
// should unlock the mutex soon. Signal panics if the mutex is not locked, or if n is negative.
func (c *Cond) Signal(n int) {
	if n < 0 {
		panic(fmt.Sprintf("lock: Signal(%d); give the number of tasks to wake, or use Broadcast", n))
	}
	c.mustBeLocked("Signal")
	c.waiters.Set(n)
}

// Broadcast wakes all waiting tasks: see [Cond.Signal].
func (c *Cond) Broadcast() {
	c.mustBeLocked("Broadcast")
	c.waiters.Set(everyone)
}

func (c *Cond) mustBeLocked(what string) {
	c.waiters.Check(what)
	if m := c.Mutex(); !m.locked && !slices.ContainsFunc(m.lost, isCurrent) {
		panic(fmt.Sprintf("lock: %s of a Cond whose mutex is not locked; lock it first", what))
	}
}

type condInfo Cond

func (c *condInfo) Describe() (string, []loop.Awaitable) {
	if c.barrier {
		return c.name("a barrier", "barrier"), nil
	}
	return "a signal of " + c.name("a cond", "cond"), nil
}
