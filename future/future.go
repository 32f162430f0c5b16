package future

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// ErrInvalidState is the error of setting an outcome twice, and of asking for one
// that is not there yet.
var ErrInvalidState = errors.New("future: invalid state")

// ErrCanceled is what the error of every canceled future and task is, by
// errors.Is, whatever the cause. So is [context.Canceled]. See
// [loop.CanceledError], which keeps the cause, and does the matching.
var ErrCanceled = loop.Internals.AnyCancellation()

// Any is the untyped view of a [Future], for code that does not care about the
// type of its result. Every Future and every task is one; other types become one
// by embedding a Future or an Any.
type Any interface {
	loop.Awaitable
	OnDone(fn func()) Callback
	Wait(ctx context.Context) error
	AnyResult() (any, error)
	Self() loop.Awaitable
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
func Untyped(f Any) Awaitable[any] {
	mustBeGiven(f, "Untyped")
	return untyped{f}
}

type untyped struct{ Any }

func (u untyped) Result() (any, error) { return u.AnyResult() }

func (u untyped) Await(ctx context.Context) (any, error) {
	if !u.Done() {
		if err := lowlevel.Await(ctx, u.Any); err != nil {
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
// error of a task that no code takes is reported: see [loop.WithUnretrievedLimit].
//
// A Future is not safe for use from other goroutines: they complete it by
// [loop.Loop.Post].
type Future[T any] struct {
	core
	value T
}

// New makes a pending future of the loop that ctx belongs to.
func New[T any](ctx context.Context) *Future[T] {
	return &Future[T]{core: core{home: lowlevel.HomeOfLoop(lowlevel.LoopOf(ctx))}}
}

// Result returns the value or the error of a future that is done. For a pending
// one the error is [ErrInvalidState], for a canceled one a [loop.CanceledError].
func (f *Future[T]) Result() (T, error) {
	f.mustBe("Result")
	if f.state() != valued {
		var zero T
		return zero, f.Err()
	}
	return f.value, nil
}

// SetResult gives the future its value. It returns [ErrInvalidState], and changes
// nothing, if the future is done, or is that of a [Promise], such as a task's.
// It panics if somebody waits and the loop is closed.
func (f *Future[T]) SetResult(v T) error {
	f.mustBe("SetResult")
	if !f.free() {
		if err := f.settable("SetResult"); err != nil {
			return err
		}
	}
	f.check("SetResult")
	f.value = v
	f.succeed()
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
	f.mustBe("Await")
	if err := f.wait(ctx, f); err != nil {
		var zero T
		return zero, err
	}
	return f.Result()
}

// Wait is Await without the value. Its error is that of the future, or what ended the
// waiting.
func (f *Future[T]) Wait(ctx context.Context) error {
	f.mustBe("Wait")
	if err := f.wait(ctx, f); err != nil {
		return err
	}
	return f.Err()
}

// Self returns what the program knows the future as, for code that compares awaitables:
// the task, if it is the outcome of one, and otherwise the future. It is the same for a
// future, for what [Untyped] makes of that, and for types that embed it.
func (f *Future[T]) Self() loop.Awaitable {
	f.mustBe("Self")
	if t := f.TaskOf(); t != nil {
		return t.Outcome()
	}
	return f
}

func (f *Future[T]) mustBe(what string) {
	if f == nil {
		panic("future: " + what + " of a nil Future; make one by New")
	}
}

// Failed reports whether f has failed, as opposed to having been canceled itself.
// The difference shows in a gather when one of its children was canceled: the error of the
// gather is a cancellation, and the gather has failed. asyncio makes the same difference.
func Failed(f Any) bool {
	mustBeGiven(f, "Failed")
	return f.base().state() == failed
}

// Peek returns the error of f, nil while f is pending, and does not take it.
func Peek(f Any) error {
	mustBeGiven(f, "Peek")
	return f.base().failure()
}

func mustBeGiven(f Any, what string) {
	if f == nil {
		panic("future: " + what + "(nil); give it a future or task")
	}
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

// core is what a future is but for its value. There may be very many, so it is three
// words: a future that is pending and has at most one who waits, or has a value and no
// owner, needs no more.
type core struct {
	home  lowlevel.Home // zero if it is of no loop
	waits loop.Runnable // nobody, the one who waits, or *rest
}

// rest is what few futures have at a time. It stands where the one who came first does.
type rest struct {
	loop.Runnable // the first waiter, or *index: see waiters.go; nil for none
	more          []loop.Runnable
	owner         Owner // other than a task
	err           error
	state         state
	taken         bool // the error, by somebody
}

// success is the rest of every future that has a value and needs none of its own.
var success = &rest{state: valued}

// rest returns nil where there is none.
func (c *core) rest() *rest {
	r, _ := c.waits.(*rest)
	return r
}

// made returns the rest, which it makes if there is none.
func (c *core) made() *rest {
	r := c.rest()
	if r == nil {
		r = &rest{Runnable: c.waits}
		c.waits = r
	}
	return r
}

func (c *core) state() state {
	if r := c.rest(); r != nil {
		return r.state
	}
	return pending
}

// owner returns the owner of a promise, nil if there is none: the future is a task's, or any
// code may set it.
func (c *core) owner() Owner {
	if r := c.rest(); r != nil {
		return r.owner
	}
	return nil
}

// failure returns the error of a future that is done, nil for one with a value.
func (c *core) failure() error {
	if r := c.rest(); r != nil {
		return r.err
	}
	return nil
}

// Loop returns the loop that the future belongs to.
func (c *core) Loop() *loop.Loop { return c.home.Loop() }

// Done reports whether the future has a value, an error, or was canceled.
func (c *core) Done() bool { return c.state() != pending }

// Canceled reports whether the future's error is a cancellation.
func (c *core) Canceled() bool {
	r := c.rest()
	return r != nil && (r.state == canceled || r.state == failed && loop.IsCanceled(r.err))
}

func (c *core) base() *core { return c }

// TaskOf returns the task that completes the future, nil if it is not a task's.
func (c *core) TaskOf() *loop.Task { return c.home.Task() }

// Explain says what kind of future this is and what it waits for, in the words of its owner.
func (c *core) Explain() (what string, on []loop.Awaitable) {
	if t := c.TaskOf(); t != nil {
		return t.String(), nil
	}
	if o := c.owner(); o != nil {
		return describe(o)
	}
	return "a future", nil
}

// Err returns the future's error: nil if it has a value, a [loop.CanceledError]
// (or what wraps it) if it was canceled, [ErrInvalidState] if it is pending.
func (c *core) Err() error {
	switch r := c.rest(); {
	case r == success:
		return nil
	case r == nil || r.state == pending:
		return fmt.Errorf("%w: the result is not there yet; await it, or ask Done first", ErrInvalidState)
	}
	return c.take()
}

// Unretrieved returns the error of a future that has failed if nobody has taken it, by
// awaiting or by asking for Result or Err; nil otherwise. Asking does not take it.
func (c *core) Unretrieved() error {
	if r := c.rest(); r != nil && !r.taken && !c.Canceled() {
		return r.err
	}
	return nil
}

// take returns the error of a future that is done, and notes that somebody has it.
func (c *core) take() error {
	r := c.rest()
	if r.err != nil && !r.taken {
		r.taken = true
		if o, ok := r.owner.(taker); ok {
			guarded(c.Loop(), o.Take)
		}
	}
	return r.err
}

// A taker is an [Owner] that passes on errors of others: taking the error of its
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
	c.check("SetError")
	c.fail(err)
	return nil
}

// Cancel cancels the future, with a cause that may be nil, and reports whether it
// did: a future that is done, or whose loop is closed, stays as it is. The owner of a
// future, such as a task, may take the request and end later, in its own way. Canceling a
// task that has failed takes its error.
func (c *core) Cancel(cause error) bool {
	c.check("Cancel")
	if t := c.TaskOf(); t != nil {
		return t.Cancel(cause)
	}
	if c.Done() || c.over() {
		return false
	}
	if o := c.owner(); o != nil {
		return c.cancel(o, cause)
	}
	c.complete(canceled, &loop.CanceledError{Cause: cause})
	return true
}

// over reports whether the loop is closed, so that no code can wait any more. (While it
// is being closed, bodies run, and clean up.)
func (c *core) over() bool {
	l := c.Loop()
	return l != nil && l.Closed() && l.Current() == nil
}

// wait suspends the running task until self, whose core c is, is done.
func (c *core) wait(ctx context.Context, self loop.Awaitable) error {
	if c.Done() {
		return nil
	}
	c.mustBelong()
	return lowlevel.Await(ctx, self)
}

// OnDone calls fn on the loop once the future is done: in a later turn, in the
// order of registration among all who wait. If it is done already, fn is
// scheduled at once. fn runs outside every task and must not suspend; a panic in
// it goes to the loop's error handler. A gather of nothing is done, and there is no loop
// to schedule fn on: there OnDone calls fn itself.
func (c *core) OnDone(fn func()) Callback {
	if fn == nil {
		panic("future: OnDone(nil); give it a function to call")
	}
	r := &callback{fn}
	c.AddWaiter(r)
	return Callback{c, r}
}

// AddWaiter schedules r once when the future is done; at once if it is. It is
// what OnDone and Await are made of. The future of a gather of nothing is done and belongs
// to no loop: there r runs inside the call. AddWaiter costs O(1).
func (c *core) AddWaiter(r loop.Runnable) {
	c.check("waiting for a future, or OnDone,")
	switch {
	case c.waits == nil && c.home != lowlevel.Home{}:
		c.waits = r
	case !c.Done():
		c.mustBelong()
		c.made().add(r)
	case c.home == lowlevel.Home{}:
		r.Run()
	default:
		lowlevel.Schedule(c.Loop(), r)
	}
}

// mustBelong panics for a zero Future.
func (c *core) mustBelong() {
	if c.home == (lowlevel.Home{}) {
		panic("future: a zero Future belongs to no loop; make it by New")
	}
}

// RemoveWaiter takes r back, and reports whether it was waiting: the first registration of
// r, if there are several. It costs O(1), on average. It panics for an r that == cannot
// compare, such as a lowlevel.Func.
func (c *core) RemoveWaiter(r loop.Runnable) bool {
	c.check("Remove")
	if r != nil && !reflect.ValueOf(r).Comparable() {
		panic(fmt.Sprintf("future: RemoveWaiter of a %T, which == cannot compare; give AddWaiter and RemoveWaiter a pointer", r))
	}
	switch rest := c.rest(); {
	case r == nil:
		return false
	case rest != nil:
		return rest.remove(r)
	case c.waits != r:
		return false
	}
	c.waits = nil
	return true
}

// check panics where the future must not be changed: see [lowlevel.CheckGoroutine].
func (c *core) check(what string) {
	if c.home != (lowlevel.Home{}) {
		c.home.CheckGoroutine(what)
	}
}

// free reports whether settable would return nil, where it is most often so.
func (c *core) free() bool { return c.rest() == nil && c.TaskOf() == nil }

func (c *core) settable(what string) error {
	if c.Done() {
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

// complete ends the pending state without a value, and schedules all who wait.
func (c *core) complete(s state, err error) { c.made().complete(c.Loop(), s, err) }

// succeed is complete with the value, which is there.
func (c *core) succeed() {
	if r := c.rest(); r != nil {
		r.complete(c.Loop(), valued, nil)
		return
	}
	waits := c.waits
	if waits == nil {
		c.waits = success
		return
	}
	l := c.home.Loop()
	lowlevel.Check(l, completing) // which panics on another goroutine, and leaves c pending
	c.waits = success
	lowlevel.Schedule(l, waits)
}

const completing = "completing a future, or Schedule,"

func (r *rest) complete(l *loop.Loop, s state, err error) {
	if r.Runnable != nil || len(r.more) > 0 {
		lowlevel.Check(l, completing)
	}
	first, more := r.takeWaiters()
	r.state, r.err = s, err
	if len(more) > 0 {
		defer lowlevel.ScheduleAll(l, more) // also if an observer calls Goexit at first
	}
	if first != nil {
		lowlevel.Schedule(l, first)
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
