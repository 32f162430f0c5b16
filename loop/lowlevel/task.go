package lowlevel

import (
	"context"

	"github.com/takt-go/takt/loop"
)

// A Body is what a task drives, and completes the task's outcome. Package task implements
// it. Only the loop calls its methods, and what [Wrap] was given, which passes on the
// task that it is handed.
type Body interface {
	// Step runs the body of t: to its end if it is stackful, else to its next
	// suspension. err is what the suspension before ended with.
	Step(t *loop.Task, err error) loop.Suspension
	// Fail ends a body that did not end by itself: it was canceled before its
	// first step, it panicked (*loop.PanicError), or its stack is gone (loop.ErrGoexit).
	Fail(t *loop.Task, err error)
}

// Kind tells the two kinds of bodies apart.
type Kind uint8

const (
	Stackful  Kind = iota // Step is called once, on a stack of its own, where it may suspend
	Stackless             // Step is called again and again, and returns what to wait for
)

// A Start says how a task starts when its factory starts it.
type Start uint8

const (
	AsAsked Start = iota // as the factory asks: by Enqueue or StepNow
	Queued               // by Enqueue, whatever the factory asks
	AtOnce               // by StepNow, whatever the factory asks
)

// Spawn makes t a task of the loop that ctx belongs to, with body to drive, and hands
// it to the loop's task factory, which starts it as start says. outcome is what awaiting
// the task awaits: body completes it. An empty name becomes Task-1, Task-2, ... by order of
// creation in that loop. The new task inherits ctx's values; it is bounded by ctx only where
// that is a standard context that can end, derived from a task's. Spawn panics if the loop is
// closed.
//
// Package task's Go is the way to spawn a task.
func Spawn(ctx context.Context, t *loop.Task, kind Kind, body Body, outcome loop.Awaitable, name string, start Start) {
	loop.Internals.Spawn(ctx, t, uint8(kind), body, outcome, name, uint8(start))
}

// Wrap replaces the body of t by what wrap makes of it, which may do things
// before and after each Step. It is for the hooks of task factories, and panics
// once the task has taken its first step. A panic in the new body's Step is one in the
// task. One in its Fail goes to the error handler, and the body that was wrapped fails.
func Wrap(t *loop.Task, wrap func(Body) Body) {
	if wrap == nil {
		loop.Internals.Wrap(t, nil)
		return
	}
	loop.Internals.Wrap(t, func(inner any) any { return wrap(inner.(Body)) }) // nil stays nil
}

// Failed notes that t, which is about to end, fails: if no code takes its error, that is
// reported. See [loop.WithUnretrievedLimit] and [loop.Loop.Close].
func Failed(t *loop.Task) { loop.Internals.Failed(t) }

// Current returns the task that ctx belongs to, which must be the one that is
// running. For a context of another task, of a task that is not running, or of
// no task, it panics with a message that names both tasks; so does everything
// that suspends.
func Current(ctx context.Context) *loop.Task { return loop.Internals.CurrentTask(ctx) }

// LoopOf returns the loop that ctx belongs to, and panics if there is none: see
// [loop.FromContext].
func LoopOf(ctx context.Context) *loop.Loop { return loop.Internals.LoopOf(ctx) }

// Inside reports whether the calling goroutine is driving a loop, or runs for one: whether
// the call is made in a body, a callback, or something else that a loop calls, whichever
// contexts are at hand. What blocks there holds that loop up. It is not known of a body that
// runs on a coroutine of its own, made by [iter.Pull].
//
// It is safe from any goroutine, and costs a walk of its stack, a microsecond or more.
func Inside() bool { return loop.Internals.Inside() }

// Recovered makes an error of what recover returned in the body of t, or in a callback
// if t is nil: a *loop.PanicError, or [loop.ErrGoexit] where there was no panic. A PanicError
// that was panicked with again stays what it was. It is to be called by the deferred
// function that recovers, or by what that calls, and only where the code that was to
// return did not.
func Recovered(value any, t *loop.Task) error { return loop.Internals.Recovered(value, t) }
