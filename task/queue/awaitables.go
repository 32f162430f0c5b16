package queue

import (
	"context"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// Getting is [Queue.Get] as an awaitable: a future whose value is the item. It stands in the same line
// as the tasks that call Get, and takes the item in the turn, and at the place in that turn, in which
// such a task would, or waits again as such a task would. If an item is there, the future is done at
// once. Else what awaits it goes on one turn later than a task that called Get: in the turn after the
// one in which the item was taken.
//
// A future that is done has taken its item, and Cancel reports false: the item is lost if no code
// looks at the future then. Canceling a future that is pending takes nothing, and passes its turn
// on. The error is [ErrShutdown] if the queue is empty and was shut down. If less of a priority queue
// panics, a *[loop.PanicError] is the error of the future that was waiting, and nothing was taken.
//
// A future whose task has ended goes on waiting; cancel it. Once the loop is closed, it stays
// pending, and takes nothing. Getting costs one allocation if an item is there ([Queue.TryGet]
// costs none), else two. ctx says on which loop, as that of [future.New]. Getting panics if ctx
// belongs to no loop.
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

// Putting is [Queue.Put] as an awaitable: a future that is done once v is in the queue. It stands in
// the same line as the tasks that call Put. All else is as at [Queue.Getting]: a future that is done
// without an error has put v, one that is canceled while it is pending has not, and never will.
func (q *Queue[T]) Putting(ctx context.Context, v T) *future.Future[struct{}] {
	lowlevel.LoopOf(ctx)
	if q.full() && !q.shutdown {
		q.check("Putting")
		p := &putting[T]{q: q, v: v}
		return p.ask(ctx, &q.putters, p)
	}
	return waiter.Given(ctx, struct{}{}, q.TryPut(v))
}

// Joining is [Queue.Join] as an awaitable: a future that is done once Done was called for every item
// that was put. It stands in the same line as the tasks that call Join, and what awaits it goes on
// where such a task would. It costs two allocations, or one if nothing is undone. Joining panics if
// ctx belongs to no loop.
func (q *Queue[T]) Joining(ctx context.Context) *future.Future[struct{}] {
	lowlevel.LoopOf(ctx)
	q.check("Joining")
	if q.undone > 0 {
		return q.joiners.Ask(ctx, (*joinInfo[T])(q))
	}
	return waiter.Given(ctx, struct{}{}, nil)
}

// Give implements [waiter.Giver]: there is nothing to give.
func (q *joinInfo[T]) Give(*loop.Task) {}

// An asked is what an asking asks: for an item, or for room for one.
type asked[R any] interface {
	waiter.Describer
	try() (R, error) // ErrEmpty or ErrFull: not yet
	nothing() bool   // is to be had
}

func (q *itemInfo[T]) try() (T, error) { return (*Queue[T])(q).TryGet() }
func (q *itemInfo[T]) nothing() bool   { return (*Queue[T])(q).empty() }

// putting is an asking with the item that it is to put.
type putting[T any] struct {
	asking[struct{}]
	q *Queue[T]
	v T
}

func (p *putting[T]) Describe() (string, []loop.Awaitable) { return (*roomInfo[T])(p.q).Describe() }
func (p *putting[T]) try() (struct{}, error)               { return struct{}{}, p.q.TryPut(p.v) }
func (p *putting[T]) nothing() bool                        { return p.q.full() }

// asking is a promise that stands in a line. What a task that called Get or Put does in the step
// in which it goes on, asking does in its place, in Run.
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

// stand puts a at the end of the line.
func (a *asking[R]) stand(l *loop.Loop) {
	a.place = waiter.Promised(l, a.of, (*askingTurn[R])(a), false)
	a.line.Join(&a.place)
}

// askingTurn is an asking as it stands in the ready queue once its turn has come.
type askingTurn[R any] asking[R]

func (t *askingTurn[R]) Run() {
	a := (*asking[R])(t)
	a.place.Leave() // Shutdown leaves all in line
	if a.Done() {   // it was canceled after its turn had come
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

// Cancel takes the promise out of the line. If its turn has come, askingTurn passes that on, as
// a task would that was canceled then.
func (o *askingOwner[R]) Cancel(cause error) bool {
	if !o.place.Done() {
		o.place.Leave()
	}
	var zero R
	o.Complete(zero, &loop.CanceledError{Cause: cause})
	return true
}

func (o *askingOwner[R]) Describe() (string, []loop.Awaitable) { return o.of.Describe() }
