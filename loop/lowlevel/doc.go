// Package lowlevel is for code that builds awaitables, combinators, locks and kinds of bodies
// of its own, as packages future, task, lock and queue do. Programs that use those need
// nothing of it. Python's trio has the same floor, and calls it trio.lowlevel.
//
// # How to build a combinator
//
// Something that can be awaited is a [loop.Awaitable]. You never write one from the start: embed a
// future.Promise, which is a future and the right to complete it, and complete it from a callback.
// The package example builds one, which is done when the first of several awaitables is done:
//
//   - The promise's Init says on which loop it is, and its Owner decides what becomes of a
//     request to cancel: mostly the owner passes it on to what it waits for itself.
//   - AddWaiter of each awaitable registers a [loop.Runnable], which the loop runs once when the
//     awaitable is done. Waiters run in later turns, in order of registration, and never inside
//     the call that completes.
//   - RemoveWaiter takes it back. Do it for all that is left when the combinator is done: what
//     it waits for may live for long.
//   - Err of an awaitable takes its error. An error that no code takes is reported. Take those of
//     the awaitables that your combinator answers for.
//   - Describe says in a few words what it is, and what it waits for: reports of deadlocks and
//     graphs show that.
//
// # How to wait in a function
//
// A function that waits has a context as its first argument, awaits under that, and returns the
// error of the await: [Await], [Sleep], [Yield]. It undoes what it has begun when the await fails.
// A function that was canceled when it already had what it waited for returns that, and hands
// the cancellation back by [PutBack]: so nothing is lost.
//
// # What is guaranteed
//
// What is here obeys the contract of package loop, its order of events included, and checks its
// arguments as other packages do. It trusts its caller with what it cannot check: to start
// a task once, to complete what it owns, and to balance what it cancels. Functions
// are called on the loop's goroutine, where nothing else is said.
package lowlevel
