package loop

import (
	"context"
	"fmt"
	"time"
)

// Two types are the [context.Context] of a body: a task itself (ownContext), and a
// scope in it (scopeContext). The loop's own context is that of its root, a task that
// never runs. All methods are safe from any goroutine.
//
// Values and, for what has any, cancellation and deadline come from outer:
//   - for a task spawned with another task's context, that one's values only: a
//     task is not canceled because the one that spawned it is;
//   - for a task spawned with a standard context that can end, that context: the
//     task is bounded by it;
//   - for the scope of a time limit or a group, the context around it.

// environment is what a task's own context is below. Tasks that inherit the same share it.
type environment struct {
	loop    *Loop
	outer   context.Context // never nil
	bounded bool            // outer can end
}

type contextKey struct{}

// ownContext is a Task as the context that its body is handed.
type ownContext Task

func (c *ownContext) Value(key any) any {
	if key == (contextKey{}) {
		return c
	}
	return (*Task)(c).extras().value(key, c.env.outer)
}

func (c *ownContext) Done() <-chan struct{} { return (*Task)(c).withExtra().done(c.env.outer) }
func (c *ownContext) Err() error            { return (*Task)(c).extras().err(c.env.outer) }

func (c *ownContext) Deadline() (time.Time, bool) { return c.env.outer.Deadline() }

func (c *ownContext) String() string {
	if c.isRoot {
		return "loop.Context"
	}
	return fmt.Sprintf("loop.Context(task %d)", c.id) // names may change
}

// scopeContext is a scope as a context.
type scopeContext scope

func (c *scopeContext) Value(key any) any {
	if key == (contextKey{}) {
		return c
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

// own returns the task that ctx belongs to, nil if there is none, the innermost standard
// context in it that can end by itself, nil if there is none, and whether that is ctx.
// What has cut itself off from the end of contexts (context.WithoutCancel) is not bound
// by those around it.
func own(ctx context.Context) (t *Task, bound context.Context, derived bool) {
	switch c := ctx.(type) {
	case *ownContext:
		return (*Task)(c), nil, false
	case *scopeContext:
		return c.task, c.bound, false
	case nil:
		panic("loop: a nil context; use the one that the task's body was handed, or Loop.Context")
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

// inherit returns what a task spawned with ctx has as its environment: ctx if that can
// end by itself, derived, and otherwise its values only.
func inherit(ctx context.Context) (e *environment, derived bool) {
	by, _, derived := own(ctx)
	if by == nil {
		panic(noLoop(ctx))
	}
	if derived {
		return &environment{loop: by.env.loop, outer: ctx, bounded: true}, true
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
			return &environment{loop: by.env.loop, outer: context.WithoutCancel(ctx)}, false
		}
	}
}

// values returns e without what may end it.
func (e *environment) values() *environment {
	if !e.bounded {
		return e // the usual case
	}
	return &environment{loop: e.loop, outer: context.WithoutCancel(e.outer)}
}

// FromContext returns the loop that ctx belongs to: ctx is the context of a task or of a loop,
// or derived from one. ok is false if it belongs to none.
func FromContext(ctx context.Context) (l *Loop, ok bool) {
	t, _, _ := own(ctx)
	if t == nil {
		return nil, false
	}
	return t.Loop(), true
}

// loopOf returns the loop that ctx belongs to, and panics if there is none.
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

// Bind returns a context that is ctx in every way and belongs to the loop: a task
// spawned with it inherits the values of ctx and is canceled when ctx ends. It is how
// what comes from outside meets the loop. If ctx ended before, the task never runs. The
// first ctx that is bound says which profiler labels callbacks have.
func (l *Loop) Bind(ctx context.Context) context.Context {
	l.mustBeMade("Bind")
	if ctx == nil {
		panic("loop: Bind(nil); give it a context, such as context.Background()")
	}
	l.mustBeHere("Bind")
	if l.bound == nil {
		l.bound = ctx
	}
	return &boundContext{ctx, l}
}

type boundContext struct {
	context.Context
	loop *Loop
}

func (b *boundContext) Value(key any) any {
	if key == (contextKey{}) {
		return (*ownContext)(&b.loop.root)
	}
	return b.Context.Value(key)
}

// Outside returns a context that is ctx in every way but that it belongs to no
// loop: for goroutines, where awaiting would be a mistake. Where ctx belongs to a loop
// with a virtual clock it has no deadline either, as that is not one of real time.
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

func noLoop(ctx context.Context) string {
	if ctx.Value(outsideKey{}) != nil {
		return "loop: this is the context of a Blocking call, or of loop.Outside, under which nothing can await or spawn; return to the task first, or use task.Submit"
	}
	return fmt.Sprintf("loop: the context %v belongs to no loop; use the one that the task's body was handed, or Loop.Context", ctx)
}

// currentTask returns the task of ctx, which must be running: see Current in package lowlevel.
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

// notCurrent says why ctx, which belongs to t if to any task, does not do.
func notCurrent(ctx context.Context, t *Task) string {
	if t == nil {
		return noLoop(ctx)
	}
	switch l := t.Loop(); {
	case t.isRoot && l.current == nil:
		return "loop: this needs a task, and was called with the loop's context outside every task; spawn one with task.Go"
	case t.isRoot:
		return fmt.Sprintf("loop: this was called in task %q with the loop's context; use the context that the task's body was handed", l.current.Name())
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

func (l *Loop) whoRuns() string {
	if l.current == nil {
		return "no task is running"
	}
	return fmt.Sprintf("task %q is running", l.current.Name())
}
