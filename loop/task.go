package loop

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/takt-go/takt/timer"
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
	env        *environment
	extra      atomic.Pointer[extra] // nil until there is any; the loop's but for ending
	live       *live                 // nil when it is done
	state      state
	kind       Kind
	how        how    // it is suspended
	forwarding bool   // Cancel is on its way down what this task awaits
	sleeping   bool   // suspended on its timer, which has not fired yet
	unwinding  bool   // every suspension fails from now on
	stillborn  bool   // canceled before its factory came to start it
	stack      *stack // of a stackful task that has started
	id         uint64
	outcome    Awaitable
}

// live is what a task has until it is done, and the next task after it: people keep
// tasks, and what they keep is to be small.
type live struct {
	body       Body
	prev, next *Task     // in the registry
	on         Awaitable // what it awaits, if that is an Awaitable
	timer      timer.Key // of the sleep; zero when it is not armed
}

// maxLives is how many a loop keeps for tasks to come.
const maxLives = 4096

// enliven gives the new task t what it has until it is done.
func (l *Loop) enliven(t *Task) {
	n := len(l.lives)
	if n == 0 {
		t.live = new(live)
		return
	}
	t.live = l.lives[n-1]
	l.lives = l.lives[:n-1]
}

// exhaust takes it back.
func (l *Loop) exhaust(t *Task) {
	if len(l.lives) < maxLives {
		*t.live = live{}
		l.lives = append(l.lives, t.live)
	}
	t.live = nil
}

// extra is what few tasks have at any time: there may be very many.
type extra struct {
	ending                   // of its own context
	name      string         // empty: made from id when asked for
	requests  int            // of cancellation, less those taken back
	must      *CanceledError // to be delivered at the next step
	wake      error          // with which the suspension ends, whatever it awaited
	stepping  *Task          // whose eager first step it is waiting for, inside the call that made it
	stepsFrom []uintptr      // where that call is; debug mode only
	site      uintptr        // where it was made; debug mode only
	renewed   *Scope         // in place of its own context: see Uncancel
	watch     *watch         // what may end the suspension or the task from outside
	refused   int            // suspensions refused while unwinding
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

// Kind tells the two kinds of bodies apart.
type Kind uint8

const (
	Stackful  Kind = iota // Step is called once, on a stack of its own, where it may suspend
	Stackless             // Step is called again and again, and returns what to wait for
)

// A Body is what a task drives. Package task implements it.
type Body interface {
	// Step runs the body of t: to its end if it is stackful, else to its next
	// suspension. err is what the suspension before ended with.
	Step(t *Task, err error) Suspension
	// Fail ends a body that did not end by itself: it was canceled before its
	// first step, it panicked (*PanicError), or its stack is gone (ErrGoexit).
	Fail(t *Task, err error)
}

// A TaskFactory decides when a new task takes its first step, by calling its
// Enqueue or StepNow, now or later, once.
type TaskFactory func(t *Task)

// Spawn makes t a task of the loop that ctx belongs to, with body to drive and
// outcome as what awaiting the task awaits, and
// hands it to the loop's task factory. An empty name becomes Task-1, Task-2, ...
// by order of creation in that loop. The new task inherits ctx's values; it is
// bounded by ctx only where that is a standard context that can end, derived
// from a task's. Spawn panics if the loop is closed.
//
// It is for package task, whose Go is the way to spawn a task.
func Spawn(ctx context.Context, t *Task, kind Kind, body Body, outcome Awaitable, name string) {
	derived := false
	if c, ok := ctx.(*ownContext); ok && !c.env.bounded { // the usual case
		t.env = c.env
	} else {
		t.env, derived = inherit(ctx)
	}
	l := t.env.loop
	l.check("spawning a task")
	l.spawned++
	t.id, t.kind, t.outcome = l.spawned, kind, outcome
	l.enliven(t)
	t.live.body = body
	if name != "" {
		t.SetName(name)
	}
	l.register(t)
	if l.debug {
		t.withExtra().site = spawnSite()
	}
	if l.observer != nil {
		l.tell(TaskMade, t)
	}
	if derived {
		l.bindTask(ctx, t)
	}
	l.factory(t)
}

// Context returns the task's own context: the one that its body is handed, or, where
// that has ended and every request to cancel was taken back, one that has not.
func (t *Task) Context() context.Context {
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
		t.withExtra().renewed = &Scope{task: t, outer: t.env.outer, renewed: true}
	}
}

// Loop returns the loop that drives t.
func (t *Task) Loop() *Loop { return t.env.loop }

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
func (t *Task) SetName(name string) { t.withExtra().name = name }

// Outcome returns what awaiting the task awaits: its future.
func (t *Task) Outcome() Awaitable { return t.outcome }

// Wrap replaces the task's body by what wrap makes of it, which may do things
// before and after each Step. It is for the hooks of task factories, and panics
// once the task has taken its first step.
func (t *Task) Wrap(wrap func(Body) Body) {
	if t.state != stateNew && t.state != stateQueued {
		panic(fmt.Sprintf("loop: Wrap of task %q after its first step", t.Name()))
	}
	t.live.body = wrap(t.live.body)
}

// Done reports whether the task has ended.
func (t *Task) Done() bool { return t.state == stateDone }

// Enqueue puts a new task at the back of the ready queue. It is for task
// factories; it panics if the task was started before.
func (t *Task) Enqueue() {
	if t.state == stateNew || t.mayStart("Enqueue") {
		t.queue()
	}
}

