package factory

import (
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
)

// A Hook sees every new task before its first step: to name it (SetName), to
// wrap its body (Wrap), or to observe its outcome (outcome.OnDone). It runs
// inside the call that makes the task and must not suspend. A panic or Goexit in a hook goes
// on in that call, and the task ends without having run: see [loop.TaskFactory].
type Hook func(t *loop.Task, outcome future.Any)

// Lazy queues a new task, which takes its first step in its turn. It is the
// default of every loop. asyncio: Task without eager_start.
func Lazy(t *loop.Task) { t.Enqueue() }

// Eager steps a new task at once, inside the call that makes it, and queues only
// what blocks: a task that ends in its first step never touches the ready queue.
// During that step the new task is the current one; an error or panic in it goes
// into the task, not to the one that spawned it. While the loop is not running
// it is [Lazy]. asyncio: eager_task_factory.
//
// Eager changes the order of events: a body runs before the caller has the
// task in hand. See the eager programs of the conformance suite.
func Eager(t *loop.Task) { t.StepNow() }

// NewLazy returns [Lazy] with a hook. It panics if hook is nil.
func NewLazy(hook Hook) loop.TaskFactory { return with(hook, Lazy) }

// NewEager returns [Eager] with a hook. It panics if hook is nil. asyncio:
// create_eager_task_factory.
func NewEager(hook Hook) loop.TaskFactory { return with(hook, Eager) }

func with(hook Hook, start loop.TaskFactory) loop.TaskFactory {
	if hook == nil {
		panic("factory: a nil hook; use Lazy or Eager")
	}
	return func(t *loop.Task) {
		if t == nil {
			panic("factory: the factory was called with a nil task; the loop calls it with every new one")
		}
		hook(t, t.Outcome().(future.Any))
		start(t)
	}
}
