package lowlevel

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop"
)

// Suspend suspends the running task, which ctx must belong to, until what s says has come:
// see On, For and Turn of package task. In everything else it behaves like [Await].
func Suspend(ctx context.Context, s loop.Suspension) error { return loop.Internals.Suspend(ctx, s) }

// Await suspends the running task, which ctx must belong to, until a is done. It returns nil
// then: ask a for its result. If a is done, Await does not suspend. It
// returns a [*loop.CanceledError] if the task was canceled, and context.Cause(ctx) if ctx is a
// standard context, derived from the task's, that has ended; a is then left as it is.
//
// A cancellation is delivered once, here, and awaiting again works as before. A
// derived context that has ended stays so: awaiting under it fails at once.
//
// Await panics if ctx does not belong to the running task, if the task is stackless, if a is
// nil or the task itself, or if a belongs to another loop. All that suspends in takt comes
// down to [Suspend], of which Await, [Sleep] and [Yield] are the three cases. They allocate nothing, unless ctx is derived.
func Await(ctx context.Context, a loop.Awaitable) error {
	return loop.Internals.Suspend(ctx, loop.Internals.On(a))
}

// Sleep suspends the running task until d has passed by the loop's clock, or for one turn if
// d <= 0. In everything else it behaves like [Await].
func Sleep(ctx context.Context, d time.Duration) error {
	return loop.Internals.Suspend(ctx, loop.Internals.Sleep(d))
}

// Yield suspends the running task for one turn. In everything else it behaves like [Await].
func Yield(ctx context.Context) error {
	return loop.Internals.Suspend(ctx, loop.Internals.Turn())
}

// PutBack takes back a cancellation that an await has delivered to the running task, so that
// the next suspension delivers it again. Use it when the operation succeeded although the
// await was canceled: return the value, and let the next suspension report the cancellation.
// Errors that are no cancellation are ignored.
func PutBack(ctx context.Context, err error) { loop.Internals.PutBack(ctx, err) }

// PendingCancel returns the cancellation that awaits delivery at the next suspension of t, or
// nil. A body that ends before does not see it: the task counts as canceled.
func PendingCancel(t *loop.Task) *loop.CanceledError { return loop.Internals.PendingCancel(t) }

// Unwinding reports whether the stack of t is being unwound, by Close or a
// Goexit: whatever it awaits fails at once.
func Unwinding(t *loop.Task) bool { return loop.Internals.Unwinding(t) }

// LetThrough is for code that runs bodies, as tasks, time limits and groups do. ctx is the
// context that the body was handed, and err is what it returned. If the body has returned
// ctx.Err() because its task was canceled, LetThrough returns the [*loop.CanceledError] of that
// request. In all other cases it returns err. The body has done so if
//   - err is [context.Canceled], or wraps that and nothing else;
//   - a request to cancel the task has ended ctx;
//   - that request was not taken back.
func LetThrough(ctx context.Context, err error) error { return loop.Internals.LetThrough(ctx, err) }
