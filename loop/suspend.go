package loop

import (
	"context"
	"fmt"
	"time"
)

// An Awaitable is something that a task can await: a future of package future, or a type that is
// made of one. An Awaitable is comparable: it is a pointer, or made of pointers. An Awaitable may
// be a view of another one. Then it also has a method Self() Awaitable, which returns the other
// one. [Task.Awaits] and [Loop.WriteGraph] show the other one, not the view.
//
// An Awaitable that many tasks await at once may have a method Shared() bool, which returns true. If a
// task that awaits it is canceled, only the task's wait ends: the loop does not ask the awaitable to end.
type Awaitable interface {
	// Loop returns the loop that the awaitable belongs to. Its waiters run there.
	Loop() *Loop
	// Done reports whether the awaitable has its outcome. Once true, it stays true.
	Done() bool
	// Err returns the error of the outcome, or nil if the outcome is a value. The call takes
	// the error: then the loop does not report it as unretrieved.
	Err() error
	// Unretrieved returns the error of the outcome if no code has taken it, and nil otherwise.
	Unretrieved() error
	// Cancel asks the awaitable to end, and reports whether it takes the request. It takes the
	// request if it ends at once, or will end later because of the request.
	Cancel(cause error) bool
	// Canceled reports whether the outcome is a cancellation.
	Canceled() bool
	// AddWaiter schedules r once, when the awaitable is done.
	AddWaiter(r Runnable)
	// RemoveWaiter removes r, and reports whether r was waiting.
	RemoveWaiter(r Runnable) bool
	// TaskOf returns the task if the awaitable is the outcome of one, and nil otherwise.
	TaskOf() *Task
	// Explain describes the awaitable for reports and graphs. what is a description in a few
	// words, such as: task "A"; a gather of 3. on has the awaitables that this one waits for
	// and that are not done.
	Explain() (what string, on []Awaitable)
}

// A Suspension says what a task waits for: for an [Awaitable], for some time, or for one turn. The
// zero Suspension says that the body has ended. The functions On, For, Turn and End of package task
// make Suspensions.
type Suspension struct {
	on  Awaitable
	d   time.Duration
	how how
}

type how uint8

const (
	end how = iota
	turn
	sleep
	await
)

// Ended reports whether s is the zero Suspension: the body has ended.
func (s Suspension) Ended() bool { return s.how == end }

// sleepFor returns the Suspension that waits for the time d, or for one turn if d <= 0.
func sleepFor(d time.Duration) Suspension {
	if d <= 0 {
		return Suspension{how: turn}
	}
	return Suspension{how: sleep, d: d}
}

// suspend suspends the running task: see Suspend in package lowlevel.
func suspend(ctx context.Context, s Suspension) error {
	switch s.how {
	case turn:
		return suspendTurn(ctx)
	case sleep:
		return suspendFor(ctx, s.d)
	case await:
		return suspendOn(ctx, s.on, nil, nil)
	}
	return currentTask(ctx).suspendHere(s)
}

// suspendOn, suspendFor and suspendTurn are the three cases of suspend. Each frame between a body and the switch
// costs time, and room on the stack of the body. So these functions call few others. suspendScoped and suspendHere
// have the unusual cases.

// If place is not nil, a belongs to home and is pending, and place has no waiter yet: then the task is stored there,
// and a need not be asked.
func suspendOn(ctx context.Context, a Awaitable, home *Task, place *Runnable) error {
	c, ok := ctx.(*ownContext)
	if !ok {
		return suspendScoped(ctx, Suspension{on: a, how: await})
	}
	t, l := (*Task)(c), c.env.loop
	if l.current != t {
		panic(notCurrent(ctx, t))
	}
	if t.odd() || a == nil {
		return t.suspendHere(Suspension{on: a, how: await})
	}
	if place != nil && home.env != nil && home.env.loop == l && home != t {
		*place = (*entry)(t)
	} else {
		if a.Done() {
			return nil
		}
		t.mustSuit(a)
		a.AddWaiter((*entry)(t)) // comes first: if it panics, the task is not suspended
	}
	t.live.on = a
	t.setHow(await)
	t.suspended(l)
	l.current = nil
	me := l.stacks.Active
	if to := l.vacate(me); to != me { // SwitchTo, written out: see its comment
		if place := me.Replace(to); place.ByNext {
			place.Next()
		} else {
			place.Yield(struct{}{})
		}
		if !me.Meant() {
			me.PassOn()
		}
	}
	var err error
	if t.extra.Load() == nil {
		t.live.on = nil
	} else {
		err = t.resumedFrom()
	}
	t.begin()
	return err
}

func suspendFor(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return suspendTurn(ctx)
	}
	c, ok := ctx.(*ownContext)
	if !ok {
		return suspendScoped(ctx, Suspension{d: d, how: sleep})
	}
	t, l := (*Task)(c), c.env.loop
	if l.current != t {
		panic(notCurrent(ctx, t))
	}
	if t.odd() {
		return t.suspendHere(Suspension{d: d, how: sleep})
	}
	t.setAlarm(d)
	t.setHow(sleep)
	t.suspended(l)
	l.current = nil
	me := l.stacks.Active
	if to := l.vacate(me); to != me { // SwitchTo, written out: see its comment
		if place := me.Replace(to); place.ByNext {
			place.Next()
		} else {
			place.Yield(struct{}{})
		}
		if !me.Meant() {
			me.PassOn()
		}
	}
	err := t.resumed()
	t.begin()
	return err
}

