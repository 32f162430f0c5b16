package loop

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/timer"
)

// An Awaitable is what a task can be suspended on: a future of package future,
// or anything made of one. It is comparable: a pointer, or made of pointers. One that is a
// view of another has besides a method Self() Awaitable, which returns the other:
// introspection shows that.
type Awaitable interface {
	// Loop is the loop that it belongs to, and wakes its waiters on.
	Loop() *Loop
	// Done reports whether it has its outcome. Once true, it stays true.
	Done() bool
	// Err is the error of its outcome, nil if that is a value. Asking takes it.
	Err() error
	// Unretrieved is the error of its outcome if nobody has taken it, else nil.
	Unretrieved() error
	// Cancel asks it to end, and reports whether the request was taken: what
	// ends at once, or goes on to end later, has taken it.
	Cancel(cause error) bool
	// Canceled reports whether the error of its outcome is a cancellation.
	Canceled() bool
	// AddWaiter schedules r once when the outcome is there.
	AddWaiter(r Runnable)
	// RemoveWaiter takes r back and reports whether it was waiting.
	RemoveWaiter(r Runnable) bool
	// TaskOf returns the task whose outcome it is, or nil.
	TaskOf() *Task
	// Explain says, for reports and graphs, what it is, in a few words (task "A", a gather
	// of 3), and what has to end before it can: what it waits for itself, less what is done.
	Explain() (what string, on []Awaitable)
}

// A Suspension says what a task waits for: an [Awaitable], some time, or one
// turn. The zero Suspension says that the body has ended. Package task makes them: see On,
// For, Turn and End there.
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

// sleepFor waits until d has passed; d <= 0 waits for one turn.
func sleepFor(d time.Duration) Suspension {
	if d <= 0 {
		return Suspension{how: turn}
	}
	return Suspension{how: sleep, d: d}
}

// suspend suspends the running task: see Await in package lowlevel.
func suspend(ctx context.Context, s Suspension) error {
	c, ok := ctx.(*ownContext)
	if !ok {
		return suspendScoped(ctx, s)
	}
	t, l := (*Task)(c), c.env.loop
	if l.current != t {
		panic(notCurrent(ctx, t))
	}
	to, err := t.pause(s)
	if to != nil {
		if me := t.stack; to != me { // SwitchTo, written out: see there
			if place := me.Replace(to); place.ByNext {
				place.Next()
			} else {
				place.Yield(struct{}{})
			}
			if !me.Meant() {
				me.PassOn()
			}
		}
		err = t.resumed()
		t.begin()
	}
	return err
}

// suspendScoped is Suspend for a context that is not the task's own.
func suspendScoped(ctx context.Context, s Suspension) error {
	t := currentTask(ctx)
	l := t.env.loop
	if l.meet(ctx); l.labeled {
		defer t.label(ctx)
	}
	_, ctx, _ = own(ctx)
	if ctx == nil || t.unwinding {
		return t.suspendHere(s)
	}
	if ctx.Err() != nil {
		if e := t.pendingCancel(); e != nil {
			t.withExtra().must = nil // as the task was canceled too, this delivers it
			return e
		}
		return context.Cause(ctx)
	}
	w := l.watchSuspension(ctx, t)
	defer l.unwatch(w)
	return t.suspendHere(s)
}

// putBack has the next suspension deliver again what the last one has delivered.
func putBack(ctx context.Context, err error) {
	if e, ok := err.(*CanceledError); ok {
		currentTask(ctx).withExtra().must = e
	}
}

// suspendHere suspends a stackful task in the middle of its body.
func (t *Task) suspendHere(s Suspension) error {
	to, err := t.pause(s)
	if to != nil {
		t.env.loop.stacks.SwitchTo(to)
		err = t.resumed()
		t.begin()
	}
	return err
}

// pause suspends a stackful task, but for the last step: the switch to the stack
// that it returns, which is the task's own if that is next already, and nil if s
// does not suspend.
func (t *Task) pause(s Suspension) (to *stack, err error) {
	if t.kind == stackless {
		panic(t.stackless())
	}
	if t.unwinding {
		return nil, t.refuse()
	}
	l := t.env.loop
	if l.debug {
		l.check("suspending")
	}
	switch {
	case s.how == end || s.on != nil && s.on.Done():
		return nil, nil
	case s.how == turn && l.ready.Empty() && l.skipTurn(t):
		return nil, nil
	}
	t.suspend(s)
	l.current = nil
	return l.vacate(t.stack), nil
}

func (t *Task) stackless() string {
	return fmt.Sprintf("loop: task %q is stackless and cannot suspend inside Resume; return what it waits for", t.Name())
}

