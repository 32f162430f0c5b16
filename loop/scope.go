package loop

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/takt-go/takt/timer"
)

// A scope is a stretch of a task's body with a context of its own: see Scope in package
// lowlevel. Its exported methods are those of that.
type scope struct {
	ending
	task     *Task
	outer    context.Context
	bound    context.Context // the standard context around it that can end; nil if none
	deadline atomic.Int64    // ns of the loop's clock; 0 is none
	renewed  bool            // it is the rest of the task: see Uncancel
}

// enter opens a scope in the running task.
func enter(ctx context.Context) *scope {
	s := &scope{task: currentTask(ctx), outer: ctx}
	s.task.env.loop.meet(ctx)
	_, s.bound, _ = own(ctx)
	return s
}

// Task returns the task that the scope is in.
func (s *scope) Task() *Task { return s.task }

// Context returns the scope's context.
func (s *scope) Context() context.Context { return (*scopeContext)(s) }

// SetDeadline makes when what the scope's context gives as its deadline, where
// none around it is earlier; the zero time is none. It arms no timer.
func (s *scope) SetDeadline(when time.Time) {
	s.task.check("SetDeadline")
	at := int64(0)
	if !when.IsZero() {
		at = min(max(1, s.task.Loop().instant(when)), timer.Never)
	}
	s.deadline.Store(at)
}

// Exit ends the scope's context, and with it what was derived from it. It asks
// nothing of the task.
func (s *scope) Exit() {
	s.task.check("Exit")
	s.end(exited)
}
