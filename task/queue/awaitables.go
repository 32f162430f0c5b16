package queue

import (
	"context"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// Getting is [Queue.Get] as an awaitable: it returns a future whose value is the item. The future
// waits in the same line as the tasks that call Get. It takes the item at the same point (the turn,
// and the place in the turn) as such a task. If another task has taken the item before, the future
// waits again, as such a task does. If an item is there already, the future is done at once.
// Otherwise a task that awaits the future goes on one turn later than a task that called Get: in
// the turn after the turn in which the future has taken the item.
//
// A future that is done has taken its item. Then Cancel returns false, and you must read the item
// from the future; otherwise the item is lost. If a pending future is canceled, it takes no item,
// and the next waiting task or future is woken in its place. The error of the future is
// [ErrShutdown] if the queue is empty and was shut down. If the function less of a priority queue
// panics while a pending future tries to take an item, the error of the future is a
// *[loop.PanicError], and no item was taken.
//
// The future goes on waiting when the task that made it has ended; cancel it before. When the loop
// is closed, the future stays pending, and takes no item. Getting costs one allocation if an item
// is there ([Queue.TryGet] costs none), and two otherwise. The future belongs to the loop that ctx
// belongs to. Getting panics if ctx belongs to no loop.
func (q *Queue[T]) Getting(ctx context.Context) *future.Future[T] {
	lowlevel.LoopOf(ctx)
	if q.empty() && !q.shutdown {
		q.check("Getting")
		a := &asking[T]{}
		return a.ask(ctx, &q.getters, (*itemInfo[T])(q))
	}
	v, err := q.TryGet()
	return waiter.Given(ctx, v, err)
}

// Putting is [Queue.Put] as an awaitable: it returns a future that is done when v is in the queue.
// The future waits in the same line as the tasks that call Put. If the future is done without an
// error, it has put v. If it was canceled while it was pending, it has not put v, and never will.
// In everything else Putting behaves like [Queue.Getting].
func (q *Queue[T]) Putting(ctx context.Context, v T) *future.Future[struct{}] {
	lowlevel.LoopOf(ctx)
	if q.full() && !q.shutdown {
		q.check("Putting")
		p := &putting[T]{q: q, v: v}
		return p.ask(ctx, &q.putters, p)
	}
	return waiter.Given(ctx, struct{}{}, q.TryPut(v))
}

// Joining is [Queue.Join] as an awaitable: it returns a future that is done when Done was called
// for every item that was put. The future waits in the same line as the tasks that call Join, and a
// task that awaits the future goes on at the same point as such a task. Joining costs two
// allocations, or one if no item is undone. It panics if ctx belongs to no loop.
func (q *Queue[T]) Joining(ctx context.Context) *future.Future[struct{}] {
	lowlevel.LoopOf(ctx)
	q.check("Joining")
	if q.undone > 0 {
		return q.joiners.Ask(ctx, (*joinInfo[T])(q))
	}
	return waiter.Given(ctx, struct{}{}, nil)
}

// Give implements [waiter.Giver]. The end of the work has nothing to give.
func (q *joinInfo[T]) Give(*loop.Task) {}

// An asked is the operation of an asking: to take an item, or to put one.
type asked[R any] interface {
	waiter.Describer
	try() (R, error) // ErrEmpty or ErrFull if the operation is not possible yet
	nothing() bool   // reports whether there is no item, or no room
}

func (q *itemInfo[T]) try() (T, error) { return (*Queue[T])(q).TryGet() }
func (q *itemInfo[T]) nothing() bool   { return (*Queue[T])(q).empty() }

// putting is an asking that puts v.
type putting[T any] struct {
	asking[struct{}]
	q *Queue[T]
	v T
}

func (p *putting[T]) Describe() (string, []loop.Awaitable) { return (*roomInfo[T])(p.q).Describe() }
func (p *putting[T]) try() (struct{}, error)               { return struct{}{}, p.q.TryPut(p.v) }
func (p *putting[T]) nothing() bool                        { return p.q.full() }

// asking is a promise in a line of getters or putters. Its Run does the same as a task that called
// Get or Put does when it goes on.
type asking[R any] struct {
	future.Promise[R]
	place waiter.Waiter
	line  *waiter.List
	of    asked[R]
}

func (a *asking[R]) ask(ctx context.Context, line *waiter.List, of asked[R]) *future.Future[R] {
	l := lowlevel.LoopOf(ctx)
	a.line, a.of = line, of
	a.stand(l)
	a.Init(l, (*askingOwner[R])(a))
	return &a.Future
}

// stand puts the asking at the end of the line.
func (a *asking[R]) stand(l *loop.Loop) {
	a.place = waiter.Promised(l, a.of, (*askingTurn[R])(a), false)
	a.line.Join(&a.place)
}

// askingTurn is an asking in the ready queue. The queue puts it there when it wakes the asking, as
// it would wake a task.
type askingTurn[R any] asking[R]

func (t *askingTurn[R]) Run() {
	a := (*asking[R])(t)
	a.place.Leave() // wakeNext has removed the place already, but Shutdown has not
	if a.Done() {   // the future was canceled after the queue had woken the asking
		if !a.of.nothing() {
			wakeNext(a.line)
		}
		return
	}
	var v R
	var err error
	returned := false
	defer func() {
		if !returned {
			err = lowlevel.Recovered(recover(), nil)
		}
		if err == ErrEmpty || err == ErrFull {
			a.stand(a.Loop())
		} else {
			a.Complete(v, err)
		}
	}()
	v, err = a.of.try()
	returned = true
}

type askingOwner[R any] asking[R]

// Cancel takes the promise out of the line, and completes it. If the queue has woken the promise
// already, askingTurn wakes the next task, as a task would that is canceled then.
func (o *askingOwner[R]) Cancel(cause error) bool {
	if !o.place.Done() {
		o.place.Leave()
	}
	var zero R
	o.Complete(zero, &loop.CanceledError{Cause: cause})
	return true
}

func (o *askingOwner[R]) Describe() (string, []loop.Awaitable) { return o.of.Describe() }
