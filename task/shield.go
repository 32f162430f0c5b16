package task

import (
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Shield returns a future that ends as inner does, and that can be canceled
// without canceling inner: awaiting the shield, in place of inner, keeps a
// cancellation of the waiter away from inner. Canceling inner cancels the shield.
//
// Where the shield was canceled and inner then fails, the error handler is told
// ([loop.ShieldedFailed]), so that the error is not lost. Whoever still cares for
// inner's value after that awaits inner itself. asyncio: shield.
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
	passed bool // inner's outcome is the shield's
}

func (s *shield[T]) finish() {
	s.passed = true
	if future.Failed(s.inner) {
		s.Fail(future.Peek(s.inner))
		return
	}
	s.Complete(s.inner.Result())
}

// shieldInner waits for what is shielded, and passes its outcome on.
type shieldInner[T any] shield[T]

func (w *shieldInner[T]) Run() {
	if !w.Done() {
		(*shield[T])(w).finish()
	}
}

// shieldOuter waits for the shield: from its cancellation on, nobody passes an
// outcome on any more.
type shieldOuter[T any] shield[T]

func (w *shieldOuter[T]) Run() {
	if !w.inner.Done() {
		w.inner.RemoveWaiter((*shieldInner[T])(w))
		late := shieldLate{w.inner}
		w.inner.RemoveWaiter(late)
		w.inner.AddWaiter(late)
	}
}

// shieldLate waits for what was shielded after a shield of it was canceled. It is
// a value, so that there is one for any number of shields.
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
