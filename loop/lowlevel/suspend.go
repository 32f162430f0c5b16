package lowlevel

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop"
)

// Suspend suspends the running task until the event that s waits for has happened: see On, For and
// Turn of package task. In everything else it behaves like [Await].
func Suspend(ctx context.Context, s loop.Suspension) error { return loop.Internals.Suspend(ctx, s) }

// Await suspends the running task until a is done, and then returns nil. The result stays in a. If
// a is done already, Await does not suspend.
//
// Await returns a [*loop.CanceledError] if the task was canceled. A cancellation is delivered once.
// After that, the body can await again.
//
// ctx may be a standard context that is derived from the task's. If it has ended, Await returns
// context.Cause(ctx), and does not cancel a. A context that has ended stays ended, so every later
// await under it fails at once.
//
// Await panics if ctx does not belong to the running task, if the task is stackless, if a is nil or
// the task itself, or if a belongs to another loop.
//
// Every function of takt that suspends does so by [Suspend]. Await, [Sleep] and [Yield] are the
// three cases of Suspend. They allocate nothing, unless ctx is derived.
func Await(ctx context.Context, a loop.Awaitable) error {
	return loop.Internals.Await(ctx, a, nil, nil)
}

// Sleep suspends the running task for the time d on the loop's clock, or on that of its [Realm]. If d <= 0, it suspends the task
// for one turn. In everything else it behaves like [Await].
func Sleep(ctx context.Context, d time.Duration) error { return loop.Internals.SleepFor(ctx, d) }

// Yield suspends the running task for one turn. In everything else it behaves like [Await].
func Yield(ctx context.Context) error { return loop.Internals.Yield(ctx) }

// PutBack makes the next suspension of the running task deliver err again. err is a cancellation
// that an await has delivered. Use PutBack in a function whose operation has succeeded although its
// await was canceled. Then the function can return the value, and the next suspension delivers the
// cancellation. If err is not a [*loop.CanceledError], PutBack does nothing.
func PutBack(ctx context.Context, err error) { loop.Internals.PutBack(ctx, err) }

// PendingCancel returns the cancellation that the next suspension of t will deliver, or nil. If the
// body ends before that suspension, it does not see the cancellation, but the task counts as
// canceled.
func PendingCancel(t *loop.Task) *loop.CanceledError { return loop.Internals.PendingCancel(t) }

// Unwinding reports whether the stack of t is being unwound: by Close, by the end of its [Realm], or by a
// Goexit. Then every await of t fails at once.
func Unwinding(t *loop.Task) bool { return loop.Internals.Unwinding(t) }

// LetThrough is for code that runs a body and gets its error. Tasks, time limits and groups use
// LetThrough. ctx is the context that the body was given, and err is the error that the body
// returned. If the body has returned ctx.Err() because its task was canceled, LetThrough returns
// the [*loop.CanceledError] of that request. In all other cases it returns err. LetThrough
// recognizes the first case by three conditions:
//   - err is [context.Canceled], or wraps it and nothing else;
//   - a request to cancel the task has ended ctx;
//   - that request was not taken back (see [loop.Task.Uncancel]).
func LetThrough(ctx context.Context, err error) error { return loop.Internals.LetThrough(ctx, err) }
