// Package task runs functions as tasks of one event loop, and lets the tasks wait for each other,
// as Python's asyncio does.
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
// [Run] makes a loop, runs the main task, and closes the loop. [Go] starts a task. [Sleep] and
// Await suspend the task that calls them: the other tasks run meanwhile. [Gather] makes one future
// from several tasks.
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
// calls. The loop hands the body a context, the context of its task. Three rules apply to this
// context:
//
//   - Pass the context on to every function that suspends, or that starts a task.
//   - Only the running body may suspend with it. Suspending with the context of another task
//     panics.
//   - It carries values, a deadline and a Done channel, as every context does. So any library can
//     use it. With a virtual clock the deadline is an instant of virtual time, long past for the
//     machine's clock: give a library that uses deadlines, such as package net, [loop.Outside] of
//     the context, which has none then.
//
// asyncio has coroutines. takt has functions that take a context. To await such a function, call
// it: the call runs in the same task, and needs no turn of the loop. To run the function at the same time as its
// caller, start a task. [Void] makes a body from a function that returns only an error.
//
// # Starting and awaiting tasks
//
// [Go] makes a task and returns at once. The new task takes its first step in a later turn, when
// the caller has suspended. Tasks begin in the order in which they were made. With the option
// [Eager], or an eager task factory, Go runs the first step before it returns.
//
// A [Task] is also the future of its result. t.Await(ctx) suspends the caller until the task t is
// done, and returns the value and the error of t's body. Any number of tasks may await one task.
// t.Wait(ctx) does the same, but returns only the error. t.Result() returns the outcome of a task
// that is done. t.OnDone(fn) schedules the callback fn when t is done.
//
// A loop keeps its tasks until they end. When the main task ends, Run cancels all other unfinished
// tasks, and waits until they have ended. A program that drives a loop itself has [RunUntilDone] and
// [Shutdown] for this.
//
// # Combining tasks
//
// These functions combine tasks. Each function that takes a task takes any future, too.
//
//	Gather             returns all results, in the order of the arguments, or the first error
//	Collect            returns all outcomes, values and errors
//	WithGroup          runs tasks that end together; if one fails, it cancels the others
//	Wait               waits until one task is done, or all are, or one has failed
//	AsCompleted        ranges over tasks in the order in which they complete
//	Completions        returns one future for each task, in the order of completion
//	Timeout, TimeoutAt run a body under a time limit; Within runs a body with a result
//	WaitFor            awaits one task under a time limit
//	Shield             lets a task await another task without passing a cancellation on to it
//	CancelAll          cancels several tasks by one request
//
// The packages lock and queue, below this one, have mutexes, events, conditions, semaphores,
// barriers and queues.
//
// Code that blocks its goroutine holds up all tasks. [Blocking] runs such a call on another
// goroutine, and suspends only the task that waits for it. [BlockingIn] limits how many such calls
// are under way. [Recv] and [Send] wait for Go channels. [Submit] hands a body from any goroutine
// to a loop. [Call] runs a body on another loop, and awaits it. [Start] runs a loop on a goroutine
// of its own. [NameOf] returns the name of a task
// for log records, and [LogHandler] adds this name to them.
//
// The time that tasks go by is that of the loop: lowlevel.Now(ctx) and lowlevel.Elapsed(ctx) tell it. (Package
// time tells that of the machine, which a virtual clock does not change.) lowlevel.CallLater(ctx, ...) calls a function
// after a time.
//
// # Schedule points
//
// Other tasks run only where a body suspends. These functions suspend:
//
//	Sleep, Yield            always, for at least one turn
//	Wait                    always
//	Blocking                always
//	BlockingIn, Call        always, unless they fail before they begin to wait
//	t.Await, t.Wait         if the task or future t is not done
//	WaitFor                 if its task or future is not done
//	AsCompleted             always before its first round; before a later round, if no other
//	                        awaitable has completed meanwhile
//	WithGroup               when its body has ended, if the group still has tasks; a task
//	                        leaves the group in the turn after its end
//	Recv, Send              if the operation is not possible at once
//	Timeout, TimeoutAt      not by themselves, but their bodies may suspend; the same holds
//	                        for Within
//
// The documentation of packages lock and queue says of each method whether it suspends. All these
// functions suspend by lowlevel.Suspend. No other function suspends. Go, Gather, Shield, Cancel,
// SetResult and the like never suspend their caller. With an eager factory, or the option Eager, Go
// runs the first step of the new task before it returns.
//
// # Cancellation
//
// Task.Cancel asks a task to end. This is a request. The next suspension of the body returns an
// error, or, if the body is suspended already, that suspension does. The error is a
// [*loop.CanceledError], which holds the cause. This error is called a cancellation, and the
// suspension that returns it delivers the request. A body that returns the errors of its awaits
// needs nothing else: it ends, and its deferred calls run. A body that returns the cancellation
// lets it through: then the task is canceled. If the body returns a value or another error, that is
// the outcome of the task.
//
// These rules are asyncio's. About delivery:
//
//   - Only a suspension delivers a cancellation. A body may never suspend, or may await only
//     futures that are done. Such a body does not see the cancellation. When it ends, the task
//     counts as canceled, unless the body has returned an error of its own.
//   - A cancellation is delivered once. After that the body may await again, to clean up. It is
//     interrupted again only if Cancel is called again.
//   - If a task is canceled before its first step, its body never runs.
//   - Several requests may come before one is delivered. Then the body gets the first request that
//     could cancel the awaited future or task. If none could, it gets the last request. The request
//     of a time limit or a group does not replace a request that is not delivered yet.
//   - A request ends the context of the task: from then on, ctx.Err() is not nil, and ctx.Done() is
//     closed. Even so, the body may await under ctx, to clean up. An await under a standard context
//     that is derived from ctx fails at once.
//
// About tasks that wait for each other:
//
//   - Canceling a task also cancels the future or task that it awaits. The task wakes when that
//     future or task has ended. To prevent this, await a [Shield], or a future that
//     [future.NewShared] has made.
//   - One request passes at most once through each task and gather, even if several paths lead
//     there. At the end of a program, Run makes one request for all the tasks that it cancels. A
//     group that aborts makes one request, too, and so does [CancelAll]. The cost is linear in the
//     number of objects that the request reaches.
//   - A group cancels its tasks when one of them fails. A gather does not cancel its other children
//     when one fails. A task is never canceled because the task that started it is canceled.
//   - Cancel of a task that has failed already takes the error of the task, as t.Err() does: see
//     Errors and panics below.
//
// About bodies that handle a cancellation:
//
//   - Requests are counted. CancelRequests returns how many were made and not taken back. If
//     several tasks or gathers pass one request on to the same task, the request counts once for
//     each of them. (asyncio counts each path to the task. So the counts differ if two paths part
//     and meet again.)
//   - If a body handles a cancellation and goes on, it should call Uncancel, which takes the
//     request back. [Timeout] and [WithGroup] do this for their own requests. The context that the
//     body was given stays ended. When all requests are taken back, task.Current(ctx).Context()
//     returns a fresh one.
//   - A body may return ctx.Err() in place of the error of its await. If the error is
//     context.Canceled, or wraps that and nothing else, and if a request has ended ctx and was not
//     taken back, then the body has let the cancellation through: the task is canceled, with the
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
//	*loop.DeadlockError    from Run: some tasks are unfinished, and nothing can wake them
//	loop.ErrClosed         from Call and Submission.Wait: the loop is closed; as the cause of
//	                       a cancellation: the loop was closed meanwhile
//	loop.ErrFull           from Call and Submission.Wait: the loop's limit of posts is reached
//	future.ErrInvalidState Result or Err was called before the task was done
//
// A panic in a body ends its task with a [*PanicError], and the loop goes on. A panic in the main
// body goes on in Run. A runtime.Goexit in a body ends its task, and also the goroutine that drives
// the loop: so t.FailNow works in a task of a test.
//
// A CanceledError does not unwrap to its cause. So a body never mistakes an outer time limit for
// its own. If a body returns context.Canceled, but no code has canceled its task, the task has
// failed: this context.Canceled is an error like any other. It may come from a standard context
// that the program has canceled. An error that joins a cancellation with another error is not a
// cancellation.
//
// Code takes the error of a task when it awaits the task, or calls Result or Err of the task: from
// then on the loop need not report the error. The loop keeps the errors that no code has taken: up
// to 128, or the number that [loop.WithUnretrievedLimit] sets. When there is one more, it reports
// the oldest to its error handler. When the loop is closed, it reports the errors that it still
// keeps, in order of the tasks' creation. For a server that runs for months, set a small limit,
// even 0, or start tasks in groups: a group returns every error. (asyncio reports such an error
// when the task is collected as garbage. In trio no error is lost: the nursery raises it. errgroup
// keeps only the first error.)
//
// # Machines
//
// There are two kinds of bodies. Everything in this package works the same with both.
//
//   - A stackful body ([Go]) is an ordinary function. While it is suspended it holds a stack: a
//     goroutine, about 3 KB in all. Start with this kind.
//   - A stackless body ([GoMachine]) is a [Machine]: an object with a method Resume. Resume runs to
//     the next suspension, and returns a [Suspension], for example a future to wait for. A
//     suspended machine holds its own fields and a few hundred bytes, and no goroutine.
//
// This machine counts down, one step a second. err is the error of the last wait, such as a
// cancellation: a machine that does not look at err goes on in spite of a cancellation.
//
//	n := 3
//	countdown := task.MachineFunc[string](func(ctx context.Context, err error) (string, task.Suspension, error) {
//		switch {
//		case err != nil:
//			return "", task.End(), err
//		case n == 0:
//			return "lift-off", task.End(), nil
//		}
//		fmt.Println(n)
//		n--
//		return "", task.For(time.Second), nil
//	})
//	t := task.GoMachine(ctx, countdown)
//
// # Traps
//
// Some rules of asyncio are surprising. takt keeps them, because it keeps asyncio's order of
// events:
//
//   - Gather hides later errors. The first child that fails ends the gather. The other children go
//     on, and usually no code takes their errors. The loop reports these errors, as described
//     above. Way out: [WithGroup] cancels the other tasks and returns every error; [Collect]
//     returns every outcome.
//   - Shield loses the error of its inner task. When a shield has been canceled, nothing awaits the
//     inner task through the shield any more. If the inner task then fails, the loop reports the
//     error to its error handler at once ([loop.ShieldedFailed]). Way out: await the inner task
//     itself, somewhere else.
//   - A Timeout of zero can swallow an earlier cancellation. Several requests that come before the
//     same suspension are delivered as one. Suppose that the running task was canceled, that no
//     suspension has delivered the request yet, and that the task now calls Timeout with a limit of
//     zero. Then Timeout returns a TimeoutError in place of the cancellation. CancelRequests still
//     counts the earlier request. Way out: check CancelRequests before going on, or Yield before
//     setting the limit.
//   - Swallowing a cancellation. If a body goes on after a cancellation, its task does not end, and
//     all code that waits for the end of the task keeps waiting: a group, for example, or Run. Way
//     out: before a body tries again after an error, it checks errors.Is(err, future.ErrCanceled),
//     and returns such an error.
//   - WaitFor can take longer than its limit: it cancels the task, and waits until the task has
//     cleaned up. Way out: use [Wait] with a limit, or WaitFor of a Shield, to give up at once.
//   - Tasks that no variable refers to. asyncio may collect such a task as garbage in the middle of
//     its work. A loop of takt keeps its tasks until they end, so this cannot happen here.
//   - A future that several tasks await. If one of these tasks is canceled, the future is canceled,
//     and so all the tasks get a cancellation. Way out: each task awaits a Shield of the future, or
//     the program makes the future by [future.NewShared].
//   - AsCompleted is an iterator. A second range over it begins again: it yields every awaitable
//     again, and its limit counts from its own start. Way out: range over it once.
//
// Other traps come from Go, or from the nature of a loop:
//
//   - If a body returns a value together with an error, the value is dropped: Result and Await
//     return the zero value and the error. Way out: put the value into the error, or return a
//     struct with both.
//   - A time limit around Blocking, used again and again, loses data. Suppose that the call reads
//     from a file. It goes on after the limit has expired, and the data that it reads then is
//     dropped. Way out: one goroutine or task reads, and hands the data on by a channel or a queue.
//     Put the limit around [Recv] or the queue's Get, which lose nothing.
//   - With a virtual clock, a time limit around Blocking does not expire, because time stands still
//     during the call. Way out: in a test, put a body that sleeps in the place of the call.
//   - A semaphore around Blocking lets too many calls run. If a limit or a cancellation ends the
//     wait, the task releases its permit while the call still runs. Way out: [BlockingIn], with a
//     [Pool].
//   - Channel operations and locks of Go block the loop. A body that waits at a plain ch <- v or <-ch, for a
//     sync.Mutex that another task holds over an await, or for a sync.WaitGroup, blocks all tasks, also the one
//     that it waits for: the program hangs. Way out: [Recv] and [Send], package lock, [WithGroup]. The debug mode
//     ([loop.WithDebug]) reports the step that blocks.
//   - A go statement inside of a body. The new goroutine must not use the context of the body: it cannot await, spawn
//     or touch what the tasks share. Mostly such a call panics, but not always. Way out: Go in place of the go
//     statement, or Blocking; a goroutine that must be one uses Submit or Post, with a context that [loop.Outside]
//     has made.
//   - A loop around Yield keeps the event loop busy. While a body yields until something has
//     changed, RunUntilIdle does not return, and a virtual clock does not move. Way out: await the
//     change, or Sleep.
//   - Thread locks. If a body suspends between runtime.LockOSThread and UnlockOSThread, the process
//     ends with a fatal error, from which no code can recover. The same happens if a body suspends
//     in a Go function that C code has called, since Go locks the thread there. Way out: make such
//     calls in [Blocking], or unlock the thread before the await. If the host has locked its
//     thread, it must make, drive and close its loop under that lock.
package task
