package loop

import (
	"fmt"

	"github.com/takt-go/takt/loop/internal/goroutine"
)

// Coroutines do not work together with a lock of the thread (runtime.LockOSThread, or a cgo
// callback): a coroutine must always be resumed under the lock under which it was made, and otherwise
// the runtime ends the process. A loop is driven under its driver's lock, or under none. So a body
// that has locked the thread itself cannot suspend. A stackful task that such a body makes cannot take
// its first step at once: the first step would run under the lock, and the next one without it.
//
// Looking for the lock costs microseconds, too much for every eager step. So the loop looks only if
// it must make a stack for the step, which costs as much as looking. In debug mode it always looks.

// threadHeld reports whether a body or callback has locked the thread of the running goroutine. It is
// false if the driver has locked it.
func (l *Loop) threadHeld() bool {
	if who := l.stacks.Driver.Value.who; who == nil || who.locked { // nil: the driver was not identified
		return false
	}
	_, locked := goroutine.Number()
	return locked
}

// postpone queues t, instead of running its first step at once.
func (t *Task) postpone() {
	t.queue()
	t.env.loop.report(Failure{Kind: ThreadHeld, Task: t, Err: fmt.Errorf(
		"loop: task %q was made under a lock of the thread (runtime.LockOSThread, or a cgo callback), where a first step at once could end the process, so the task was queued; unlock the thread first, or start the task lazily", t.Name())})
}
