package trace

import (
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/timer"
)

// An Event is a [loop.Event] as a [Recorder] kept it: with IDs and texts in place of
// what lives in the loop.
type Event struct {
	Kind    loop.EventKind
	At      time.Duration // since the start of the loop's clock
	Task    uint64        // the ID of the task that it concerns; 0 for none
	Name    string        // the name that Task had last; "" for none
	By      uint64        // the ID of the task that was running; 0 for none
	On      string        // what a suspended task awaits; "" for time or a turn
	OnTask  uint64        // the ID of the task that it awaits, if that is one
	Timer   timer.Key     // which timer, also that of a task that sleeps
	Outcome Outcome       // of a task that is done
	Err     string        // the error of a task that failed or panicked; the cause of a cancellation
}

// Outcome is how a task ended.
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

// outcomeOf tells how t ended, and with which error. It takes the error from nobody.
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
