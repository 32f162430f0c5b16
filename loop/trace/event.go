package trace

import (
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/timer"
)

// An Event is a [loop.Event] in the form in which a [Recorder] keeps it: with IDs and texts instead
// of pointers into the loop.
type Event struct {
	Kind    loop.EventKind
	At      time.Duration // since the start of the loop's clock
	Task    uint64        // the ID of the task that the event is about; 0 for none
	Name    string        // the last name of Task; "" for none
	By      uint64        // the ID of the task that was running; 0 for none
	On      string        // describes the awaitable of a suspended task; "" for a sleep or a turn
	OnTask  uint64        // the ID of the awaited task; 0 if the awaitable is not a task
	Timer   timer.Key     // the timer of a timer event, or of a task that is suspended in a sleep
	Outcome Outcome       // of a task that is done
	Err     string        // the error of a task that failed or panicked; the cause of a cancellation
}

// An Outcome says how a task ended.
type Outcome uint8

const (
	Returned Outcome = iota + 1
	Failed           // with an error
	Panicked
	Canceled
)

var outcomeNames = [...]string{Returned: "returned", Failed: "failed", Panicked: "panicked", Canceled: "canceled"}

func (o Outcome) String() string {
	if int(o) < len(outcomeNames) && outcomeNames[o] != "" {
		return outcomeNames[o]
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}

// outcomeOf returns how t ended, and its error. The error still counts as not retrieved.
func outcomeOf(t *loop.Task) (Outcome, error) {
	of := t.Outcome()
	if c, ok := of.(interface{ Canceled() bool }); ok && c.Canceled() {
		return Canceled, nil
	}
	switch err := of.Unretrieved(); err.(type) {
	case nil:
		return Returned, nil
	case *loop.PanicError:
		return Panicked, err
	default:
		return Failed, err
	}
}
