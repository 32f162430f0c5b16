package task

import (
	"context"
	"iter"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
)

// AsCompleted ranges over the awaitables in the order in which they complete, each
// with a nil error; those that complete in the same turn come in the order in
// which they did. Ask what is yielded for its result.
//
// Where the waiting itself fails, the last round yields a zero A and the error: a
// [*TimeoutError] if limit has passed, a cancellation if the running task was
// canceled, context.Cause(ctx) if ctx has ended. Leaving the loop early detaches
// from the rest and cancels nothing. (After an error the limit stays armed until
// it has passed or the rest has completed, as asyncio's does; a virtual clock
// shows that.)
//
//	for t, err := range task.AsCompleted(ctx, task.NoLimit, tasks...) {
//
// An awaitable that is given twice comes once. The limit counts from the start of the
// range. The first round always suspends, the others only when nothing more has
// completed yet. asyncio: as_completed, iterated asynchronously.
func AsCompleted[A future.Any](ctx context.Context, limit time.Duration, of ...A) iter.Seq2[A, error] {
	return func(yield func(A, error) bool) {
		mustBeHere(ctx, of)
		of := unique(of)
		c := &completions[A]{of: of, left: len(of)}
		l := loop.FromContext(ctx)
		if limit != NoLimit && len(of) > 0 {
			when := instant(ctx, limit)
			c.limit = l.CallLater(limit, func() { c.expire(when) })
		}
		c.each = make([]completion[A], len(of))
		for at, a := range of {
			c.each[at] = completion[A]{c, a}
			a.AddWaiter(&c.each[at])
		}
		failed := false
		defer func() {
			if !failed {
				c.detach()
			}
		}()
		for range of {
			a, err := c.next(ctx)
			failed = err != nil
			if !yield(a, err) || failed {
				return
			}
		}
	}
}

// unique returns of without repetitions, in order.
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
	each    []completion[A]
	done    []A // and not yielded yet
	left    int // not done
	expired *TimeoutError
	limit   loop.Handle
	waiter  *signal
}

// completion is one of those that AsCompleted waits for.
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

func (c *completions[A]) expire(when time.Time) {
	c.expired = &TimeoutError{when}
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

func (c *completions[A]) detach() {
	c.limit.Cancel()
	for at, a := range c.of {
		a.RemoveWaiter(&c.each[at])
	}
}
