package loop

import (
	"context"
	"sync/atomic"
)

// ending is how a context below outer ends by itself.
type ending struct {
	reason atomic.Pointer[CanceledError] // with which it was ended; nil if it goes on
	std    atomic.Pointer[standard]
}

// standard is the standard context below an ending. It is made when somebody asks for
// Done, as most tasks' contexts never are.
type standard struct {
	context.Context
	cancel context.CancelCauseFunc
}

// end ends it with reason as its cause, or plainly if that is exited.
func (s *standard) end(reason *CanceledError) {
	if reason == exited {
		s.cancel(nil)
		return
	}
	s.cancel(reason)
}

// exited is the reason where nobody was canceled: the scope or task is over.
var exited = new(CanceledError)

func (e *ending) value(key any, outer context.Context) any {
	if s := e.std.Load(); s != nil {
		return s.Value(key)
	}
	if e.reason.Load() != nil {
		return e.standard(outer).Value(key) // for context.Cause
	}
	return outer.Value(key)
}

func (e *ending) done(outer context.Context) <-chan struct{} {
	s := e.standard(outer)
	if reason := e.reason.Load(); reason != nil {
		s.end(reason) // who has seen Err finds Done closed
	}
	return s.Done()
}

func (e *ending) err(outer context.Context) error {
	if e.reason.Load() != nil {
		return context.Canceled
	}
	return outer.Err()
}

func (e *ending) standard(outer context.Context) *standard {
	for {
		if s := e.std.Load(); s != nil {
			return s
		}
		s := new(standard)
		s.Context, s.cancel = context.WithCancelCause(outer)
		_ = s.Done() // or it would get package context's closed channel, as others have
		if !e.std.CompareAndSwap(nil, s) {
			s.cancel(nil) // another goroutine was first
			continue
		}
		if reason := e.reason.Load(); reason != nil {
			s.end(reason)
		}
		return s
	}
}

// end closes Done, with reason as the context's cause.
func (e *ending) end(reason *CanceledError) {
	e.reason.CompareAndSwap(nil, reason)
	if s := e.std.Load(); s != nil {
		s.end(reason)
	}
}
