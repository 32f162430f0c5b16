package loop

import (
	"fmt"

	"github.com/takt-go/takt/timer"
)

// An Event is something that the loop did.
type Event struct {
	Kind  EventKind
	Task  *Task     // whom it concerns; nil for timers of callbacks, Idle, Posted
	By    *Task     // the task that was running; nil in callbacks and between steps
	On    Awaitable // what a suspended task awaits; nil for a sleep or a turn
	Timer timer.Key // which timer
}

// EventKind says what happened.
type EventKind uint8

const (
	TaskMade      EventKind = iota + 1 // by By
	StepBegan                          // of Task
	TaskSuspended                      // its step is over; On, Timer or neither say why
	TaskWoken                          // by By; its step comes with its turn
	TaskDone                           // its last step is over
	CancelAsked                        // of Task, by By
	TimerArmed
	TimerFired
	TimerCanceled
	Posted // from another goroutine
	Idle   // nothing is ready; the loop waits
)

var eventNames = [...]string{
	TaskMade: "made", StepBegan: "step", TaskSuspended: "suspended", TaskWoken: "woken",
	TaskDone: "done", CancelAsked: "cancel", TimerArmed: "timer armed",
	TimerFired: "timer fired", TimerCanceled: "timer canceled", Posted: "posted", Idle: "idle",
}

func (k EventKind) String() string {
	if int(k) < len(eventNames) && eventNames[k] != "" {
		return eventNames[k]
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// observe is called only where there is an observer.
func (l *Loop) observe(e Event) {
	e.By = l.current
	l.observer(e)
}
