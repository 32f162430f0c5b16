package task

import (
	"fmt"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
)

// Completions returns one future for each of the awaitables, in order of completion: the first
// future gets the result of the one that is done first, the second that of the next, and so on.
// The futures are there before any result is, so any task may await any of them, also several at
// once, and each may have a limit of its own. To range over the awaitables themselves in one
// task, use [AsCompleted].
//
//	for _, f := range task.Completions(tasks...) {
//		v, err := f.Await(ctx)
//
// Awaitables that complete in the same turn come in the order in which they do, and those that are
// done already come first, in order of the arguments, one turn after the call. An awaitable that
// is given twice comes once. A future fails as its awaitable does, and taking the error of one takes
// that of the other.
//
// Canceling a future cancels no awaitable. It is passed over: the next result goes to the next
// future that is pending, so none is lost while one is there for it. Once no future is pending, the
// awaitables are left alone.
//
// Completions of nothing is empty. It panics if the awaitables belong to different loops. It
// allocates a few slices, and two objects for each awaitable. asyncio: as_completed, iterated
// plainly.
func Completions[A future.Awaitable[T], T any](of ...A) []*future.Future[T] {
	l := commonLoop(of)
	c := &inTurn[A, T]{of: unique(of)}
	c.slots = make([]slot[A, T], len(c.of))
	c.each = make([]completed[A, T], len(c.of))
	futures := make([]*future.Future[T], len(c.of))
	for at := range c.slots {
		c.slots[at].in, c.slots[at].at = c, at
		c.slots[at].Init(l, (*slotOwner[A, T])(&c.slots[at]))
		futures[at] = &c.slots[at].Future
	}
	for at, a := range c.of {
		c.each[at] = completed[A, T]{c, a}
		if l == nil { // all are gathers of nothing, and done
			c.each[at].Run()
			continue
		}
		addWaiter(l, a, &c.each[at])
	}
	return futures
}

// inTurn is what the futures of one Completions share.
type inTurn[A future.Awaitable[T], T any] struct {
	of    []A
	each  []completed[A, T] // by which it waits for them
	slots []slot[A, T]
	next  int // all slots before it are done
}

// completed waits for one of the awaitables.
type completed[A future.Awaitable[T], T any] struct {
	in *inTurn[A, T]
	of A
}

func (e *completed[A, T]) Run() {
	s := e.in.first()
	if s == nil {
		return // all are canceled
	}
	s.from = e.of
	if future.Failed(e.of) {
		s.Fail(future.Peek(e.of))
	} else if err := future.Peek(e.of); err != nil { // it was canceled
		var zero T
		s.Complete(zero, err)
	} else {
		s.Complete(e.of.Result())
	}
	if e.in.first() == nil {
		e.in.detach()
	}
}

// first returns the first slot that is pending, nil if none is.
func (c *inTurn[A, T]) first() *slot[A, T] {
	for ; c.next < len(c.slots); c.next++ {
		if s := &c.slots[c.next]; !s.Done() {
			return s
		}
	}
	return nil
}

// detach stops waiting.
func (c *inTurn[A, T]) detach() {
	for at, a := range c.of {
		a.RemoveWaiter(&c.each[at])
	}
}

// A slot is the promise of one of the futures.
type slot[A future.Awaitable[T], T any] struct {
	future.Promise[T]
	in   *inTurn[A, T]
	at   int
	from future.Any // whose outcome it has
}

type slotOwner[A future.Awaitable[T], T any] slot[A, T]

func (o *slotOwner[A, T]) Cancel(cause error) bool {
	var zero T
	o.Complete(zero, &loop.CanceledError{Cause: cause})
	if o.in.first() == nil {
		o.in.detach()
	}
	return true
}

func (o *slotOwner[A, T]) Take() {
	if o.from != nil {
		_ = o.from.Err()
	}
}

func (o *slotOwner[A, T]) Describe() (string, []loop.Awaitable) {
	return fmt.Sprintf("completion %d of %d", o.at+1, len(o.in.of)), pendingOf(o.in.of)()
}
