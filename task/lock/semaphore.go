package lock

import (
	"context"
	"fmt"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// A Semaphore has a number of permits, which tasks acquire and release. The zero
// Semaphore has none until some are released.
//
// It is fair: permits go to tasks in the order in which they asked. One that is
// canceled while it waits, even in the turn in which a permit came to it, passes it on.
// asyncio: Semaphore, BoundedSemaphore.
type Semaphore struct {
	named
	free    int
	bound   int // 0: none
	waiters waiter.List
}

// NewSemaphore makes a semaphore with n permits. It panics if n is negative.
func NewSemaphore(n int) *Semaphore {
	if n < 0 {
		panic(fmt.Sprintf("lock: NewSemaphore(%d); the number of permits must not be negative", n))
	}
	return &Semaphore{free: n}
}

// NewBounded makes a semaphore with n permits that panics where more are released than
// were acquired. It panics unless n is positive.
func NewBounded(n int) *Semaphore {
	if n < 1 {
		panic(fmt.Sprintf("lock: NewBounded(%d); the number of permits must be positive", n))
	}
	return &Semaphore{free: n, bound: n}
}

// Acquire takes a permit, and waits for one if need be. An error says that the task got
// none: it was canceled while it waited, or ctx has ended (see [lowlevel.Suspend]). A permit
// that is free is taken without suspending; a task that waits costs one allocation.
// Acquire panics if ctx does not belong to the running task.
func (s *Semaphore) Acquire(ctx context.Context) error {
	lowlevel.Current(ctx)
	if s.TryAcquire() {
		return nil
	}
	if err := s.waiters.Wait(ctx, (*semaphoreInfo)(s), s.giveUp); err != nil {
		return err
	}
	s.serve()
	return nil
}

// giveUp passes on what has come to one who no longer waits.
func (s *Semaphore) giveUp(granted bool) {
	if granted {
		s.free++
	}
	s.serve()
}

// TryAcquire takes a permit if one is free and nobody waits, and reports whether.
func (s *Semaphore) TryAcquire() bool {
	s.waiters.Check("TryAcquire")
	if s.free == 0 || s.waiters.Waiting() {
		return false
	}
	s.free--
	return true
}

// Release gives a permit back; the task that has waited longest gets it in the next
// turn. Any task may release. On a bounded semaphore it panics if no permit is out.
func (s *Semaphore) Release() {
	s.waiters.Check("Release")
	if s.bound > 0 && s.free >= s.bound {
		panic("lock: Release of a bounded Semaphore that has all its permits")
	}
	s.free++
	s.hand()
}

// Free returns how many permits are free.
func (s *Semaphore) Free() int { return s.free }

// hand gives a free permit to the first in line, and reports whether anybody is there.
func (s *Semaphore) hand() bool {
	if s.waiters.Set(1) == 0 {
		return false
	}
	s.free--
	return true
}

// serve gives out the free permits.
func (s *Semaphore) serve() {
	for s.free > 0 && s.hand() {
	}
}

type semaphoreInfo Semaphore

func (s *semaphoreInfo) Describe() (string, []loop.Awaitable) {
	return s.name("a semaphore", "semaphore") + fmt.Sprintf(" with %d waiting", s.waiters.Len()), nil
}
