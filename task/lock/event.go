package lock

import (
	"context"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// An Event is a flag that tasks wait for. The zero Event is not set and ready to use.
// asyncio: Event.
type Event struct {
	named
	set     bool
	waiters waiter.List
}

// Set sets the flag, and wakes every task that waits, in the order in which they came.
// They are woken also if the flag is cleared at once. Setting a flag that is set does
// nothing.
func (e *Event) Set() {
	e.waiters.Check("Set")
	if !e.set {
		e.set = true
		e.waiters.Set(everyone)
	}
}

// Clear takes the flag back: those who come from now on wait.
func (e *Event) Clear() {
	e.waiters.Check("Clear")
	e.set = false
}

// IsSet reports whether the flag is set.
func (e *Event) IsSet() bool { return e.set }

// Wait waits until the flag is set; if it is, Wait does not suspend. An error says that
// the task was canceled, or that ctx has ended (see [lowlevel.Suspend]). Wait panics if ctx
// does not belong to the running task.
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
