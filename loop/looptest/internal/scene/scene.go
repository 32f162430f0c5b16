// Package scene connects package looptest with the simulated world of package sim. The world tells what happens in
// it, and looptest shows that in its report and on the timeline page.
package scene

import (
	"context"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/world"
)

// A Run is what a world needs from the run that it belongs to. The T of package looptest has one.
type Run interface {
	// AtEnd makes the main task call f when the body has returned, before the run looks for tasks and timers that
	// are left. The last function is called first.
	AtEnd(f func(ctx context.Context))
	// Record returns the function that records what happens in the world. It is nil if the run keeps no record, as
	// almost every run of an exploration. Then the world need not build the events.
	Record() func(Event)
	// Tolerate makes the run ask f about each failure that no code has taken. If f returns true, it is none.
	Tolerate(f func(loop.Failure) bool)
	// Fail fails the run with a text. The text comes from no place in the code of the test.
	Fail(text string)
	// Property returns the property whose function runs now, such as `Always("one leader")`, or "". Such a function
	// runs between two steps, and must not change the world.
	Property() string
}

// Of returns the Run of t, which is a *looptest.T. Package looptest sets it.
var Of func(t any) Run

// An Event is something that happened in the world.
type Event = world.Event

// A Kind is the kind of an Event.
type Kind = world.Kind

const (
	Fault   = world.Fault
	Began   = world.Began
	Ended   = world.Ended
	Log     = world.Log
	Sent    = world.Sent
	Arrived = world.Arrived
	Lost    = world.Lost
	Cut     = world.Cut
	Healed  = world.Healed
	Paused  = world.Paused
	Resumed = world.Resumed
)
