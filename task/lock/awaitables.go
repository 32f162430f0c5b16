package lock

import (
	"context"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// Locking is [Mutex.Lock] as an awaitable: it returns a future that is done when it has locked the
// mutex for the caller. The future waits in the same line as the tasks that call Lock. A task that
// awaits the future goes on at the same point as a task that had called Lock in its place. If the
// mutex is free, Locking locks it at once, and the future is done. The section Awaitables of the
// package's documentation says what the caller must do if it does not want the lock any more.
//
// Locking costs one allocation if the mutex is free ([Mutex.TryLock] costs none), and two
// otherwise. The future belongs to the loop that ctx belongs to. Locking panics if ctx belongs to
// no loop.
func (m *Mutex) Locking(ctx context.Context) *future.Future[struct{}] {
	l := lowlevel.LoopOf(ctx)
	if !m.TryLock() {
		return m.waiters.Ask(ctx, (*mutexInfo)(m))
	}
	m.holder = l.Current()
	return waiter.Given(ctx, struct{}{}, nil)
}

// Give implements [waiter.Giver].
func (m *mutexInfo) Give(t *loop.Task) { m.locked, m.holder = true, t }

// Acquiring is [Semaphore.Acquire] as an awaitable: it returns a future that is done when it has
// taken a permit for the caller. The future waits in the same line as the tasks that call Acquire.
// A task that awaits the future goes on at the same point as such a task. If a permit is free, and
// no task or future waits for one, the future is done at once. There is one difference. A task that
// was given a permit stays in the line until it goes on; a task that calls Acquire meanwhile waits
// behind it, even if a permit is free. A future leaves the line as soon as it has its permit.
//
// Acquiring costs one allocation if the future is done at once ([Semaphore.TryAcquire] costs none),
// and two otherwise. It panics if ctx belongs to no loop.
func (s *Semaphore) Acquiring(ctx context.Context) *future.Future[struct{}] {
	lowlevel.LoopOf(ctx)
	if !s.TryAcquire() {
		return s.waiters.Ask(ctx, (*semaphoreInfo)(s))
	}
	return waiter.Given(ctx, struct{}{}, nil)
}

// Give implements [waiter.Giver]. hand has counted the permit already.
func (s *semaphoreInfo) Give(*loop.Task) {}

// Waiting is [Event.Wait] as an awaitable: it returns a future that is done as soon as the flag is
// set. The future stays done if the flag is cleared. It waits in the same line as the tasks that
// call Wait, and a task that awaits it goes on at the same point as such a task. Waiting costs two
// allocations, or one if the flag is set already. It panics if ctx belongs to no loop.
func (e *Event) Waiting(ctx context.Context) *future.Future[struct{}] {
	lowlevel.LoopOf(ctx)
	e.waiters.Check("Waiting")
	if !e.set {
		return e.waiters.Ask(ctx, (*eventInfo)(e))
	}
	return waiter.Given(ctx, struct{}{}, nil)
}

// Give implements [waiter.Giver]. An event has nothing to give.
func (e *eventInfo) Give(*loop.Task) {}
