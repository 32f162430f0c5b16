// Package future provides futures: results that arrive later.
//
// A callback sets the result of a future, and a task awaits it:
//
//	answer := future.New[int](ctx)
//	lowlevel.CallLater(ctx, time.Second, func() {
//		_ = answer.SetResult(42)
//	})
//	v, err := answer.Await(ctx) // suspends the task for one second
//	fmt.Println(v, err)         // 42 <nil>
//
// # States
//
// A [Future] belongs to one loop. It is pending until it gets its outcome: a value, an
// error, or a cancellation. A future gets its outcome once.
//
//	            SetResult
//	         +-----------> value
//	         |  SetError
//	pending -+-----------> error
//	         |  Cancel
//	         +-----------> canceled
//
// If the error is a cancellation ([loop.IsCanceled]), SetError makes the future canceled,
// as Cancel does.
//
// # Waiting
//
// A task waits with Await, or with Wait if it does not need the value. Both suspend the
// task only if the future is pending. OnDone registers a callback. The waiting tasks and
// the callbacks are the waiters of the future, and they are in one list. When the future is
// done, it puts its waiters on the loop's ready queue, in the order in which they began to
// wait. They run in the next turn, never inside the call that completes the future. The
// documentation of package loop defines these terms.
//
// If a task is canceled while it awaits a future, the future is canceled, too. To prevent
// that, await a task.Shield of the future. For a future that many tasks await, use [NewShared].
//
// # Errors
//
//   - [ErrInvalidState]: the outcome was set twice, or it was asked for while the future
//     was pending, or the caller may not set it. Test with errors.Is.
//   - [ErrCanceled]: every cancellation matches it, and matches [context.Canceled], too.
//     Test with errors.Is. The cause is in the [loop.CanceledError]: use errors.As.
//   - Any other error is the error that SetError was given, unchanged.
//
// Code takes the error of a future when it awaits the future, or calls Result or Err. If no
// code takes the error of a task, the loop reports it: see [loop.WithUnretrievedLimit]. The
// error of a plain future is never reported.
//
// # Kinds
//
// A task is a Future, too. The functions task.Gather, task.Collect and task.Shield also
// return futures. Each of these is the future of a [Promise]: only the promise can complete
// it. An [Owner] decides what it means to cancel such a future.
//
// [Any] is a future or task without the type of its result. [Awaitable] is a future or task
// with a result of type T. [Untyped] turns any of them into an Awaitable[any], so that
// results of different types can be combined.
//
// # Goroutines and cost
//
// A Future is not safe for use from other goroutines. A goroutine completes a future by
// [loop.Loop.Post]. A pending Future is one allocation, and its first waiter needs no
// further one.
package future
