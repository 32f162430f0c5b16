package loop

import (
	"context"
	"fmt"
	"time"
)

// Two types implement the [context.Context] of a body: ownContext, for a task, and scopeContext, for
// a scope in a task. The loop's own context is the context of its root, a task that never runs. All
// methods are safe from any goroutine.
//
// Both types have an outer context. The values come from the outer context. So do the cancellation
// and the deadline, if the outer context has them:
//   - If a task was spawned with the context of another task, outer has only the values of that
//     context. Canceling the other task does not cancel the new one.
//   - If a task was spawned with a standard context that can end, outer is that context. The end of
//     outer cancels the task: outer bounds the task.
//   - For a scope, outer is the context around it.

// environment is the outer context of a task's own context, with its loop. Tasks that inherit the
// same values share it.
type environment struct {
	loop    *Loop
	outer   context.Context // not nil
	bounded bool            // outer can end
	realm   *realm          // nil if the tasks belong to none
}

type contextKey struct{}

// taskKey finds the task whose values a context has, also if the context belongs to no loop.
type taskKey struct{}

// realmKey finds the realm of a context, also if the context belongs to no loop.
type realmKey struct{}

// ownContext is a Task as a context. The body of the task is given it.
type ownContext Task

func (c *ownContext) Value(key any) any {
	switch {
	case key == (contextKey{}):
		return c
	case key == (taskKey{}) && !(*Task)(c).isRoot():
		return (*Task)(c)
	case key == (realmKey{}):
		return c.env.realm
	}
	return (*Task)(c).extras().value(key, c.env.outer)
}

func (c *ownContext) Done() <-chan struct{} { return (*Task)(c).withExtra().done(c.env.outer) }
func (c *ownContext) Err() error            { return (*Task)(c).extras().err(c.env.outer) }

func (c *ownContext) Deadline() (time.Time, bool) { return c.env.outer.Deadline() }

func (c *ownContext) String() string {
	if (*Task)(c).isRoot() && c.env.realm != nil {
		return "loop.Context(realm)"
	}
	if (*Task)(c).isRoot() {
		return "loop.Context"
	}
	return fmt.Sprintf("loop.Context(task %d)", (*Task)(c).ID()) // names may change
}

// scopeContext is a scope as a context.
type scopeContext scope

func (c *scopeContext) Value(key any) any {
	switch key {
	case contextKey{}:
		return c
	case taskKey{}:
		return c.task
	}
	return c.value(key, c.outer)
}

func (c *scopeContext) Done() <-chan struct{} { return c.done(c.outer) }
func (c *scopeContext) Err() error            { return c.err(c.outer) }

func (c *scopeContext) Deadline() (time.Time, bool) {
	outer, ok := c.outer.Deadline()
	at := c.deadline.Load()
	if at == 0 {
		return outer, ok
	}
	own := c.task.Loop().clock.Start().Add(time.Duration(at))
	if ok && outer.Before(own) {
		return outer, true
	}
	return own, true
}

func (c *scopeContext) String() string { return (*ownContext)(c.task).String() }

// own returns three results. t is the task that ctx belongs to, or nil. bound is the innermost
// standard context around ctx that can end by itself, or nil; it may be ctx. derived reports
// whether it is ctx. A context that context.WithoutCancel has made does not end with the contexts
// around it, so those contexts do not count.
func own(ctx context.Context) (t *Task, bound context.Context, derived bool) {
	switch c := ctx.(type) {
	case *ownContext:
		return (*Task)(c), nil, false
	case *scopeContext:
		return c.task, c.bound, false
	case nil:
		panic("loop: a nil context; use the context that the task's body was handed, or Loop.Context")
	}
	var of context.Context
	switch c := ctx.Value(contextKey{}).(type) {
	case *ownContext:
		t, of = (*Task)(c), c
	case *scopeContext:
		t, bound, of = c.task, c.bound, c
	default:
		return nil, nil, false
	}
	switch ctx.Done() {
	case nil:
		return t, nil, false
	case of.Done():
		return t, bound, false
	}
	return t, ctx, true
}

