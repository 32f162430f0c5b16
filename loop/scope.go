package loop

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/takt-go/takt/timer"
)

// A scope is a part of a task's body that has a context of its own: see Scope in package lowlevel,
// which has the exported methods.
type scope struct {
	ending
	task     *Task
	outer    context.Context
	bound    context.Context // the innermost standard context around the scope that can end, or nil
	deadline atomic.Int64    // in ns of the loop's clock; 0: none
	renewed  bool            // the scope is the rest of the task's body: see Uncancel
}

// enter begins a scope in the running task.
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

// SetDeadline sets the deadline that the scope's context reports, unless a context around it has an
// earlier one. The zero time stands for no deadline. SetDeadline arms no timer.
func (s *scope) SetDeadline(when time.Time) {
	s.task.check("SetDeadline")
	at := int64(0)
	if !when.IsZero() {
		at = min(max(1, s.task.Loop().instant(when)), timer.Never)
	}
	s.deadline.Store(at)
}

// Exit ends the scope's context and all contexts that are derived from it. It does not cancel the
// task.
func (s *scope) Exit() {
	s.task.check("Exit")
	s.end(exited)
}
