package lowlevel

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop"
)

// ErrRealmEnded is the cause of the cancellation that unwinds the tasks of a [Realm] that has ended.
var ErrRealmEnded = loop.Internals.RealmEnded()

// A Realm is a set of tasks of a loop that can be ended at once, and paused, and that has a clock of its
// own. [NewRealm] makes realms. A test that simulates several machines in one loop gives each machine a
// realm, and ends the realm when the machine crashes.
//
// A task belongs to the realm of the context with which it was spawned. The context of a realm belongs to
// that realm. So does the context of each of its tasks, with all contexts that are derived from it: those
// of groups and time limits, and those that [loop.Loop.Bind] makes. A task stays in its realm.
// [loop.Loop.Context] belongs to no realm. A realm that is made with the context of another realm is a part
// of that realm, and ends with it.
//
// The loop cannot know for which task a callback was scheduled. So callbacks belong to no realm, except
// those of [CallLater] and [CallAt] of this package. All others run after a realm has ended, and while it is
// paused: functions that were handed to CallSoon, CallLater and CallAt of the loop, Post or OnDone, the
// Runnables of [AtIdle] and of a [Waker], and the done function of [Offload].
//
// All methods follow the rule of package loop: code on the loop calls them, or the host while the loop is
// not running. An observer, a policy or a follower must not call End, SetClock, Pause and Resume.
//
// # What End does
//
// End ends the contexts of the realm and of its tasks. From then on no task of the realm begins another
// step of its program. Before anything else runs on the loop, the loop unwinds the tasks of the realm, as
// [loop.Loop.Close] does, in order of creation. What happens depends on where a task stands:
//
//	new, queued    Its body never runs; the task is canceled.
//	in a step      The step goes on. A stackful body ends in it, because each await fails at once. A
//	               stackless body is unwound when the step is over, as a suspended one.
//	suspended      The await fails at once, also if the task was woken already.
//	done           Nothing.
//
// An await fails with a [*loop.CanceledError] that has [ErrRealmEnded] as its cause. Every later await of
// the task fails in the same way. (A function whose operation has succeeded before, such as task.Blocking
// or Recv, may return its result, as it does when the task is canceled.) What a task awaited goes on, and is
// not canceled: a task outside of the realm, a future, an offloaded call. Time stands still meanwhile.
//
// The deferred calls of the body run. In a deferred call, or in a step of a stackless body that follows:
//
//	an await       It fails at once. After 1000 refusals a panic ends the body ([loop.TaskStuck]).
//	a spawn        A new task of the realm never runs. Another new task runs later, also if it asks for
//	               an eager first step.
//	a panic        The task ends with a [*loop.PanicError]. The other tasks are unwound all the same.
//	a Goexit       The task ends with [loop.ErrGoexit]. The driver ends too, after it has unwound the
//	               other tasks.
//	a recover      It works as always.
//	End            The tasks of the other realm are unwound too, before anything else runs.
//
// A task that is spawned in a realm that has ended never runs: it is canceled, and ends in its turn. Code
// outside of the realm that awaits one of its tasks gets what the body has returned, usually the
// cancellation. A lock that a task holds stays locked, unless a deferred call unlocks it.
//
// A task that had not ended when its realm ended reports nothing to the error handler of the loop, whatever
// error or panic its body ends with: what a program says after a crash is of no interest. Only a body that does not end is
// reported ([loop.TaskStuck]). The errors of tasks that had ended before are reported as always.
//
// End runs no body inside the call. So any code on the loop may call it: a callback, a task outside of the
// realm, a task of the realm itself, and the host. The loop unwinds the bodies when the running callback or
// step is over, or when the host drives the loop again. (An eager first step is a part of the step that has
// made the task.) So if a task outside of the realm calls End and then suspends, for example by [Yield],
// all tasks of the realm are done when it goes on.
//
// If the loop is closed first, Close unwinds the tasks, and the cause is [loop.ErrClosed].
//
// # The clock
//
// The clock of a new realm shows what the clock around it shows: the clock of the realm around it, or the
// loop's. SetClock makes it show another time, or go faster or slower.
//
// The clock has two parts. The realm's time goes at the rate of the clock, and never jumps. The clock shows
// the realm's time plus an offset, and the offset may jump. All durations go by the realm's time: sleeps of
// the realm's tasks, time limits of package task, and callbacks of [CallLater]. An instant, such as that of
// task.TimeoutAt, of [CallAt], or of a deadline of a connection, is converted to the realm's time when it is
// given. So if a clock jumps, [Now] jumps, and every sleep and limit that is running lasts as long as before.
//
// A timer is due at the first instant of the loop's clock at which the realm's time has come, so no sleep
// ends early. It can end late by a nanosecond of the loop's clock, and by one more for each change of the
// rate while it is running. Timers for the same instant of the loop's clock keep the
// order in which they were armed, in whatever realm they are. A change of the rate arms the timers of the
// realm again.
//
// [loop.Loop.Now], Elapsed, CallLater and CallAt go by the loop's clock, in any task. So does the At of a
// [loop.Event].
//
// # Pause
//
// While a realm is paused, no task of it, and of the realms in it, begins a step. A future that a task
// awaits can be completed, or the task can be canceled. Then the task is woken, and its step comes after
// Resume. The realm's time stands still: sleeps and limits do not expire. Timers that were due and had not
// run wait, too. New tasks are queued, also if they ask for an eager first step.
//
// Resume puts the woken tasks at the back of the ready queue, in the order in which they became ready. It
// arms the timers, in the order in which they would have fired. An observer is told that the timers are
// canceled at Pause, and armed at Resume. If only paused tasks are left, that is a deadlock. A paused realm
// can be ended: its tasks are unwound.
//
// # Order and cost
//
// A realm changes nothing in the order of events, until it is ended or paused, or its clock is set. An
// observer is told of the unwinding by the usual events. A [Policy] has no choice there, and a [Follower] is
// told of no step, because unwinding takes no entry from the ready queue.
//
// A task costs no more in a realm than outside. A realm takes about 200 bytes, and the loop keeps it until
// it ends. End looks at each unfinished task of the loop, and at each entry of the ready queue. Pause and a
// change of the rate look at each timer of the loop. While a realm is paused, all switches between tasks of
// the loop cost as much as with a [Policy].
type Realm interface {
	// Context returns the context of the realm, which carries the loop, but no task. Spawn the first
	// tasks of the realm with it. It has the values of the context that NewRealm was given. It ends when
	// the realm ends, or when Close begins.
	Context() context.Context
	// End ends the realm, and the realms that are a part of it. Ending it again does nothing, and neither
	// does End when the loop is closed.
	End()
	// Ended reports whether the realm has ended: End was called.
	Ended() bool
	// Now returns the time that the realm's clock shows.
	Now() time.Time
	// SetClock sets the clock of the realm. offset is what the clock shows more than the realm's time. So
	// a change of the offset makes the clock jump, and changes no running sleep or limit. rate is how many
	// seconds of the realm's time pass in a second of the clock around the realm: 1 is normal. It is
	// rounded to billionths. After a change of the rate, running sleeps and limits go on at the new
	// rate. SetClock panics unless rate is from 0.001 to 1000. A change of the rate costs a look at
	// each timer of the loop, and arms those of the realm again, in their order.
	SetClock(offset time.Duration, rate float64)
	// Pause stops the realm: its tasks begin no step, and its clock stands still, until Resume. The step that is
	// running goes on to its end. Pausing it again does nothing, and neither does Pause of a realm that has
	// ended, or of a loop that is closed.
	Pause()
	// Resume lets the realm go on. If Pause was not called, it does nothing.
	Resume()
	// Paused reports whether the realm is paused, or a realm around it is.
	Paused() bool
}

