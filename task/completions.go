package task

import (
	"fmt"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
)

// Completions returns one future for each of the given tasks and futures, the awaitables. The first
// future gets the result of the awaitable that is done first, the second future gets the next
// result, and so on. The program has all futures before the results come. So any task may await any
// of these futures, several tasks may do that at the same time, and each await may have its own
// limit. To range over the awaitables themselves in one task, use [AsCompleted].
//
//	for _, f := range task.Completions(tasks...) {
//		v, err := f.Await(ctx)
//
// Awaitables that complete in the same turn count in the order in which they complete. The results
// of awaitables that are done already come first, in order of the arguments, one turn after the
// call. If an awaitable is given twice, its result comes once. A future fails with the error of its
// awaitable. Code that awaits the future then also takes the error of the awaitable: the loop does
// not report it.
//
// Canceling a future cancels no awaitable. The canceled future is skipped: the next result goes to
// the next pending future. So no result is lost while a future is pending. When no future is
// pending any more, Completions stops waiting for the awaitables.
//
// If it gets no awaitables, Completions returns no futures. It panics if an awaitable is nil, or if
// the awaitables belong to different loops. It allocates a few slices, and two objects for each
// awaitable. asyncio: as_completed, iterated plainly.
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
		if l == nil { // all awaitables are gathers of nothing, and so are done
			c.each[at].Run()
			continue
		}
		addWaiter(l, a, &c.each[at])
	}
	return futures
}

// inTurn is shared by the futures of one call of Completions.
type inTurn[A future.Awaitable[T], T any] struct {
	of    []A
	each  []completed[A, T] // the waiters of the awaitables
	slots []slot[A, T]
	next  int // all slots before this index are done
}

// completed is the waiter of one awaitable.
type completed[A future.Awaitable[T], T any] struct {
	in *inTurn[A, T]
	of A
}

func (e *completed[A, T]) Run() {
	s := e.in.first()
	if s == nil {
		return // all futures are canceled
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

// first returns the first pending slot, or nil.
func (c *inTurn[A, T]) first() *slot[A, T] {
	for ; c.next < len(c.slots); c.next++ {
		if s := &c.slots[c.next]; !s.Done() {
			return s
		}
	}
	return nil
}

// detach stops waiting for the awaitables.
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
	from future.Any // the awaitable that gave the outcome
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
