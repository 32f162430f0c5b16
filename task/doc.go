// Package task has tasks, and what combines them: the asyncio of Go.
//
//	results, err := task.Run(ctx, func(ctx context.Context) ([]int, error) {
//		return task.Gather(
//			task.Go(ctx, factorial("A", 2)),
//			task.Go(ctx, factorial("B", 3)),
//		).Await(ctx)
//	})
//
// A [Task] is a body that a loop drives, and the future of what the body will
// return. Package loop's documentation defines the terms (turn, step, ready,
// suspended) and the order of events; this one says how to write bodies. The
// README has a table from asyncio's names to these.
//
// # Bodies
//
// There are two kinds, and everything works the same on both:
//
//   - Stackful ([Go]): an ordinary function, func(context.Context) (T, error), that
//     may suspend anywhere in its call tree. While suspended it holds a stack: a
//     goroutine, about 3 KB in all. This is the kind to start with.
//   - Stackless ([GoMachine]): a [Machine], whose Resume runs to the next suspension
//     and says what it waits for. While suspended it holds its own fields, in a few
//     hundred bytes all told, and no goroutine.
//
// A body is handed a context, which is the task's: pass it on to whatever suspends.
// Only the running body may suspend with it; a context of another task panics. What
// asyncio calls a coroutine is here any function that takes a context: calling it is
// awaiting it.
//
// # Schedule points
//
// Other tasks run only where a body suspends. These suspend:
//
//	Sleep, Yield            always, for a turn at least
//	Wait, Blocking          always
//	Await and Wait          of a future or task: if it is not done
//	WaitFor                 if what it waits for is not done
//	AsCompleted             before its first round always, later if nothing more
//	                        has completed
//	WithGroup               at its end, if it was given any task whose end it has
//	                        not noticed yet
//	Recv, Send              if the operation is not possible at once
//	Timeout, TimeoutAt      not by themselves, only their bodies
//	lowlevel.Suspend        which all of these come down to; the packages lock and
//	                        queue say for each method of theirs whether it suspends
//
// Nothing else does. Go, Gather, Shield, Cancel, SetResult and the like never
// suspend their caller; with an eager factory, or the option [Eager], Go runs the first
// step of the new task before it returns.
//
// # Cancellation
//
// Canceling is asking. Task.Cancel makes the body's next suspension, or the one that
// it is in, return an error: a [*loop.CanceledError] with the cause. A body that
// returns errors as they come needs nothing else; its deferred calls run. If it lets
// the error through, the task is canceled; if it returns a value or another error,
// that is the outcome. The rules, which are asyncio's:
//
//   - Only suspensions deliver it. A body that never suspends, or that awaits only
//     what is done, does not see it until it ends; then the task counts as canceled
//     all the same, unless the body returned an error of its own.
//   - It is delivered once (it is edge-triggered). A body may go on awaiting
//     afterwards, to clean up, and is not interrupted again unless Cancel is called
//     again.
//   - The context stays ended: ctx.Err, Done, and what is derived from it tell of the
//     request until it is taken back. Standard contexts derived from it have ended
//     too; await under ctx itself to clean up.
//   - What the task awaits is canceled with it, and the task wakes when that has
//     ended. [Shield] is there against that.
//   - A request passes once through each task and gather that it reaches, however many
//     ways lead there. So does the end of a program, and a group that aborts, for all of
//     the tasks that they cancel. The cost is linear in what is reached.
//   - Requests are counted: CancelRequests says how many there are. A request counts once for
//     each task or gather that passes it on. (asyncio walks every way to a task, and
//     counts each. So the counts differ below diamonds: where two ways part and meet
//     again.) A body that handles a cancellation and goes on calls Uncancel, as [Timeout]
//     and [WithGroup] do for the requests that they make themselves.
//   - Where more requests come before one is delivered, the body is told of the first, if
//     that could cancel what the body awaits, and else of the last. A limit or group does
//     not take the place of a request that is not delivered yet.
//   - A body may return ctx.Err() in place of the error of its await. Where its context
//     has ended by a request that was not taken back, and the error is context.Canceled,
//     or wraps that and nothing else, the body has let the request through: the task is
//     canceled, by the [*loop.CanceledError] of the request. The body of a [Timeout] and
//     of a [WithGroup] may do the same.
//   - Canceling a task that has failed takes its error, as asking for it does.
//   - A task that is canceled before its first step never runs.
//   - A group cancels its tasks when one of them fails; a gather does not. A task is
//     never canceled because the one that spawned it is.
//
// # Errors
//
// Test them with errors.Is and errors.As; bodies may wrap them by %w.
//
//	future.ErrCanceled     every cancellation; errors.Is(err, context.Canceled) too
//	*loop.CanceledError    the same, with its Cause
//	*TimeoutError          a limit expired; it matches context.DeadlineExceeded and
//	                       not ErrCanceled
//	*GroupError            all errors of a group; Is and As look into each
//	*TaskError             one of these, and which task it is of
//	*PanicError            a body panicked: value, stack, name of the task
//	loop.ErrGoexit         runtime.Goexit ended the body
//	*loop.DeadlockError    from Run: tasks are left that nothing can wake
//	loop.ErrClosed         from Submit; as a cause: the loop was closed meanwhile
//	future.ErrInvalidState the result was asked for before the task was done
//
// A CanceledError does not unwrap to its cause, so that a body does not take an outer
// limit for its own. A context.Canceled without a request to cancel, such as that of a
// standard context that ended by itself, is an error like any other: a task that returns
// it has failed. An error that joins a cancellation with something else is not a
// cancellation.
//
// An error that no code takes, by awaiting the task or asking for its error, is reported
// to the loop's error handler: when 128 younger ones that no code takes have come
// ([loop.WithUnretrievedLimit] sets another number), or when the loop is closed, in order of
// the tasks' creation. A server that runs for months gives a small number, even 0, or
// spawns into groups, which return every error. (asyncio tells when the task is
// collected. trio loses no error: the nursery raises it. errgroup keeps the first only.)
//
// # Traps
//
// Some of asyncio's rules surprise. takt keeps them, for the order of events is the
// same, and says where they bite:
//
//   - Gather hides later errors: its first failing child ends it, the others go on,
//     and no code takes their errors. Here they are reported, as said above.
//     [WithGroup] cancels the rest and returns every error; [Collect] returns every
//     outcome.
//   - Shield loses its inner error: once a shield was canceled nobody awaits what is
//     behind it. If that fails, the error handler is told at once
//     ([loop.ShieldedFailed]).
//   - Timeout of zero can swallow an earlier cancel: requests that come before the
//     same suspension are delivered as one. Where the running task was canceled,
//     nothing has delivered that yet, and a limit that has expired already is
//     entered, the limit's TimeoutError is what comes out. The request is still
//     counted: ask CancelRequests before going on.
//   - Swallowing a cancellation: a body that goes on after one makes whoever awaits
//     its end wait longer. A body that handles errors by trying again must let
//     errors.Is(err, future.ErrCanceled) through.
//   - WaitFor cancels, and waits for the clean-up: it can take longer than its limit.
//     Wait for a Shield to give up at once.
//   - Tasks that nobody refers to: asyncio may collect them in the middle of their
//     work. A loop holds on to its tasks until they end.
//   - A shared future: canceling one of the tasks that await a future cancels the future,
//     and so for all of them. Where several tasks share a future or a task, each awaits a
//     Shield of it.
//   - AsCompleted is an iterator: a second range over it begins anew, yields every
//     awaitable again, and counts its limit from then on. Range over it once.
//
// Others come of Go, or of what a loop is:
//
//   - A value that is returned with an error is dropped: Result and Await return the zero
//     value and the error. Return the value in the error, or return a struct that has
//     both.
//   - A limit around Blocking, in a loop, loses data: a call that reads goes on after the
//     limit has expired, and what it reads then is dropped. Let one goroutine or task read
//     and hand on what it has read by a channel or queue, and limit the [Recv] or the Get:
//     these lose nothing.
//   - A semaphore around Blocking: where a limit or a cancellation ends the waiting, the
//     task releases its permit while the call still runs, so more calls run than there are
//     permits. Let a task of its own acquire, call and release, and await a Shield of it.
//   - Yield keeps the loop busy: a body that yields until something has changed never lets
//     RunUntilIdle return, nor a virtual clock move. Await what changes, or Sleep.
//   - Locks of a thread: a body that suspends between runtime.LockOSThread and
//     UnlockOSThread ends the process with a fatal error that nothing can recover. So does
//     one that suspends in a Go function that C has called, as Go locks the thread there.
//     Make such calls in [Blocking], or unlock before the await. A host that has locked its
//     thread makes, drives and closes its loop under that lock.
package task
