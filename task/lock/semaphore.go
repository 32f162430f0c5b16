package lock

import (
	"context"
	"fmt"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// A Semaphore has a number of permits. Tasks acquire and release them. The zero Semaphore
// has no permits until a task releases one.
//
// A Semaphore is fair: tasks get permits in the order in which they called Acquire. A task may be
// canceled while it waits, even in the turn in which it was to get a permit: then the next task
// gets the permit. asyncio: Semaphore, BoundedSemaphore.
type Semaphore struct {
	named
	free    int
	bound   int // the number of permits of a bounded semaphore, 0 for an unbounded one
	waiters waiter.List
}

// NewSemaphore makes a semaphore with n permits. It panics if n is negative.
func NewSemaphore(n int) *Semaphore {
	if n < 0 {
		panic(fmt.Sprintf("lock: NewSemaphore(%d); the number of permits must not be negative", n))
	}
	return &Semaphore{free: n}
}

// NewBounded makes a semaphore with n permits, the bound. Its Release panics if the program
// releases more permits than it has acquired. NewBounded panics unless n is positive.
func NewBounded(n int) *Semaphore {
	if n < 1 {
		panic(fmt.Sprintf("lock: NewBounded(%d); the number of permits must be positive", n))
	}
	return &Semaphore{free: n, bound: n}
}

// Acquire takes a permit. If no permit is free, or other tasks wait for one, Acquire waits. If
// Acquire returns an error, the task has no permit: it was canceled while it waited, or ctx has
// ended (see [lowlevel.Suspend]). If Acquire need not wait, it does not suspend. A task that waits
// costs one allocation. Acquire panics if ctx does not belong to the running task.
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

// giveUp is called when a task stops waiting because of an error. granted says that the task was
// given a permit: then the permit is free again.
func (s *Semaphore) giveUp(granted bool) {
	if granted {
		s.free++
	}
	s.serve()
}

// TryAcquire takes a permit if one is free and no task waits for one. It reports whether it has
// taken a permit.
func (s *Semaphore) TryAcquire() bool {
	s.waiters.Check("TryAcquire")
	if s.free == 0 || s.waiters.Waiting() {
		return false
	}
	s.free--
	return true
}

// Release gives a permit back. The task that has waited longest gets it in the next turn. Any task
// or callback may call Release. Release panics if the semaphore is bounded and all its permits are
// free.
func (s *Semaphore) Release() {
	s.waiters.Check("Release")
	if s.bound > 0 && s.free >= s.bound {
		panic("lock: Release of a bounded Semaphore that has all its permits; release each acquired permit once")
	}
	s.free++
	s.hand()
}

// Free returns how many permits are free.
func (s *Semaphore) Free() int { return s.free }

// hand gives a free permit to the first waiter, and reports whether there is one.
func (s *Semaphore) hand() bool {
	if s.waiters.Set(1) == 0 {
		return false
	}
	s.free--
	return true
}

// serve gives the free permits to the waiters.
func (s *Semaphore) serve() {
	for s.free > 0 && s.hand() {
	}
}

type semaphoreInfo Semaphore

func (s *semaphoreInfo) Describe() (string, []loop.Awaitable) {
	return s.name("a semaphore", "semaphore") + fmt.Sprintf(" with %d waiting", s.waiters.Len()), nil
}
