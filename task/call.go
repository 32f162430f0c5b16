package task

import (
	"context"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Call runs body as a new task on another loop, named other. It suspends the running task until the
// new task has ended, and returns the result of body. The two loops may run on two goroutines, or
// take turns on one. Call starts no goroutine. So tasks of several loops can work together, and
// only the tasks of a loop touch the data of that loop.
//
// ctx must belong to the running task. body gets a context of other, with the values and the
// deadline of ctx ([loop.Outside]). That context ends when ctx ends, and when Call returns. The new
// task starts in the turn of other after the current one. When body has ended, the running task
// goes on in the next turn of its own loop.
//
//   - If the running task is canceled, Call returns at once, even if nothing drives other. The task
//     on other is canceled, with that cancellation as the cause. But if that task has ended
//     already, no result is dropped: Call returns it, and the next suspension delivers the
//     cancellation.
//   - If ctx has ended before the call, body never runs. To use Call during a clean-up, give it
//     context.WithoutCancel(ctx).
//   - If other is closed, before or during the call, the error is [loop.ErrClosed]. If other has a
//     limit of posts, and has reached it, the error is [loop.ErrFull].
//   - If the loop of the running task is closed, the running task is unwound, as in every
//     suspension, and the task on other is canceled.
//   - If body, an option or the task factory of other panics, the error is a *[PanicError]. If one
//     of these functions calls runtime.Goexit, the error is [loop.ErrGoexit]; the Goexit also ends
//     the driver of other.
//
// During the call, the loop of the running task does not count as deadlocked. If it has a virtual
// clock, this clock stands still. So if body calls back to this loop, and sleeps there, the sleep
// never ends. If the loops run on different goroutines, the order of events in each loop depends on
// real time.
//
// If other is the loop of the running task, Call does the same as [Go] and Await. Then, if the
// running task is canceled, Call waits until the new task has cleaned up.
//
// Call panics if other or body is nil, or if ctx does not belong to the running task. It costs two
// posts and some 15 allocations. asyncio: run_coroutine_threadsafe and wrap_future.
func Call[T any](ctx context.Context, other *loop.Loop, body func(context.Context) (T, error), opts ...Option) (v T, err error) {
	if other == nil || body == nil {
		panic("task: Call on a nil loop, or of a nil body; give it a loop and a function to run there")
	}
	l := lowlevel.Current(ctx).Loop()
	if other == l {
		return Go(ctx, body, opts...).Await(ctx)
	}
	outside, cancel := context.WithCancelCause(loop.Outside(ctx))
	defer cancel(nil) // runs even if a panic or Goexit ends the wait
	defer l.Hold()()
	ended := newSignal(ctx, "a call on another loop", nil)
	r := &remote[T]{ctx: outside, body: body, opts: opts, waiting: 1, then: func() { lowlevel.Deliver(l, ended.Run) }}
	if err := r.start(other); err != nil {
		return v, err
	}
	returned := false
	defer func() {
		if !returned {
			r.leave()
		}
	}()
	err = ended.Wait(ctx)
	returned = true
	switch settled := r.leave(); {
	case err != nil && (!settled || r.gaveUp):
		cancel(err)
		return v, err
	case err != nil:
		lowlevel.PutBack(ctx, err)
	}
	return r.v, r.err
}
