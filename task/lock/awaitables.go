package lock

import (
	"context"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// Locking is [Mutex.Lock] as an awaitable: a future that is done once the mutex is locked for its
// holder. It stands in the same line as the tasks that call Lock. What awaits it goes on where a task
// that called Lock in its place would. If the mutex is free, Locking locks it at once, and the future
// is done. The package's documentation says what a holder has to do.
//
// Locking costs one allocation if the mutex is free ([Mutex.TryLock] costs none), else two. ctx says
// on which loop, as that of [future.New]. Locking panics if ctx belongs to no loop.
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

// Acquiring is [Semaphore.Acquire] as an awaitable: a future that is done once its holder has a
// permit. It stands in the same line as the tasks that call Acquire, and what awaits it goes on where
// such a task would. If a permit is free, the future is done at once. In one thing it differs: a task
// that was given a permit is in the line until it goes on, and a task that comes meanwhile waits behind
// it, though permits are free; a future is not.
//
// It costs one allocation if a permit is free ([Semaphore.TryAcquire] costs none), else two.
// Acquiring panics if ctx belongs to no loop.
func (s *Semaphore) Acquiring(ctx context.Context) *future.Future[struct{}] {
	lowlevel.LoopOf(ctx)
	if !s.TryAcquire() {
		return s.waiters.Ask(ctx, (*semaphoreInfo)(s))
	}
	return waiter.Given(ctx, struct{}{}, nil)
}

// Give implements [waiter.Giver]: hand has counted.
func (s *semaphoreInfo) Give(*loop.Task) {}

// Waiting is [Event.Wait] as an awaitable: a future that is done once the flag is set, also if it is
// cleared at once. It stands in the same line as the tasks that call Wait, and what awaits it goes on
// where such a task would. It costs two allocations, or one if the flag is set. Waiting panics if ctx
// belongs to no loop.
func (e *Event) Waiting(ctx context.Context) *future.Future[struct{}] {
	lowlevel.LoopOf(ctx)
	e.waiters.Check("Waiting")
	if !e.set {
		return e.waiters.Ask(ctx, (*eventInfo)(e))
	}
	return waiter.Given(ctx, struct{}{}, nil)
}

// Give implements [waiter.Giver]: there is nothing to give.
func (e *eventInfo) Give(*loop.Task) {}
