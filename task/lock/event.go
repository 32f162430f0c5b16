package lock

import (
	"context"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// An Event is a flag that tasks can wait for. The zero Event is not set and ready to use.
// asyncio: Event.
type Event struct {
	named
	set     bool
	waiters waiter.List
}

// Set sets the flag, and wakes all waiting tasks, in the order in which they began to wait.
// The tasks go on even if the flag is cleared before they run. Set is a no-op if the flag is set
// already.
func (e *Event) Set() {
	e.waiters.Check("Set")
	if !e.set {
		e.set = true
		e.waiters.Set(everyone)
	}
}

// Clear clears the flag. If a task calls Wait after that, it waits for the next Set.
func (e *Event) Clear() {
	e.waiters.Check("Clear")
	e.set = false
}

// IsSet reports whether the flag is set.
func (e *Event) IsSet() bool { return e.set }

// Wait waits until the flag is set. If it is set already, Wait does not suspend. Wait
// returns an error if the task is canceled while it waits, or if ctx ends (see
// [lowlevel.Suspend]). Wait panics if ctx does not belong to the running task.
func (e *Event) Wait(ctx context.Context) error {
	lowlevel.Current(ctx)
	if e.set {
		return nil
	}
	return e.waiters.Wait(ctx, (*eventInfo)(e), func(bool) {})
}

type eventInfo Event

func (e *eventInfo) Describe() (string, []loop.Awaitable) {
	return e.name("an event", "event"), nil
}
