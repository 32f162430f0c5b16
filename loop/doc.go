// Package loop is a single-threaded, deterministic event loop with the order of
// events of Python's asyncio.
//
// A [Loop] decides what runs next. It runs one thing at a time, and what runs
// next follows from the program alone: not from the Go scheduler, not from the
// order of a map, and with a virtual clock not from time either. This comment is
// the contract; package task has what programs are written with.
//
//	l := loop.New()
//	defer l.Close()
//	l.CallLater(time.Second, func() {
//		fmt.Println("one second later")
//		l.Stop()
//	})
//	err := l.Run()
//
// # Terms
//
// A callback is a function handed to the loop: by [Loop.CallSoon],
// [Loop.CallLater], [Loop.CallAt] or [Loop.Post], or by OnDone of a future. It
// runs to its end and cannot suspend.
//
// A task is a body that the loop drives. A stretch of its body without a
// suspension is a step. A task is suspended from the end of one step to the
// beginning of the next; it is woken when what it waits for has come, or when a
// cancellation ends the waiting.
//
// Something is ready when it stands in the ready queue: a callback, or the next
// step of a task. The queue is first in, first out.
//
// A timer is armed for an instant of the loop's clock. It is due when that
// instant has been reached.
//
// A turn is one round of the loop: it runs what was ready at its start.
//
// The loop is idle when nothing is ready, due, or otherwise to be taken in. What
// AtIdle of package lowlevel has registered runs then; otherwise the loop waits, for the earliest
// timer or for something from outside.
//
// The loop is deadlocked when it is idle, tasks are unfinished, and nothing is
// left that could wake any of them: no timer is armed, and nothing outside is
// owed (see Idle below).
//
// # A turn
//
// A turn begins by taking in what has come since the last one began. Each of
// these goes to the back of the ready queue, in this order:
//
//  1. what was posted by [Loop.Post], in the order of posting;
//  2. what wakes because a standard context has ended, in the order in which
//     the loop began to watch the contexts: see Contexts below;
//  3. what wakes because its channel operation can now be performed, in the order
//     in which it came to wait; the operation is performed here (AddPort of package lowlevel);
//  4. what follows on offloaded calls that have returned, in the order of the
//     calls (Offload of package lowlevel); with a virtual clock this waits until the loop is
//     idle; what a call posted before it returned comes before its end;
//  5. the timers that are due, by deadline, and equal deadlines in the order of
//     arming.
//
// What is in the queue now is the turn, and it is run from front to back.
// Whatever becomes ready meanwhile, and whatever comes from outside, waits for
// the next turn. A timer that comes due meanwhile does too.
//
// So what a callback or a step schedules never runs before what was ready
// already, and nothing that keeps itself busy can keep the others, timers or
// posts from their turn.
//
// WithPolicy of package lowlevel lets a policy pick among the tasks that are ready, in place of the
// one at the front: package looptest explores with it what else could happen.
// Without one, the order is as said here.
//
// # Waking
//
// Completing something never runs anybody inside the call. Those who wait for a
// future, tasks and callbacks alike, are put on the ready queue in the order in
// which they came to wait, and run in the next turn.
//
// Awaiting what is done does not suspend.
//
// A sleep takes the hops that it takes in asyncio: its timer is run in one turn,
// and wakes the task, whose step comes in the next. A sleep of zero or less
// suspends for exactly one turn, without a timer.
//
// Where the event is in turn n, the body goes on in turn
//
//	n    a receive or send on a channel; the end of a standard context that it
//	     awaits under: both are noticed at the beginning of turn n
//	n+1  a future or task that it awaits is completed; a sleep's timer is run;
//	     it is canceled in a sleep, or while it awaits a future; a yield;
//	     an offloaded call's done is run
//	n+2  a child completes, of a gather, a shield, a wait or an iteration by
//	     completion that it awaits; the last task of its group ends
//
// # Cancellation
//
// [Task.Cancel] never runs the task. A suspended task has what it awaits
// canceled, and wakes when that has ended: so a task that awaits a task waits for
// the end of the other's clean-up. A sleep ends at once. A task that is running,
// or woken already, or yielding, is told at its next chance: when its next step
// begins, or at the next suspension of its body. A task that has not taken its
// first step never runs its body. A request passes once through each task that it
// reaches: see Sweep of package lowlevel.
//
// A cancellation is delivered once, as a [*CanceledError]. After that the body
// may suspend as before. See package task for what follows from this.
//
// # Starting
//
// A new task is handed to the loop's [TaskFactory], which lets it take its first
// step in its turn ([Task.Enqueue]) or inside the call that makes it
// ([Task.StepNow]); a Start of package lowlevel other than AsAsked overrides that. In
// the second case the task that made it waits, still running, until the new one
// suspends or ends. While the loop is not running nothing is stepped: both queue.
//
// # Idle
//
// With a real clock ([timer.System]) an idle loop waits for the earliest timer,
// and is woken by Post, by the end of an offloaded call, by a channel that a task
// waits for, and by the end of a context that it watches.
//
// With a virtual clock ([timer.Virtual]) an idle loop moves the clock to the
// earliest timer at once. It does not while something outside is owed: time then
// stands still. Two things are owed: the Post that a [Loop.Hold] announced, until
// its release is called, and an offloaded call, until it has returned. The loop
// waits for the oldest offloaded call first, whichever returns first. Everything
// else that comes from other goroutines, a channel or a standard time limit for
// example, is not waited for, and where in the order it comes is up to chance.
//
// Run returns when an idle loop has no timer armed, and nothing is owed: with
// nil if every task has ended, and with a [*DeadlockError] if not. With a real
// clock it does so only with [WithDeadlockDetection], and not while a task waits
// for a channel or under a standard context that can end, or is bounded by one
// that has a deadline; else Run waits for a Post. A timer for [timer.Never] counts
// as none.
//
// [Loop.RunOnce] and [Loop.RunUntilIdle] never wait, and never move a virtual
// clock. They see the end of offloaded calls at the beginning of a turn.
//
// # Contexts
//
// The context that a body is handed is its task's. It carries the task; its Done
// closes when the task is asked to cancel; its Deadline is the innermost time
// limit of its scope. Current of package lowlevel takes the task back out. A context of a task that
// is not the one running, of another loop, or of none makes everything that
// suspends panic, with a message that names both tasks.
//
// A standard context that is derived from a task's ([context.WithTimeout] and the
// like) ends what is awaited under it, with [context.Cause]; one that a task is
// spawned with cancels that task. The loop looks at such contexts at the
// beginning of every turn, so that one that the loop's own code ends is noticed at
// a place that is always the same.
//
// [Loop.Context] carries the loop without a task: hosts and callbacks spawn with
// it. [Loop.Bind] makes a context from outside one of the loop's.
//
// # Goroutines
//
// Safe from any goroutine are [Loop.Post], [Loop.Hold] and what it returns,
// [Loop.Now], [Loop.Elapsed], [Loop.Running], [Loop.Context], [Loop.Clock], and
// the methods of the contexts. Everything else is for the goroutine that drives
// the loop, from inside bodies and callbacks, and, while the loop is not running,
// for its host, on one goroutine at a time. Using it elsewhere is a data race. What
// changes the loop, or a future, lock or queue of the loop's, panics there: always in
// debug mode, and otherwise while the loop is asleep. (A lock or a queue belongs to a
// loop from the first task on that has to wait for it.)
//
// On js and wasip1 all goroutines share one thread, and the Go scheduler takes it from
// none of them. There a loop that is never idle lets the others run every 10 ms, at the
// beginning of a turn, where something may come from outside: with a real clock always,
// with a virtual one while something is owed, watched, or waited for on a channel. Inside
// Run that is a sleep of 1 ms, in which JavaScript's event loop has its turn too.
//
// A stackful body runs on a goroutine of its own, but only one of a loop's
// goroutines runs at any time. What tasks of one loop share needs no lock between
// two awaits. A body may run a part of itself under an [iter.Pull] of its own, and
// suspend, spawn and schedule there as elsewhere.
//
// A loop whose driver has locked its thread ([runtime.LockOSThread]) is to be
// driven under that lock always; see [iter.Pull]. A body must not suspend under a lock
// of its own, a cgo callback among them: that ends the process. So does a task that it
// makes there with [Task.StepNow], unless the loop finds out: then the task is queued,
// and the error handler is told ([ThreadHeld]). To find out costs microseconds, so the
// loop looks where it has no stack for the step, and always in debug mode.
//
// # Profiler labels
//
// Labels (package runtime/pprof) belong to a goroutine, but a body shares its goroutine.
// The labels that a body has by pprof.Do stay with it if it uses the context that Do
// hands it, to suspend, to spawn, or to enter a scope: they are taken off when the body
// suspends, and set again when it goes on. A task has the labels of the context that it is
// made with, in each of its steps. A callback, and a task without labels, has those of
// the context that was bound to the loop first ([Loop.Bind]), which is the one that
// task.Run is given. Labels of a context that the loop is never handed can pass to what
// else runs on the stack.
//
// This costs nothing until the loop meets a context with labels of its own. From then on
// each step sets its labels.
//
// # Panics and Goexit
//
// A panic in a body ends its task, with a [*PanicError] that has the value, the
// stack, and the task's name. A panic in a callback goes to the error handler
// ([WithErrorHandler]), and the loop goes on. So does one in an observer or a policy, which
// is dropped then; one in a task factory goes on in the call that makes the task. With
// GODEBUG=panicnil=1 panic(nil) is a panic like any other.
//
// A [runtime.Goexit] in a body ends its task with [ErrGoexit]; in a callback it
// can do the same to a suspended body, on whose stack the callback happened to
// run. In any case it ends the driver too: the deferred calls of the goroutine
// inside Run are run. So t.FailNow works in a task of a test. The loop stays in
// order, and may be run again or closed. What a Goexit does in an observer, a policy, a
// task factory or the error handler is said there; none of them ends a task that has nothing
// to do with it.
//
// Misuse panics, with what is wrong and what to do. An error goes to the code that
// awaits the task or asks for its error. That takes the error. The loop keeps up to 128
// errors that no code has taken ([WithUnretrievedLimit]). When there is one more, the oldest
// goes to the error handler, as a [Failure] of the kind [ErrorUnretrieved]. An error counts
// from the 8th turn after the task has failed, or from when the loop is idle.
//
// The peers answer otherwise. asyncio tells of such an error when the task is collected,
// so never while a program refers to the task, and at no certain time. trio has no such
// errors: a task belongs to a nursery, which raises what its tasks raise, as a group of
// package task does. errgroup returns the first error and drops the others.
//
// # Closing
//
// [Loop.Close] refuses what is posted from then on and ends the loop's own context. It
// unwinds every unfinished body, in order of creation: its awaits
// fail at once, so that its deferred calls run. It waits for offloaded calls, and
// leaves no goroutine behind. Last it reports the errors of tasks that it still keeps,
// since no code took them, in order of creation. A loop that is dropped without Close keeps its
// goroutines: those of its tasks, and those that it has in store.
//
// # Costs
//
// Scheduling, yielding, and waking a task allocate nothing. A timer costs
// O(log n) in the number of timers armed, to arm and to cancel. A suspended
// stackful task holds a goroutine with its stack; a suspended stackless task
// holds neither. Stacks are pooled, up to 4096 free ones for each loop. Each
// context that is watched and each channel that is waited for costs one look in
// every turn. An event without an observer costs a nil check.
//
// A turn reads the clock only if a timer is armed, and locks the inbox only if
// another goroutine has asked for attention.
//
// [WithDebug] checks goroutines, reports steps that hold the loop up, also while they
// do, and keeps where tasks were made. It does not change the order of events.
package loop