// suspend registers what the running task waits for.
func (t *Task) suspend(s Suspension) {
	l := t.env.loop
	if s.on != nil {
		t.mustSuit(s.on)
		s.on.AddWaiter((*entry)(t)) // if that panics, the task has not been suspended
		t.live.on = s.on
	} else if s.how == await {
		panic("loop: a task awaits nil; give it a future or task")
	}
	t.state, t.how = stateSuspended, s.how
	switch s.how {
	case turn:
		l.ready.Push((*entry)(t))
	case sleep:
		t.sleeping = true
		t.live.timer = l.timers.Arm(l.after(s.d), (*sleeper)(t)) // as tellSuspended tells
	}
	if l.attended {
		t.announceSuspended()
	}
	x := t.extra.Load()
	if x == nil || x.must == nil {
		return
	}
	// Canceled while it was running: what it came to wait for is canceled at once.
	// A turn cannot be, so there the cancellation waits for the next step.
	switch {
	case t.sleeping:
		x.wake, x.must = x.must, nil
		t.rouse()
	case t.live.on != nil:
		l.inSweep(func() {
			if t.live.on.Cancel(x.must.Cause) {
				x.must = nil
			}
		})
	}
}

// announceSuspended is part of suspend for an attended loop.
func (t *Task) announceSuspended() {
	l := t.env.loop
	if l.observer != nil {
		l.tellSuspended(t)
	}
	if l.labeled && (t.kind == stackless || l.share()) { // else the stack keeps them, for profiles
		l.unlabel()
	}
}

// mustSuit panics if t cannot await a.
func (t *Task) mustSuit(a Awaitable) {
	if a.Loop() != t.env.loop {
		panic(fmt.Sprintf("loop: task %q awaits what belongs to another loop; hand results between loops with Post", t.Name()))
	}
	if a.TaskOf() == t {
		panic(fmt.Sprintf("loop: task %q awaits itself, and would never end", t.Name()))
	}
}

// resumed clears what the task was suspended on and returns the error that the
// suspension ends with, nil if it ends because what was awaited has come.
func (t *Task) resumed() error {
	if t.how <= turn && t.extra.Load() == nil {
		return nil
	}
	return t.resumedFrom()
}

func (t *Task) resumedFrom() error {
	var err error
	if x := t.extra.Load(); x != nil {
		err = x.wake
		if x.must != nil && !IsCanceled(err) && !t.awaitedCanceled() {
			err = x.must
		}
		x.wake, x.must = nil, nil
	}
	switch v := t.live; t.how {
	case sleep:
		if v.timer.Seq != 0 { // woken before its time
			t.disarm()
		}
	case await:
		if err != nil || t.kind == stackful { // else the step asks for the error
			v.on = nil
		}
	}
	return err
}

// awaitedCanceled reports whether what the task awaited says itself, as the outcome, that
// it was canceled: then a request that is to be delivered has nothing to add.
func (t *Task) awaitedCanceled() bool {
	return t.how == await && t.live.on != nil && t.live.on.Canceled()
}

// disarm takes back the timer of a sleep that is over. A Goexit of an observer that is
// told so is one in the task's step, which would begin now.
func (t *Task) disarm() {
	l := t.env.loop
	key := t.live.timer
	t.live.timer = timer.Key{}
	defer func() { l.current, t.state = t, stateRunning }()
	l.disarm(key)
}

// sleeper is a Task as it stands in the timer queue: running it wakes the task.
type sleeper Task

func (s *sleeper) Run() {
	t := (*Task)(s)
	t.live.timer = timer.Key{}
	if t.sleeping {
		t.rouse()
	}
}

// rouse ends a sleep.
func (t *Task) rouse() {
	t.sleeping = false
	t.env.loop.schedule((*entry)(t))
}

// interrupt ends the suspension with err, and leaves alone what was awaited. It
// does nothing if the task was woken already.
func (t *Task) interrupt(err error) {
	switch {
	case t.state != stateSuspended:
	case t.sleeping:
		t.withExtra().wake = err
		t.rouse()
	case t.live.on != nil && t.live.on.RemoveWaiter((*entry)(t)):
		t.withExtra().wake, t.live.on = err, nil
		t.env.loop.schedule((*entry)(t))
	}
}

// maxRefused is how many suspensions a body that is being unwound may try.
const maxRefused = 1000

// stuck is the panic that ends a body which takes no refusal for an answer.
type stuck struct{ err error }

func (s *stuck) Error() string {
	return fmt.Sprintf("the body went on awaiting after %d refusals; it must return when an await fails", maxRefused)
}

// refuse answers a body that suspends while it is being unwound.
func (t *Task) refuse() error {
	err := &CanceledError{Cause: ErrClosed}
	x := t.withExtra()
	if x.refused++; x.refused > maxRefused {
		panic(&stuck{err})
	}
	return err
}