// inherit returns the environment of a task that is spawned with ctx. If ctx can end by itself, ctx
// is the outer context, and derived is true. Otherwise outer has only the values of ctx.
func inherit(ctx context.Context) (e *environment, derived bool) {
	by, _, derived := own(ctx)
	if by == nil {
		panic(noLoop(ctx))
	}
	if b, ok := ctx.(*boundContext); ok {
		return b.environment(derived), derived
	}
	if derived {
		return &environment{loop: by.env.loop, outer: ctx, bounded: true, realm: by.env.realm}, true
	}
	for {
		switch c := ctx.(type) {
		case *ownContext:
			return c.env.values(), false
		case *scopeContext:
			if c.renewed {
				return c.task.env.values(), false
			}
			ctx = c.outer
		default:
			return &environment{loop: by.env.loop, outer: context.WithoutCancel(ctx), realm: by.env.realm}, false
		}
	}
}

// values returns an environment with the values of e. Its outer context cannot end.
func (e *environment) values() *environment {
	if !e.bounded {
		return e // the usual case
	}
	return &environment{loop: e.loop, outer: context.WithoutCancel(e.outer), realm: e.realm}
}

// FromContext returns the loop that ctx belongs to. A context belongs to a loop if it is the context
// of one of its tasks or of the loop, or derived from such a context. ok is false if ctx belongs to no
// loop.
func FromContext(ctx context.Context) (l *Loop, ok bool) {
	t, _, _ := own(ctx)
	if t == nil {
		return nil, false
	}
	return t.Loop(), true
}

// loopOf returns the loop that ctx belongs to. It panics if there is none.
func loopOf(ctx context.Context) *Loop {
	if c, ok := ctx.(*ownContext); ok {
		return c.env.loop
	}
	return fromDerived(ctx)
}

func fromDerived(ctx context.Context) *Loop {
	if l, ok := FromContext(ctx); ok {
		return l
	}
	panic(noLoop(ctx))
}

// Bind returns a context that behaves like ctx and also belongs to the loop. Use it to spawn a task
// that inherits the values of a context from outside. When ctx ends, such a task is canceled. If ctx
// has ended before, the task never runs. If ctx has the values of a task of this loop, such as a
// context that [Outside] has made, the new task belongs to the realm of that task (NewRealm of
// package lowlevel).
//
// Callbacks get the profiler labels of the first context that is bound to the loop.
func (l *Loop) Bind(ctx context.Context) context.Context {
	l.mustBeMade("Bind")
	if ctx == nil {
		panic("loop: Bind(nil); give it a context, such as context.Background()")
	}
	l.mustBeHere("Bind")
	if l.bound == nil {
		l.bound = ctx
	}
	if ctx == context.Background() { // one is enough for all requests that come with it
		if l.background == nil {
			l.background = &boundContext{Context: ctx, root: &l.root}
		}
		return l.background
	}
	root := &l.root
	if r, _ := ctx.Value(realmKey{}).(*realm); r != nil && r.env.loop == l {
		root = &r.root
	}
	return &boundContext{Context: ctx, root: root}
}

type boundContext struct {
	context.Context
	root *Task       // of the loop, or of a realm
	env  environment // of the tasks that are spawned with it; zero before the first one
}

// environment is inherit for b.
func (b *boundContext) environment(derived bool) *environment {
	switch of := b.root.env; {
	case b.env.loop != nil && b.env.bounded == derived:
	case derived:
		b.env = environment{loop: of.loop, outer: b, bounded: true, realm: of.realm}
	case b.Context == context.Background():
		return of
	default:
		b.env = environment{loop: of.loop, outer: context.WithoutCancel(b), realm: of.realm}
	}
	return &b.env
}

func (b *boundContext) Value(key any) any {
	if key == (contextKey{}) {
		return (*ownContext)(b.root)
	}
	return b.Context.Value(key)
}

