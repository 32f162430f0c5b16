package task

import (
	"context"
	"sync/atomic"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Blocking runs fn on a goroutine of its own, for calls that would hold the loop up
// (files, databases, system calls, long computations), and suspends the running
// task until fn returns.
//
// The context that fn is handed has ctx's values and deadline, and ends with it; it
// belongs to no loop, so that fn cannot await. If the task is canceled, Blocking
// returns at once and fn's context ends; fn goes on until it returns, and what it
// returns then is dropped, so fn itself must give back what it took if its context
// has ended. If fn has returned when the cancellation is delivered, nothing is dropped:
// Blocking returns what fn did, and the next suspension delivers the cancellation. (Under a
// virtual clock fn has returned when its end is noticed.) Closing the loop waits for fn.
//
// A panic in fn goes on in the task, as a *[PanicError], or to the error handler if
// the task no longer waits; a runtime.Goexit comes back as [loop.ErrGoexit]. Under a virtual clock fn's end is noticed when nothing
// else is ready, in the order of the calls, and time stands still until then.
// Blocking panics if ctx does not belong to the running task. It costs a goroutine.
// asyncio: to_thread.
func Blocking[T any](ctx context.Context, fn func(context.Context) (T, error)) (T, error) {
	if fn == nil {
		panic("task: Blocking of a nil function; give it one to call")
	}
	t := lowlevel.Current(ctx)
	l := t.Loop()
	c := &blockingCall[T]{task: t.Name()}
	outside, cancel := context.WithCancelCause(loop.Outside(ctx))
	ended := newSignal(ctx, "a blocking call", nil)
	taken, dropped := false, false
	lowlevel.Offload(l, func() { c.run(outside, fn) }, func() {
		ended.Run()
		if dropped && c.panicked != nil {
			lowlevel.Report(l, loop.Failure{Kind: loop.CallbackFailed, Task: t, Err: c.panicked})
		}
	})

	defer func() { // also where a Goexit ends the wait
		dropped = !taken
		cancel(nil)
	}()
	err := ended.Wait(ctx)
	taken = ended.Succeeded() || !l.Clock().Jumps() && c.returned.Load()
	cancel(err)
	if !taken {
		var zero T
		return zero, err
	}
	lowlevel.PutBack(ctx, err)
	if c.panicked != nil {
		panic(c.panicked)
	}
	return c.v, c.err
}

type blockingCall[T any] struct {
	task     string // the name of the task that calls, which may change meanwhile
	v        T
	err      error
	panicked *PanicError
	returned atomic.Bool // and the others are there to be read
}

func (c *blockingCall[T]) run(ctx context.Context, fn func(context.Context) (T, error)) {
	returned := false
	defer c.returned.Store(true)
	defer func() {
		if returned {
			return
		}
		value := recover()
		c.err = lowlevel.Recovered(value, nil)
		if p, ok := c.err.(*PanicError); ok {
			if c.panicked = p; any(p) != value { // else it stays what it was
				p.Task = c.task
			}
		}
	}()
	c.v, c.err = fn(ctx)
	returned = true
}

// Submit starts body as a task of l, from any goroutine, and waits, blocking that
// goroutine, until the task has ended. l must be running, now or later; the task
// starts in the turn after the one that it is running.
//
// The task inherits the values of ctx. If ctx ends first, Submit gives up: it
// returns context.Cause(ctx) at once, and the task is canceled with that; what it fails with
// all the same is reported ([loop.ErrorUnretrieved]). If l is
// closed first, the error is [loop.ErrClosed]. A panic in body is returned, as a
// *[PanicError]. Under a virtual clock do not Hold across a Submit whose body sleeps: time
// stands still while something is held. Submit panics if ctx belongs to a loop, and, whatever
// ctx is, where it is called in a body or callback: it would hold that loop up, and wait for
// ever if it is l; use [Go] there. (A body on a coroutine of its own, made by iter.Pull, is not
// recognized: see [lowlevel.Inside].) It costs a walk of the caller's stack. asyncio:
// run_coroutine_threadsafe.
func Submit[T any](ctx context.Context, l *loop.Loop, body func(context.Context) (T, error), opts ...Option) (v T, err error) {
	if ctx == nil || body == nil || l == nil {
		panic("task: Submit with a nil context, of a nil body, or to a nil loop; context.Background() will do for the first")
	}
	if _, ok := loop.FromContext(ctx); ok {
		panic("task: Submit with the context of a loop would hold that loop up; use Go, or loop.Outside(ctx) on another goroutine")
	}
	if lowlevel.Inside() {
		panic("task: Submit in a body or callback would hold its loop up, for ever if that is the loop to submit to; use Go there, and for another loop Submit inside Blocking")
	}
	var result T
	var failure error
	done := make(chan struct{})
	var settled atomic.Bool // the task has ended, or Submit has given up, whichever was first
	posted := l.Post(func() {
		made := false
		defer func() {
			if !made { // for an option or the task factory
				failure = lowlevel.Recovered(recover(), nil)
				settled.Store(true)
				close(done)
			}
		}()
		t := Go(l.Bind(ctx), body, opts...)
		made = true
		t.OnDone(func() {
			if settled.CompareAndSwap(false, true) { // else nobody is there to take the error
				result, failure = t.Result()
				close(done)
			}
		})
	})
	if posted != nil {
		return v, posted
	}
	select {
	case <-done:
		if !endedBy(ctx, failure) {
			return result, failure
		}
		err = context.Cause(ctx)
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-l.Context().Done():
		err = loop.ErrClosed
	}
	if !settled.CompareAndSwap(false, true) { // both at once: a result is not lost
		if <-done; !endedBy(ctx, failure) {
			return result, failure
		}
	}
	return v, err
}
