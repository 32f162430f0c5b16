package loop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
)

// A Task is the part of a task that the loop needs: its name, its place in the registry,
// its state, and its cancellation requests. It has no result. The result is in package task's
// Task.
//
// A task is in one of these states:
//
//	     Enqueue             its turn               the body ends
//	new ─────────▶ queued ────────────▶ running ─────────────────▶ done
//	 │                                  ▲ │   ▲
//	 └──────────────────────────────────┘ ▼   │ woken, then its turn
//	     StepNow                       suspended
//
// If a task is canceled before its first step, it goes from new to queued, and in its turn
// straight to done.
//
// Invariants:
//   - Loop.Current is a running task. Eager first steps nest: the task that makes another one waits
//     inside the call until the first step of the new task is over. Meanwhile both are running, and
//     Loop.Current is the new task.
//   - A task is in the ready queue at most once.
//   - Only a suspended task awaits an awaitable.
//   - A task becomes done when its body has ended, and never earlier. It stays done.
//
// A Task is not safe for use from other goroutines, except its methods ID, Name, Named and String,
// and the methods of its contexts.
type Task struct {
	env     *environment
	extra   atomic.Pointer[extra] // nil until it is needed; other goroutines use only its ending and name
	live    *live                 // nil when the task is done
	outcome Awaitable
	idLow   uint32 // of its number: see ID
	idHigh  uint16 // the 15 bits above, or rootMark
	state   state
	traits  traits
}

// extra holds the fields that few tasks need at any time. There may be very many tasks, so a task
// gets an extra only when it needs one.
type extra struct {
	ending                          // of the task's own context
	name     atomic.Pointer[string] // nil or empty: Name makes one from id; any goroutine may ask
	requests int32                  // cancellation requests that were not taken back
	refused  int16                  // how many suspensions were refused while unwinding
	below    bool                   // the current sweep is passing a request on to the awaitable of this task
	swept    uint64                 // the number of the last sweep that has reached this task
	must     *CanceledError         // the cancellation that the next step or suspension delivers
	passed   *CanceledError         // the cancellation that the awaitable of this task has taken
	wake     error                  // the result of the present suspension, whatever the outcome of the awaitable is
	stepping *Task                  // this task is in the call that made stepping, and waits for its eager first step
	renewed  *scope                 // replaces the task's own context: see Uncancel
	watch    *watch                 // of the standard context that bounds the task
	debug    *debugExtra            // nil unless in debug mode
}

// debugExtra holds the fields that a task has in debug mode only.
type debugExtra struct {
	site      uintptr         // the place of the call that made this task
	stepsFrom []uintptr       // the call stack of the call that made extra.stepping
	labels    context.Context // has the profiler labels of the task, for the name labeled; nil before the first step
	labeled   *string
}

// named is the extra of a task that is made with a name: one allocation holds both.
type named struct {
	extra
	first string
}

var none extra

// extras returns the extra for reading.
func (t *Task) extras() *extra {
	if x := t.extra.Load(); x != nil {
		return x
	}
	return &none
}

// withExtra returns the extra for writing, and makes it if necessary. Any goroutine may call it.
func (t *Task) withExtra() *extra {
	if t.extra.Load() == nil {
		t.extra.CompareAndSwap(nil, new(extra))
	}
	return t.extra.Load()
}

type state uint8

const (
	stateNew state = iota
	stateQueued
	stateRunning
	stateSuspended
	stateDone
)

// kind is the kind of a body.
type kind uint8

const (
	stackful  kind = iota // the loop calls Step once, on a stack of its own; the body may suspend inside
	stackless             // the loop calls Step again and again; Step returns what the task waits for
)

// A body is the code of a task: see Body in package lowlevel. Both are names of one interface without a name of its
// own. With two named interfaces each spawn would look up the methods again.
type body = interface {
	// Step runs the body of t. A stackful body runs to its end, a stackless one to its next
	// suspension. err is the result of the previous suspension.
	Step(t *Task, err error) Suspension
	// Fail completes the outcome with err if the body did not end by itself: it was canceled
	// before its first step, it panicked (*PanicError), or a Goexit unwound its stack (ErrGoexit).
	Fail(t *Task, err error)
}

