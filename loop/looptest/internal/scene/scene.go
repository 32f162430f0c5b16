// Package scene connects package looptest with the simulated world of package sim. The world tells what happens in
// it, and looptest shows that in its report and on the timeline page.
package scene

import (
	"context"
	"time"
)

// A Run is what a world needs from the run that it belongs to. The T of package looptest has one.
type Run interface {
	// AtEnd makes the main task call f when the body has returned, before the run looks for tasks and timers that
	// are left. The last function is called first.
	AtEnd(f func(ctx context.Context))
	// Record returns the function that records what happens in the world. It is nil if the run keeps no record, as
	// almost every run of an exploration. Then the world need not build the events.
	Record() func(Event)
	// Property returns the property whose function runs now, such as `Always("one leader")`, or "". Such a function
	// runs between two steps, and must not change the world.
	Property() string
}

// Of returns the Run of t, which is a *looptest.T. Package looptest sets it.
var Of func(t any) Run

// An Event is something that happened in the world.
type Event struct {
	At   time.Duration // since the start of the loop's clock
	Kind Kind
	Node string // of which it is told
	Peer string // the node at the other end of a message
	ID   uint64 // the same for the events Sent, and Arrived or Lost, of one message
	Text string // for people: "3 writes lost, 1 torn"; a line of a log
}

// A Kind is the kind of an Event.
type Kind uint8

const (
	Fault   Kind = iota // Text says all: "crash b: 3 writes lost, 1 torn"; Node may be empty
	Began               // an incarnation; Text is its number
	Ended               // an incarnation; Text says how: crash, stop, exit, panic
	Log                 // Text is a line that the node has logged
	Sent                // a message, from Node to Peer
	Arrived             // at Peer
	Lost                // it will not arrive
	Cut                 // a partition, or a link: Text names both sides; it lasts until the event Healed with the same ID
	Healed              // the end of a cut
	Paused              // the node
	Resumed             // the node
)
