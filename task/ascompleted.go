package task

import (
	"context"
	"iter"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// AsCompleted ranges over tasks and futures, the awaitables, in the order in which they complete,
// also if they complete in the same turn. Each round yields one awaitable that is done, and a nil
// error. If an awaitable is given twice, it is yielded once. To get the result, call Result of the
// awaitable.
//
//	for t, err := range task.AsCompleted(ctx, task.NoLimit, tasks...) {
//
// If the waiting itself fails, the last round yields a zero A and the error. The error is a
// [*TimeoutError] if limit has passed, a cancellation if the running task was canceled, and
// context.Cause(ctx) if ctx has ended. The limit counts from the start of the range.
//
// The range always suspends before the first round. Before a later round it suspends only if no
// other awaitable has completed meanwhile. A break leaves the other awaitables as they are, and
// cancels nothing. (If the running task is canceled in the range, the timer of the limit stays
// armed until it is due, or until the other awaitables have completed, as in asyncio. So a virtual
// clock may still move to that instant.)
//
// The range panics if ctx does not belong to the running task, or if an awaitable is nil or belongs
// to another loop. asyncio: as_completed, iterated asynchronously.
func AsCompleted[A future.Any](ctx context.Context, limit time.Duration, of ...A) iter.Seq2[A, error] {
	return func(yield func(A, error) bool) {
		mustBeHere(ctx, of)
		of := unique(of)
		c := &completions[A]{of: of, left: len(of)}
		l := lowlevel.LoopOf(ctx)
		if limit != NoLimit && len(of) > 0 {
			when := instant(ctx, limit)
			c.limit = lowlevel.CallLater(ctx, limit, func() { c.expire(&TimeoutError{when, limit}) })
		}
		c.each = make([]completion[A], len(of))
		for at, a := range of {
			c.each[at] = completion[A]{c, a}
			addWaiter(l, a, &c.each[at])
		}
		failed := false
		defer func() {
			if !failed { // the range has ended, or the loop body has left it
				c.limit.Cancel()
				c.detach()
			}
		}()
		for range of {
			a, err := c.next(ctx)
			if err != nil {
				failed = true
				c.fail()
			}
			if !yield(a, err) || failed {
				return
			}
		}
	}
}

// unique returns the awaitables of the slice without repetitions, in order.
func unique[A future.Any](of []A) []A {
	seen := make(map[future.Any]bool, len(of))
	var once []A
	for _, a := range of {
		if !seen[a] {
			seen[a] = true
			once = append(once, a)
		}
	}
	return once
}

type completions[A future.Any] struct {
	of      []A
	each    []completion[A] // the waiters of the awaitables
	done    []A             // awaitables that are done and not yielded yet
	left    int             // awaitables that are not done
	expired *TimeoutError   // nil until the limit has expired
	limit   loop.Handle
	waiter  *signal
}

// completion is the waiter of one awaitable.
type completion[A future.Any] struct {
	in *completions[A]
	of A
}

func (e *completion[A]) Run() {
	c := e.in
	if c.expired != nil {
		return
	}
	c.done = append(c.done, e.of)
	if c.left--; c.left == 0 {
		c.limit.Cancel()
	}
	c.wake()
}

func (c *completions[A]) expire(err *TimeoutError) {
	c.expired = err
	c.detach()
	c.wake()
}

func (c *completions[A]) wake() {
	if c.waiter != nil {
		c.waiter.Run()
	}
}

func (c *completions[A]) next(ctx context.Context) (a A, err error) {
	for len(c.done) == 0 {
		if c.expired != nil {
			return a, c.expired
		}
		c.waiter = newSignal(ctx, "the next to complete", pendingOf(c.of))
		err := c.waiter.Wait(ctx)
		c.waiter = nil
		if err != nil {
			return a, err
		}
	}
	a, c.done = c.done[0], c.done[1:]
	return a, nil
}

// detach removes the waiters.
func (c *completions[A]) detach() {
	for at, a := range c.of {
		if c.each == nil {
			a.RemoveWaiter((*limitWaiter[A])(c))
			return
		}
		a.RemoveWaiter(&c.each[at])
	}
}

// fail ends the waiting with an error.
func (c *completions[A]) fail() {
	c.detach()
	if c.expired == nil && c.limit != (loop.Handle{}) {
		c.each = nil
		(*limitWaiter[A])(c).Run()
	}
}

// limitWaiter cancels the timer of the limit when all awaitables are done. It is used after a
// cancellation, which leaves the timer armed. It waits for one awaitable after the other: always
// for the first in c.of.
type limitWaiter[A future.Any] completions[A]

func (c *limitWaiter[A]) Run() {
	for len(c.of) > 0 && c.of[0].Done() {
		c.of = c.of[1:]
	}
	if len(c.of) == 0 {
		c.limit.Cancel()
		return
	}
	c.of[0].AddWaiter(c)
}
