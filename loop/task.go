package loop

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
)

// A Task is what the loop knows of a task: its name, its place in the registry,
// where it stands, and the cancellation that it was asked for. It knows nothing
// of results; package task has those.
//
// A task is in one of these states:
//
//	     Enqueue             its turn               the body ends
//	new ─────────▶ queued ────────────▶ running ─────────────────▶ done
//	 │                                  ▲ │   ▲
//	 └──────────────────────────────────┘ ▼   │ woken, then its turn
//	     StepNow                       suspended
//
// A cancellation that comes before the first step leads from new to queued, and from
// there, when its turn comes, straight to done.
//
// Invariants: only the running task is Loop.Current (an eager spawn nests: the
// one that spawned waits, still running, for the step to come back); a task is
// in the ready queue at most once; only a suspended task has something that it
// awaits; done is forever, and comes when the body has ended, never earlier.
//
// A Task is not safe for use from other goroutines, except its ID.
type Task struct {
	env       *environment
	extra     atomic.Pointer[extra] // nil until there is any; the loop's but for ending
	live      *live                 // nil when it is done
	state     state
	kind      kind
	how       how  // it is suspended
	sleeping  bool // suspended on its timer, which has not fired yet
	unwinding bool // every suspension fails from now on
	stillborn bool // canceled before its factory came to start it
	start     start
	isRoot    bool   // it stands for its loop, and is no task
	stack     *stack // of a stackful task that has started
	id        uint64
	outcome   Awaitable
}

// extra is what few tasks have at any time: there may be very many.
type extra struct {
	ending                   // of its own context
	name      string         // empty: made from id when asked for
	requests  int32          // of cancellation, less those taken back
	refused   int16          // suspensions refused while unwinding
	below     bool           // the sweep is on its way down what this task awaits
	swept     uint64         // the number of the last sweep that has come by
	must      *CanceledError // to be delivered at the next step
	wake      error          // with which the suspension ends, whatever it awaited
	stepping  *Task          // whose eager first step it is waiting for, inside the call that made it
	stepsFrom []uintptr      // where that call is; debug mode only
	site      uintptr        // where it was made; debug mode only
	renewed   *scope         // in place of its own context: see Uncancel
	watch     *watch         // what may end the suspension or the task from outside
}

var none extra

// extras is for reading only.
func (t *Task) extras() *extra {
	if x := t.extra.Load(); x != nil {
		return x
	}
	return &none
}

// withExtra is for writing.
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

// kind tells the two kinds of bodies apart.
type kind uint8

const (
	stackful  kind = iota // Step is called once, on a stack of its own, where it may suspend
	stackless             // Step is called again and again, and returns what to wait for
)

// A body is what a task drives: see Body in package lowlevel.
type body interface {
	// Step runs the body of t: to its end if it is stackful, else to its next
	// suspension. err is what the suspension before ended with.
	Step(t *Task, err error) Suspension
	// Fail ends a body that did not end by itself: it was canceled before its
	// first step, it panicked (*PanicError), or its stack is gone (ErrGoexit).
	Fail(t *Task, err error)
}

// A TaskFactory decides when a new task takes its first step, by calling its
// Enqueue or StepNow, now or later, once.
//
// A panic or Goexit in a factory goes on in the call that makes the task, so that no code is
// handed the task. If the factory has not started it by then, the task ends at once, as
// canceled, and its body never runs. Else it goes on.
type TaskFactory func(t *Task)

// start is how a task starts when its factory starts it.
type start uint8