func suspendTurn(ctx context.Context) error {
	c, ok := ctx.(*ownContext)
	if !ok {
		return suspendScoped(ctx, Suspension{how: turn})
	}
	t, l := (*Task)(c), c.env.loop
	if l.current != t {
		panic(notCurrent(ctx, t))
	}
	if t.odd() {
		return t.suspendHere(Suspension{how: turn})
	}
	if l.ready.Empty() && l.skipTurn(t) {
		return nil
	}
	l.ready.Push((*entry)(t))
	t.setHow(turn)
	t.suspended(l)
	l.current = nil
	me := l.stacks.Active
	if to := l.vacate(me); to != me { // SwitchTo, written out: see its comment
		if place := me.Replace(to); place.ByNext {
			place.Next()
		} else {
			place.Yield(struct{}{})
		}
		if !me.Meant() {
			me.PassOn()
		}
	}
	err := t.resumed()
	t.begin()
	return err
}

// odd reports whether suspendHere must suspend t, because it looks closer.
func (t *Task) odd() bool { return t.is(isStackless|isUnwinding) || t.env.loop.debug }

// suspendScoped is suspend for a context that is not the task's own.
func suspendScoped(ctx context.Context, s Suspension) error {
	t := currentTask(ctx)
	l := t.env.loop
	if l.meet(ctx); l.labeled {
		defer t.label(ctx)
	}
	_, ctx, _ = own(ctx)
	if ctx == nil || t.is(isUnwinding) {
		return t.suspendHere(s)
	}
	if ctx.Err() != nil {
		if e := t.pendingCancel(); e != nil {
			t.withExtra().must = nil // the task was canceled too, and this delivers the cancellation
			return e
		}
		return context.Cause(ctx)
	}
	w := l.watchSuspension(ctx, t)
	defer l.unwatch(w)
	return t.suspendHere(s)
}

// putBack makes the next suspension deliver err again if it is a cancellation: see PutBack in package
// lowlevel.
func putBack(ctx context.Context, err error) {
	if e, ok := err.(*CanceledError); ok {
		currentTask(ctx).withExtra().must = e
	}
}

// suspendHere suspends a stackful task in the middle of its body.
func (t *Task) suspendHere(s Suspension) error {
	if goesOn, err := t.goesOn(s); goesOn {
		return err
	}
	t.suspend(s)
	l := t.env.loop
	l.stacks.SwitchTo(l.vacate(l.stacks.Active))
	err := t.resumed()
	t.begin()
	return err
}

// goesOn reports whether s does not suspend t, the running task, which has a stackful body. Then the body
// gets err.
func (t *Task) goesOn(s Suspension) (goesOn bool, err error) {
	if t.is(isStackless) {
		panic(t.stackless())
	}
	if t.is(isUnwinding) {
		return true, t.refuse()
	}
	l := t.env.loop
	if l.debug {
		l.check("suspending")
	}
	switch {
	case s.how == end || s.on != nil && s.on.Done():
		return true, nil
	case s.how == turn && l.ready.Empty() && l.skipTurn(t):
		return true, nil
	}
	return false, nil
}

func (t *Task) stackless() string {
	return fmt.Sprintf("loop: task %q is stackless and cannot suspend inside Resume; return a Suspension instead", t.Name())
}

// suspend registers what the running task waits for. After that no task is running.
func (t *Task) suspend(s Suspension) {
	switch s.how {
	case await:
		if s.on == nil {
			panic("loop: a task awaits nil; give it a future or task")
		}
		t.mustSuit(s.on)
		s.on.AddWaiter((*entry)(t)) // comes first: if it panics, the task is not suspended
		t.live.on = s.on
	case turn:
		t.env.loop.ready.Push((*entry)(t))
	case sleep:
		t.setAlarm(s.d) // tellSuspended tells the observers of this timer
	}
	t.setHow(s.how)
	t.suspended(t.env.loop)
	t.env.loop.current = nil
}

// suspended notes that the running task is suspended. The compiler inlines it.
func (t *Task) suspended(l *Loop) {
	t.state = stateSuspended
	if l.attended || t.extra.Load() != nil {
		t.suspendedOddly()
	}
}

// suspendedOddly is the part of suspended for an attended loop, and for a task that may have been canceled.
func (t *Task) suspendedOddly() {
	if t.env.loop.attended {
		t.announceSuspended()
	}
	if t.extras().must != nil {
		t.passOnMust()
	}
}

// passOnMust cancels the sleep or the awaitable of a task at once, because the task was canceled while it was
// running. A turn cannot be canceled, so the next step delivers the cancellation.
func (t *Task) passOnMust() {
	l, x := t.env.loop, t.extra.Load()
	switch {
	case t.is(isSleeping):
		x.wake, x.must = x.must, nil
		t.rouse()
	case isShared(t.live.on):
		t.interrupt(x.must)
		x.must = nil
	case t.live.on != nil:
		l.inSweep(func() {
			if t.live.on.Cancel(x.must.Cause) {
				x.passed, x.must = x.must, nil
			}
		})
	}
}

