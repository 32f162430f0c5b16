// Package world has the events of a simulated world. Package looptest and its subpackages tell them, and package trace
// shows them on its timeline.
package world

import (
	"context"
	"time"
)

// Recorder returns the function that records events in rec, which is a *trace.Recorder. Package trace sets it.
var Recorder func(rec any) func(Event)

// An Event is something that happened in the world.
type Event struct {
	At    time.Duration // since the start of the loop's clock
	Kind  Kind
	Node  string          // of which it is told
	Peer  string          // the node at the other end of a message
	ID    uint64          // the same for the events Sent, and Arrived or Lost, of one message
	Text  string          // for people: "3 writes lost, 1 torn"; a line of a log
	Realm context.Context // of Began: that of the realm of the tasks of the incarnation; nil for none
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
	Cut                 // a partition, a link or a hold: Text names both sides; it lasts until the event Healed with the same ID
	Healed              // the end of a cut; if Text is not empty, it says so
	Paused              // the node
	Resumed             // the node
)