const (
	asAsked     start = iota // as the factory asks: by Enqueue or StepNow
	queuedStart              // by Enqueue, whatever the factory asks
	atOnce                   // by StepNow, whatever the factory asks
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
	l.spawned++
	t.env, t.id, t.kind, t.outcome, t.start = env, l.spawned, kind, outcome, start
	if name != "" {
		t.SetName(name)
	}
	l.register(t, body)
	if l.debug {
		t.withExtra().site = spawnSite()
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
	if derived {
		l.bindTask(ctx, t)
	}
	if l.factory != nil {
		l.factory(t)
	} else {
		t.Enqueue()
	}
	if l.labeled && !own {
		l.relabel(ctx) // an eager step may have taken the labels off
	}
	started = true
}

// abandoned ends a new task that nothing will start: its factory, or an observer, has
// panicked or called Goexit. That goes on in the call that makes the task.
func (t *Task) abandoned() {
	if t.state != stateNew {
		return
	}
	maker := t.env.loop.current
	defer func() { t.env.loop.current = maker }()
	t.end(&CanceledError{Cause: errAbandoned})
}

var errAbandoned = errors.New("loop: the task factory panicked, or called Goexit, and did not start the task")

// Context returns the task's own context: the one that its body is handed, or, where
// that has ended and every request to cancel was taken back, one that has not.
func (t *Task) Context() context.Context {
	t.mustBeSpawned("Context")
	if s := t.extras().renewed; s != nil {
		return s.Context()
	}
	return (*ownContext)(t)
}

// ending is that of the task's context.
func (t *Task) ending() *ending {
	x := t.withExtra()
	if x.renewed != nil {
		return &x.renewed.ending
	}
	return &x.ending
}

// renew gives the task another context if its own has ended. A context that has ended
// stays so, as those who hold it may count on.
func (t *Task) renew() {
	if t.ending().reason.Load() != nil {
		t.withExtra().renewed = &scope{task: t, outer: t.env.outer, renewed: true}
	}
}

// Loop returns the loop that drives t, nil if t was never spawned.
func (t *Task) Loop() *Loop {
	if t.env == nil {
		return nil
	}
	return t.env.loop
}

// ID is 1 for the first task of a loop, 2 for the next, and so on.
func (t *Task) ID() uint64 { return t.id }

// Name returns the task's name.
func (t *Task) Name() string {
	if name := t.extras().name; name != "" {
		return name
	}
	return "Task-" + strconv.FormatUint(t.id, 10)
}

// Named reports whether the task was given a name. It allocates nothing, unlike Name
// of a task that was not.
func (t *Task) Named() bool { return t.extras().name != "" }

// String returns the word task and the name, quoted.
func (t *Task) String() string { return "task " + strconv.Quote(t.Name()) }

// SetName gives the task another name.
func (t *Task) SetName(name string) {
	t.check("SetName")
	t.withExtra().name = name
}

// check panics where the task must not be changed: see mustBeHere.
func (t *Task) check(what string) {
	if t.env != nil {
		t.env.loop.mustBeHere(what)
	}
}

// Outcome returns what awaiting the task awaits: its future.
func (t *Task) Outcome() Awaitable { return t.outcome }

// wrap replaces the body of t: see Wrap in package lowlevel.
func (t *Task) wrap(by func(inner any) any) {
	t.mustBeSpawned("Wrap")
	t.check("Wrap")
	if by == nil {
		panic(fmt.Sprintf("loop: Wrap(nil) of task %q; give it a function that returns a Body", t.Name()))
	}
	if t.state != stateNew && t.state != stateQueued {
		panic(fmt.Sprintf("loop: Wrap of task %q after its first step", t.Name()))
	}
	inner := t.live.body
	outer, ok := by(inner).(body)
	if !ok {
		panic(fmt.Sprintf("loop: Wrap of task %q made a nil Body; return the one that was given, or one that calls it", t.Name()))
	}
	t.live.body = &wrapped{outer, inner}
}

// wrapped is what Wrap has made of inner.
type wrapped struct {
	body
	inner body
}

// Fail makes sure that the task's outcome is there.
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

// Enqueue puts a new task at the back of the ready queue; it is StepNow for a task that
// was made with AtOnce of package lowlevel. It is for task factories; it panics if the task was started
// before.
func (t *Task) Enqueue() {
	t.mustBeSpawned("Enqueue")
	if t.state == stateNew || t.mayStart("Enqueue") {
		if t.start == atOnce {
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

// mustBeSpawned panics for a nil Task, and for one that is of no loop.
func (t *Task) mustBeSpawned(what string) {
	if t == nil || t.env == nil {
		panic("loop: " + what + " of a Task that was never spawned; task.Go makes tasks")
	}
}

// mayStart reports whether t is new. A task that was canceled before its factory came to
// start it is in the ready queue already, to end there.
func (t *Task) mayStart(what string) bool {
	switch {
	case t.state == stateNew:
		return true
	case t.stillborn:
		return false
	}
	panic(fmt.Sprintf("loop: %s of task %q, which was started before; a task factory starts a task once", what, t.Name()))
}
