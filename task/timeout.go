package task

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// NoLimit stands for no time limit.
const NoLimit = time.Duration(math.MaxInt64)

// A TimeoutError says that a time limit expired. It matches [context.DeadlineExceeded]. It does not
// match [future.ErrCanceled]. (Inside the body, the expired limit appears as a cancellation, which
// does match ErrCanceled.)
type TimeoutError struct {
	When  time.Time     // the instant at which the limit expired, by the loop's clock
	Limit time.Duration // the limit as a duration; zero if the program gave an instant
}

func (e *TimeoutError) Error() string {
	if e.Limit != 0 {
		return fmt.Sprintf("time limit of %v expired", e.Limit)
	}
	return fmt.Sprintf("time limit expired at %s", e.When.Format("2006-01-02 15:04:05.000 MST"))
}

// Unwrap returns [context.DeadlineExceeded].
func (e *TimeoutError) Unwrap() error { return context.DeadlineExceeded }

// Timeout returns true. It is a method of net.Error.
func (e *TimeoutError) Timeout() bool { return true }

// A Deadline is the time limit of one call of [Timeout]. The part of the task that is inside this
// call is called a scope.
type Deadline struct {
	outer   context.Context // the context outside of the scope
	scope   lowlevel.Scope
	when    time.Time // zero if there is no limit
	limit   time.Duration
	timer   loop.Handle
	before  int           // requests to cancel the task when the scope was entered
	expired *TimeoutError // nil until the limit has expired
	over    bool          // the scope was left
}

// Timeout runs body, in the running task, under a time limit. When d has passed, the limit expires:
// it cancels the running task. If body lets this cancellation through, Timeout returns
// a [*TimeoutError]. Timeout returns any other result of body unchanged. The call of Timeout is
// a scope: the scope is open while body runs.
//
//   - With d <= 0 the limit expires in the next turn: at the first suspension of body, or not at
//     all if body does not suspend. [NoLimit] sets no limit.
//   - The ctx that body gets has this deadline, and ends when the limit expires. Its Err is
//     then context.Canceled, as for every canceled task. Its context.Cause is
//     a [*loop.CanceledError], and the Cause of that is the TimeoutError. The task's own context
//     does not end. Tasks that body makes are not limited.
//   - Scopes nest. Each expired limit belongs to one scope. If several limits expire at the same
//     instant, only the outermost scope returns a TimeoutError.
//   - If other code also cancels the task while the scope is open, Timeout returns that
//     cancellation, with its cause, and not a TimeoutError.
//   - The task may have been canceled before it entered the scope, and no suspension may have
//     delivered this request yet. Then that request and the request of the limit are delivered as
//     one, and count as the limit's: with d <= 0, Timeout returns a TimeoutError in place of the
//     earlier cancellation. CancelRequests still counts the earlier request. If a task cancels
//     itself and then sets a limit, it must yield in between.
//   - If body swallows the cancellation, Timeout returns no error. Then [Deadline.Expired] still
//     reports that the limit has expired.
//
// Timeout panics if body is nil, or if ctx does not belong to the running task. asyncio: timeout.
func Timeout(ctx context.Context, d time.Duration, body func(ctx context.Context, scope *Deadline) error) error {
	if body == nil {
		panic("task: Timeout of a nil body; give it a function to limit")
	}
	return underLimit(ctx, instant(ctx, d), d, body)
}

// TimeoutAt is [Timeout] with an instant of the loop's clock in place of a duration. The zero time
// sets no limit. asyncio: timeout_at.
func TimeoutAt(ctx context.Context, when time.Time, body func(ctx context.Context, scope *Deadline) error) error {
	if body == nil {
		panic("task: TimeoutAt of a nil body; give it a function to limit")
	}
	return underLimit(ctx, when, 0, body)
}

// instant returns the instant after the duration d, or the zero time if d is NoLimit.
func instant(ctx context.Context, d time.Duration) time.Time {
	if d == NoLimit {
		return time.Time{}
	}
	return lowlevel.Now(ctx).Add(d)
}

func underLimit(ctx context.Context, when time.Time, limit time.Duration, body func(context.Context, *Deadline) error) (err error) {
	d := &Deadline{outer: ctx, scope: lowlevel.Enter(ctx)}
	d.before = d.scope.Task().CancelRequests()
	d.set(when, limit)
	left := false
	defer func() {
		if !left { // body has panicked or called Goexit: leave the scope, and let that go on
			_ = d.exit(nil)
		}
	}()
	err = body(d.scope.Context(), d)
	left = true
	return d.exit(err)
}

