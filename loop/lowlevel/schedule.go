package lowlevel

import "github.com/takt-go/takt/loop"

// Func is a plain function as a [loop.Runnable]. The conversion does not allocate.
type Func func()

// Run calls f.
func (f Func) Run() { f() }

// Schedule puts r at the back of the ready queue. It is CallSoon without a
// handle, for code that keeps its own Runnables: futures wake their waiters
// with it. It allocates nothing. It panics if the loop is closed.
func Schedule(l *loop.Loop, r loop.Runnable) { loop.Internals.Schedule(l, r) }

// ScheduleAll is [Schedule] for several, in order.
func ScheduleAll(l *loop.Loop, rs []loop.Runnable) { loop.Internals.ScheduleAll(l, rs) }

// AtIdle schedules r once, when nothing is ready or due and the loop would wait: before
// a virtual clock jumps, and before a deadlock is found; in RunOnce, r runs in the turn of the next call. Those
// that are registered together are scheduled together, in order.
func AtIdle(l *loop.Loop, r loop.Runnable) { loop.Internals.WhenIdle(l, r) }

// Check panics where [Schedule] would: if the loop is closed, or this is, as far as the loop
// knows, another goroutine than its own. It is for code that has to change something
// before it schedules. what is the operation, for the message.
func Check(l *loop.Loop, what string) { loop.Internals.Check(l, what) }

// CheckGoroutine panics, with what in its message, if it is called on another goroutine
// than the loop's while the loop runs: always in debug mode (see [loop.WithDebug]), otherwise
// while the loop is asleep. Outside of debug mode it costs about a nanosecond. It is for
// code that keeps things of a loop, such as locks, and changes them.
func CheckGoroutine(l *loop.Loop, what string) { loop.Internals.CheckGoroutine(l, what) }

// Report hands f to the loop's error handler: see [loop.WithErrorHandler].
func Report(l *loop.Loop, f loop.Failure) { loop.Internals.Report(l, f) }
