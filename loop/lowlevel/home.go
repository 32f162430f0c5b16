package lowlevel

import "github.com/takt-go/takt/loop"

// A Home is where a [loop.Awaitable] belongs: a task, if it is the outcome of one, and otherwise
// a loop. It takes one machine word. The zero Home is that of nothing.
type Home struct {
	task *loop.Task // the loop's root, if there is only a loop
}

// HomeOfTask is the home of the outcome of t.
func HomeOfTask(t *loop.Task) Home { return Home{t} }

// HomeOfLoop is the home of what is no task's outcome.
func HomeOfLoop(l *loop.Loop) Home { return Home{loop.Internals.Root(l)} }

// Loop returns the loop, nil for the zero Home. It panics for the home of a task that was
// never spawned.
func (h Home) Loop() *loop.Loop {
	if h.task == nil {
		return nil
	}
	l := h.task.Loop()
	if l == nil {
		panic("loop: this is the Home of a Task that was never spawned, or of a Loop that New has not made")
	}
	return l
}

// Task returns the task, nil if there is only a loop, or for the zero Home.
func (h Home) Task() *loop.Task {
	if h.task == nil || loop.Internals.IsRoot(h.task) {
		return nil
	}
	return h.task
}

// CheckGoroutine is that of the loop: see [CheckGoroutine]. For the zero Home, and that
// of a task that was never spawned, it does nothing.
func (h Home) CheckGoroutine(what string) { loop.Internals.CheckTask(h.task, what) }
