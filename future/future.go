package future

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/takt-go/takt/loop"
)

// ErrInvalidState is the error of setting an outcome twice, and of asking for one
// that is not there yet.
var ErrInvalidState = errors.New("future: invalid state")

// ErrCanceled is what the error of every canceled future and task is, by
// errors.Is, whatever the cause. So is [context.Canceled]. See
// [loop.CanceledError], which keeps the cause.
var ErrCanceled = loop.ErrCanceled

// Any is the untyped view of a [Future], for code that does not care about the
// type of its result. Every Future and every task is one; other types become one
// by embedding a Future or an Any.
type Any interface {
	loop.Awaitable
	Canceled() bool
	OnDone(fn func()) Callback
	Wait(ctx context.Context) error
	AnyResult() (any, error)
	base() *core
}

// An Awaitable is what can be awaited for a T: a Future[T], a task, or anything
// that looks like one.
type Awaitable[T any] interface {
	Any
	Result() (T, error)
	Await(ctx context.Context) (T, error)
}

// Untyped makes an Awaitable of any f, for mixing results of different types.
func Untyped(f Any) Awaitable[any] { return untyped{f} }

type untyped struct{ Any }

func (u untyped) Result() (any, error) { return u.AnyResult() }

func (u untyped) Await(ctx context.Context) (any, error) {
	if !u.Done() {
		if err := loop.Suspend(ctx, loop.On(u)); err != nil {
			return nil, err
		}
	}
	return u.AnyResult()
}

// A Future is a result that will be there later. It belongs to one loop, and is
// pending until it is given a value, given an error, or canceled; that happens
// once.
//
// Completing a future never runs anybody inside the call: those who wait for it,
// tasks and callbacks alike, are put on the loop's ready queue, in the order in
// which they came.
//
// An error is taken by whoever awaits the future, or asks for its Result or Err. The
// error of a task that nobody takes is reported when the loop is closed.
//
// A Future is not safe for use from other goroutines: they complete it by
// [loop.Loop.Post].
type Future[T any] struct {
	core
	value T
}

// New makes a pending future of the loop that ctx belongs to.
func New[T any](ctx context.Context) *Future[T] {
	return &Future[T]{core: core{home: loop.FromContext(ctx).Root()}}
}

// Result returns the value or the error of a future that is done. For a pending
// one the error is [ErrInvalidState], for a canceled one a [loop.CanceledError].
func (f *Future[T]) Result() (T, error) {
	if f.state != valued {
		var zero T
		return zero, f.Err()
	}
	return f.value, nil
}

// SetResult gives the future its value. It returns [ErrInvalidState], and changes
// nothing, if the future is done, or is one that only its owner completes, such
// as a task. It panics if somebody waits and the loop is closed.
func (f *Future[T]) SetResult(v T) error {
	if err := f.settable("SetResult"); err != nil {
		return err
	}
	f.value = v
	f.complete(valued, nil)
	return nil
}

// Await suspends the running task, which ctx must belong to, until the future is
// done, and returns its result. Awaiting a future that is done does not suspend.
//
// If the task is canceled while it waits, the future is canceled with it, unless
// it is shielded. If ctx is a standard context that ends first, Await returns
// context.Cause(ctx), and the future is left as it is. Await panics if ctx does
// not belong to the running task; it allocates nothing if few wait.
func (f *Future[T]) Await(ctx context.Context) (T, error) {
	if err := f.wait(ctx); err != nil {
		var zero T
		return zero, err
	}
	return f.Result()
}

// AnyResult is Result, untyped.
func (f *Future[T]) AnyResult() (any, error) { return f.Result() }

// state is what a future has come to. It leaves pending once.
type state uint8

const (
	pending state = iota
	valued
	failed
	canceled
)

// core is what a future is but for its value. There may be very many: what few have
// at a time is in rest.
type core struct {
	home  *loop.Task    // whose outcome it is, or the root of its loop; nil if of no loop
	first loop.Runnable // who waits and came first, before those in rest
	rest  *rest         // nil until needed
	state state
	taken bool // the error, by somebody
}

type rest struct {
	owner Owner // other than a task
	more  []loop.Runnable
	err   error
}

// made returns the rest, which it makes if there is none.
func (c *core) made() *rest {
	if c.rest == nil {
		c.rest = new(rest)
	}
	return c.rest
}

// owner returns who completes the future, unless that is a task; nil if it is for
// everybody to set.
func (c *core) owner() Owner {
	if c.rest == nil {
		return nil
	}
	return c.rest.owner
}

// failure returns the error of a future that is done, nil for one with a value.
func (c *core) failure() error {
	if c.rest == nil {
		return nil
	}
	return c.rest.err
}

// Loop returns the loop that the future belongs to.
func (c *core) Loop() *loop.Loop {
	if c.home == nil {
		return nil
	}
	return c.home.Loop()
}

// Done reports whether the future has a value, an error, or was canceled.
func (c *core) Done() bool { return c.state != pending }

// Canceled reports whether the future's error is a cancellation.
func (c *core) Canceled() bool {
	return c.state == canceled || c.state == failed && loop.IsCanceled(c.failure())
}

func (c *core) base() *core { return c }

// TaskOf returns the task that completes the future, nil if it is not a task's.
func (c *core) TaskOf() *loop.Task {
	if c.home == nil || c.home.IsRoot() {
		return nil
	}
	return c.home
}

