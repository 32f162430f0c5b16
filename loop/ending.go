package loop

import (
	"context"
	"sync/atomic"
)

// An ending ends a context, independently of the outer context.
type ending struct {
	reason atomic.Pointer[CanceledError] // why the context has ended; nil if it has not
	std    atomic.Pointer[standard]
}

// standard is the standard context that belongs to an ending. It is made when Done is called for the
// first time. For most tasks that never happens.
type standard struct {
	context.Context
	cancel context.CancelCauseFunc
}

// end ends s with reason as its cause. If reason is exited, s has no cause of its own.
func (s *standard) end(reason *CanceledError) {
	if reason == exited {
		s.cancel(nil)
		return
	}
	s.cancel(reason)
}

// exited is the reason of a context that was not canceled: its scope or task has ended.
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
		s.end(reason) // Done is closed for every caller that has seen Err return an error
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
		_ = s.Done() // otherwise it may get the closed channel that contexts share
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

// end ends the context with reason as its cause, and closes Done. A second end changes nothing.
func (e *ending) end(reason *CanceledError) {
	e.reason.CompareAndSwap(nil, reason)
	if s := e.std.Load(); s != nil {
		s.end(reason)
	}
}
