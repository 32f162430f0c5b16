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

// NoLimit is the time limit that is none.
const NoLimit = time.Duration(math.MaxInt64)

// A TimeoutError says that a time limit expired. It matches
// [context.DeadlineExceeded]; it does not match [future.ErrCanceled], though a
// cancellation is what the limit made of itself inside.
type TimeoutError struct {
	When  time.Time     // the limit, by the loop's clock
	Limit time.Duration // the limit as a duration; zero where an instant was given
}

func (e *TimeoutError) Error() string {
	if e.Limit != 0 {
		return fmt.Sprintf("time limit of %v expired", e.Limit)
	}
	return fmt.Sprintf("time limit expired at %s", e.When.Format("2006-01-02 15:04:05.000 MST"))
}

// Unwrap returns [context.DeadlineExceeded].
func (e *TimeoutError) Unwrap() error { return context.DeadlineExceeded }

// Timeout reports true, as net.Error asks.
func (e *TimeoutError) Timeout() bool { return true }

// A Deadline is the time limit of a scope: see [Timeout].
type Deadline struct {
	outer   context.Context // around the scope
	scope   lowlevel.Scope
	when    time.Time // zero: none
	limit   time.Duration
	timer   loop.Handle
	before  int           // requests to cancel the task when the scope was entered
	expired *TimeoutError // nil: not yet
	over    bool
}

// Timeout runs body, in the running task, under a time limit. When d has passed,
// the task is canceled, in the name of the scope; if body lets the cancellation
// through, Timeout turns it into a [*TimeoutError]. Any other result of body is
// returned as it is.
//
//   - d <= 0 expires at the next turn, hence at the first suspension of body, and
//     not at all if body does not suspend. [NoLimit] sets no limit.
//   - The ctx that body is handed has this deadline, and ends when it expires: its Err
//     is context.Canceled, as of every canceled task, its context.Cause leads to the
//     TimeoutError. The task's own context goes on. Work that body spawns is not limited by it.
//   - Scopes nest. Each expiry belongs to one scope; of limits that expire at the
//     same instant, only the outermost becomes an error.
//   - If the task is canceled from outside as well while the scope is open, that wins:
//     the cancellation comes out, with its cause, not a TimeoutError.
//   - A request that was made before the scope was entered, and not delivered yet, is
//     delivered together with the limit's own and taken for it: with d <= 0 the
//     earlier cancel comes out as a TimeoutError. CancelRequests still counts it. A task
//     that cancels itself and then sets a limit yields in between.
//   - A body that swallows the cancellation gets no error: ask Expired.
//
// Timeout panics if ctx does not belong to the running task. asyncio: timeout.
func Timeout(ctx context.Context, d time.Duration, body func(ctx context.Context, scope *Deadline) error) error {
	if body == nil {
		panic("task: Timeout of a nil body; give it a function to limit")
	}
	return underLimit(ctx, instant(ctx, d), d, body)
}

// TimeoutAt is [Timeout] with the instant, by the loop's clock; the zero time
// sets no limit. asyncio: timeout_at.
func TimeoutAt(ctx context.Context, when time.Time, body func(ctx context.Context, scope *Deadline) error) error {
	if body == nil {
		panic("task: TimeoutAt of a nil body; give it a function to limit")
	}
	return underLimit(ctx, when, 0, body)
}

// instant returns the instant d from now, the zero time for NoLimit.
func instant(ctx context.Context, d time.Duration) time.Time {
	if d == NoLimit {
		return time.Time{}
	}
	return lowlevel.LoopOf(ctx).Now().Add(d)
}

func underLimit(ctx context.Context, when time.Time, limit time.Duration, body func(context.Context, *Deadline) error) (err error) {
	d := &Deadline{outer: ctx, scope: lowlevel.Enter(ctx)}
	d.before = d.scope.Task().CancelRequests()
	d.set(when, limit)
	left := false
	defer func() {
		if !left { // a panic or Goexit of body, which goes on
			_ = d.exit(nil)
		}
	}()
	err = body(d.scope.Context(), d)
	left = true
	return d.exit(err)
}

// When returns the limit, and false if there is none.
func (d *Deadline) When() (time.Time, bool) { return d.when, !d.when.IsZero() }

// Expired reports whether the limit expired while the scope was open, also when
// the body swallowed the cancellation.
func (d *Deadline) Expired() bool { return d.expired != nil }

// Reschedule moves the limit to when, by the loop's clock; one in the past expires
// at the next turn, and the zero time lifts the limit. It returns an error, and
// changes nothing, once the limit has expired or the scope is left.
func (d *Deadline) Reschedule(when time.Time) error {
	switch {
	case d.scope == nil:
		return fmt.Errorf("task: Reschedule of a Deadline that Timeout has not made")
	case d.over:
		return fmt.Errorf("task: Reschedule of a time limit whose scope was left")
	case d.expired != nil:
		return fmt.Errorf("task: Reschedule of a time limit that has expired")
	}
	lowlevel.CheckGoroutine(d.scope.Task().Loop(), "Reschedule")
	d.set(when, 0)
	return nil
}

func (d *Deadline) set(when time.Time, limit time.Duration) {
	l := d.scope.Task().Loop()
	d.when, d.limit = when, limit
	d.scope.SetDeadline(when)
	d.timer.Cancel()
	switch {
	case when.IsZero():
		d.timer = loop.Handle{}
	case when.After(l.Now()):
		d.timer = l.CallAt(when, d.expire)
	default:
		d.timer = l.CallSoon(d.expire)
	}
}

func (d *Deadline) expire() {
	d.expired = &TimeoutError{d.when, d.limit}
	d.scope.Cancel(d.expired)
}

// exit leaves the scope with the error that its body came to.
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
	case errors.As(err, &e) && e.Cause == d.expired: // which came first, and was not the only one
		return requested(err, d.outer, t.Context())
	}
	return err
}

// WaitFor awaits a, which belongs to the running task's loop, for at most limit.
// Past the limit a is canceled, and awaited: what it makes of that, a value or an
// error of its own, is returned; if it lets the cancellation through, WaitFor
// returns a [*TimeoutError]. If the running task is canceled, so is a. To give up
// without canceling, wait for a [Shield] of a.
//
// With limit <= 0 it takes the result of what is done, and cancels and awaits what
// is not. [NoLimit] is Await. asyncio: wait_for.
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
	now := lowlevel.LoopOf(ctx).Now()
	done := newSignal(ctx, "the end of what was canceled", pendingOf([]future.Awaitable[T]{a}))
	a.AddWaiter(done)
	defer a.RemoveWaiter(done) // which has left, unless the waiting ends early
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
