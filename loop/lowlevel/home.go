package lowlevel

import (
	"context"

	"github.com/takt-go/takt/loop"
)

// A Home says what a [loop.Awaitable] belongs to: to a task if it is the outcome of that task, and to
// a loop otherwise. A Home takes one machine word. The zero Home stands for neither.
type Home struct {
	task *loop.Task // the loop's root, if there is only a loop
}

// HomeOfTask returns the home of the outcome of t.
func HomeOfTask(t *loop.Task) Home { return Home{t} }

// HomeOfLoop returns the home of an awaitable of l that is not the outcome of a task.
func HomeOfLoop(l *loop.Loop) Home { return Home{loop.Internals.Root(l)} }

// Loop returns the loop, also if the home is a task. It returns nil for the zero Home. It panics if
// the home is a task that was never spawned, or a loop that loop.New has not made.
func (h Home) Loop() *loop.Loop {
	if h.task == nil {
		return nil
	}
	l := h.task.Loop()
	if l == nil {
		panic("loop: this is the Home of a Task that was never spawned, or of a Loop that New has not made; use task.Go and loop.New")
	}
	return l
}

// Task returns the task. It returns nil if the home is a loop, and for the zero Home.
func (h Home) Task() *loop.Task {
	if h.task == nil || loop.Internals.IsRoot(h.task) {
		return nil
	}
	return h.task
}

// Free returns the loop if [Check] and [CheckGoroutine] find nothing wrong, and the check costs next to nothing.
// Otherwise it returns nil, and the caller has to ask them.
func (h Home) Free() *loop.Loop { return loop.Internals.Free(h.task) }

// CheckGoroutine calls the function [CheckGoroutine] with the loop of h. It does nothing for the zero Home, and for the
// home of a task that was never spawned.
func (h Home) CheckGoroutine(what string) { loop.Internals.CheckTask(h.task, what) }

// Await is [Await] for a pending awaitable a. Its home must be h, and h must not be the zero Home. place must point to
// the place where a keeps its only waiter, and that must be nil. Await stores the waiter there, and does not call a.
func (h Home) Await(ctx context.Context, a loop.Awaitable, place *loop.Runnable) error {
	return loop.Internals.Await(ctx, a, h.task, place)
}