// A TaskFactory decides when a new task takes its first step. It calls [Task.Enqueue] or
// [Task.StepNow] of the task once, before it returns or later.
//
// A panic or Goexit in a factory goes on in the call that makes the task. So that call does not
// return the task. If the factory has not started the task before the panic or Goexit, the task is
// canceled and ends at once, and its body never runs. Otherwise the task goes on.
type TaskFactory func(t *Task)

// start says when a task takes its first step after its factory has called Enqueue or StepNow.
type start uint8

const (
	asAsked     start = iota // as the factory asks: Enqueue queues it, StepNow steps it at once
	queuedStart              // queued, also if the factory calls StepNow
	atOnce                   // at once, also if the factory calls Enqueue
)

// spawn makes t a task: see Spawn in package lowlevel.
func spawn(ctx context.Context, t *Task, kind kind, body body, outcome Awaitable, name string, start start) {
	var env *environment
	derived := false
	c, own := ctx.(*ownContext)
	if own && !c.env.bounded { // the usual case
		env = c.env
	} else {
		env, derived = inherit(ctx)
	}
	l := env.loop
	l.check("spawning a task")
	if !own {
		l.meet(ctx)
	}
	if l.spawned++; l.spawned%wayEvery == 0 {
		l.giveWay()
	}
	t.env, t.traits, t.outcome = env, traitsOf(kind, start), outcome
	t.idLow, t.idHigh = uint32(l.spawned), uint16(l.spawned>>32)&^rootMark
	if name != "" {
		t.call(name)
	}
	l.register(t, body)
	if l.factory == nil && start != atOnce && !derived && env.realm == nil && !l.attended && !l.guided { // the usual case
		t.state = stateQueued
		l.ready.Push((*entry)(t))
		return
	}
	t.introduce(ctx, derived)
}

// introduce hands a new task to the observers and to its factory.
func (t *Task) introduce(ctx context.Context, derived bool) {
	l := t.env.loop
	if l.debug {
		t.withExtra().debug = &debugExtra{site: cmp.Or(spawnSite(), l.site)}
	}
	started := false
	defer func() {
		if !started {
			t.abandoned()
		}
	}()
	if l.observer != nil {
		l.tell(TaskMade, t)
	}
	if l.follower != nil {
		l.tellMade(t)
	}
	if t.env.realm.over() {
		t.Cancel(errRealmEnded)
	} else if derived {
		l.bindTask(ctx, t)
	}
	if l.factory != nil {
		l.factory(t)
	} else {
		t.Enqueue()
	}
	if l.labeled {
		if _, own := ctx.(*ownContext); !own {
			l.relabel(ctx) // an eager step may have removed the labels
		}
	}
	started = true
}

// abandoned ends a new task if its factory has panicked or called Goexit, or an observer has called
// Goexit, so that no code will start the task. The panic or Goexit goes on in the call that makes
// the task.
func (t *Task) abandoned() {
	if t.state != stateNew {
		return
	}
	maker := t.env.loop.current
	defer func() { t.env.loop.current = maker }()
	t.end(&CanceledError{Cause: errAbandoned})
}

var errAbandoned = errors.New("loop: the task factory panicked, or called Goexit, and did not start the task")

// Context returns the task's own context. This is the context that the body was given. If that
// context has ended, and every cancellation request was taken back (see [Task.Uncancel]), Context
// returns a fresh one.
func (t *Task) Context() context.Context {
	t.mustBeSpawned("Context")
	if s := t.extras().renewed; s != nil {
		return s.Context()
	}
	return (*ownContext)(t)
}

// ending returns the ending of the context that Context returns.
func (t *Task) ending() *ending {
	x := t.withExtra()
	if x.renewed != nil {
		return &x.renewed.ending
	}
	return &x.ending
}

// renew gives the task a fresh context if its context has ended. The old context stays ended, because
// a context never becomes alive again.
func (t *Task) renew() {
	if t.ending().reason.Load() != nil {
		t.withExtra().renewed = &scope{task: t, outer: t.env.outer, renewed: true}
	}
}

// Loop returns the loop that drives t. It returns nil if t was never spawned.
func (t *Task) Loop() *Loop {
	if t.env == nil {
		return nil
	}
	return t.env.loop
}

// ID returns 1 for the first task of a loop, 2 for the next, and so on. After 1<<47 tasks the numbers begin with 0
// again: a loop that makes a task each microsecond gets there in four years.
func (t *Task) ID() uint64 { return uint64(t.idHigh)<<32 | uint64(t.idLow) }

