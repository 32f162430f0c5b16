package loop

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/takt-go/takt/timer"
)

// A Scope is a stretch of a task's body with a context of its own: that of a time
// limit or a group. Canceling a scope asks the task to cancel, in the name of the
// scope, and ends the scope's context; the task's own context goes on.
//
// It is for those who build such things; they balance Cancel by the task's
// Uncancel when the scope is over, as asyncio's timeout does.
type Scope struct {
	ending
	task     *Task
	outer    context.Context
	bound    context.Context // the standard context around it that can end; nil if none
	deadline atomic.Int64    // ns of the loop's clock; 0 is none
	renewed  bool            // it is the rest of the task: see Uncancel
}

// Enter opens a scope in the running task, which ctx must belong to.
func Enter(ctx context.Context) *Scope {
	s := &Scope{task: Current(ctx), outer: ctx}
	s.task.env.loop.meet(ctx)
	_, s.bound, _ = own(ctx)
	return s
}

// Task returns the task that the scope is in.
func (s *Scope) Task() *Task { return s.task }

// Context returns the scope's context.
func (s *Scope) Context() context.Context {
	s.mustBeEntered("Context")
	return (*scopeContext)(s)
}

func (s *Scope) mustBeEntered(what string) {
	if s == nil || s.task == nil {
		panic("loop: " + what + " of a Scope that Enter has not made")
	}
}

// SetDeadline makes when what the scope's context gives as its deadline, where
// none around it is earlier; the zero time is none. It arms no timer.
func (s *Scope) SetDeadline(when time.Time) {
	s.mustBeEntered("SetDeadline")
	s.task.check("SetDeadline")
	at := int64(0)
	if !when.IsZero() {
		at = min(max(1, s.task.Loop().instant(when)), timer.Never)
	}
	s.deadline.Store(at)
}

// Exit ends the scope's context, and with it what was derived from it. It asks
// nothing of the task.
func (s *Scope) Exit() {
	if s.task == nil { // Enter has not made it
		return
	}
	s.task.check("Exit")
	s.end(exited)
}
