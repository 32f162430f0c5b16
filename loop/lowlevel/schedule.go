package lowlevel

import "github.com/takt-go/takt/loop"

// Func is a plain function as a [loop.Runnable]. The conversion does not allocate.
type Func func()

// Run calls f.
func (f Func) Run() { f() }

// Schedule puts r at the back of the ready queue. Schedule is like CallSoon, but returns no handle.
// A future wakes its waiters by Schedule. Schedule allocates nothing. It panics if the loop is
// closed.
func Schedule(l *loop.Loop, r loop.Runnable) { loop.Internals.Schedule(l, r) }

// ScheduleAll calls [Schedule] for each Runnable, in order.
func ScheduleAll(l *loop.Loop, rs []loop.Runnable) { loop.Internals.ScheduleAll(l, rs) }

// AtIdle schedules r once, at the next moment when nothing is ready or due and the loop would wait.
// This moment comes before a virtual clock jumps, and before the loop finds a deadlock. If this
// moment comes in RunOnce, r runs in the next turn, which needs another call of RunOnce. If several
// Runnables are registered, they are all scheduled at that moment, in order of registration.
func AtIdle(l *loop.Loop, r loop.Runnable) { loop.Internals.WhenIdle(l, r) }

// Check panics if a call of [Schedule] would panic: if the loop is closed, or if the loop finds out
// that the caller is on another goroutine than the loop's (see [CheckGoroutine]). Use it in code
// that changes something before it calls Schedule. what names the operation in the message.
func Check(l *loop.Loop, what string) { loop.Internals.Check(l, what) }

// CheckGoroutine panics if the loop runs and the caller is on another goroutine than the loop's. In
// debug mode (see [loop.WithDebug]) it always finds that out. Otherwise it finds that out only
// while the loop is asleep, and costs about a nanosecond. Use it in the methods of types that
// belong to a loop, such as locks, before they change anything. what names the operation in the
// message.
func CheckGoroutine(l *loop.Loop, what string) { loop.Internals.CheckGoroutine(l, what) }

// CheckHere is [CheckGoroutine], but it notices another goroutine at any time, as [Running] does, for some nanoseconds.
// Use it in the methods of types that a program easily hands to code with goroutines of its own, such as connections.
func CheckHere(l *loop.Loop, what string) { loop.Internals.CheckHere(l, what) }

// Report hands f to the loop's error handler: see [loop.WithErrorHandler]. If f concerns a task that the end of
// its [Realm] unwinds, or has unwound, Report does nothing.
func Report(l *loop.Loop, f loop.Failure) { loop.Internals.Report(l, f) }
