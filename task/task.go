package task

import (
	"context"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
)

// A Task is a body that the loop drives, and the [future.Future] of what it will
// return. Make one with [Go] or [GoMachine].
//
// A task is done when its body has ended, never earlier: a value, an error, a
// cancellation that the body let through, or a *[PanicError].
//
// Result, Err, Done, Canceled, Await, Wait and OnDone are those of the Future.
// A Task is not safe for use from other goroutines.
type Task[T any] struct {
	future.Future[T]
	strand loop.Task
	body   Machine[T] // of a stackful task a function; nil when the task is done
}

// PanicError is what a body that panicked ends with.
type PanicError = loop.PanicError

// An Option sets up a task that is being made.
type Option func(*options)

type options struct{ name string }

// Name names the task. Without it a task is called Task-1, Task-2, and so on, by
// order of creation in its loop.
func Name(name string) Option { return func(o *options) { o.name = name } }

// Go makes a task that runs body, and hands it to the loop's task factory: the
// lazy one queues it behind what is ready, the eager one runs its first step
// before Go returns.
//
// ctx says on which loop: the context of a running body, or [loop.Loop.Context]
// outside of bodies. The new task inherits its values. It is not canceled because
// the task that made it is; only if ctx is a standard context that can end
// (context.WithCancel and the like, derived from a task's), the task is canceled
// when that ends, and the task's context ends with the task.
//
// body is an ordinary function, which may suspend wherever in its call tree, and
// is handed the task's own context. It runs on a pooled stack: a task that never
// suspends costs no new one, a suspended task holds one (about 3 KB). A body
// needs no error handling of its own to be canceled: awaits return errors, and an
// error that is returned ends it.
//
// Go panics if ctx belongs to no loop, or to one that is closed. asyncio:
// create_task; the loop holds on to its tasks.
func Go[T any](ctx context.Context, body func(context.Context) (T, error), opts ...Option) *Task[T] {
	if body == nil {
		panic("task: Go of a nil body")
	}
	t := &Task[T]{body: function[T](body)}
	t.spawn(ctx, loop.Stackful, (*stackful[T])(t), opts)
	return t
}

func (t *Task[T]) spawn(ctx context.Context, kind loop.Kind, body loop.Body, opts []Option) {
	name := ""
	if len(opts) > 0 {
		name = nameOf(opts)
	}
	future.Own(&t.Future, loop.FromContext(ctx), (*owner[T])(t))
	loop.Spawn(ctx, &t.strand, kind, body, name)
}

func nameOf(opts []Option) string {
	var o options // which is on the heap, as opt may keep it
	for _, opt := range opts {
		opt(&o)
	}
	return o.name
}

// Cancel asks the task to end: its body is told at its next suspension, or at
// once if it is suspended; see [loop.Task.Cancel]. It counts the request and
// returns true, or returns false if the task is done. cause may be nil.
func (t *Task[T]) Cancel(cause error) bool { return t.strand.Cancel(cause) }

// Cancelling returns how many requests to cancel were made and not taken back.
func (t *Task[T]) Cancelling() int { return t.strand.Cancelling() }

// Uncancel takes one request back and returns how many are left; see
// [loop.Task.Uncancel].
func (t *Task[T]) Uncancel() int { return t.strand.Uncancel() }

// Name returns the task's name.
func (t *Task[T]) Name() string { return t.strand.Name() }

// SetName gives the task another name.
func (t *Task[T]) SetName(name string) { t.strand.SetName(name) }

// Task returns what the loop knows of the task: the view without the result's
// type, which [Current] returns too.
func (t *Task[T]) Task() *loop.Task { return &t.strand }

// String returns the word task and the name, quoted.
func (t *Task[T]) String() string { return t.strand.String() }

// owner is a Task as it completes its own Future.
type owner[T any] Task[T]

func (o *owner[T]) Cancel(cause error) bool { return o.strand.Cancel(cause) }
func (o *owner[T]) Task() *loop.Task        { return &o.strand }

func (o *owner[T]) Describe() loop.Explanation {
	return loop.Explanation{What: o.strand.String()}
}

// finish gives the task its outcome.
func (t *Task[T]) finish(v T, err error) {
	if err == nil {
		if e := t.strand.MustCancel(); e != nil { // too late to be delivered
			err = e
		}
	}
	t.complete(v, err)
	if err != nil && !t.Canceled() {
		loop.Failed(&t.strand)
	}
}

func (t *Task[T]) complete(v T, err error) {
	future.Complete(&t.Future, (*owner[T])(t), v, err)
	t.body = nil
}

// function is the body of a stackful task, which is kept where a Machine is.
type function[T any] func(context.Context) (T, error)

func (f function[T]) Resume(ctx context.Context, _ error) (T, Suspension, error) {
	v, err := f(ctx)
	return v, End(), err
}

// stackful is a Task as the loop drives it, with a body that is a function.
type stackful[T any] Task[T]

func (b *stackful[T]) Step(error) loop.Suspension {
	t := (*Task[T])(b)
	t.finish(t.body.(function[T])(t.strand.Context()))
	return loop.End()
}

func (b *stackful[T]) Fail(err error)          { fail((*Task[T])(b), err) }
func (b *stackful[T]) Outcome() loop.Awaitable { return &b.Future }

func fail[T any](t *Task[T], err error) {
	var zero T
	if err == loop.ErrGoexit { // of the driver too, which is told enough
		t.complete(zero, err)
		return
	}
	t.finish(zero, err)
}
