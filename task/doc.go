// Package task runs functions as tasks of one event loop, and lets the tasks wait for each other, as
// Python's asyncio does.
//
// Only one task runs at a time, and tasks switch only where they wait. So between two waits a task
// needs no lock for data that tasks share. The order in which tasks run follows from the program
// alone: with a virtual clock, a program does the same in every run.
//
// # A first program
//
// This program asks for two pages at the same time, and waits for both. It is the package example.
//
//	pages, err := task.Run(context.Background(), func(ctx context.Context) ([]string, error) {
//		get := func(page string, d time.Duration) *task.Task[string] {
//			return task.Go(ctx, func(ctx context.Context) (string, error) {
//				fmt.Println("ask for", page)
//				if err := task.Sleep(ctx, d); err != nil { // stands for a server that takes some time
//					return "", err
//				}
//				fmt.Println("got", page)
//				return "<" + page + ">", nil
//			})
//		}
//		return task.Gather(get("news", 2*time.Second), get("weather", time.Second)).Await(ctx)
//	}, loop.WithVirtualTime()) // without this option it takes two seconds
//	fmt.Println(pages, err)
//
// It prints:
//
//	ask for news
//	ask for weather
//	got weather
//	got news
//	[<news> <weather>] <nil>
//
// [Run] makes a loop, runs the main task, and closes the loop. [Go] starts a task. [Sleep] and Await
// suspend the task that calls them: the other tasks run meanwhile. [Gather] makes one future of
// several tasks.
//
// Each section below adds one idea. The documentation of package loop defines the terms (turn,
// step, ready, suspended) and the order of events. ASYNCIO.md, in this directory, lists each name
// of asyncio beside its counterpart here.
//
// # Bodies
//
// The function that a task runs is its body. A body is an ordinary function,
//
//	func(ctx context.Context) (T, error)
//
// and it may suspend anywhere in its call tree: in loops, in deferred calls, in functions that it
// calls. The loop hands it a context, the context of its task. Three rules apply to this context:
//
//   - Pass it on to every function that suspends, or that starts a task.
//   - Only the running body may suspend with it. Suspending with the context of another task panics.
//   - It carries values, a deadline and a Done channel, as every context does. So any library can
//     use it.
//
// Where asyncio has a coroutine, takt has a function that takes a context. To await it, call it:
// the call runs in the same task, and needs no turn of the loop. To run it at the same time as the
// caller, start a task. For a body without a result there is [Void].
//
// # Starting and awaiting tasks
//
// [Go] makes a task and returns at once. The new task takes its first step in a later turn, when the
// caller has suspended. Tasks begin in the order in which they were made. With the option [Eager], or
// an eager task factory, Go runs the first step before it returns.
//
// A [Task] is also the future of its result: t.Await(ctx) suspends the caller until t is done, and
// returns the value and the error of t's body. Any number of tasks may await one task. t.Wait(ctx)
// waits without the value, t.Result() returns the outcome of a task that is done, and t.OnDone(fn)
// schedules a callback.
//
// A loop keeps its tasks until they end. When main ends, Run cancels the tasks that are left, and
// waits for them. A program that drives a loop itself has [RunUntilDone] and [Shutdown] for this.
//
// # Combining tasks
//
// These functions combine tasks. They take futures in place of tasks, too:
//
//	Gather             all results, in the order of the arguments, or the first error
//	Collect            all outcomes, values and errors
//	WithGroup          tasks that end together; if one fails, the others are canceled
//	Wait               until one, or all, are done, or until one has failed
//	AsCompleted        ranges over tasks in the order in which they complete
//	Completions        one future for each, in the order of completion
//	Timeout, TimeoutAt a body under a time limit; Within for a body with a result
//	WaitFor            one task or future under a time limit
//	Shield             keeps a cancellation of the waiter away from a task
//	CancelAll          cancels several tasks by one request
//
// The packages lock and queue, below this one, have mutexes, events, conditions, semaphores, barriers
// and queues.
//
// Code that blocks its goroutine holds up all tasks. [Blocking] runs such a call on another
// goroutine, and suspends only the task that waits for it. [BlockingIn] limits how many such calls
// run at the same time. [Recv] and [Send] wait for Go channels. [Submit] hands a body from any
// goroutine to a loop. [Call] runs a body on another loop, and awaits it. [Start] runs a loop on a
// goroutine of its own. [NameOf] and [LogHandler] tell in logs which task a line is of.
//
// # Schedule points
//
// Other tasks run only where a body suspends. These functions suspend:
//
//	Sleep, Yield            always, for at least one turn
//	Wait, Blocking          always
//	BlockingIn, Call        always, unless they fail before they begin to wait
//	Await and Wait          of a future or task: if it is not done
//	WaitFor                 if its task or future is not done
//	AsCompleted             always before its first round; later, if no other awaitable
//	                        has completed meanwhile
//	WithGroup               at its end, if the group has a task and has not noticed the
//	                        end of that task yet
//	Recv, Send              if the operation is not possible at once
//	Timeout, TimeoutAt      not by themselves, only their bodies; Within is the same
//	lowlevel.Suspend        all functions of this list use it; packages lock and queue
//	                        say of each method whether it suspends
//
// No other function suspends. Go, Gather, Shield, Cancel, SetResult and the like never suspend
// their caller. With an eager factory, or the option Eager, Go runs the first step of the new task
// before it returns.
//
// # Cancellation
//
// To cancel a task is to ask it to end. Task.Cancel makes one suspension of the body return an
// error: the suspension that the body is in, or else its next one. The error is a
// [*loop.CanceledError], which holds the cause. A body that returns the errors of its awaits needs
// nothing else: it ends, and its deferred calls run. If the body returns the cancellation, the task
// is canceled. If it returns a value or another error, that is the outcome of the task.
//
// These rules are asyncio's. About delivery:
//
//   - Only a suspension delivers a cancellation. A body that never suspends, or that awaits only
//     futures that are done, does not see it until it ends. Then the task still counts as canceled,
//     unless the body returned an error of its own.
//   - A cancellation is delivered once. After that the body may await again, to clean up, and is
//     interrupted again only if Cancel is called again.
//   - A task that is canceled before its first step never runs its body.
//   - Several requests may come before one is delivered. The body is told of the first one if that
//     request could cancel what the body awaits, and otherwise of the last one. The request of a
//     time limit or a group does not replace a request that is not delivered yet.
//   - The context of the task stays ended: ctx.Err and Done tell of the request until it is taken
//     back, and so do contexts that are derived from ctx. To clean up, await under ctx itself:
//     standard contexts that are derived from it have ended.
//
// About tasks that wait for each other:
//
//   - Canceling a task also cancels the future or task that it awaits. The task wakes when that one
//     has ended. [Shield] prevents this.
//   - One request passes at most once through each task and gather, even if several paths lead
//     there. The end of a program makes one request for all the tasks that it cancels. A group that
//     aborts and [CancelAll] do the same. The cost is linear in the number of objects that the
//     request reaches.
//   - A group cancels its tasks when one of them fails. A gather does not cancel its other children
//     when one fails. A task is never canceled because the task that started it is canceled.
//   - Canceling a task that has failed takes its error, as t.Err() does.
//
// About bodies that handle a cancellation:
//
//   - Requests are counted. CancelRequests returns how many were made and not taken back. If several
//     tasks or gathers pass one request on to the same task, it counts once for each of them.
//     (asyncio counts each path to the task. The counts differ below diamonds, where two paths part
//     and meet again.)
//   - A body that handles a cancellation and goes on calls Uncancel, which takes the request back.
//     [Timeout] and [WithGroup] do this for their own requests.
//   - A body may return ctx.Err() in place of the error of its await. If the error is
//     context.Canceled, or wraps that and nothing else, and if a request has ended ctx and was not
//     taken back, then the body has let the request through: the task is canceled, with the
//     [*loop.CanceledError] of the request. The same holds for the bodies of Timeout and WithGroup.
//
// # Errors and panics
//
// The error of a body is the error of its task. Await returns it. Test errors by errors.Is and
// errors.As; a body may wrap them by %w.
//
//	future.ErrCanceled     matches every cancellation; context.Canceled matches, too
//	*loop.CanceledError    a cancellation with its Cause
//	*TimeoutError          a time limit expired; it matches context.DeadlineExceeded, and does
//	                       not match ErrCanceled
//	*GroupError            all errors of a group; Is and As look into each
//	*TaskError             one error of a group, with the name of its task
//	*PanicError            a body panicked: value, stack, name of the task
//	loop.ErrGoexit         runtime.Goexit ended the body
//	*loop.DeadlockError    from Run: tasks are left that nothing can wake
//	loop.ErrClosed         from Call and a Submission: the loop is closed; as the cause of
//	                       a cancellation: the loop was closed meanwhile
//	future.ErrInvalidState the result was asked for before the task was done
//
// A panic in a body ends its task with a [*PanicError], and the loop goes on. A panic in the main
// body goes on in Run. A runtime.Goexit in a body ends its task, and also the goroutine that drives
// the loop: so t.FailNow works in a task of a test.
//
// A CanceledError does not unwrap to its cause. So a body never takes an outer time limit for its
// own. A context.Canceled for which no code has canceled the task is an error like any other: for
// example that of a standard context that ended by itself. A task that returns it has failed. An
// error that joins a cancellation with another error is not a cancellation.
//
// Code takes the error of a task when it awaits the task or asks for its error. The loop keeps
// errors that no code has taken: 128 of them, or the number that [loop.WithUnretrievedLimit] sets.
// When there is one more, it reports the oldest to its error handler. When the loop is closed, it
// reports the rest, in order of the tasks' creation. For a server that runs for months, set a small
// limit, even 0, or start tasks in groups: a group returns every error. (asyncio reports such an
// error when the task is collected as garbage. In trio no error is lost: the nursery raises it.
// errgroup keeps only the first error.)
//
// # Machines
//
// There are two kinds of bodies. Everything in this package works the same with both.
//
//   - A stackful body ([Go]) is an ordinary function. While it is suspended it holds a stack: a
//     goroutine, about 3 KB in all. Start with this kind.
//   - A stackless body ([GoMachine]) is a [Machine]: an object with a method Resume, which runs to
//     the next suspension and returns what it waits for. A suspended machine holds its own fields
//     and a few hundred bytes, and no goroutine.
//
// # Traps
//
// Some rules of asyncio surprise. takt keeps them, since it keeps the order of events:
//
//   - Gather hides later errors. The first child that fails ends the gather. The other children go
//     on, and no code takes their errors. The loop reports these errors, as described above. Way out:
//     [WithGroup] cancels the other tasks and returns every error; [Collect] returns every outcome.
//   - Shield loses the error of its inner task. When a shield has been canceled, no code awaits the
//     inner task any more. If the inner task then fails, the loop reports that to its error handler
//     at once ([loop.ShieldedFailed]). Way out: await the inner task itself, somewhere else.
//   - A Timeout of zero can swallow an earlier cancellation. Several requests that come before the
//     same suspension are delivered as one. Suppose that the running task was canceled, that no
//     suspension has delivered this yet, and that the task enters a limit that has expired already.
//     Then Timeout returns a TimeoutError in place of the cancellation. The request still counts. Way
//     out: check CancelRequests before going on, or Yield before setting the limit.
//   - Swallowing a cancellation. If a body goes on after a cancellation, the code that awaits its end
//     waits longer. Way out: a body that tries again after an error returns the error if
//     errors.Is(err, future.ErrCanceled).
//   - WaitFor can take longer than its limit: it cancels the task, and waits until the task has
//     cleaned up. Way out: use [Wait] with a limit, or WaitFor of a Shield, to give up at once.
//   - Tasks that no variable refers to. asyncio may collect such a task as garbage in the middle of
//     its work. A loop of takt keeps its tasks until they end, so this cannot happen here.
//   - A shared future. If several tasks await one future, canceling one of these tasks cancels the
//     future, and so the wait of all of them. Way out: each task awaits a Shield of the future, or
//     the program makes the future by [future.NewShared].
//   - AsCompleted is an iterator. A second range over it begins again: it yields every awaitable
//     again, and its limit counts from its own start. Way out: range over it once.
//
// Other traps come from Go, or from the nature of a loop:
//
//   - A value that is returned with an error is dropped. Result and Await return the zero value and
//     the error. Way out: put the value into the error, or return a struct with both.
//   - A time limit around Blocking, used again and again, loses data. A call that reads goes on after
//     the limit has expired, and what it reads then is dropped. Way out: one goroutine or task
//     reads, and hands on what it has read by a channel or a queue. Put the limit around [Recv] or
//     the queue's Get, which lose nothing.
//   - A semaphore around Blocking lets too many calls run. If a limit or a cancellation ends the wait,
//     the task releases its permit while the call still runs. Way out: [BlockingIn], with a [Pool].
//   - A loop around Yield keeps the event loop busy. While a body yields until something has changed,
//     RunUntilIdle does not return, and a virtual clock does not move. Way out: await the change, or
//     Sleep.
//   - Thread locks. If a body suspends between runtime.LockOSThread and UnlockOSThread, the process
//     ends with a fatal error, which no code can recover. The same happens if it suspends in a Go
//     function that C has called, since Go locks the thread there. Way out: make such calls in
//     [Blocking], or unlock before the await. A host that has locked its thread must make, drive and
//     close its loop under that lock.
package task
