package lock

import (
	"context"
	"errors"
	"fmt"
)

// ErrBroken is the error of waiting at a barrier that was aborted or reset.
var ErrBroken = errors.New("lock: the barrier is broken")

// A Barrier is where a fixed number of tasks meet: each waits there until all have
// come. Then it serves the next such number. asyncio: Barrier.
type Barrier struct {
	cond    Cond
	parties int
	inside  int // tasks between their arrival and their leaving
	state   barrierState
}

type barrierState uint8

const (
	filling   barrierState = iota // tasks arrive, and wait
	draining                      // all have come, and leave
	resetting                     // those who had come leave with ErrBroken
	broken                        // everybody leaves with ErrBroken, until Reset
)

// NewBarrier makes a barrier for the given number of tasks. It panics unless that is
// positive.
func NewBarrier(parties int) *Barrier {
	if parties < 1 {
		panic(fmt.Sprintf("lock: NewBarrier(%d); the number of tasks must be positive", parties))
	}
	return &Barrier{parties: parties, cond: Cond{barrier: true}}
}

// SetName gives the barrier a name, which deadlock reports and graphs show.
func (b *Barrier) SetName(name string) { b.cond.SetName(name) }

// Parties returns how many tasks meet.
func (b *Barrier) Parties() int { return b.parties }

// Waiting returns how many tasks have come and wait for the others.
func (b *Barrier) Waiting() int {
	if b.state == filling {
		return b.inside
	}
	return 0
}

// Broken reports whether the barrier was aborted, and not reset since.
func (b *Barrier) Broken() bool { return b.state == broken }

// Wait waits until all have come, and returns the task's index by order of arrival,
// from 0; where a task has left, an index may come twice in a round. Who comes while those of the round before are still leaving waits until they
// have left. The error is [ErrBroken] if the barrier is aborted, or is reset while the
// task waits; a task that is canceled, or whose ctx ends, leaves, and the others go on
// waiting. Wait panics if ctx does not belong to the running task.
func (b *Barrier) Wait(ctx context.Context) (index int, err error) {
	if b.parties == 0 {
		panic("lock: Wait at the zero Barrier, where nobody meets; make it with NewBarrier")
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

// leave is called by each who has arrived.
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

// Reset mends the barrier: those who wait leave with [ErrBroken], and when they have
// left it fills again. It waits for the barrier's own mutex, hence ctx and the error.
func (b *Barrier) Reset(ctx context.Context) error {
	return b.change(ctx, func() {
		if b.inside > 0 {
			b.state = resetting
		} else {
			b.state = filling
		}
	})
}

// Abort breaks the barrier: those who wait, and those who come, leave with [ErrBroken],
// until it is reset. It waits for the barrier's own mutex, hence ctx and the error.
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
