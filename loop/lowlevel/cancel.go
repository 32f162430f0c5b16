package lowlevel

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop"
)

// Sweep calls cancel, and makes one request of all that is canceled inside: a task that
// it reaches in several ways is asked once. Inside of another Sweep it is part of that.
// It is for what cancels several awaitables, and is called around an owner's Cancel.
func Sweep(l *loop.Loop, cancel func()) { loop.Internals.Sweep(l, cancel) }

// Sweeps returns the number of the sweep that is on its way, or else of the last. An awaitable
// that a request can reach in several ways remembers it, and answers once.
func Sweeps(l *loop.Loop) uint64 { return loop.Internals.Sweeps(l) }

// A Scope is a stretch of a task's body with a context of its own: that of a time
// limit or a group. Canceling a scope asks the task to cancel, in the name of the
// scope, and ends the scope's context; the task's own context goes on.
//
// Code that cancels a scope calls the task's Uncancel once for each Cancel, when the scope is
// over, as asyncio's timeout does. [Enter] makes scopes.
type Scope interface {
	// Task returns the task that the scope is in.
	Task() *loop.Task
	// Context returns the scope's context.
	Context() context.Context
	// SetDeadline makes when what the scope's context gives as its deadline, where
	// none around it is earlier; the zero time is none. It arms no timer.
	SetDeadline(when time.Time)
	// Cancel asks the task to cancel, as [loop.Task.Cancel] does, but ends only the
	// scope's context. Where another request has not been delivered yet, the body is told
	// of that one.
	Cancel(cause error) bool
	// Pending reports whether a request awaits delivery, and it is this scope's.
	Pending() bool
	// Exit ends the scope's context, and with it what was derived from it. It asks
	// nothing of the task.
	Exit()
}

// Enter opens a scope in the running task, which ctx must belong to.
func Enter(ctx context.Context) Scope { return loop.Internals.Enter(ctx) }
