package loop

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// taskContext is the context.Context that bodies are handed. It belongs to a
// task, or to a loop without one. All methods are safe from any goroutine.
//
// Values and, for what has any, cancellation and deadline come from outer:
//   - for a task spawned with another task's context, that one's values only: a
//     task is not canceled because the one that spawned it is;
//   - for a task spawned with a standard context that can end, that context: the
//     task is bounded by it;
//   - for the scope of a time limit or a group, the context around it.
type taskContext struct {
	loop  *Loop
	task  *Task           // nil: the loop's own
	outer context.Context // never nil
	extra atomic.Pointer[contextExtra]
}

// contextExtra is what a scope's context has, and a task's when it is canceled or
// somebody asks for Done.
type contextExtra struct {
	scope    *Scope       // nil: the task's own, or the loop's
	deadline atomic.Int64 // ns of the loop's clock; 0 is none
	cause    atomic.Pointer[CanceledError]
	std      atomic.Pointer[standard]
}

var noContextExtra contextExtra

// extras is for reading only.
func (c *taskContext) extras() *contextExtra {
	if x := c.extra.Load(); x != nil {
		return x
	}
	return &noContextExtra
}

// withExtra is for writing.
func (c *taskContext) withExtra() *contextExtra {
	if c.extra.Load() == nil {
		c.extra.CompareAndSwap(nil, new(contextExtra))
	}
	return c.extra.Load()
}

func (c *taskContext) scope() *Scope { return c.extras().scope }

// cause returns what the context was ended with, nil if it goes on.
func (c *taskContext) cause() *CanceledError { return c.extras().cause.Load() }

// standard is the standard context below a taskContext. It is made when somebody
// asks for Done, as most tasks' contexts never are.
type standard struct {
	context.Context
	cancel context.CancelCauseFunc
}

type contextKey struct{}

func (c *taskContext) Value(key any) any {
	if key == (contextKey{}) {
		return c
	}
	if s := c.extras().std.Load(); s != nil {
		return s.Value(key)
	}
	if c.cause() != nil {
		return c.standard().Value(key) // for context.Cause
	}
	return c.outer.Value(key)
}

func (c *taskContext) Done() <-chan struct{} {
	s := c.standard()
	if e := c.cause(); e != nil {
		s.cancel(e) // who has seen Err finds Done closed
	}
	return s.Done()
}

func (c *taskContext) Err() error {
	if c.cause() != nil {
		return context.Canceled
	}
	return c.outer.Err()
}

func (c *taskContext) Deadline() (time.Time, bool) {
	outer, ok := c.outer.Deadline()
	at := c.extras().deadline.Load()
	if at == 0 {
		return outer, ok
	}
	own := c.loop.clock.Start().Add(time.Duration(at))
	if ok && outer.Before(own) {
		return outer, true
	}
	return own, true
}

func (c *taskContext) String() string {
	if c.task == nil {
		return "loop.Context"
	}
	return fmt.Sprintf("loop.Context(task %d)", c.task.ID()) // names may change
}

func (c *taskContext) standard() *standard {
	x := c.withExtra()
	for {
		if s := x.std.Load(); s != nil {
			return s
		}
		s := new(standard)
		s.Context, s.cancel = context.WithCancelCause(c.outer)
		_ = s.Done() // or it would get package context's closed channel, as others have
		if !x.std.CompareAndSwap(nil, s) {
			s.cancel(nil) // another goroutine was first
			continue
		}
		if e := x.cause.Load(); e != nil {
			s.cancel(e)
		}
		return s
	}
}

// end closes Done, with e as the context's cause.
func (c *taskContext) end(e *CanceledError) {
	x := c.withExtra()
	x.cause.CompareAndSwap(nil, e)
	if s := x.std.Load(); s != nil {
		s.cancel(e)
	}
}

// release ends c at the end of its task if it is below a context that can end, which would
// hold it as long as it lives itself.
func (c *taskContext) release() {
	if s := c.extras().std.Load(); s != nil && c.outer.Done() != nil {
		s.cancel(nil)
	}
}

// own returns the taskContext that ctx is or is derived from, or nil, and
// whether ctx is one that can end by itself.
func own(ctx context.Context) (c *taskContext, derived bool) {
	if c, ok := ctx.(*taskContext); ok {
		return c, false
	}
	if ctx == nil {
		panic("loop: a nil context; use the one that the task's body was handed, or Loop.Context")
	}
	c, _ = ctx.Value(contextKey{}).(*taskContext)
	if c == nil {
		return nil, false
	}
	done := ctx.Done()
	return c, done != nil && done != c.Done()
}