// NewRealm makes a realm on the loop that ctx belongs to. The realm is a part of the realm of ctx, if there
// is one. The tasks of the realm inherit the values of ctx. They do not end when ctx ends. NewRealm panics if
// ctx belongs to no loop, or if the loop is closed.
func NewRealm(ctx context.Context) Realm { return loop.Internals.NewRealm(ctx) }

// RealmContext returns the context of the realm of ctx, or that of the loop if ctx belongs to no realm. It belongs
// to no task. An object that lasts longer than the task that makes it keeps this context, and hands it to the
// functions below. RealmContext panics if ctx belongs to no loop.
func RealmContext(ctx context.Context) context.Context { return loop.Internals.RealmContext(ctx) }

// Now returns the time by the clock of the realm of ctx, or by the loop's clock if ctx belongs to no realm.
// It panics if ctx belongs to no loop.
func Now(ctx context.Context) time.Time { return loop.Internals.Now(ctx) }

// CallLater is [loop.Loop.CallLater] by the clock of the realm of ctx. The callback belongs to that realm: it
// is dropped when the realm ends. If ctx belongs to no realm, CallLater is the method of the loop. Use it for
// time limits of a task.
func CallLater(ctx context.Context, d time.Duration, fn func()) loop.Handle {
	return loop.Internals.CallLater(ctx, d, fn)
}

// CallAt is [loop.Loop.CallAt] by the clock of the realm of ctx: see [CallLater]. when is an instant of the
// time that the realm's clock shows now. If the clock jumps later, the callback does not.
func CallAt(ctx context.Context, when time.Time, fn func()) loop.Handle {
	return loop.Internals.CallAt(ctx, when, fn)
}

// Elapsed is [loop.Loop.Elapsed] by the time of the realm of ctx, which never jumps. If ctx belongs to no realm,
// Elapsed is the method of the loop.
func Elapsed(ctx context.Context) time.Duration { return loop.Internals.Elapsed(ctx) }

// ElapsedAt converts when, an instant of the time that the clock of the realm of ctx shows now, to the time that
// [Elapsed] returns at this instant. It reads no clock.
func ElapsedAt(ctx context.Context, when time.Time) time.Duration {
	return loop.Internals.ElapsedAt(ctx, when)
}

// CallElapsed is [CallAt] with a time of [Elapsed]. Use both for a limit that is given as an instant, once, and with a
// timer that is armed later, perhaps several times: the limit does not move if the clock jumps meanwhile.
func CallElapsed(ctx context.Context, at time.Duration, fn func()) loop.Handle {
	return loop.Internals.CallElapsed(ctx, at, fn)
}