// Name returns the task's name. It is safe from any goroutine, also during a call of SetName.
func (t *Task) Name() string {
	if name := t.extras().name.Load(); name != nil && *name != "" {
		return *name
	}
	return "Task-" + strconv.FormatUint(t.ID(), 10)
}

// Named reports whether the task was given a name. It allocates nothing, but Name allocates if the
// task was given no name. Named is safe from any goroutine.
func (t *Task) Named() bool {
	name := t.extras().name.Load()
	return name != nil && *name != ""
}

// String returns the word task and the quoted name. It is safe from any goroutine.
func (t *Task) String() string { return "task " + strconv.Quote(t.Name()) }

// SetName gives the task another name.
func (t *Task) SetName(name string) {
	t.check("SetName")
	t.withExtra().name.Store(&name)
}

// call gives a new task its first name.
func (t *Task) call(name string) {
	x := &named{first: name}
	x.name.Store(&x.first)
	if !t.extra.CompareAndSwap(nil, &x.extra) { // it was given a name before it was spawned
		t.withExtra().name.Store(&x.first)
	}
}

// check panics if this goroutine must not change the task: see mustBeHere.
func (t *Task) check(what string) {
	if t.env != nil {
		t.env.loop.mustBeHere(what)
	}
}

// Outcome returns the task's future: code that awaits the task awaits this awaitable.
func (t *Task) Outcome() Awaitable { return t.outcome }

// wrap replaces the body of t: see Wrap in package lowlevel.
func (t *Task) wrap(by func(inner any) any) {
	t.mustBeSpawned("Wrap")
	t.check("Wrap")
	if by == nil {
		panic(fmt.Sprintf("loop: Wrap(nil) of task %q; give it a function that returns a Body", t.Name()))
	}
	t.mustNotHaveBegun()
	inner := t.live.body
	outer, ok := by(inner).(body)
	t.mustNotHaveBegun() // in by
	if !ok {
		panic(fmt.Sprintf("loop: Wrap of task %q made a nil Body; return the Body that was given, or one that calls it", t.Name()))
	}
	t.live.body = &wrapped{outer, inner}
}

// mustNotHaveBegun panics if t is past its first step, so that Wrap comes too late.
func (t *Task) mustNotHaveBegun() {
	if t.state != stateNew && t.state != stateQueued {
		panic(fmt.Sprintf("loop: Wrap of task %q after its first step; wrap it before, in the hook of a task factory", t.Name()))
	}
}

// wrapped is the body that Wrap has put around inner.
type wrapped struct {
	body
	inner body
}

// Fail calls the Fail of inner, too, if that of the new body has not completed the outcome.
func (w *wrapped) Fail(t *Task, err error) {
	defer func() {
		if !t.outcome.Done() {
			w.inner.Fail(t, err)
		}
	}()
	w.body.Fail(t, err)
}

// Done reports whether the task has ended.
func (t *Task) Done() bool { return t.state == stateDone }

// Enqueue puts a new task at the back of the ready queue. If the task was made with AtOnce of package
// lowlevel, Enqueue does what StepNow does. Enqueue is for task factories. It panics if the task was
// started before.
func (t *Task) Enqueue() {
	t.mustBeSpawned("Enqueue")
	if t.state == stateNew || t.mayStart("Enqueue") {
		if t.start() == atOnce {
			t.stepNow()
			return
		}
		t.queue()
	}
}

func (t *Task) queue() {
	t.env.loop.mustBeHere("Enqueue")
	t.state = stateQueued
	t.env.loop.ready.Push((*entry)(t))
}

// mustBeSpawned panics if t is nil, or belongs to no loop.
func (t *Task) mustBeSpawned(what string) {
	if t == nil || t.env == nil {
		panic("loop: " + what + " of a Task that was never spawned; task.Go makes tasks")
	}
}

// mayStart reports whether t is new. If t was canceled before its factory has started it, it is in
// the ready queue already, and ends in its turn.
func (t *Task) mayStart(what string) bool {
	switch {
	case t.state == stateNew:
		return true
	case t.is(isStillborn):
		return false
	}
	panic(fmt.Sprintf("loop: %s of task %q, which was started before; a task factory starts a task once", what, t.Name()))
}
