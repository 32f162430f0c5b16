package lock

import (
	"context"
	"errors"
	"fmt"
)

// ErrBroken is the error of [Barrier.Wait] if the barrier was aborted or reset.
var ErrBroken = errors.New("lock: the barrier is broken")

// A Barrier makes a fixed number of tasks wait for each other: each task that calls Wait arrives at
// the barrier, and waits until all have arrived. Then all go on, and the next round begins, with
// the same number of tasks. Make a Barrier with [NewBarrier]. asyncio: Barrier.
type Barrier struct {
	cond    Cond
	parties int
	inside  int // the number of tasks that have arrived and have not left
	state   barrierState
}

type barrierState uint8

const (
	filling   barrierState = iota // tasks arrive, and wait
	draining                      // all tasks have arrived, and leave
	resetting                     // the tasks that had arrived leave with ErrBroken
	broken                        // every task leaves with ErrBroken, until Reset
)

// NewBarrier makes a barrier for the given number of tasks. It panics unless the number is
// positive.
func NewBarrier(parties int) *Barrier {
	if parties < 1 {
		panic(fmt.Sprintf("lock: NewBarrier(%d); the number of tasks must be positive", parties))
	}
	return &Barrier{parties: parties, cond: Cond{barrier: true}}
}

// SetName gives the barrier a name. Deadlock reports and graphs show it.
func (b *Barrier) SetName(name string) { b.cond.SetName(name) }

// Parties returns the number of tasks that the barrier waits for.
func (b *Barrier) Parties() int { return b.parties }

// Waiting returns how many tasks have arrived and wait for the others.
func (b *Barrier) Waiting() int {
	if b.state == filling {
		return b.inside
	}
	return 0
}

// Broken reports whether the barrier was aborted and not reset since then.
func (b *Barrier) Broken() bool { return b.state == broken }

// Wait waits until all tasks have arrived. It returns the index of the calling task in the order of
// arrival, from 0. If a task stops waiting because of an error, two tasks of a round may get the
// same index. If a task arrives while the tasks of the previous round are leaving, it waits until
// they have left.
//
// The error is [ErrBroken] if the barrier is aborted, or if it is reset while the task waits. If
// the task is canceled, or ctx ends, Wait returns the error of [lowlevel.Suspend], and the other
// tasks go on waiting. Wait panics if ctx does not belong to the running task, or if the Barrier is
// the zero Barrier.
func (b *Barrier) Wait(ctx context.Context) (index int, err error) {
	if b.parties == 0 {
		panic("lock: Wait at the zero Barrier, which is for 0 tasks; make it with NewBarrier")
	}
	if err := b.cond.Lock(ctx); err != nil {
		return 0, err
	}
	defer b.cond.Unlock()
	if err := b.cond.WaitFor(ctx, func() bool { return b.state != draining && b.state != resetting }); err != nil {
		return 0, err
	}
	if b.state == broken {
		return 0, ErrBroken
	}
	index = b.inside
	b.inside++
	defer b.leave()
	if b.inside == b.parties {
		b.state = draining
		b.cond.Broadcast()
		return index, nil
	}
	if err := b.cond.WaitFor(ctx, func() bool { return b.state != filling }); err != nil {
		return 0, err
	}
	if b.state != draining {
		return 0, ErrBroken
	}
	return index, nil
}

// leave is called when a task that has arrived leaves.
func (b *Barrier) leave() {
	b.inside--
	if b.inside > 0 {
		return
	}
	if b.state == resetting || b.state == draining {
		b.state = filling
	}
	b.cond.Broadcast()
}

// Reset makes the barrier usable again after [Barrier.Abort]. If tasks wait, their Wait returns
// [ErrBroken]; when they have left, a new round begins. Reset may have to wait for the barrier's
// own mutex. If that fails, it returns the error of [Mutex.Lock], and changes nothing.
func (b *Barrier) Reset(ctx context.Context) error {
	return b.change(ctx, func() {
		if b.inside > 0 {
			b.state = resetting
		} else {
			b.state = filling
		}
	})
}

// Abort breaks the barrier: for the waiting tasks, and for all tasks that arrive before the barrier
// is reset, Wait returns [ErrBroken]. Abort may have to wait for the barrier's own mutex. If that
// fails, it returns the error of [Mutex.Lock], and changes nothing.
func (b *Barrier) Abort(ctx context.Context) error {
	return b.change(ctx, func() { b.state = broken })
}

func (b *Barrier) change(ctx context.Context, apply func()) error {
	if err := b.cond.Lock(ctx); err != nil {
		return err
	}
	defer b.cond.Unlock()
	apply()
	b.cond.Broadcast()
	return nil
}
