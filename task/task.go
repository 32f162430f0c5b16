package task

import (
	"context"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A Task is a body that the loop drives, and the [future.Future] of what it will
// return, which only the body completes. Make one with [Go] or [GoMachine].
//
// A task is done when its body has ended, never earlier: a value, an error, a
// cancellation that the body let through, or a *[PanicError].
//
// The methods of a [future.Future] are those of the task: Result, Err, Done, Canceled, Await,
// Wait, OnDone. The field t.Future is the future alone.
// A Task is not safe for use from other goroutines.
type Task[T any] struct {
	outcome[T]
	strand loop.Task
}

// outcome is the promise of a task without the methods of a promise. What is left are those
// of its Future, which are the task's, too.
type outcome[T any] future.Promise[T]

func (t *Task[T]) promise() *future.Promise[T] { return (*future.Promise[T])(&t.outcome) }

// PanicError is what a body that panicked ends with.
type PanicError = loop.PanicError

// An Option sets up a task that is being made.
type Option func(*options)

type options struct {
	name  string
	start lowlevel.Start
}

// Named names the task. Without it a task is called Task-1, Task-2, and so on, by
// order of creation in its loop.
func Named(name string) Option { return func(o *options) { o.name = name } }

// Eager makes the task take its first step inside the call that makes it, whatever the
// loop's task factory asks for. The factory and its hook are called all the same. While
// the loop is not running, the task is queued. Of Eager and [Lazy] the last one counts.
// asyncio: eager_start=True.
func Eager() Option { return func(o *options) { o.start = lowlevel.AtOnce } }

// Lazy makes the task take its first step in its turn, behind what is ready, whatever the
// loop's task factory asks for: see [Eager]. asyncio: eager_start=False.
func Lazy() Option { return func(o *options) { o.start = lowlevel.Queued } }

// Go makes a task that runs body, and hands it to the loop's task factory: the
// lazy one queues it behind what is ready, the eager one runs its first step
// before Go returns. [Lazy] and [Eager] choose for this task alone.
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
		panic("task: Go of a nil body; give it a function to run")
	}
	t, o := new(Task[T]), chosen(opts)
	t.promise().InitOutcome(&t.strand)
	lowlevel.Spawn(ctx, &t.strand, lowlevel.Stackful, function[T](body), t, o.name, o.start)
	return t
}

func chosen(opts []Option) options {
	if len(opts) == 0 {
		return options{}
	}
	var o options // which is on the heap, as opt may keep it
	for _, opt := range opts {
		if opt == nil {
			panic("task: a nil Option; leave it out")
		}
		opt(&o)
	}
	return o
}

// Cancel asks the task to end: its body is told at its next suspension, or at
// once if it is suspended; see [loop.Task.Cancel]. It counts the request and
// returns true, or returns false if the task is done, and takes its error. cause may be
// nil.
func (t *Task[T]) Cancel(cause error) bool { return t.strand.Cancel(cause) }

// CancelRequests returns how many requests to cancel were made and not taken back.
func (t *Task[T]) CancelRequests() int { return t.strand.CancelRequests() }

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

// function is the body of a stackful task.
type function[T any] func(context.Context) (T, error)

func (f function[T]) Step(t *loop.Task, _ error) loop.Suspension {
	v, err := f(t.Context())
	finish(t, v, err)
	return End()
}

func (f function[T]) Fail(t *loop.Task, err error) { fail[T](t, err) }

// finish gives t its outcome.
func finish[T any](t *loop.Task, v T, err error) {
	if err != nil {
		err = lowlevel.LetThrough(t.Context(), err)
	} else if e := lowlevel.PendingCancel(t); e != nil { // too late to be delivered
		err = e
	}
	of := taskOf[T](t)
	of.promise().Complete(v, err)
	if err != nil && !of.Canceled() {
		lowlevel.Failed(t)
	}
}

func taskOf[T any](t *loop.Task) *Task[T] { return t.Outcome().(*Task[T]) }

func fail[T any](t *loop.Task, err error) {
	var zero T
	if err == loop.ErrGoexit { // of the driver too, which is told enough
		taskOf[T](t).promise().Complete(zero, err)
		return
	}
	finish(t, zero, err)
}