func (t *Task) queue() {
	t.state = stateQueued
	t.env.loop.ready.push((*entry)(t))
}

// StepNow runs a new task's first step at once, inside the call, with the
// current task switched to it and back. A task that ends in that step never
// touches the ready queue; what its body returns, and a panic, go into the task
// and not to the caller. While the loop is not running it is Enqueue. It is for
// task factories; it panics if the task was started before.
func (t *Task) StepNow() {
	if t.state != stateNew && !t.mayStart("StepNow") {
		return
	}
	l := t.env.loop
	if !l.stepping {
		t.queue()
		return
	}
	prev := l.current
	if prev != nil {
		prev.enterStep(t)
	}
	l.eager++
	guarded := false // a step outside dispatch, whose guard it has to bring itself
	defer func() {
		if guarded {
			t.unwound(recover())
		}
		l.leaveStep(prev)
	}()
	if t.kind == Stackless {
		guarded = true
		t.step()
		guarded = false
		return
	}
	if err := t.refusal(); err != nil {
		t.end(err)
		return
	}
	s, me := l.takeStack(t), l.active
	s.caller = me
	if hook := me.replace(s); hook.again { // switchTo, written out: see there
		hook.next()
	} else {
		hook.yield(struct{}{})
	}
	if !me.meant() {
		l.passOn(me)
	}
}

// enterStep notes that t, which is running, waits for the first step of another.
func (t *Task) enterStep(of *Task) {
	x := t.withExtra()
	x.stepping = of
	if t.env.loop.debug {
		x.stepsFrom = callers()
	}
}

// leaveStep makes t, which is nil outside of tasks, the running task again.
func (l *Loop) leaveStep(t *Task) {
	l.eager--
	if t != nil {
		x := t.extra.Load()
		x.stepping, x.stepsFrom = nil, nil
		if l.debug {
			t.label()
		}
	}
	l.current = t
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

// entry is a Task as it stands in the ready queue: running it is a step.
type entry Task

func (e *entry) Run() {
	t := (*Task)(e)
	switch l := t.env.loop; {
	case t.state == stateDone: // its stack was unwound by a Goexit meanwhile
	case t.kind == Stackless:
		t.step()
	case t.stack != nil:
		l.next = t.stack
	default:
		if err := t.refusal(); err != nil {
			t.end(err)
			return
		}
		l.next, l.starting = &l.fresh, t
	}
}

// refusal is the cancellation that came before the first step.
func (t *Task) refusal() error {
	if t.MustCancel() == nil {
		return nil
	}
	return t.resumed()
}

// end is for a task whose body cannot end by itself.
func (t *Task) end(err error) {
	t.live.body.Fail(t, err)
	t.ended()
}

// ended takes a task whose body has ended out of the registry.
func (t *Task) ended() {
	l := t.env.loop
	t.state = stateDone
	if t.live.timer.Seq != 0 { // its stack was unwound while it slept
		l.disarm(t.live.timer)
	}
	if t.env.bounded {
		t.release()
	}
	l.unregister(t)
	l.exhaust(t)
	t.stack = nil
	if x := t.extra.Load(); x != nil {
		x.must = nil
		l.unwatch(x.watch)
	}
	if l.observer != nil {
		l.tell(TaskDone, t)
	}
	l.current = nil
	if l.debug {
		l.unlabel()
	}
}

// begin is the start of every step.
func (t *Task) begin() {
	l := t.env.loop
	l.current = t
	t.state = stateRunning
	if l.attended {
		t.announce()
	}
}

// announce is the rest of begin for a loop that somebody attends to.
func (t *Task) announce() {
	l := t.env.loop
	if l.debug {
		t.label()
	}
	if l.observer != nil {
		l.tell(StepBegan, t)
	}
}

// runBody runs a stackful body from its beginning to its end on the stack s.
func (t *Task) runBody(s *stack) {
	t.stack = s
	returned := false
	defer func() {
		if !returned {
			t.unwound(recover())
		}
	}()
	t.begin()
	t.live.body.Step(t, nil)
	returned = true
	t.ended()
}

// step runs a stackless body to its next suspension. A panic in it is for the
// caller: the guard of dispatch, or that of StepNow.
func (t *Task) step() {
	if t.state != stateSuspended {
		if err := t.refusal(); err != nil {
			t.end(err)
			return
		}
	}
	err := t.resumed()
	t.begin()
	l := t.env.loop
	body := t.live.body
	s := body.Step(t, err)
	for {
		if s.on != nil && s.on.Done() { // what is done does not suspend
			s = body.Step(t, s.on.Err())
		} else if s.how == turn && l.ready.empty() && l.skipTurn(t) {
			s = body.Step(t, nil)
		} else {
			break
		}
	}
	if s.how == end {
		t.ended()
		return
	}
	t.suspend(s)
	l.current = nil
	if l.debug {
		l.unlabel()
	}
}

// unwound ends a task whose body was left by a panic with value, or by a Goexit,
// where value is nil.
func (t *Task) unwound(value any) {
	var s *stuck
	if err, ok := value.(error); ok && errors.As(err, &s) {
		t.end(s.err)
		t.env.loop.Report(Failure{Kind: TaskStuck, Task: t, Err: s})
		return
	}
	t.end(Recovered(value, t)) // a Goexit goes on, to the goroutine that drives the loop
}