// Outside returns a context that behaves like ctx, but belongs to no loop. Use it for other
// goroutines, where awaiting would be a mistake. If ctx belongs to a loop with a virtual clock, the new
// context reports no deadline, because the deadline of ctx is an instant of virtual time.
func Outside(ctx context.Context) context.Context {
	if ctx == nil {
		panic("loop: Outside(nil); give it a context, such as that of a body")
	}
	return outsideContext{ctx}
}

type outsideContext struct{ context.Context }

type outsideKey struct{}

func (o outsideContext) Deadline() (time.Time, bool) {
	if t, _, _ := own(o.Context); t != nil && t.Loop().clock.Jumps() {
		return time.Time{}, false
	}
	return o.Context.Deadline()
}

func (o outsideContext) Value(key any) any {
	switch key {
	case contextKey{}:
		return nil
	case outsideKey{}:
		return true
	}
	return o.Context.Value(key)
}

// nameOf returns the name of the task whose values ctx has: see NameOf in package task.
func nameOf(ctx context.Context) string {
	if t, ok := ctx.Value(taskKey{}).(*Task); ok {
		return t.Name()
	}
	return ""
}

func noLoop(ctx context.Context) string {
	if ctx.Value(outsideKey{}) != nil {
		return "loop: this is the context of a Blocking call, or of loop.Outside, under which nothing can await or spawn; return to the task first, or use task.Submit"
	}
	return fmt.Sprintf("loop: the context %v belongs to no loop; use the context that the task's body was handed, or Loop.Context", ctx)
}

// currentTask returns the task of ctx, and panics if it is not running: see Current in package lowlevel.
func currentTask(ctx context.Context) *Task {
	var t *Task
	if c, ok := ctx.(*ownContext); ok {
		t = (*Task)(c)
	} else {
		t, _, _ = own(ctx)
	}
	if t == nil || t.env.loop.current != t {
		panic(notCurrent(ctx, t))
	}
	if l := t.env.loop; l.debug {
		l.mustBeHere("using a task's context")
	}
	return t
}

// notCurrent says why ctx is not the context of the running task. t is the task of ctx, or nil.
func notCurrent(ctx context.Context, t *Task) string {
	if t == nil {
		return noLoop(ctx)
	}
	l := t.Loop()
	if _, foreign := l.whereabouts(); foreign {
		what := fmt.Sprintf("the context of task %q", t.Name())
		if t.isRoot() {
			what = fmt.Sprintf("the %s context", t.rootOf())
		}
		return fmt.Sprintf("loop: %s was used on another goroutine than the loop's, which cannot await; let a body do it (in place of a go statement, task.Go), or use task.Submit there, with a context of loop.Outside", what)
	}
	switch {
	case t.isRoot() && l.current == nil:
		return fmt.Sprintf("loop: this needs a task, and was called with the %s context outside every task; spawn one with task.Go", t.rootOf())
	case t.isRoot():
		return fmt.Sprintf("loop: this was called in task %q with the %s context; use the context that the task's body was handed", l.current.Name(), t.rootOf())
	case t.state == stateDone:
		return fmt.Sprintf("loop: the context of task %q was used after the task ended (%s)", t.Name(), l.whoRuns())
	case l.in(resting) || l.in(closed):
		return fmt.Sprintf("loop: the context of task %q was used while its loop is not running; a host uses Loop.Context to spawn", t.Name())
	case l.current == nil:
		return fmt.Sprintf("loop: the context of task %q was used where no task is running; a callback cannot suspend: spawn a task with task.Go(l.Context(), ...); another goroutine uses Post or task.Submit", t.Name())
	default:
		return fmt.Sprintf("loop: the context of task %q was used where %s; use the context that the running body was handed", t.Name(), l.whoRuns())
	}
}

// rootOf says in messages of what t is the root.
func (t *Task) rootOf() string {
	if t.env.realm != nil {
		return "realm's"
	}
	return "loop's"
}

func (l *Loop) whoRuns() string {
	if l.current == nil {
		return "no task is running"
	}
	return fmt.Sprintf("task %q is running", l.current.Name())
}
