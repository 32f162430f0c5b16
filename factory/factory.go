package factory

import (
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
)

// A Hook sees every new task before its first step. It can name the task (SetName), wrap its
// body (lowlevel.Wrap), or observe its outcome (outcome.OnDone). It runs inside the call that
// makes the task, and must not suspend. A panic or Goexit in a hook goes on in that call, and
// the task ends without having run: see [loop.TaskFactory].
type Hook func(t *loop.Task, outcome future.Any)

// Lazy puts a new task at the end of the ready queue, and so the task takes its first step in
// the next turn. It is the default of every loop. asyncio: Task without eager_start.
func Lazy(t *loop.Task) { t.Enqueue() }

// Eager runs the first step of a new task at once, inside the call that makes the task. A task
// that ends in its first step never enters the ready queue. During that step the new task is
// the current one. An error or panic is the outcome of the new task, and does not reach the
// code that spawned it. While the loop is not running, Eager does the same as [Lazy]. asyncio:
// eager_task_factory.
//
// Eager changes the order of events: the body runs before task.Go returns the task. The
// package documentation says more about that.
func Eager(t *loop.Task) { t.StepNow() }

// NewLazy returns [Lazy] with a hook. It panics if hook is nil.
func NewLazy(hook Hook) loop.TaskFactory { return with(hook, Lazy) }

// NewEager returns [Eager] with a hook. It panics if hook is nil. asyncio:
// create_eager_task_factory.
func NewEager(hook Hook) loop.TaskFactory { return with(hook, Eager) }

func with(hook Hook, start loop.TaskFactory) loop.TaskFactory {
	if hook == nil {
		panic("factory: a nil hook; use Lazy or Eager for a factory without a hook")
	}
	return func(t *loop.Task) {
		if t == nil {
			panic("factory: the factory was called with a nil task; only the loop should call it, with each new task")
		}
		hook(t, t.Outcome().(future.Any))
		start(t)
	}
}
