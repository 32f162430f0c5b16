package future

import (
	"fmt"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A Promise is a [Future] together with the right to complete it. Code that has only the
// future, &p.Future, can await and cancel it: its SetResult and SetError return
// [ErrInvalidState].
//
// A Promise is for code that builds awaitables of its own: a struct that embeds it has the
// future inside, and needs no allocation for it. Make it by Init; it must not be copied. An
// exported type that is to have the methods of the future, but not those of the promise,
// embeds a type of its own, which has only the former:
//
//	type outcome[T any] future.Promise[T]
//
// The promise is (*future.Promise[T])(&x.outcome) then. Package task makes its tasks so.
type Promise[T any] struct {
	Future[T]
}

// Init makes p a pending promise of l. Canceling its future asks owner what that means.
// l may be nil if p is completed before any code waits for it. Init panics for a nil owner. It
// allocates once, for the owner.
func (p *Promise[T]) Init(l *loop.Loop, owner Owner) {
	if p == nil || owner == nil {
		panic("future: Init of a nil Promise, or for a nil owner")
	}
	p.core = core{waits: &rest{owner: owner}}
	if l != nil {
		p.home = lowlevel.HomeOfLoop(l)
	}
}

// InitOutcome makes p the promise of the outcome of the task t, which needs no owner:
// canceling its future cancels t. It allocates nothing. It is for package task.
func (p *Promise[T]) InitOutcome(t *loop.Task) {
	if p == nil || t == nil {
		panic("future: InitOutcome of a nil Promise, or for a nil task")
	}
	p.core = core{home: lowlevel.HomeOfTask(t)}
}

// Complete gives the future its outcome: err if that is not nil, else v. A cancellation as
// err (see [loop.IsCanceled]) makes the future canceled. Complete panics if the future is
// done, or Init has not made p; and, as SetResult does, if code waits and the loop is closed.
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

// Fail is Complete for an error that makes the future failed also if it is a
// cancellation: that of something else, which this one reports. It panics for a nil error,
// and where Complete does.
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

// open reports whether c is that of a task's promise, which its body completes, where it is
// pending and that is most easily seen.
func (c *core) open() bool { return c.rest() == nil && c.TaskOf() != nil }

// mustBeOpen panics unless c is that of a promise that can be completed, here and now.
func (c *core) mustBeOpen(what string) {
	c.check(what)
	switch r := c.rest(); {
	case r != nil && r.state != pending:
		panic("future: " + what + " of a promise that is done; a promise is completed once")
	case c.TaskOf() == nil && (r == nil || r.owner == nil):
		panic("future: " + what + " of a promise that Init has not made")
	}
}

// An Owner decides what canceling the future of a [Promise] means: a gather's cancels the
// children, a shield's ends the shield. One that passes on the error
// of something else has besides a method Take, which is called when its future's
// error is taken, and takes that.
//
// A panic in Cancel or Take goes to the error handler ([loop.CallbackFailed]), and not to
// the code that canceled or asked: that of Cancel counts as a request that was not taken.
// One in Describe makes a description that says so. A Goexit goes on in the code that
// called; a task that awaits the future is then told of the request all the same.
type Owner interface {
	// Cancel is called by the future's Cancel while the future is pending, and
	// reports whether the request was taken.
	Cancel(cause error) bool
	// Describe says what the future is, in a few words, and what it waits for: see
	// [loop.Awaitable]'s Explain.
	Describe() (what string, on []loop.Awaitable)
}

// guarded calls a method of an owner, and reports whether it returned. A panic goes to the
// error handler of l, unless that is nil: the method may have been called between two
// states of the loop.
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

// cancel asks the owner o to cancel, and reports whether it takes the request.
func (c *core) cancel(o Owner, cause error) (taken bool) {
	l := c.Loop()
	guarded(l, func() { lowlevel.Sweep(l, func() { taken = o.Cancel(cause) }) })
	return taken
}

// describe asks the owner o what the future is.
func describe(o Owner) (what string, on []loop.Awaitable) {
	if !guarded(nil, func() { what, on = o.Describe() }) {
		return fmt.Sprintf("a future of a %T whose Describe panicked", o), nil
	}
	return what, on
}
