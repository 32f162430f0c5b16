package loop

import (
	"fmt"

	"github.com/takt-go/takt/loop/internal/goroutine"
)

// Locks of a thread, by runtime.LockOSThread or a cgo callback, and coroutines do not go
// together: a coroutine is to be resumed under the lock that it was made under, and the
// runtime ends the process where it is not. A loop is driven under its driver's lock, or
// under none. So a body that has a lock of its own cannot suspend; and a task that it
// makes cannot take its first step at once, if that needs a stack, as the step would have
// to be made under the lock, and the next one without.
//
// Finding out costs microseconds, too much for every eager step. So it is done where a
// stack would have to be made for it, which costs as much, and always in debug mode.

// threadHeld reports whether the running goroutine has locked its thread, and not because
// the driver has.
func (l *Loop) threadHeld() bool {
	if who := l.stacks.Driver.Value.who; who == nil || who.locked { // nil: the loop has not looked
		return false
	}
	_, locked := goroutine.Number()
	return locked
}

// postpone queues t in place of its first step.
func (t *Task) postpone() {
	t.queue()
	t.env.loop.report(Failure{Kind: ThreadHeld, Task: t, Err: fmt.Errorf(
		"loop: task %q was made under a lock of the thread (runtime.LockOSThread, or a cgo callback), where a first step at once can end the process; it was queued: unlock first, or start it lazily", t.Name())})
}
