package lock

import (
	"context"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// Waiting is [Cond.Wait] as an awaitable. It unlocks the mutex at once, and returns a future. The
// future waits for a signal, and then locks the mutex again for the caller of Waiting. It waits in
// the same lines as the tasks that call Wait: in the line of the Cond, and then in the line of the
// mutex. It joins the line of the mutex when such a task would.
//
// When the future is done, the caller has the mutex, whatever the outcome of the future is. So the
// future is not done when Cancel returns: Cancel returns true, the future goes on until it has the
// mutex, and then ends with the cancellation. If it was signaled as well, the signal goes to the
// next waiting task or future. There is one exception: when the loop is being closed, the future
// stays pending, and the caller does not get the mutex.
//
// If the mutex is free when the future locks it, a task that awaits the future goes on one turn
// later than a task that called Wait. If the mutex is locked then, both would go on at the same
// point. As with Wait, the future may be done without a signal. So check the condition again.
//
// Waiting costs two allocations. It panics if the mutex is not locked, or if ctx belongs to no
// loop.
func (c *Cond) Waiting(ctx context.Context) *future.Future[struct{}] {
	l := lowlevel.LoopOf(ctx)
	c.mustBeLocked("Waiting")
	w := &condWaiting{of: c, by: l.Current()}
	w.place = waiter.Promised(l, (*condInfo)(c), (*condTurn)(w), false)
	c.waiters.Join(&w.place)
	w.Init(l, (*condOwner)(w))
	c.Mutex().Unlock()
	return &w.Future
}

// condWaiting is a promise that waits at a Cond. It does the same in its Run methods as a task that
// called Wait does in its steps.
type condWaiting struct {
	future.Promise[struct{}]
	of    *Cond
	by    *loop.Task
	place waiter.Waiter // in the line of the Cond, and then in the line of the mutex
	locks bool          // place is in the line of the mutex
	err   error         // not nil if the future was canceled
}

// condTurn is a condWaiting that was signaled or canceled. It runs in the turn after that, and
// locks the mutex or joins the mutex's line.
type condTurn condWaiting

func (t *condTurn) Run() {
	w := (*condWaiting)(t)
	w.place.Leave()
	m := w.of.Mutex()
	if m.TryLock() {
		w.locked()
		return
	}
	w.locks = true
	w.place = waiter.Promised(w.Loop(), (*mutexInfo)(m), (*condMutexTurn)(w), true)
	m.waiters.Join(&w.place)
}

// condMutexTurn is a condWaiting in the line of the mutex. It runs when it gets the mutex.
type condMutexTurn condWaiting

func (t *condMutexTurn) Run() {
	t.place.Leave()
	t.of.Mutex().locked = true
	(*condWaiting)(t).locked()
}

// locked ends the waiting: w has the mutex.
func (w *condWaiting) locked() {
	w.of.Mutex().holder = w.by
	if w.err != nil {
		w.of.waiters.Set(1)
	}
	w.Complete(struct{}{}, w.err)
}

type condOwner condWaiting

func (o *condOwner) Cancel(cause error) bool {
	o.err = &loop.CanceledError{Cause: cause}
	if !o.locks {
		o.place.Cancel(cause)
	}
	return true
}

func (o *condOwner) Describe() (string, []loop.Awaitable) { return o.place.Explain() }
