package lowlevel

import (
	"context"

	"github.com/takt-go/takt/loop"
)

// A Body is the code of a task. It also completes the task's outcome. Package task implements it.
// The loop calls the methods of a Body. A Body that [Wrap] has put around another one calls the
// methods of the other one, with the same task.
type Body = interface {
	// Step runs the body of t. A stackful body runs to its end, a stackless one to its next
	// suspension. err is the result of the previous suspension.
	Step(t *loop.Task, err error) loop.Suspension
	// Fail completes the outcome with err if the body did not end by itself: it was canceled
	// before its first step, it panicked (*loop.PanicError), or a Goexit unwound its stack
	// (loop.ErrGoexit).
	Fail(t *loop.Task, err error)
}

// Kind is the kind of a body.
type Kind uint8

const (
	Stackful  Kind = iota // the loop calls Step once, on a stack of its own; the body may suspend inside
	Stackless             // the loop calls Step again and again; Step returns what the task waits for
)

// A Start says when a task takes its first step after its factory has called Enqueue or StepNow.
type Start uint8

const (
	AsAsked Start = iota // as the factory asks: Enqueue queues it, StepNow steps it at once
	Queued               // queued, also if the factory calls StepNow
	AtOnce               // at once, also if the factory calls Enqueue
)

// Spawn makes t a task of the loop that ctx belongs to, and hands it to the loop's task factory,
// which starts it. start can override the decision of the factory. body is the code of the task.
// outcome is the awaitable that stands for the task: code that awaits the task awaits outcome. body
// completes outcome. If name is empty, the name is Task-1, Task-2, ..., in order of creation in
// that loop.
//
// The new task inherits the values of ctx. If ctx is a standard context that is derived from a task's
// and can end, its end also cancels the new task. Spawn panics if the loop is closed.
//
// Programs spawn tasks by the function Go of package task.
func Spawn(ctx context.Context, t *loop.Task, kind Kind, body Body, outcome loop.Awaitable, name string, start Start) {
	loop.Internals.Spawn(ctx, t, uint8(kind), body, outcome, name, uint8(start))
}

// Wrap calls wrap with the body of t, and replaces the body by the result. The new body can do
// something before and after each Step of the old one. Wrap is for the hooks of task factories. It
// panics if the task has taken its first step. A panic in the Step of the new body counts as a panic
// in the task. If its Fail panics, the Fail of the old body is called, and the panic goes to the error
// handler.
func Wrap(t *loop.Task, wrap func(Body) Body) {
	if wrap == nil {
		loop.Internals.Wrap(t, nil)
		return
	}
	loop.Internals.Wrap(t, func(inner any) any { return wrap(inner.(Body)) }) // a nil Body stays nil
}

// Failed tells the loop that t is about to end with an error. If no code takes the error, the loop
// reports it: see [loop.WithUnretrievedLimit] and [loop.Loop.Close].
func Failed(t *loop.Task) { loop.Internals.Failed(t) }

// Current returns the task that ctx belongs to. That task must be running. If another task is
// running, Current panics with a message that names both tasks. It also panics if ctx belongs to no
// task. Every function that suspends makes the same check.
func Current(ctx context.Context) *loop.Task { return loop.Internals.CurrentTask(ctx) }

// Running returns the task that runs on l. It is for a function that suspends and has no context, such as the Read
// of an io.Reader: the function waits under the Context of the task. Running panics if its caller is not in
// a task of l: in a callback, on another goroutine, or while the loop is not running. what names the
// operation in the message. Unlike [CheckGoroutine], Running notices another goroutine at any time, for some nanoseconds.
// Only on platforms where the goroutine cannot be told so fast, it notices it only in debug mode and while the
// loop is asleep. (These are platforms other than 386, amd64, arm, arm64 and wasm, and compilers other than Go's own.)
func Running(l *loop.Loop, what string) *loop.Task { return loop.Internals.Running(l, what) }

// LoopOf returns the loop that ctx belongs to. It panics if ctx belongs to no loop.
// [loop.FromContext] does not panic.
func LoopOf(ctx context.Context) *loop.Loop { return loop.Internals.LoopOf(ctx) }

// Inside reports whether the caller runs on a loop: in a body, in a callback, or in another
// function that a loop calls. Code that blocks in such a place blocks the loop. Inside needs no
// context. It reports false in a part of a body that runs on a coroutine of [iter.Pull].
//
// Inside is safe from any goroutine. It walks the stack of the goroutine, which costs a microsecond
// or more. But it remembers some thousands of goroutines that were not on a loop, and costs a few nanoseconds when
// such a goroutine calls it again. (On platforms where a goroutine cannot be told in nanoseconds it always
// walks the stack: see [Running].)
func Inside() bool { return loop.Internals.Inside() }

// Recovered makes an error from value, the result of recover. t is the task whose body panicked, or
// nil for a callback. The error is a [*loop.PanicError], or [loop.ErrGoexit] if there was no panic.
// If value is a *loop.PanicError, Recovered returns it unchanged.
//
// Call Recovered in the deferred function that calls recover, or in a function that it calls. Call
// it only if the guarded code has not returned: Recovered cannot tell a return from a Goexit.
func Recovered(value any, t *loop.Task) error { return loop.Internals.Recovered(value, t) }
