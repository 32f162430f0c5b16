package future

import (
	"fmt"

	"github.com/takt-go/takt/loop"
)

// An Owner completes a future that is not for others to set: a gather, a
// shield. It decides what canceling the future means. One that passes on the error
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
	// Describe says what the future is: see [loop.Awaitable]'s Explain.
	Describe() loop.Explanation
}

// Own makes f a pending future of l that only owner completes, by [Complete].
// It is for those who build awaitables of their own.
func Own[T any](f *Future[T], l *loop.Loop, owner Owner) {
	if f == nil || owner == nil {
		panic("future: Own of a nil future, or for a nil owner")
	}
	f.core = core{waits: &rest{owner: owner}}
	if l != nil {
		f.home = l.Home()
	}
}

// Complete gives a future its outcome, in the name of its owner: err if that is
// not nil, else v. A cancellation as err makes the future canceled. It panics if
// f is done or belongs to somebody else.
func Complete[T any](f *Future[T], owner Owner, v T, err error) {
	f.mustBe("Complete")
	f.check("Complete")
	f.mustOwn(owner != nil && f.owner() == owner, owner)
	f.settle(v, err)
}

// guarded calls a method of an owner, and reports whether it returned. A panic goes to the
// error handler of l, unless that is nil: the method may have been called between two
// states of the loop.
func guarded(l *loop.Loop, call func()) (returned bool) {
	defer func() {
		if returned {
			return
		}
		err := loop.Recovered(recover(), nil)
		if err != loop.ErrGoexit && l != nil {
			l.Report(loop.Failure{Kind: loop.CallbackFailed, Err: err})
		}
	}()
	call()
	return true
}

// cancel asks the owner o to cancel, and reports whether it takes the request.
func (c *core) cancel(o Owner, cause error) (taken bool) {
	l := c.Loop()
	guarded(l, func() { l.Sweep(func() { taken = o.Cancel(cause) }) })
	return taken
}

// describe asks the owner o what the future is.
func describe(o Owner) (what loop.Explanation) {
	if !guarded(nil, func() { what = o.Describe() }) {
		what = loop.Explanation{What: fmt.Sprintf("a future of a %T whose Describe panicked", o)}
	}
	return what
}

// OwnByTask is Own for the outcome of the task t, which [CompleteByTask] completes.
// Canceling it cancels t. Both are for package task.
func OwnByTask[T any](f *Future[T], t *loop.Task) { f.core = core{home: t.Home()} }

// CompleteByTask is Complete in the name of t, which only its body has.
func CompleteByTask[T any](f *Future[T], t loop.Driven, v T, err error) {
	f.mustOwn(f.home == t.Task().Home(), t.Task())
	f.settle(v, err)
}

func (f *Future[T]) settle(v T, err error) {
	if err != nil {
		f.fail(err)
		return
	}
	f.value = v
	f.succeed()
}

// Fail is Complete for an error that makes the future failed also if it is a
// cancellation: that of something else, which this one reports.
func Fail[T any](f *Future[T], owner Owner, err error) {
	f.mustBe("Fail")
	f.check("Fail")
	f.mustOwn(owner != nil && f.owner() == owner, owner)
	if err == nil {
		panic("future: Fail with a nil error; use Complete for success")
	}
	f.complete(failed, err)
}

// Failed reports whether f has failed, as opposed to having been canceled itself.
// The difference shows in a gather one of whose children was canceled: its error
// is a cancellation, and it has failed. asyncio makes the same.
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

func (c *core) mustOwn(owns bool, owner any) {
	if !owns || c.Done() {
		panic(fmt.Sprintf("future: completion of a future that is done or not owned by the %T that completes it", owner))
	}
}
