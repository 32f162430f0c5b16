package task

import (
	"context"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A Task is a body that the loop drives, and also the [future.Future] of the body's result. Only
// the body completes this future. Make a task with [Go] or [GoMachine].
//
// A task is done when its body has ended, never earlier. Its outcome is a value, an error,
// a cancellation that the body let through, or a *[PanicError].
//
// A task has the methods of a [future.Future]: Result, Err, Done, Canceled, Await, Wait, OnDone.
// Their documentation is there: go doc ./future Future.Await. The field t.Future is the future alone.
//
// A Task is not safe for use from other goroutines.
type Task[T any] struct {
	outcome[T]
	strand loop.Task
}

// outcome is the promise of a task without the methods of a promise: the task has only the
// methods of the promise's Future.
type outcome[T any] future.Promise[T]

func (t *Task[T]) promise() *future.Promise[T] { return (*future.Promise[T])(&t.outcome) }

// PanicError is the error of a task after its body has panicked.
type PanicError = loop.PanicError

// An Option is a setting for a new task.
type Option func(*options)

type options struct {
	name  string
	start lowlevel.Start
}

// Named names the task. Without it the tasks of a loop are named Task-1, Task-2, and so on, in
// order of creation.
func Named(name string) Option { return func(o *options) { o.name = name } }

// Eager makes the task take its first step inside the call that makes the task. It overrides the
// choice of the loop's task factory; the factory and its hook are still called. While the loop is
// not running, the first step goes to the back of the ready queue, as with [Lazy]. If a call has
// both Eager and Lazy, the last one counts. asyncio: eager_start=True.
func Eager() Option { return func(o *options) { o.start = lowlevel.AtOnce } }

// Lazy puts the task's first step at the back of the ready queue. It overrides the choice of the
// loop's task factory, as [Eager] does. asyncio: eager_start=False.
func Lazy() Option { return func(o *options) { o.start = lowlevel.Queued } }

// Go makes a task that runs body, and returns the task.
//
// Go hands the task to the loop's task factory. The lazy factory, which is the default, puts the
// task's first step at the back of the ready queue. The eager factory runs the first step before
// Go returns. [Lazy] and [Eager] choose for this task alone.
//
// ctx says which loop runs the task. In a body, use the context of the body. Outside of bodies, use
// [loop.Loop.Context]. The new task inherits the values of ctx. It is not canceled when the task
// that made it is canceled. But ctx may be a standard context that can end, derived from a task's
// context (by context.WithCancel, for example). Then the new task is canceled when ctx ends, and
// the new task's own context ends when the task ends.
//
// body is an ordinary function, and may suspend anywhere in its call tree. It gets the new task's
// own context. It runs on a pooled stack: a task that never suspends needs no new stack, and a
// suspended task holds one (about 3 KB). To handle a cancellation, body only has to return the
// errors of its awaits.
//
// Go panics if ctx belongs to no loop, or to a loop that is closed. asyncio: create_task; but
// takt's loop keeps the task until the task ends.
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
	var o options // on the heap, since opt may keep the pointer
	for _, opt := range opts {
		if opt == nil {
			panic("task: a nil Option; leave it out")
		}
		opt(&o)
	}
	return o
}

// Cancel asks the task to end: the body's next suspension returns a cancellation with this cause,
// or, if the body is suspended already, that suspension does. See [loop.Task.Cancel]. Cancel counts
// the request and returns true. If the task is done, Cancel returns false; then it also takes the
// task's error, as Err does. cause may be nil.
func (t *Task[T]) Cancel(cause error) bool { return t.strand.Cancel(cause) }

// CancelRequests returns how many requests to cancel the task were made and not taken back by
// Uncancel.
func (t *Task[T]) CancelRequests() int { return t.strand.CancelRequests() }

// Uncancel takes one request back, and returns how many are left. See [loop.Task.Uncancel].
func (t *Task[T]) Uncancel() int { return t.strand.Uncancel() }

// Name returns the task's name.
func (t *Task[T]) Name() string { return t.strand.Name() }

// SetName gives the task another name.
func (t *Task[T]) SetName(name string) { t.strand.SetName(name) }

// Task returns the task as a [loop.Task], which does not have the type of the result. [Current]
// returns the running task in this form.
func (t *Task[T]) Task() *loop.Task { return &t.strand }

// String returns the word task and the quoted name, such as task "Task-3".
func (t *Task[T]) String() string { return t.strand.String() }

// function is the body of a stackful task.
type function[T any] func(context.Context) (T, error)

func (f function[T]) Step(t *loop.Task, _ error) loop.Suspension {
	v, err := f(t.Context())
	finish(taskOf[T](t), v, err)
	return End()
}

func (f function[T]) Fail(t *loop.Task, err error) { fail[T](t, err) }

// finish completes t with what its body returned.
func finish[T any](t *Task[T], v T, err error) {
	if err != nil {
		err = lowlevel.LetThrough(t.strand.Context(), err)
	} else if e := lowlevel.PendingCancel(&t.strand); e != nil { // no suspension delivers it any more
		err = e
	}
	t.promise().Complete(v, err)
	if err != nil && !t.Canceled() {
		lowlevel.Failed(&t.strand)
	}
}

func taskOf[T any](t *loop.Task) *Task[T] { return t.Outcome().(*Task[T]) }

func fail[T any](t *loop.Task, err error) {
	var zero T
	of := taskOf[T](t)
	if err == loop.ErrGoexit { // the Goexit ends the driver, too: no need to report a failure
		of.promise().Complete(zero, err)
		return
	}
	finish(of, zero, err)
}