// Explain says what kind of future this is, in the words of its owner.
func (c *core) Explain() loop.Explanation {
	if t := c.TaskOf(); t != nil {
		return loop.Explanation{What: t.String()}
	}
	if o := c.owner(); o != nil {
		return o.Describe()
	}
	return loop.Explanation{What: "a future"}
}

// Err returns the future's error: nil if it has a value, a [loop.CanceledError]
// (or what wraps it) if it was canceled, [ErrInvalidState] if it is pending.
func (c *core) Err() error {
	if c.state == pending {
		return fmt.Errorf("%w: the result is not there yet; await it, or ask Done first", ErrInvalidState)
	}
	if c.state == valued {
		return nil
	}
	c.take()
	return c.failure()
}

// Untaken returns the error of a future that has failed if nobody has taken it, by
// awaiting or by asking for Result or Err; nil otherwise. Asking does not take it.
func (c *core) Untaken() error {
	if c.taken || c.Canceled() {
		return nil
	}
	return c.failure()
}

func (c *core) take() {
	if c.taken || c.failure() == nil {
		return
	}
	c.taken = true
	if o, ok := c.owner().(taker); ok {
		o.Take()
	}
}

// A taker is an [Owner] who passes on errors of others: taking the error of its
// future takes theirs.
type taker interface{ Take() }

// SetError gives the future its error, which must not be nil. An error that is a
// cancellation (see [loop.IsCanceled]) makes it canceled. It returns
// [ErrInvalidState] where SetResult does.
func (c *core) SetError(err error) error {
	if err == nil {
		panic("future: SetError(nil); use SetResult for success")
	}
	if bad := c.settable("SetError"); bad != nil {
		return bad
	}
	c.fail(err)
	return nil
}

// Cancel cancels the future, with a cause that may be nil, and reports whether it
// did: a future that is done stays as it is. The owner of a future, such as a
// task, may take the request and end later, in its own way.
func (c *core) Cancel(cause error) bool {
	if c.state != pending {
		return false
	}
	if t := c.TaskOf(); t != nil {
		return t.Cancel(cause)
	}
	if o := c.owner(); o != nil {
		return o.Cancel(cause)
	}
	c.complete(canceled, &loop.CanceledError{Cause: cause})
	return true
}

// Wait is Await for those who do not want the value. Its error is that of the
// future, or what ended the waiting.
func (c *core) Wait(ctx context.Context) error {
	if err := c.wait(ctx); err != nil {
		return err
	}
	if c.state == valued {
		return nil
	}
	c.take()
	return c.failure()
}

func (c *core) wait(ctx context.Context) error {
	if c.state != pending {
		return nil
	}
	if c.home == nil {
		panic("future: a zero Future belongs to no loop; make it by New")
	}
	return loop.Suspend(ctx, loop.On(c))
}

// OnDone calls fn on the loop once the future is done: in a later turn, in the
// order of registration among all who wait. If it is done already, fn is
// scheduled at once. fn runs outside every task and must not suspend; a panic in
// it goes to the loop's error handler.
func (c *core) OnDone(fn func()) Callback {
	if fn == nil {
		panic("future: OnDone(nil)")
	}
	r := &callback{fn}
	c.AddWaiter(r)
	return Callback{c, r}
}

// AddWaiter schedules r once when the future is done; at once if it is. It is
// what OnDone and Await are made of.
func (c *core) AddWaiter(r loop.Runnable) {
	switch {
	case c.home == nil:
		panic("future: this future belongs to no loop, so nobody can be scheduled on it: it is a Gather of nothing, or was not made by New")
	case c.state != pending:
		c.Loop().Schedule(r)
	case c.first == nil && (c.rest == nil || len(c.rest.more) == 0):
		c.first = r
	default:
		rest := c.made()
		rest.more = append(rest.more, r)
	}
}

// RemoveWaiter takes r back, and reports whether it was waiting. It costs a
// search among those who wait.
func (c *core) RemoveWaiter(r loop.Runnable) bool {
	if c.first == r && r != nil {
		c.first = nil
		return true
	}
	if c.rest == nil {
		return false
	}
	at := slices.Index(c.rest.more, r)
	if at < 0 {
		return false
	}
	c.rest.more = slices.Delete(c.rest.more, at, at+1)
	return true
}

func (c *core) settable(what string) error {
	if c.state != pending {
		return fmt.Errorf("%w: %s on a future that is done", ErrInvalidState, what)
	}
	if c.TaskOf() != nil || c.owner() != nil {
		return fmt.Errorf("%w: %s on a future that is not yours to set, such as a task", ErrInvalidState, what)
	}
	return nil
}

func (c *core) fail(err error) {
	if loop.IsCanceled(err) {
		c.complete(canceled, err)
	} else {
		c.complete(failed, err)
	}
}

// complete ends the pending state, and schedules all who wait.
func (c *core) complete(s state, err error) {
	if c.first != nil {
		c.home.Loop().Schedule(c.first) // which panics on another goroutine, and leaves c pending
	}
	if c.rest != nil {
		for _, r := range c.rest.more {
			c.home.Loop().Schedule(r)
		}
		c.rest.more = nil
	}
	c.state, c.first = s, nil
	if err != nil {
		c.made().err = err
	}
}

// A Callback is what OnDone registered.
type Callback struct {
	of *core
	r  *callback
}

// Remove takes the callback back and reports whether that prevented it: false
// once the future is done.
func (c Callback) Remove() bool { return c.of != nil && c.of.RemoveWaiter(c.r) }

type callback struct{ fn func() }

func (c *callback) Run() { c.fn() }
