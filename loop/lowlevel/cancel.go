package lowlevel

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop"
)

// Sweep calls cancel. All cancellations inside that call count as one request, which passes once
// through each task, also if several of the awaitables lead to that task. A Sweep inside of another
// Sweep is a part of the outer one. Use Sweep in code that cancels several awaitables. The Cancel
// method of a promise's owner is called inside a Sweep already.
func Sweep(l *loop.Loop, cancel func()) { loop.Internals.Sweep(l, cancel) }

// Sweeps returns the number of the current sweep, or of the last one if no sweep is going on. If
// one request can reach an awaitable in several ways, the awaitable stores this number, in order to
// pass the request on only once.
func Sweeps(l *loop.Loop) uint64 { return loop.Internals.Sweeps(l) }

// A Scope is a part of a task's body that has a context of its own. A time limit is a scope, and a
// group is one. Canceling a scope sends a cancellation request to the task, and ends the scope's
// context. The task's own context does not end.
//
// Code that cancels a scope must call the task's Uncancel once for each Cancel, at the end of the
// scope. asyncio's timeout does the same. [Enter] makes scopes.
type Scope interface {
	// Task returns the task that the scope is in.
	Task() *loop.Task
	// Context returns the scope's context.
	Context() context.Context
	// SetDeadline sets the deadline that the scope's context reports, unless a context around it
	// has an earlier one. The zero time stands for no deadline. SetDeadline arms no timer.
	SetDeadline(when time.Time)
	// Cancel sends a request to the task, as [loop.Task.Cancel] does, but ends only the scope's
	// context. If another request has not been delivered yet, the body gets that one. Cancel
	// reports false if the task is done.
	Cancel(cause error) bool
	// Pending reports whether the request that will be delivered at the next suspension is the
	// request of this scope.
	Pending() bool
	// Exit ends the scope's context and all contexts that are derived from it. It does not cancel
	// the task.
	Exit()
}

// Enter begins a scope in the running task. It panics if ctx does not belong to the running task.
func Enter(ctx context.Context) Scope { return loop.Internals.Enter(ctx) }
