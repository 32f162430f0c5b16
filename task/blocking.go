package task

import (
	"context"
	"sync/atomic"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Blocking runs fn on another goroutine, suspends the running task until fn returns, and returns
// the results of fn. Use it for calls that would hold up the loop: files, databases, system calls,
// long computations.
//
// The context that fn gets has the values and the deadline of ctx, and ends when ctx ends. It
// belongs to no loop, so fn cannot await. (With a virtual clock this context has no deadline: see
// [loop.Outside].)
//
// If the task is canceled, fn's context ends, and Blocking returns at once. fn goes on until it
// returns by itself, and Blocking drops its results. So fn should look at its context before it
// returns: if the context has ended, fn itself must close the files, connections and the like that
// it would have returned. But if fn has returned before the cancellation is delivered, Blocking
// drops nothing: it returns the results of fn, and the next suspension delivers the cancellation.
//
// A panic in fn goes on in the task, as a *[PanicError]. If the task does not wait any more, the
// loop reports the panic to its error handler. If fn calls runtime.Goexit, Blocking returns
// [loop.ErrGoexit].
//
// With a virtual clock, the loop notices the end of fn when nothing else is ready. It notices the
// ends of several calls in the order of the calls. The virtual time stands still until the loop has
// noticed them all. fn counts as returned when the loop has noticed its end. So with a virtual clock
// a time limit around Blocking does not expire while fn runs. In such a test, put a body that calls
// Sleep in the place of fn.
//
// Close of the loop waits until fn has returned. Blocking panics if fn is nil, or if ctx does not
// belong to the running task. It costs a goroutine. asyncio: to_thread.
func Blocking[T any](ctx context.Context, fn func(context.Context) (T, error)) (T, error) {
	if fn == nil {
		panic("task: Blocking of a nil function; give it a function to call")
	}
	return block(ctx, nil, fn)
}

// block calls fn on another goroutine, in a place of pool. A nil pool has no limit.
func block[T any](ctx context.Context, pool *Pool, fn func(context.Context) (T, error)) (v T, err error) {
	t := lowlevel.Current(ctx)
	l := t.Loop()
	c := &blockingCall[T]{task: t.Name(), ended: newSignal(ctx, "a blocking call", nil)}
	outside, cancel := context.WithCancelCause(loop.Outside(ctx))
	taken, dropped := false, false
	lowlevel.Offload(l, func() { c.run(outside, fn) }, func() {
		c.noticed = true
		c.ended.Run()
		pool.leave()
		if dropped && c.panicked != nil {
			lowlevel.Report(l, loop.Failure{Kind: loop.CallbackFailed, Task: t, Err: c.panicked})
		}
	})

	defer func() { // runs even if a Goexit ends the wait
		dropped = !taken
		cancel(nil)
	}()
	over := func() bool { return c.noticed || !l.Clock().Jumps() && c.returned.Load() }
	err = c.ended.Wait(ctx)
	taken = over()
	cancel(err)
	for !taken && pool.finishes() && !lowlevel.Unwinding(t) {
		c.ended = newSignal(ctx, "a blocking call that was told to end", nil)
		again := c.ended.Wait(t.Context()) // if ctx has ended, every wait under ctx fails
		if loop.IsCanceled(again) && !loop.IsCanceled(err) {
			err = again
		}
		taken = over()
	}
	if !taken {
		return v, err
	}
	lowlevel.PutBack(ctx, err)
	if c.panicked != nil {
		panic(c.panicked)
	}
	return c.v, c.err
}

type blockingCall[T any] struct {
	task     string  // the name of the calling task, at the time of the call
	ended    *signal // the task waits for it
	noticed  bool    // the loop has noticed the end of fn
	v        T
	err      error
	panicked *PanicError
	returned atomic.Bool // if set, the other fields can be read
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
			if c.panicked = p; any(p) != value { // a panic of another task keeps that task's name
				p.Task = c.task
			}
		}
	}()
	c.v, c.err = fn(ctx)
	returned = true
}
