package loop

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop/internal/oneline"
	"github.com/takt-go/takt/loop/internal/source"
)

// Internals is only for package lowlevel, which calls its methods and documents them. Programs must not
// use it, and it may change at any time. It is exported because Go has no other way to share it with
// one package.
var Internals internals

type internals struct{}

func (internals) Spawn(ctx context.Context, t *Task, k uint8, b body, outcome Awaitable, name string, s uint8) {
	spawn(ctx, t, kind(k), b, outcome, name, start(s))
}

func (internals) Wrap(t *Task, by func(inner any) any)                { t.wrap(by) }
func (internals) Failed(t *Task)                                      { failed(t) }
func (internals) LetThrough(ctx context.Context, err error) error     { return letThrough(ctx, err) }
func (internals) Recovered(value any, t *Task) error                  { return recovered(value, t) }
func (internals) PendingCancel(t *Task) *CanceledError                { return t.pendingCancel() }
func (internals) Unwinding(t *Task) bool                              { return t.is(isUnwinding) }
func (internals) CurrentTask(ctx context.Context) *Task               { return currentTask(ctx) }
func (internals) Running(l *Loop, what string) *Task                  { return l.runningTask(what) }
func (internals) CheckHere(l *Loop, what string)                      { l.mustNotBeElsewhere(what) }
func (internals) NameOf(ctx context.Context) string                   { return nameOf(ctx) }
func (internals) LoopOf(ctx context.Context) *Loop                    { return loopOf(ctx) }
func (internals) Inside() bool                                        { return inside() }
func (internals) PutBack(ctx context.Context, err error)              { putBack(ctx, err) }
func (internals) Suspend(ctx context.Context, s Suspension) error     { return suspend(ctx, s) }
func (internals) SleepFor(ctx context.Context, d time.Duration) error { return suspendFor(ctx, d) }
func (internals) Yield(ctx context.Context) error                     { return suspendTurn(ctx) }
func (internals) On(a Awaitable) Suspension                           { return Suspension{on: a, how: await} }
func (internals) Sleep(d time.Duration) Suspension                    { return sleepFor(d) }
func (internals) Turn() Suspension                                    { return Suspension{how: turn} }
func (internals) Schedule(l *Loop, r Runnable)                        { l.schedule(r) }
func (internals) ScheduleAll(l *Loop, rs []Runnable)                  { l.scheduleAll(rs) }
func (internals) WhenIdle(l *Loop, r Runnable)                        { l.whenIdle(r) }
func (internals) Check(l *Loop, what string)                          { l.check(what) }
func (internals) CheckGoroutine(l *Loop, what string)                 { l.mustBeHere(what) }
func (internals) Report(l *Loop, f Failure)                           { l.reportOf(f) }
func (internals) Sweep(l *Loop, cancel func())                        { l.inSweep(cancel) }
func (internals) Sweeps(l *Loop) uint64                               { return l.sweeps() }
func (internals) Enter(ctx context.Context) *scope                    { return enter(ctx) }
func (internals) NewRealm(ctx context.Context) *realm                 { return newRealm(ctx) }
func (internals) RealmContext(ctx context.Context) context.Context    { return realmContext(ctx) }
func (internals) Now(ctx context.Context) time.Time                   { return nowIn(ctx) }
func (internals) Elapsed(ctx context.Context) time.Duration           { return elapsedIn(ctx) }
func (internals) AddPort(l *Loop, p source.Port) *source.Registration { return l.addPort(p) }
func (internals) Deliver(l *Loop, fn func()) bool                     { return l.deliver(fn) }
func (internals) Offload(l *Loop, work, done func())                  { l.offload(work, done) }
func (internals) NewSpare() interface{ End() }                        { return newSpare() }
func (internals) WithSpare(s interface{ End() }) Option               { return withSpare(s.(*spare)) }
func (internals) WithPolicy(p policy, timePasses bool) Option         { return withPolicy(p, timePasses) }
func (internals) WithFollower(f follower) Option                      { return withFollower(f) }

// AnyCancellation returns future.ErrCanceled. This package makes it, because the method Is of
// CanceledError needs it.
func (internals) AnyCancellation() error { return anyCancellation }

func (internals) CallLater(ctx context.Context, d time.Duration, fn func()) Handle {
	return callLater(ctx, d, fn)
}

func (internals) CallAt(ctx context.Context, when time.Time, fn func()) Handle {
	return callAt(ctx, when, fn)
}

func (internals) ElapsedAt(ctx context.Context, when time.Time) time.Duration {
	return elapsedAt(ctx, when)
}

func (internals) CallElapsed(ctx context.Context, at time.Duration, fn func()) Handle {
	return callElapsed(ctx, at, fn)
}

// OneLine returns the name of a task as a report shows it: cut if it is long, and with escapes in place of line ends.
func (internals) OneLine(name string) string { return oneline.Of(name) }

// RealmEnded returns ErrRealmEnded of package lowlevel.
func (internals) RealmEnded() error { return errRealmEnded }

func (internals) AddWaker(l *Loop, w *source.Waker, woken Runnable, closed func()) {
	l.addWaker(w, woken, closed)
}

func (internals) Request(l *Loop, r *source.Request, fn func(), closed Runnable) error {
	return l.request(r, fn, closed)
}

func (internals) EndRequest(l *Loop, r *source.Request) { l.inbox.End(r) }

// Root returns the root of l: a task that never runs. Code uses the root if it needs a *Task and
// has only a loop. The Loop method of the root returns l.
func (internals) Root(l *Loop) *Task  { return &l.root }
func (internals) IsRoot(t *Task) bool { return t.isRoot() }

// Await suspends the running task until a is done: see Await in package lowlevel. home and place are nil, or a is
// pending and belongs to home, and place is where a keeps its only waiter, and is nil.
func (internals) Await(ctx context.Context, a Awaitable, home *Task, place *Runnable) error {
	return suspendOn(ctx, a, home, place)
}

// CheckTask calls CheckGoroutine for the loop of t. t may be nil.
func (internals) CheckTask(t *Task, what string) {
	if t != nil && t.env != nil {
		t.env.loop.mustBeHere(what)
	}
}

// TaskOf returns the task if r is what a suspended task gives to AddWaiter, and nil otherwise.
func (internals) TaskOf(r Runnable) *Task {
	e, _ := r.(*entry)
	return (*Task)(e)
}

// ScheduleCrowd schedules the tasks, and then the others, in order. It skips nils.
func (internals) ScheduleCrowd(l *Loop, tasks [][]*Task, others [][]Runnable) {
	l.scheduleCrowd(tasks, others)
}

// Free returns the loop of t if it is certain that neither Check nor CheckGoroutine panics for that loop.
// Otherwise it returns nil, and the caller asks them. It is a fast check for the most common case. t may be
// nil.
func (internals) Free(t *Task) *Loop {
	if t == nil || t.env == nil || !t.env.loop.lenient || t.env.loop.outside.Asleep() {
		return nil
	}
	return t.env.loop
}

// Wake is Schedule after Free or Check.
func (internals) Wake(l *Loop, r Runnable) { l.wake(r) }
