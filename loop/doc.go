// Package loop runs tasks and callbacks, one at a time, in an order that follows from the program
// alone.
//
// Use a [Loop] for code that must do the same in every run: games, simulations, protocol code, and
// tests of code with time limits. The order is that of Python's asyncio. Neither the Go scheduler
// nor the iteration order of a map inside the loop influences it. With a virtual clock, real time
// does not influence it either, and sleeping takes no real time.
//
// # A first program
//
// This program starts a task, which sleeps for an hour, and schedules a callback, which runs after
// one minute. It is the package example.
//
//	l := loop.New(loop.WithVirtualTime()) // an hour takes no real time
//	defer l.Close()
//
//	task.Go(l.Context(), func(ctx context.Context) (int, error) {
//		fmt.Println("the task begins at", l.Elapsed())
//		err := task.Sleep(ctx, time.Hour)
//		fmt.Println("the task ends at", l.Elapsed())
//		return 0, err
//	})
//	l.CallLater(time.Minute, func() { fmt.Println("the callback runs at", l.Elapsed()) })
//	fmt.Println(l.Run())
//
// It prints:
//
//	the task begins at 0s
//	the callback runs at 1m0s
//	the task ends at 1h0m0s
//	<nil>
//
// Most programs do not make a loop themselves: they call task.Run, which makes a loop, runs a
// main task on it, and closes the loop. Package task describes how to write tasks. This comment
// is the scheduling contract: it says which event comes after which.
//
// # Run, RunOnce, RunUntilIdle or RunFor
//
// A loop does nothing until a goroutine drives it. There are four ways to drive a loop. The section
// Terms below defines the words turn, ready and due.
//
//   - [Loop.Run] runs turns, and waits for timers and for other goroutines. It returns when
//     [Loop.Stop] is called, and with a virtual clock also when nothing is left to do (see Idle
//     below). Use it where the goroutine has no other work: in servers, command-line programs and
//     most tests.
//   - [Loop.RunOnce] runs one turn and returns. It never waits. Use it where another loop is in
//     control: a game calls it once in every frame.
//   - [Loop.RunUntilIdle] runs turns until nothing is ready or due. It never waits. Use it in tests
//     and simulations that move the virtual clock themselves, by Advance of the clock. A body that
//     yields again and again keeps RunUntilIdle from returning.
//   - [Loop.RunFor] is RunUntilIdle within a budget of real time. When the budget is used up,
//     RunFor returns in the middle of a turn, and the next call continues that turn. Use it in a
//     game that must not miss a frame, however much work there is.
//
// # Terms
//
// A callback is a function that the program hands to the loop: by [Loop.CallSoon],
// [Loop.CallLater], [Loop.CallAt] or [Loop.Post], or by OnDone of a future. A callback runs to
// its end. It cannot suspend.
//
// A task is a function that the loop drives. This function is called the body of the task. A body
// can suspend, and go on later. The part of a body between two suspensions is a step. A task is
// suspended from the end of one step to the beginning of the next. The loop wakes a suspended task
// when the event that it waits for has happened, or when a cancellation ends the waiting: it puts
// the task's next step on the ready queue.
//
// A body is stackful or stackless. A stackful body is an ordinary function, which can suspend
// anywhere in its call tree, and keeps a stack meanwhile. A stackless body is a state machine,
// which returns in order to suspend, and keeps none.
//
// The ready queue holds callbacks and the next steps of tasks. An entry of this queue is ready.
// The queue is first in, first out.
//
// A timer is armed for an instant of the loop's clock. It is due when the clock has reached that
// instant.
//
// A turn is one round of the loop. The loop first takes in the events that have come. Then it runs
// the entries that are in the ready queue at that moment, and no others.
//
// The driver is the goroutine that is inside Run, RunOnce, RunUntilIdle or RunFor. The host is the
// code that made the loop and drives it. The loop is running while it has a driver. The loop is
// asleep while the driver waits for a timer or for an event from outside.
//
// A standard context is a context that the loop did not make, such as the result of
// [context.WithTimeout].
//
// An event from another goroutine is owed while the loop knows that the event will come. Two kinds
// of events can be owed: a Post that [Loop.Hold] announced, until its release is called, and the
// end of an offloaded call (Offload of package lowlevel, task.Blocking), until the call has
// returned.
//
// The loop is idle when nothing is ready or due, and nothing has come from outside. Then it
// schedules the Runnables that AtIdle of package lowlevel has registered. If none is registered, it
// waits for the earliest timer, or for an event from outside.
//
// The loop is deadlocked when it is idle, some tasks are unfinished, and nothing can wake any of
// them: no timer is armed, and nothing is owed.
//
// # A turn
//
// A turn has two parts. First the loop takes in the events that have come since the last turn
// began: it puts an entry for each event at the back of the ready queue. Then it runs the queue.
//
//	┌─ take in ───────────────────────────────┐   ┌─ run ────────────────────────────────┐
//	│ These go to the back of the ready queue:│   │ The entries that are in the queue    │
//	│   1. posted functions                   │   │ now run, from front to back.         │
//	│   2. Wakers that were called            │   │                                      │
//	│   3. waiters of ended standard contexts ├──▶│ New entries go to the back and wait  │
//	│   4. waiters of channel operations      │   │ for the next turn.                   │
//	│   5. ends of offloaded calls            │   │                                      │
//	│   6. timers that are due                │   │                                      │
//	└─────────────────────────────────────────┘   └───────────────────┬──────────────────┘
//	     ▲                                                            │
//	     ├──────── next turn ◀── something is ready, due or has come ─┤
//	     │                                                            │
//	     └──────── idle: the loop waits ◀── otherwise ────────────────┘
//
// In detail, the loop takes in:
//
//  1. The functions that [Loop.Post] was given, in the order of posting.
//  2. The Runnables of the Wakers on which Wake was called, in the order of the first call on each
//     (NewWaker of package lowlevel).
//  3. The tasks that wake because a standard context has ended, in the order in which the loop
//     began to watch the contexts: see Contexts below.
//  4. The tasks that wake because their channel operation is possible now, in the order in which
//     they began to wait. The loop performs the operation at this point (AddPort of package
//     lowlevel).
//  5. The done functions of offloaded calls that have returned, in the order of the calls
//     (Offload of package lowlevel). With a virtual clock they wait until the loop is idle. A
//     function that a call posts before it returns runs before the done function of the call.
//  6. The timers that are due, in order of deadline. Timers with equal deadlines keep the order in
//     which they were armed.
//
// Then the loop runs the entries that are in the queue at this moment, from front to back. An entry
// that becomes ready meanwhile waits for the next turn. Events from outside do so too, and timers
// that come due meanwhile.
//
// Two rules follow. An entry that a callback or a step schedules never runs before the entries
// that were ready already. A task or callback that schedules itself again and again cannot keep
// other tasks, timers or posts from running.
//
// With WithPolicy of package lowlevel, a policy picks the next task among the ready tasks. Package
// looptest uses policies to explore other possible orders. Without a policy the order is as this
// comment defines it.
//
// # Waking
//
// The call that completes a future or task never runs a waiter inside itself. It puts the waiters,
// tasks and callbacks alike, on the ready queue, in the order in which they began to wait. They run
// in the next turn.
//
// Awaiting something that is done already does not suspend.
//
// A sleep takes two turns, as in asyncio: one turn runs the sleep's timer, which wakes the task,
// and the next turn runs the task's step. A sleep of zero or less suspends for exactly one turn,
// and needs no timer.
//
// If the event comes in turn n, the body goes on in this turn:
//
//	n    the loop performs the body's receive or send on a channel; a standard context ends
//	     under which the body awaits. The loop notices both at the beginning of turn n
//	n+1  the future or task that the body awaits is completed; the timer of a sleep is run;
//	     the task is canceled in a sleep, or while it awaits a future; the task yields;
//	     the done function of an offloaded call is run
//	n+2  a child completes, and so ends the gather, shield, wait or iteration by completion
//	     that the body awaits; the last task of the body's group ends
//
// # Cancellation
//
// [Task.Cancel] never runs the task inside the call. What happens depends on the task's state:
//
//   - A suspended task that awaits something: Cancel cancels the awaitable, and the task wakes when
//     the awaitable has ended. So a task that awaits another task waits until the other has
//     cleaned up.
//   - A sleeping task: the sleep ends at once.
//   - A task that is running: the next suspension of its body delivers the cancellation.
//   - A task that is woken already, or that yields: its next step begins with the cancellation.
//   - A task that has not taken its first step: its body never runs.
//
// A request passes once through each task that it reaches, also if several ways lead to that task:
// see Sweep of package lowlevel.
//
// The loop delivers a cancellation once, as a [*CanceledError]. After that the body may suspend as
// before. Package task says what follows from this.
//
// # Starting
//
// The loop hands a new task to its [TaskFactory]. The factory decides when the task takes its first
// step: in a turn, as an entry of the ready queue ([Task.Enqueue]), or at once, inside the call
// that makes the task ([Task.StepNow]). A Start of package lowlevel other than AsAsked overrides
// the factory. A first step inside the call is called eager. During an eager first step, the task
// that makes the new task waits inside the call until the new task suspends or ends. While the loop
// is not running, no task takes a step. Then StepNow queues the task, as Enqueue does.
//
// # Idle
//
// With a real clock ([timer.System]) an idle loop waits for the earliest timer. Post wakes it, and
// so do Wake of a Waker, the end of an offloaded call, a channel on which a task waits, and the end
// of a context that the loop watches.
//
// With a virtual clock ([timer.Virtual]) an idle loop moves the clock to the earliest timer at
// once. It does not do that while something is owed: then time stands still. If offloaded calls are
// owed, the loop takes the end of the oldest one first, even if another one returns earlier. The
// loop waits for nothing else that comes from other goroutines, such as a value in a channel, a call
// of Wake, or the end of a standard time limit. The place of such an event in the order is up to
// chance.
//
// Run returns when an idle loop has no timer armed and nothing is owed. It returns nil if every
// task has ended, and a [*DeadlockError] otherwise. With a real clock this holds only with
// [WithDeadlockDetection], and only if no task waits for a channel, no task awaits under a standard
// context that can end, no task was spawned with a standard context that has a deadline, and every
// Waker is stopped. Otherwise Run waits for a Post. A timer for [timer.Never] does not count as a
// timer.
//
// [Loop.RunOnce], [Loop.RunUntilIdle] and [Loop.RunFor] never wait, and never move a virtual clock.
// They notice the end of an offloaded call at the beginning of a turn.
//
// # Contexts
//
// A body is handed the context of its task. This context carries the task, and Current of package
// lowlevel returns the task of a context. The context's Done channel closes when the task is asked
// to cancel. Its Deadline is the deadline of the standard context with which the task was spawned,
// if that has one. A time limit of package task hands its function another context of the same
// task. The Deadline of that context is the earliest of the time limits around the function.
//
// Every function that suspends panics if its context belongs to a task that is not running, to
// another loop, or to no loop. The message names the task of the context and the running task.
//
// A program can derive a standard context from a task's context, by [context.WithTimeout] for
// example. When the standard context ends, each await under it ends, and returns [context.Cause] of
// that context. If a task is spawned with such a context, the end of the context cancels the task.
// The loop looks at such contexts at the beginning of every turn. So if the loop's own code, a body
// or a callback, ends such a context, the loop always notices the end at the same place in the
// order.
//
// [Loop.Context] carries the loop and no task: hosts and callbacks spawn with it. [Loop.Bind] turns
// a context from outside into a context of the loop.
//
// # Goroutines
//
// These are safe from any goroutine: [Loop.Post], [Loop.Hold] and the release function that it
// returns, [Loop.Now], [Loop.Elapsed], [Loop.Running], [Loop.Closed], [Loop.Context], [Loop.Clock],
// [Loop.Posted], [Loop.SetPostLimit], the methods of the contexts, and the methods ID, Name, Named
// and String of a [Task]. The other packages say which of their functions are safe from any
// goroutine.
//
// All other functions and methods that use a loop follow one rule. While the loop is running, only
// its bodies and callbacks call them, on the goroutine on which the loop runs the body or callback.
// While the loop is not running, its host calls them, from any goroutine, but only from one at a
// time. Any other use is a data race. A call that breaks this rule, and changes the loop, or a
// future, lock or queue of the loop, panics: always in debug mode, and otherwise while the loop is
// asleep. (A lock or a queue belongs to a loop from the first time that a task has to wait for it.)
//
// A loop that is never idle lets the other goroutines of its processor run ([runtime.Gosched]) about
// every 512 entries or new tasks, inside Run and RunUntilIdle, as goroutines do with each operation on
// a channel. Without that they would wait until the Go scheduler preempts the loop, after 10 ms, and so
// would the garbage collector. If they keep the processor busy, the loop spends at most a fifth of its
// time so. A driver that has locked its thread does not do it.
//
// On js and wasip1 all goroutines share one thread, and the Go scheduler never takes the thread
// away from a goroutine. There a loop that is never idle lets the other goroutines run every 10 ms,
// at the beginning of a turn, if an event may come from outside. With a real clock that is always
// so. With a virtual clock it is so while an event is owed, while the loop watches a standard
// context, while a task waits for a channel, or while a Waker is not stopped. Inside Run the loop
// sleeps for 1 ms, and JavaScript's event loop runs meanwhile too. Inside RunOnce, RunUntilIdle and
// RunFor the loop does not sleep: only the other goroutines run.
//
// A stackful body stays on one goroutine from its first step to its end. While the body is
// suspended, the loop may run callbacks and stackless bodies on that goroutine. Only one goroutine
// of a loop runs at any time. Tasks of one loop need no lock for the data that they share, because
// no other task runs between two awaits of a task. A body may run a part of itself in an
// [iter.Pull] coroutine of its own, and suspend, spawn and schedule there.
//
// If the driver has locked its thread ([runtime.LockOSThread]), the loop must always be driven
// under that lock: see [iter.Pull]. A body must not suspend while it has locked the thread itself;
// a cgo callback locks the thread too. Such a suspension ends the process. If a body or callback
// under such a lock makes a task that takes its first step at once ([Task.StepNow]), that ends the
// process as well, unless the loop notices the lock. If the loop notices the lock, it queues the
// task, and reports [ThreadHeld] to the error handler. Looking for the lock costs microseconds. So
// the loop looks only if it has no free stack for a stackful body, and in debug mode always.
//
// # Profiler labels
//
// Labels (package runtime/pprof) belong to a goroutine, but a body shares its goroutine with other
// code. A body that gets labels by pprof.Do keeps them if it suspends, spawns or enters a scope
// with the context that Do hands it. (A scope is a time limit, a group, or another part of a body
// that has a context of its own.) The loop takes the labels off when the body suspends, and sets
// them again when the body goes on. In each of its steps, a task has the labels of the context with
// which it was made. A callback, and a task without labels, has the labels of the context that was
// bound to the loop first ([Loop.Bind]); task.Run binds the context that it is given. If a body has
// labels of a context that it never hands to the loop, these labels can pass to other code that
// runs on the same stack.
//
// Labels cost nothing until the loop meets a context with labels of its own. From then on the loop
// sets the labels of each step.
//
// # Panics and Goexit
//
// A panic in a body ends its task, with a [*PanicError] that has the value, the stack, and the
// task's name. A panic in a callback goes to the error handler ([WithErrorHandler]), and the loop
// goes on. A panic in an observer or a policy goes there too, and the loop drops that observer or
// policy. A panic in a task factory goes on in the call that makes the task. With
// GODEBUG=panicnil=1, panic(nil) is a panic like any other.
//
// A [runtime.Goexit] in a body ends its task with [ErrGoexit]. A Goexit in a callback can end a
// suspended task in the same way, if the callback runs on the stack of that task's body. In any
// case a Goexit ends the driver too: the goroutine inside Run runs its deferred calls and ends. So
// t.FailNow works in a task of a test. The loop stays usable: it can be run again, or closed.
// [WithObserver], WithPolicy of package lowlevel, [TaskFactory] and [WithErrorHandler] say what a
// Goexit in their functions does. No such Goexit ends a task that has nothing to do with it.
//
// Wrong use panics, with a message that says what is wrong and what to do instead.
//
// The code that awaits a task, or asks for its error, takes the task's error. The loop keeps up to
// 128 errors that no code has taken ([WithUnretrievedLimit]). When there is one more, the loop
// reports the oldest to the error handler, as a [Failure] of the kind [ErrorUnretrieved]. The loop
// makes the report at the earliest in the 8th turn after the task has failed, or when the loop is
// idle.
//
// Other libraries do this differently. asyncio reports such an error when the garbage collector
// collects the task: never while the program refers to the task, and at no fixed time. In trio such
// an error cannot exist: a task belongs to a nursery, and the nursery raises the errors of its tasks,
// as a group of package task does. errgroup returns the first error and drops the others.
//
// # Closing
//
// [Loop.Close] refuses every later Post, and ends the loop's own context. It unwinds every unfinished
// body, in order of creation: the awaits of the body fail at once, so that its deferred calls run.
// It closes the Wakers that are left. It waits for offloaded calls, and for the goroutines of the
// Wakers. It leaves no goroutine behind. Finally it reports the task errors
// that no code took and that the loop still keeps, in order of creation of the tasks. If a loop is
// dropped without Close, its goroutines stay: those of its tasks, and those of the free stacks that
// it keeps for later tasks.
//
// # Realms
//
// A realm (NewRealm of package lowlevel) is a set of the loop's tasks that can be ended at once, while the
// other tasks go on. When it ends, no task of it begins another step of its program. Before anything else
// runs, the loop unwinds the tasks of the realm as Close does, in order of creation. A task belongs to the
// realm of the context with which it was spawned. A realm can be paused, and it has a clock of its own:
// where this documentation says the loop's clock, sleeps and time limits of its tasks go by that clock.
// Realm of package lowlevel has the rules.
//
// # Costs
//
// Scheduling, yielding, and waking a task allocate nothing. Arming or canceling a timer costs
// O(log n) in the number of armed timers. A suspended stackful task holds a goroutine with its
// stack; a suspended stackless task holds neither. Stacks are pooled: a loop keeps up to 4096 free
// ones. In every turn the loop looks once at each context that it watches, and once at each channel
// on which a task waits. A Waker that is not called costs a turn nothing. An event without an observer costs a nil check.
//
// With few processors the garbage collector is a large part of what a spawn, a future or a parked stack costs.
// A program, not a library, chooses how often it runs. GOGC=800 halves the cost of a program that parks
// 100,000 bodies, and changes nothing for short-lived tasks. Profile-guided optimization (go build -pgo) makes
// spawns and messages 3 to 13 % faster.
//
// A turn reads the clock only if a timer is armed. It locks the queue of posted functions only if
// an event has come from outside since the last turn.
//
// [WithDebug] checks on which goroutine a call is made, reports steps that block the loop, also
// while they still run, and records the place where each task was made. It does not change the
// order of events.
package loop
