// Package future has results that will be there later.
//
// A [Future] belongs to one loop. It is pending until it comes to its outcome:
// a value, an error, or a cancellation. That happens once.
//
//	            SetResult
//	         +-----------> value
//	         |  SetError
//	pending -+-----------> error
//	         |  Cancel
//	         +-----------> canceled
//
// An error that is a cancellation ([loop.IsCanceled]) makes a future canceled,
// whichever method it comes by.
//
// # Waiting
//
// A task waits by Await, or by Wait if it does not want the value. Both suspend
// only if the future is pending. A callback is registered by OnDone. All who wait
// are in one list: when the future is done, they are put on the loop's ready queue
// in the order in which they came, and run in the next turn, never inside the call
// that completes the future. Package loop's documentation defines the terms.
//
// Canceling a task that awaits a future cancels the future. task.Shield is there
// against that.
//
// # Errors
//
//   - [ErrInvalidState]: the outcome was set twice, or was asked for too early, or
//     the future is not the caller's to set. Test it with errors.Is.
//   - [ErrCanceled]: every cancellation matches it, and [context.Canceled] too, by
//     errors.Is. The cause is in the [loop.CanceledError], by errors.As.
//   - Any other error is what SetError was given, as it was given.
//
// Who awaits a future, or asks for its Result or Err, takes its error. The error of
// a task that no code takes is reported: see [loop.WithUnretrievedLimit]. That of a plain
// future is not: whoever made it decides what it means.
//
// # Kinds
//
// A task is a Future, and so is what task.Gather, task.Collect and task.Shield
// return: those are the futures of a [Promise], which alone completes
// them, and has an [Owner], which decides what canceling means. [Any] is every future seen without its type, [Awaitable] every
// one that results in a T, and [Untyped] turns the first into the second, for
// combining results of different types.
//
// A Future is not safe for use from other goroutines: they complete it by
// [loop.Loop.Post]. A pending Future is one allocation; the first who waits costs
// none more.
package future
