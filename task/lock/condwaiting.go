package lock

import (
	"context"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// Waiting is [Cond.Wait] as an awaitable. It gives the mutex back at once, and returns a future that
// waits to be signaled, and takes the mutex again. The future stands in the same lines as the tasks
// that call Wait, and joins the line of the mutex when such a task would.
//
// When the future is done, its holder has the mutex, whatever the outcome is. So Cancel only asks:
// it reports true, the future goes on until it has the mutex, and ends with the cancellation then.
// A signal that came together with it goes to the next. Only when the loop is being closed, the
// future stays pending, and the mutex is not its holder's.
//
// If the mutex is free when the future takes it, what awaits the future goes on one turn later than a
// task that called Wait. If others hold it, what awaits the future goes on where such a task would. As
// Wait does, it wakes up for nothing at times, so look again at what was waited for.
//
// Waiting costs two allocations. It panics if the mutex is not locked, and if ctx belongs to no loop.
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

// condWaiting is a promise that waits at a Cond. What a task that called Wait does in its steps,
// condWaiting does in its place.
type condWaiting struct {
	future.Promise[struct{}]
	of    *Cond
	by    *loop.Task
	place waiter.Waiter // in the line of the Cond, and then in that of the mutex
	locks bool          // it is in that of the mutex
	err   error         // a cancellation
}

// condTurn is a condWaiting that was signaled or canceled, in the turn after that.
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

// condMutexTurn is a condWaiting to which the mutex comes.
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
