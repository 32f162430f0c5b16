// Package lowlevel has the functions that a program needs in order to build its own awaitables,
// combinators, locks, and kinds of task bodies.
//
// This alarm is a small awaitable: a task that awaits it goes on when a time has passed.
//
//	type alarm struct {
//		future.Promise[time.Duration] // a future, and the right to complete it
//		timer                         loop.Handle
//	}
//
//	func newAlarm(ctx context.Context, d time.Duration) *future.Future[time.Duration] {
//		l := lowlevel.LoopOf(ctx)
//		a := new(alarm)
//		a.Init(l, a) // a is also the owner of the promise: see Cancel and Describe
//		a.timer = l.CallLater(d, func() { a.Complete(l.Elapsed(), nil) })
//		return &a.Future
//	}
//
//	// Cancel is called when code cancels the future. This owner completes it at once.
//	func (a *alarm) Cancel(cause error) bool {
//		a.timer.Cancel()
//		a.Complete(0, &loop.CanceledError{Cause: cause})
//		return true
//	}
//
//	// Describe says what the future is, for deadlock reports and graphs.
//	func (a *alarm) Describe() (string, []loop.Awaitable) { return "an alarm", nil }
//
// The package example runs this code. A task awaits an alarm like any other future:
//
//	now, err := newAlarm(ctx, time.Second).Await(ctx)
//
// # When to use this package
//
// Use it if you need an awaitable, a combinator, a lock or a kind of body that takt does not have.
// The packages future, task, lock and queue are built on it. A program that only uses these
// packages needs lowlevel only for the time of the loop ([Now], [Elapsed], [CallLater]). Python's trio
// has a package for the same purpose: trio.lowlevel.
//
// The documentation of package loop defines the terms that this package uses: task, body, step,
// turn, ready.
//
// # How to build an awaitable
//
// A [loop.Awaitable] is something that a task can await. Do not implement this interface yourself.
// Embed a future.Promise, which implements it, and complete the promise from a callback.
//
// A promise has an owner: the second argument of Init. The owner decides what happens when code
// cancels the future. It completes the future, as the alarm does, or it passes the request on to
// other awaitables. The owner also describes the future.
//
// # How to build a combinator
//
// A combinator is an awaitable that waits for other awaitables: its children. The example
// "Combinator" builds one, which is done when the first of its children is done. It uses or
// implements these methods:
//
//   - AddWaiter of each child registers a waiter. A waiter is a [loop.Runnable]. The loop runs it
//     once, when the child is done. Waiters run in later turns, in the order of registration, and
//     never inside the call that completes the child.
//   - RemoveWaiter removes a waiter. When the combinator is done, remove its waiters from the
//     children that are not done. These children may live for a long time.
//   - Err of a child returns its error, and takes it. If no code takes the error of a task, the loop
//     reports it. Take the errors of the children that your combinator is responsible for.
//   - Cancel of the owner passes the request on to the children. If your combinator cancels several
//     awaitables at another place, do it inside a call of [Sweep]. If several of them lead to the
//     same task, the task gets one request.
//   - Describe of the owner also returns the children that are not done.
//
// # How to wait in a function
//
// A function that waits has a context as its first argument. It awaits under this context by
// [Await], [Sleep] or [Yield], and returns the error of the await. If the await fails, the function
// undoes what it has begun.
//
// A function can be canceled at a moment when the operation that it waited for has already
// succeeded. Then it returns the result, and hands the cancellation back by [PutBack]. So neither
// the result nor the cancellation is lost.
//
// # The other parts
//
//   - [Enter] makes a [Scope], a part of a body that can be canceled by itself. Time limits and
//     groups use scopes.
//   - [Spawn] makes a task of a [Body]. A new kind of task implements Body.
//   - [Offload] and [AddPort] connect a loop with goroutines and channels. [Deliver] posts a function
//     without the limit of SetPostLimit. A [Request] is a post of a goroutine that waits for an answer. By a
//     [Waker], a goroutine wakes code on the loop again and again.
//   - [WithPolicy] sets a [Policy], which chooses the next task. [WithFollower] sets a [Follower], which
//     is told of every task and step. Package looptest uses both.
//   - A [Spare] hands the stacks of a closed loop to the next loop, in programs that make very many loops.
//   - A [Realm] is a set of tasks that can be ended at once, or paused, and that has a clock of its own.
//   - A [Home] stores in one word the loop or the task that an awaitable belongs to.
//   - [Running] returns the running task, for a function that has no context.
//   - [Inside] reports whether the calling code runs on a loop.
//
// # What is guaranteed
//
// The functions of this package keep the contract of package loop, including the order of events.
// They check their arguments as the other packages do. Some rules cannot be checked. The caller
// must start a task once, complete each promise that it owns, and call Uncancel once for each
// Cancel of a scope.
//
// Unless the documentation of a function says otherwise, call it on the loop. The loop calls the
// functions that a program hands to it on its own goroutine.
package lowlevel
