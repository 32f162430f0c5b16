package task

import (
	"context"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Call runs body as a task of the loop other, suspends the running task until that task has ended,
// and returns its result. No goroutine stands between the two loops, which may run on goroutines of
// their own, or on one by turns. So tasks of several loops work together, and each loop keeps its
// state to itself.
//
// The task starts in the turn of other after the one that other is running, and the running task
// goes on in the turn of its own loop after the one that is running when body has ended. ctx is
// that of the running task. body is handed a context of other, with the values and the deadline of
// ctx ([loop.Outside]), which ends when ctx ends or Call returns.
//
//   - If the running task is canceled, Call returns at once, also where nothing drives other, and
//     the task on other is canceled, with that cancellation as the cause. If that task has ended already, nothing is
//     dropped: Call returns its result, and the next suspension delivers the cancellation.
//   - If ctx has ended before the call, body never runs. To call during a clean-up, hand
//     context.WithoutCancel(ctx) to Call.
//   - If other is closed, before or meanwhile, the error is [loop.ErrClosed]. If other has a limit of
//     posts, and that is reached, it is [loop.ErrFull].
//   - If the running task's own loop is closed, it is unwound as everywhere, and the task on other
//     is canceled.
//   - A panic in body comes back as a *[PanicError], also one in an option or in the task factory of
//     other; a runtime.Goexit, which ends the driver of other too, as [loop.ErrGoexit].
//
// Meanwhile the running task's loop is not deadlocked, and its virtual clock does not jump: time
// stands still there until Call returns. So a body that calls back, and waits there for time to
// pass, waits for ever. If several loops run on goroutines of their own, the order of events in
// each depends on real time.
//
// If other is the running task's own loop, Call is [Go] and Await: a cancellation then waits for what
// the task makes of it. Call panics if other or body is nil, and if ctx does not belong to the running task.
// It costs two posts and about ten allocations. asyncio: run_coroutine_threadsafe and wrap_future.
func Call[T any](ctx context.Context, other *loop.Loop, body func(context.Context) (T, error), opts ...Option) (v T, err error) {
	if other == nil || body == nil {
		panic("task: Call on a nil loop, or of a nil body; give it a loop and a function to run there")
	}
	l := lowlevel.Current(ctx).Loop()
	if other == l {
		return Go(ctx, body, opts...).Await(ctx)
	}
	outside, cancel := context.WithCancelCause(loop.Outside(ctx))
	defer cancel(nil) // also where a panic or Goexit ends the wait
	defer l.Hold()()
	ended := newSignal(ctx, "a call on another loop", nil)
	r := &remote[T]{waiting: 1}
	if err := r.start(outside, other, body, opts, func() { lowlevel.Deliver(l, ended.Run) }); err != nil {
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
