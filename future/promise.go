package future

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A Promise is a [Future] together with the right to complete it. Code that has only the
// future, &p.Future, can await it and cancel it, but SetResult and SetError return
// [ErrInvalidState].
//
// Use a Promise to build your own awaitables: a struct that embeds a Promise contains the
// future, and needs no allocation for it. Init makes the promise ready for use. A Promise must not be
// copied.
//
// If your type is exported, its users should have the methods of the future, but not those
// of the promise. Then embed a type that has only the methods of the future:
//
//	type outcome[T any] future.Promise[T]
//
// Your own code gets the promise by (*future.Promise[T])(&x.outcome). Package task does so
// for its tasks.
type Promise[T any] struct {
	Future[T]
}

// Init makes p a pending promise of the loop l. When code cancels the future, the owner
// decides what happens. l may be nil if p is completed before any code waits for it. Init
// panics if p or owner is nil. It costs one allocation, which stores the owner.
func (p *Promise[T]) Init(l *loop.Loop, owner Owner) {
	if p == nil || owner == nil {
		panic("future: Init of a nil Promise, or with a nil owner; give it both")
	}
	p.core = core{waits: &rest{owner: owner}}
	if l != nil {
		p.home = lowlevel.HomeOfLoop(l)
	}
}

// InitOutcome makes p the promise of the outcome of the task t. It has no Owner: canceling
// its future cancels t. InitOutcome panics if p or t is nil. It allocates nothing. It is for
// package task.
func (p *Promise[T]) InitOutcome(t *loop.Task) {
	if p == nil || t == nil {
		panic("future: InitOutcome of a nil Promise, or with a nil task; give it both")
	}
	p.core = core{home: lowlevel.HomeOfTask(t)}
}

// Complete gives the future its outcome: the error err, or the value v if err is nil. If err
// is a cancellation (see [loop.IsCanceled]), the future is canceled. Complete
// panics if the future is done, and if neither Init nor InitOutcome was called for p. Like
// SetResult, it panics if the future has a waiter and the loop is closed.
func (p *Promise[T]) Complete(v T, err error) {
	if p == nil || !p.open() {
		p.mustBeOpen("Complete")
	}
	if err != nil {
		p.fail(err)
		return
	}
	p.value = v
	p.succeed()
}

// Fail completes the future with an error, like Complete, but the future has failed even if
// err is a cancellation. Use it if the future passes on the cancellation of another future:
// see [Failed]. Fail panics if err is nil, and in the cases in which Complete panics.
func (p *Promise[T]) Fail(err error) {
	p.mustBeOpen("Fail")
	if err == nil {
		panic("future: Fail with a nil error; use Complete for success")
	}
	p.complete(failed, err)
}

func (p *Promise[T]) mustBeOpen(what string) {
	if p == nil {
		panic("future: " + what + " of a nil Promise; make one by Init")
	}
	p.core.mustBeOpen(what)
}

// open is a fast check for the most common case. If it returns true, c belongs to the pending
// promise of a task.
func (c *core) open() bool { return c.rest() == nil && c.TaskOf() != nil }

// mustBeOpen panics unless c belongs to a promise that this goroutine can complete now.
func (c *core) mustBeOpen(what string) {
	c.check(what)
	switch r := c.rest(); {
	case r != nil && r.state != pending:
		panic("future: " + what + " of a promise that is done; a promise is completed once")
	case c.TaskOf() == nil && (r == nil || r.owner == nil):
		panic("future: " + what + " of a promise that Init has not made")
	}
}

// An Owner decides what happens when the future of a [Promise] is canceled: the owner of a
// gather cancels the children, and the owner of a shield ends the shield.
//
// An Owner may also have a method Take(). It is called when code takes the error of the
// future for the first time. If this error comes from another future, Take takes it from that
// future, too, by a call of its Err.
//
// A panic in Cancel or Take goes to the loop's error handler ([loop.CallbackFailed]), not to
// the code that called Cancel, Result or the like. A Cancel that panics counts as a request
// that was refused. If Describe panics or returns a nil, the description says so.
//
// A Goexit in these methods goes on in the code that called the future. If Cancel calls
// Goexit, a task that awaits the future still gets the request.
type Owner interface {
	// Cancel is called by the future's Cancel while the future is pending. It reports
	// whether it accepts the request.
	Cancel(cause error) bool
	// Describe describes the future in a few words, and returns the awaitables that it
	// waits for. "" stands for "a future". See the method Explain of [loop.Awaitable].
	Describe() (what string, on []loop.Awaitable)
}

// guarded calls a method of an owner, and reports whether it returned. A panic goes to the
// error handler of l. If l is nil, the panic is dropped: Describe may be called at a moment
// when the error handler must not run.
func guarded(l *loop.Loop, call func()) (returned bool) {
	defer func() {
		if returned {
			return
		}
		err := lowlevel.Recovered(recover(), nil)
		if err != loop.ErrGoexit && l != nil {
			lowlevel.Report(l, loop.Failure{Kind: loop.CallbackFailed, Err: err})
		}
	}()
	call()
	return true
}

// cancel asks the owner o to cancel, and reports whether o accepts the request.
func (c *core) cancel(o Owner, cause error) (taken bool) {
	l := c.Loop()
	guarded(l, func() { lowlevel.Sweep(l, func() { taken = o.Cancel(cause) }) })
	return taken
}

// describe asks the owner o for the description of the future.
func describe(o Owner) (what string, on []loop.Awaitable) {
	switch {
	case !guarded(nil, func() { what, on = o.Describe() }):
		return fmt.Sprintf("a future of a %T whose Describe panicked", o), nil
	case slices.ContainsFunc(on, isNil):
		return fmt.Sprintf("a future of a %T whose Describe returned nil", o), nil
	case what == "":
		what = plain
	}
	return what, on
}

func isNil(a loop.Awaitable) bool {
	v := reflect.ValueOf(a)
	return a == nil || v.Kind() == reflect.Pointer && v.IsNil()
}