// setAlarm begins a sleep: it arms the timer, unless the realm of t is paused.
func (t *Task) setAlarm(d time.Duration) {
	t.traits |= isSleeping
	l, r := t.env.loop, t.env.realm
	if r == nil {
		t.keepAlarm(l.timers.Arm(l.after(d), (*sleeper)(t)))
		return
	}
	at := r.after(d)
	if r.still() {
		l.freeze(realmTimer{r, at, (*sleeper)(t)})
		return
	}
	t.keepAlarm(l.timers.Arm(r.instantOf(at), (*sleeper)(t)))
}

// announceSuspended is the part of suspend for an attended loop.
func (t *Task) announceSuspended() {
	l := t.env.loop
	if l.observer != nil {
		l.tellSuspended(t)
	}
	if l.labeled && (t.is(isStackless) || l.share()) { // otherwise the stack keeps them, for goroutine profiles
		l.unlabel()
	}
}

// mustSuit panics if t cannot await a.
func (t *Task) mustSuit(a Awaitable) {
	if a.Loop() != t.env.loop || a.TaskOf() == t {
		panic(t.unsuited(a))
	}
}

func (t *Task) unsuited(a Awaitable) string {
	if a.Loop() != t.env.loop {
		return fmt.Sprintf("loop: task %q awaits an awaitable that belongs to another loop; pass results between loops by Post", t.Name())
	}
	return fmt.Sprintf("loop: task %q awaits itself, and would never end", t.Name())
}

// resumed clears the fields of the suspension, and returns its error. The error is nil if the event
// that the task waited for has happened.
func (t *Task) resumed() error {
	if (t.how() <= turn || t.how() == await && t.is(isStackless)) && t.extra.Load() == nil {
		return nil
	}
	return t.resumedFrom()
}

func (t *Task) resumedFrom() error {
	var err error
	if x := t.extra.Load(); x != nil {
		err = x.wake
		if err != nil && x.must == nil {
			x.must = x.passed // the wait has ended before the awaitable, which took the request
		}
		x.passed = nil
		if x.must != nil && !IsCanceled(err) && !t.awaitedCanceled() {
			err = x.must
		}
		x.wake, x.must = nil, nil
	}
	switch v := t.live; t.how() {
	case sleep:
		if v.timer != nil { // the sleep ended early
			t.disarm()
		}
	case await:
		if err != nil || !t.is(isStackless) { // otherwise the step asks for the error
			v.on = nil
		}
	}
	return err
}

// awaitedCanceled reports whether the awaitable that the task awaited has been canceled. Then the
// body sees the cancellation of the awaitable, and the pending request is dropped.
func (t *Task) awaitedCanceled() bool {
	return t.how() == await && t.live.on != nil && t.live.on.Canceled()
}

// disarm removes the timer of a sleep that has ended early. An observer is told of that, and may
// call Goexit. Such a Goexit counts as a Goexit in the task's step, which begins now.
func (t *Task) disarm() {
	l := t.env.loop
	key := t.dropAlarm()
	defer func() { l.current, t.state = t, stateRunning }()
	l.disarm(key)
}

// A sleeper is a Task in the timer queue. Its Run method wakes the task.
type sleeper Task

func (s *sleeper) Run() {
	t := (*Task)(s)
	t.dropAlarm()
	if t.is(isSleeping) {
		t.rouse()
	}
}

// rouse wakes a task that sleeps.
func (t *Task) rouse() {
	t.traits &^= isSleeping
	t.env.loop.schedule((*entry)(t))
}

// interrupt ends the suspension with err, and does not cancel the awaitable that the task awaits.
// It does nothing if the task was woken already.
func (t *Task) interrupt(err error) {
	switch {
	case t.state != stateSuspended:
	case t.is(isSleeping):
		t.withExtra().wake = err
		t.rouse()
	case t.live.on != nil && t.live.on.RemoveWaiter((*entry)(t)):
		t.withExtra().wake, t.live.on = err, nil
		t.env.loop.schedule((*entry)(t))
	}
}

// isShared reports whether on goes on when a task that awaits it is canceled. on may be nil.
func isShared(on Awaitable) bool {
	s, ok := on.(interface{ Shared() bool })
	return ok && s.Shared()
}

// maxRefused is how many times a body may try to suspend while it is being unwound.
const maxRefused = 1000

// stuck is the value of the panic that ends a body which goes on awaiting after maxRefused refusals.
type stuck struct{ err error }

func (s *stuck) Error() string {
	return fmt.Sprintf("the body went on awaiting after %d refusals; it must return when an await fails", maxRefused)
}

// refuse returns the error of an await in a body that is being unwound.
func (t *Task) refuse() error {
	err := t.unwindError()
	x := t.withExtra()
	if x.refused++; x.refused > maxRefused {
		panic(&stuck{err})
	}
	return err
}
