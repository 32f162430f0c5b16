package lowlevel

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop"
)

// Suspend suspends the running task, which ctx must belong to, until what s says has come:
// see On, For and Turn of package task. Otherwise it is [Await].
func Suspend(ctx context.Context, s loop.Suspension) error { return loop.Internals.Suspend(ctx, s) }

// Await suspends the running task, which ctx must belong to, until a is done. It returns nil
// then; what became of a, the caller asks for itself. If a is done, Await does not suspend. It
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

// Sleep is [Await] until d has passed by the loop's clock; d <= 0 waits for one turn.
func Sleep(ctx context.Context, d time.Duration) error {
	return loop.Internals.Suspend(ctx, loop.Internals.Sleep(d))
}

// Yield is [Await] for the task's place in the next turn.
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

// LetThrough returns what err, the error of a body that was handed ctx, says: where err is
// [context.Canceled], or wraps that and nothing else, and ctx has ended by a request to
// cancel the task that was not taken back, the body has returned ctx.Err(), and the
// result is the [*loop.CanceledError] of that request. Otherwise it is err.
//
// It is for what runs bodies, as tasks, time limits and groups do.
func LetThrough(ctx context.Context, err error) error { return loop.Internals.LetThrough(ctx, err) }