// inherit returns what a task spawned with ctx, which belongs to c, has as its
// outer context.
func inherit(ctx context.Context, c *taskContext, derived bool) context.Context {
	if derived {
		return ctx
	}
	for ctx == context.Context(c) {
		if c.scope() == nil {
			if c.outer.Done() == nil {
				return c.outer // values only: the usual case
			}
			return context.WithoutCancel(c.outer)
		}
		ctx = c.outer
		c, _ = own(ctx)
	}
	return context.WithoutCancel(ctx)
}

// FromContext returns the loop that ctx belongs to: the context of a task or of
// a loop, or one derived from it. It panics for any other context.
func FromContext(ctx context.Context) *Loop {
	if c, _ := own(ctx); c != nil {
		return c.loop
	}
	panic(noLoop(ctx))
}

// Bind returns a context that is ctx in every way and belongs to the loop: a task
// spawned with it inherits the values of ctx and is canceled when ctx ends. It is how
// what comes from outside meets the loop. If ctx ended before, the task never runs.
func (l *Loop) Bind(ctx context.Context) context.Context {
	if l.labels == nil {
		l.labels = ctx
	}
	return &boundContext{ctx, l}
}

type boundContext struct {
	context.Context
	loop *Loop
}

func (b *boundContext) Value(key any) any {
	if key == (contextKey{}) {
		return &b.loop.ctx
	}
	return b.Context.Value(key)
}

// Outside returns a context that is ctx in every way but that it belongs to no
// loop: for goroutines, where awaiting would be a mistake. Where ctx belongs to a loop
// with a virtual clock it has no deadline either, as that is not one of real time.
func Outside(ctx context.Context) context.Context { return outsideContext{ctx} }

type outsideContext struct{ context.Context }

type outsideKey struct{}

func (o outsideContext) Deadline() (time.Time, bool) {
	if c, _ := own(o.Context); c != nil && c.loop.clock.Jumps() {
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

// Belongs reports whether ctx belongs to a loop: FromContext does not panic.
func Belongs(ctx context.Context) bool {
	c, _ := own(ctx)
	return c != nil
}

func noLoop(ctx context.Context) string {
	if ctx.Value(outsideKey{}) != nil {
		return "loop: this is the context of a Blocking call, or of loop.Outside, under which nothing can await or spawn; return to the task first, or use task.Submit"
	}
	return fmt.Sprintf("loop: the context %v belongs to no loop; use the one that the task's body was handed, or Loop.Context", ctx)
}

// Current returns the task that ctx belongs to, which must be the one that is
// running. For a context of another task, of a task that is not running, or of
// no task, it panics with a message that names both tasks; so does everything
// that suspends.
func Current(ctx context.Context) *Task {
	c, ok := ctx.(*taskContext)
	if !ok {
		c, _ = own(ctx)
	}
	if c == nil || c.task == nil || c.loop.current != c.task {
		panic(notCurrent(ctx, c))
	}
	return c.task
}

func notCurrent(ctx context.Context, c *taskContext) string {
	switch {
	case c == nil:
		return noLoop(ctx)
	case c.task == nil && c.loop.current == nil:
		return "loop: this needs a task, and was called with the loop's context outside every task; spawn one with task.Go"
	case c.task == nil:
		return fmt.Sprintf("loop: this was called in task %q with the loop's context; use the context that the task's body was handed", c.loop.current.Name())
	case c.task.state == stateDone:
		return fmt.Sprintf("loop: the context of task %q was used after the task ended (%s)", c.task.Name(), c.loop.whoRuns())
	case !c.loop.running.Load() && !c.loop.closing:
		return fmt.Sprintf("loop: the context of task %q was used while its loop is not running; a host uses Loop.Context to spawn", c.task.Name())
	case c.loop.current == nil:
		return fmt.Sprintf("loop: the context of task %q was used where no task is running; a callback cannot suspend: spawn a task with task.Go(l.Context(), ...); another goroutine uses Post or task.Submit", c.task.Name())
	default:
		return fmt.Sprintf("loop: the context of task %q was used where %s; use the context that the running body was handed", c.task.Name(), c.loop.whoRuns())
	}
}

func (l *Loop) whoRuns() string {
	if l.current == nil {
		return "no task is running"
	}
	return fmt.Sprintf("task %q is running", l.current.Name())
}
