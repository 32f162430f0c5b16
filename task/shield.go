package task

import (
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Shield returns a future, the shield, that gets the outcome of the task or future inner. Canceling
// the shield does not cancel inner. So if a task awaits the shield in place of inner, and is
// canceled, inner goes on. If inner is canceled, so is the shield.
//
// If the shield is canceled and inner fails later, the loop reports the error to its error handler
// ([loop.ShieldedFailed]), so that the error is not lost. If the program still needs the value of
// inner, it awaits inner itself. Shield panics if inner is nil. asyncio: shield.
func Shield[T any](inner future.Awaitable[T]) *future.Future[T] {
	if isNil(inner) {
		panic("task: Shield(nil); give it a task or future")
	}
	s := &shield[T]{inner: inner}
	s.Init(inner.Loop(), (*shieldOwner[T])(s))
	if inner.Done() {
		s.finish()
		return &s.Future
	}
	inner.AddWaiter((*shieldInner[T])(s))
	s.AddWaiter((*shieldOuter[T])(s))
	return &s.Future
}

type shield[T any] struct {
	future.Promise[T]
	inner  future.Awaitable[T]
	passed bool // the shield has the outcome of inner
}

func (s *shield[T]) finish() {
	s.passed = true
	if future.Failed(s.inner) {
		s.Fail(future.Peek(s.inner))
		return
	}
	s.Complete(s.inner.Result())
}

// shieldInner is the waiter of inner: it passes inner's outcome on to the shield.
type shieldInner[T any] shield[T]

func (w *shieldInner[T]) Run() {
	if !w.Done() {
		(*shield[T])(w).finish()
	}
}

// shieldOuter is the waiter of the shield. When the shield has been canceled, it removes
// shieldInner from inner, since the shield needs no outcome any more, and adds shieldLate to inner.
type shieldOuter[T any] shield[T]

func (w *shieldOuter[T]) Run() {
	if !w.inner.Done() {
		w.inner.RemoveWaiter((*shieldInner[T])(w))
		late := shieldLate{w.inner}
		w.inner.RemoveWaiter(late)
		w.inner.AddWaiter(late)
	}
}

// shieldLate waits for inner after a shield of inner was canceled. It is a value, and equal for all
// shields of one inner: so inner has only one such waiter.
type shieldLate struct{ inner future.Any }

func (w shieldLate) Run() {
	if err := w.inner.Err(); err != nil && !loop.IsCanceled(err) {
		lowlevel.Report(w.inner.Loop(), loop.Failure{Kind: loop.ShieldedFailed, Task: w.inner.TaskOf(), Err: err})
	}
}

type shieldOwner[T any] shield[T]

func (o *shieldOwner[T]) Cancel(cause error) bool {
	var zero T
	o.Complete(zero, &loop.CanceledError{Cause: cause})
	return true
}

func (o *shieldOwner[T]) Take() {
	if o.passed {
		_ = o.inner.Err()
	}
}

func (o *shieldOwner[T]) Describe() (string, []loop.Awaitable) {
	return "a shield", pendingOf([]future.Awaitable[T]{o.inner})()
}