// When returns the limit, and false if there is none.
func (d *Deadline) When() (time.Time, bool) { return d.when, !d.when.IsZero() }

// Expired reports whether the limit expired while the scope was open, even if the body swallowed
// the cancellation.
func (d *Deadline) Expired() bool { return d.expired != nil }

// Reschedule moves the limit to the instant when, by the loop's clock. If when is in the past, the
// limit expires in the next turn. The zero time removes the limit. If the limit has expired, or
// body has ended, Reschedule changes nothing and returns an error.
func (d *Deadline) Reschedule(when time.Time) error {
	switch {
	case d.scope == nil:
		return fmt.Errorf("task: Reschedule of a Deadline that Timeout did not make; use the Deadline that the body is handed")
	case d.over:
		return fmt.Errorf("task: Reschedule of a time limit after its body has ended; call it while the body runs")
	case d.expired != nil:
		return fmt.Errorf("task: Reschedule of a time limit that has expired; move the limit before it expires")
	}
	lowlevel.CheckGoroutine(d.scope.Task().Loop(), "Reschedule")
	d.set(when, 0)
	return nil
}

func (d *Deadline) set(when time.Time, limit time.Duration) {
	ctx := d.scope.Context()
	d.when, d.limit = when, limit
	d.scope.SetDeadline(when)
	d.timer.Cancel()
	switch {
	case when.IsZero():
		d.timer = loop.Handle{}
	case when.After(lowlevel.Now(ctx)):
		d.timer = lowlevel.CallAt(ctx, when, d.expire)
	default:
		d.timer = d.scope.Task().Loop().CallSoon(d.expire)
	}
}

func (d *Deadline) expire() {
	d.expired = &TimeoutError{d.when, d.limit}
	d.scope.Cancel(d.expired)
}

// exit leaves the scope. err is the error of the body.
func (d *Deadline) exit(err error) error {
	d.over = true
	d.timer.Cancel()
	d.scope.Exit()
	if d.expired == nil {
		return err
	}
	t := d.scope.Task()
	err = lowlevel.LetThrough(d.scope.Context(), err)
	outside := t.Uncancel() > d.before
	var e *loop.CanceledError
	switch {
	case !loop.IsCanceled(err):
	case !outside:
		return d.expired
	case errors.As(err, &e) && e.Cause == d.expired: // the limit expired first, and another request came
		return requested(err, d.outer, t.Context())
	}
	return err
}

// WaitFor awaits the task or future a under a time limit, and returns the result of a.
//
// When limit has passed, WaitFor cancels a, and waits until a has ended. If a is canceled by this,
// WaitFor returns a [*TimeoutError]. If a ends with a value or with another error, WaitFor returns
// that; but if a ends in the turn in which the limit expires, WaitFor returns the TimeoutError, and a keeps its
// result. A shared future ([future.NewShared]) is not canceled: WaitFor returns at once. If the running task is canceled, a is canceled, too. To give up without canceling a, use
// WaitFor with a [Shield] of a.
//
// With limit <= 0, WaitFor returns the result of a if a is done; otherwise it cancels a, and waits
// until a has ended. With [NoLimit] it is the same as Await. WaitFor panics if a is nil or belongs
// to another loop, or if ctx does not belong to the running task. asyncio: wait_for.
func WaitFor[T any](ctx context.Context, a future.Awaitable[T], limit time.Duration) (T, error) {
	if isNil(a) {
		panic("task: WaitFor of nil; give it a task or future")
	}
	if limit <= 0 {
		return takeOrCancel(ctx, a, limit)
	}
	var v T
	err := underLimit(ctx, instant(ctx, limit), limit, func(ctx context.Context, _ *Deadline) (err error) {
		v, err = a.Await(ctx)
		return err
	})
	return v, err
}

func takeOrCancel[T any](ctx context.Context, a future.Awaitable[T], limit time.Duration) (T, error) {
	mustBeHere(ctx, []future.Awaitable[T]{a})
	if a.Done() {
		return a.Result()
	}
	now := lowlevel.Now(ctx)
	if a.Shared() { // only the wait ends
		var zero T
		return zero, &TimeoutError{now, limit}
	}
	done := newSignal(ctx, "the end of what was canceled", pendingOf([]future.Awaitable[T]{a}))
	a.AddWaiter(done)
	defer a.RemoveWaiter(done) // in case the waiting ends early
	a.Cancel(&TimeoutError{now, limit})
	if err := done.Wait(ctx); err != nil {
		var zero T
		return zero, err
	}
	v, err := a.Result()
	if loop.IsCanceled(err) {
		err = &TimeoutError{now, limit}
	}
	return v, err
}
