package future

import (
	"context"
	"errors"
	"fmt"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// ErrInvalidState is the error if an outcome is set twice, if it is set by code that may
// not set it, and if a pending future is asked for its outcome.
var ErrInvalidState = errors.New("future: invalid state")

// ErrCanceled matches the error of every canceled future and task, whatever its cause: test
// with errors.Is. Such an error matches [context.Canceled], too. The error is a
// [loop.CanceledError], which has the cause.
var ErrCanceled = loop.Internals.AnyCancellation()

// Any is a [Future] without the type of its result, for code that does not depend on that
// type. Every Future and every task implements it. Other types implement it by embedding
// a Future or an Any.
type Any interface {
	loop.Awaitable
	OnDone(fn func()) Callback
	Wait(ctx context.Context) error
	AnyResult() (any, error)
	Self() loop.Awaitable
	Shared() bool
	base() *core
}

// An Awaitable is a Future[T], a task with a result of type T, or a type that embeds one of
// these.
type Awaitable[T any] interface {
	Any
	Result() (T, error)
	Await(ctx context.Context) (T, error)
}

// Untyped makes an Awaitable[any] of f, so that results of different types can be combined.
// It panics if f is nil.
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

// A Future is a result that arrives later. It belongs to one loop. It is pending until it
// gets a value or an error, or is canceled. That happens once.
//
// The call that completes a future never runs a waiter inside itself. It puts all waiters,
// tasks and callbacks, on the loop's ready queue, in the order in which they began to wait.
//
// Code takes the error of a future when it awaits the future, or calls Result or Err. If no
// code takes the error of a task, the loop reports it: see [loop.WithUnretrievedLimit].
//
// A Future is not safe for use from other goroutines. A goroutine completes it by
// [loop.Loop.Post].
type Future[T any] struct {
	core
	value T
}

// New makes a pending future of the loop that ctx belongs to. It panics if ctx belongs to no
// loop.
func New[T any](ctx context.Context) *Future[T] {
	return &Future[T]{core: core{home: lowlevel.HomeOfLoop(loop.Internals.LoopOf(ctx))}}
}

// Result returns the value or the error of the future. The error of a pending future is
// [ErrInvalidState], and that of a canceled future is a [loop.CanceledError]. Result never
// suspends.
func (f *Future[T]) Result() (T, error) {
	f.mustBe("Result")
	if f.state() != valued {
		var zero T
		return zero, f.Err()
	}
	return f.value, nil
}

// SetResult gives the future its value. It returns [ErrInvalidState], and changes nothing,
// if the future is done, or if it belongs to a [Promise]: for example if it is a task's. It
// panics if the future has a waiter and the loop is closed.
func (f *Future[T]) SetResult(v T) error {
	f.mustBe("SetResult")
	if f.rest() == nil && f.TaskOf() == nil { // the usual case: settable returns nil
		if l := f.home.Free(); l != nil {
			f.value = v
			f.wakeOne(l)
			return nil
		}
	}
	if err := f.settable("SetResult"); err != nil {
		return err
	}
	f.check("SetResult")
	f.value = v
	f.succeed()
	return nil
}

// Await suspends the running task until the future is done, and returns the result of the
// future. If the future is done already, Await does not suspend. ctx must belong to the
// running task; otherwise Await panics.
//
// If the task is canceled while it waits, the future is canceled, too, unless the task
// awaits a shield of it. If ctx is derived from the task's context and ends first, Await
// returns context.Cause(ctx), and the future stays as it is. Await allocates nothing if the
// future has no other waiter.
func (f *Future[T]) Await(ctx context.Context) (T, error) {
	f.mustBe("Await")
	var err error // wait, written out: each frame takes time, and room on the stack of the body
	if f.waits == nil && f.home != (lowlevel.Home{}) {
		err = f.home.Await(ctx, f, &f.waits)
	} else if !f.Done() {
		f.mustBelong()
		err = lowlevel.Await(ctx, f)
	}
	if err != nil {
		var zero T
		return zero, err
	}
	if f.rest() == success {
		return f.value, nil
	}
	return f.Result()
}

// Wait is Await without the value. It returns the error of the future, or the error that
// ended the wait.
func (f *Future[T]) Wait(ctx context.Context) error {
	f.mustBe("Wait")
	if err := f.wait(ctx, f); err != nil {
		return err
	}
	return f.Err()
}

// Self returns the awaitable that programs see, so that code can compare awaitables: the
// task if the future is the outcome of a task, and otherwise the future itself. A future, the
// result of [Untyped] for it, and a value that embeds it all return the same.
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

// Failed reports whether f has ended with an error and was not canceled itself. A future can
// have failed although its error is a cancellation: if a child of a gather is canceled, the
// gather's error is that cancellation, but the gather has failed. asyncio distinguishes these
// cases in the same way. Failed panics if f is nil.
func Failed(f Any) bool {
	mustBeGiven(f, "Failed")
	return f.base().state() == failed
}

// Peek returns the error of f, and does not take it. It returns nil if f is pending or has a
// value. Peek panics if f is nil.
func Peek(f Any) error {
	mustBeGiven(f, "Peek")
	return f.base().failure()
}

func mustBeGiven(f Any, what string) {
	if f == nil {
		panic("future: " + what + "(nil); give it a future or task")
	}
}

// AnyResult is Result with the value as an any.
func (f *Future[T]) AnyResult() (any, error) { return f.Result() }

// A state is pending, or the kind of outcome. A future leaves pending once.
type state uint8

const (
	pending state = iota
	valued
	failed
	canceled
)

// core is a future without its value. A program may have very many futures, so core has only
// three words. That is enough for a pending future with at most one waiter and no owner, and
// for a future with a value. Any other future has one more struct: its rest.
type core struct {
	home  lowlevel.Home // the loop and the task of the future; zero if it belongs to no loop
	waits loop.Runnable // nil, the only waiter, or a *rest
}

// rest is allocated when a future needs more than one waiter, an owner, or an error. It
// takes the place of the single waiter in core.waits.
type rest struct {
	loop.Runnable // the first waiter, or *crowd: see waiters.go; nil for none
	more          []loop.Runnable
	owner         Owner // nil if the owner is a task
	err           error
	state         state
	taken         bool // code has taken the error
}

// success is the rest of every future that has a value and no rest of its own.
var success = &rest{state: valued}

// rest returns the rest of the future, or nil if it has none.
func (c *core) rest() *rest {
	r, _ := c.waits.(*rest)
	return r
}

// made returns the rest of the future, and allocates it if there is none.
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

// owner returns the owner of a promise. It returns nil if the future is a task's, or a plain
// future that any code may set.
func (c *core) owner() Owner {
	if r := c.rest(); r != nil {
		return r.owner
	}
	return nil
}

// failure returns the error of the future, or nil if it is pending or has a value.
func (c *core) failure() error {
	if r := c.rest(); r != nil {
		return r.err
	}
	return nil
}

// Loop returns the loop that the future belongs to.
func (c *core) Loop() *loop.Loop { return c.home.Loop() }

// Done reports whether the future has its outcome: a value, an error or a cancellation.
func (c *core) Done() bool { return c.state() != pending }

// Canceled reports whether the error of the future is a cancellation.
func (c *core) Canceled() bool {
	r := c.rest()
	return r != nil && (r.state == canceled || r.state == failed && loop.IsCanceled(r.err))
}

func (c *core) base() *core { return c }

// TaskOf returns the task that completes the future, or nil if no task does.
func (c *core) TaskOf() *loop.Task { return c.home.Task() }

// Explain describes the future, and returns the awaitables that it waits for. A future that
// has an owner gets both from the owner: see [Owner].
func (c *core) Explain() (what string, on []loop.Awaitable) {
	if t := c.TaskOf(); t != nil {
		return t.String(), nil
	}
	if o := c.owner(); o != nil {
		return describe(o)
	}
	return plain, nil
}

// plain describes a future of which nothing is known.
const plain = "a future"

// Err returns the error of the future: nil if it has a value, a [loop.CanceledError] (or an
// error that wraps one) if it was canceled, and [ErrInvalidState] if it is pending.
func (c *core) Err() error {
	switch r := c.rest(); {
	case r == success:
		return nil
	case r == nil || r.state == pending:
		return fmt.Errorf("%w: the result is not there yet; await it, or ask Done first", ErrInvalidState)
	}
	return c.take()
}

// Unretrieved returns the error of a failed future if no code has taken it yet. It returns
// nil otherwise, also for a cancellation. Unretrieved does not take the error.
func (c *core) Unretrieved() error {
	if r := c.rest(); r != nil && !r.taken && !c.Canceled() {
		return r.err
	}
	return nil
}

// take returns the error of a future that is done, and notes that code has taken it.
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

// A taker is an [Owner] whose future passes on the errors of other futures. When code takes
// the error of this future, the taker takes the errors of the others.
type taker interface{ Take() }

// SetError gives the future its error. If the error is a cancellation (see
// [loop.IsCanceled]), the future is canceled. SetError panics if err is nil. It returns
// [ErrInvalidState], and panics, in the same cases as SetResult.
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

// Cancel cancels the future, with a cause that may be nil. It reports whether the request
// was accepted. If the future is done, or its loop is closed, the future stays as it is and
// Cancel returns false. If a task or an [Owner] completes the future, Cancel asks the task or
// the owner. It may accept the request and complete the future later, with any outcome.
// Canceling a task that has failed takes its error.
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

// over reports whether the loop is closed, so that no code can wait any more. While the loop
// is being closed, bodies still run to clean up, and over returns false inside them.
func (c *core) over() bool {
	l := c.Loop()
	return l != nil && l.Closed() && l.Current() == nil
}

// wait suspends the running task until self is done. c is the core of self.
func (c *core) wait(ctx context.Context, self loop.Awaitable) error {
	if c.Done() {
		return nil
	}
	c.mustBelong()
	return lowlevel.Await(ctx, self)
}

// OnDone registers fn. When the future is done, the loop calls fn once, in a later turn, in
// the order of registration among all waiters. If the future is done already, OnDone
// schedules fn at once. fn runs outside of all tasks and must not suspend. A panic in fn goes
// to the loop's error handler. OnDone panics if fn is nil.
//
// There is one exception: a gather without arguments is done and belongs to no loop, so
// OnDone calls fn itself.
func (c *core) OnDone(fn func()) Callback {
	if fn == nil {
		panic("future: OnDone(nil); give it a function to call")
	}
	r := &callback{fn}
	c.AddWaiter(r)
	return Callback{c, r}
}

// AddWaiter schedules r once when the future is done, or at once if it is done already.
// OnDone and Await use it. The future of a gather without arguments is done and belongs to no
// loop: AddWaiter then runs r itself. AddWaiter costs O(1).
func (c *core) AddWaiter(r loop.Runnable) {
	if c.home.Free() == nil {
		c.check("waiting for a future, or OnDone,")
	}
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

// RemoveWaiter removes r from the waiters, and reports whether it was among them. If r was
// added several times, RemoveWaiter removes the first registration. It costs O(1) on
// average. It panics if == cannot compare r, as for a lowlevel.Func.
func (c *core) RemoveWaiter(r loop.Runnable) bool {
	c.check("Remove")
	if r != nil && !canCompare(r) {
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

// check panics if the running goroutine must not change the future: see
// [lowlevel.CheckGoroutine].
func (c *core) check(what string) {
	if c.home != (lowlevel.Home{}) {
		c.home.CheckGoroutine(what)
	}
}

// settable returns an error unless any code may set the future now. what is the name of the
// calling method, for the text of the error.
func (c *core) settable(what string) error {
	if c.Done() {
		return fmt.Errorf("%w: %s on a future that is done", ErrInvalidState, what)
	}
	if c.TaskOf() != nil || c.owner() != nil && !c.Shared() {
		return fmt.Errorf("%w: %s on a future that only its task or promise can complete", ErrInvalidState, what)
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

// complete ends the pending state without a value, and schedules all waiters.
func (c *core) complete(s state, err error) { c.made().complete(c.Loop(), s, err) }

// succeed completes the future with its value, which the caller has set.
func (c *core) succeed() {
	if r := c.rest(); r != nil {
		r.complete(c.Loop(), valued, nil)
		return
	}
	if c.waits == nil {
		c.waits = success
		return
	}
	l := c.home.Free()
	if l == nil {
		l = c.home.Loop()
		lowlevel.Check(l, completing) // if this panics, c stays pending
	}
	c.wakeOne(l)
}

// wakeOne is the part of succeed for a future with at most one waiter, after the checks.
func (c *core) wakeOne(l *loop.Loop) {
	waits := c.waits
	c.waits = success
	if waits != nil {
		loop.Internals.Wake(l, waits)
	}
}

const completing = "completing a future, or Schedule,"

func (r *rest) complete(l *loop.Loop, s state, err error) {
	if r.waited() {
		lowlevel.Check(l, completing)
	}
	first, more := r.Runnable, r.more
	r.Runnable, r.more = nil, nil
	r.state, r.err = s, err
	if c, ok := first.(*crowd); ok {
		r.scheduleCrowd(l, c)
		return
	}
	if more != nil {
		// Deferred, because an observer may call Goexit while first is scheduled.
		defer r.scheduleAll(l, more)
	}
	if first != nil {
		lowlevel.Schedule(l, first)
	}
}

// A Callback is a function that was registered by OnDone.
type Callback struct {
	of *core
	r  *callback
}

// Remove removes the callback, and reports whether it prevented the call. It returns false
// if the future is done.
func (c Callback) Remove() bool { return c.of != nil && c.of.RemoveWaiter(c.r) }

type callback struct{ fn func() }

func (c *callback) Run() { c.fn() }
