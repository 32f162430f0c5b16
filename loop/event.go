package loop

import (
	"fmt"
	"slices"
	"time"

	"github.com/takt-go/takt/timer"
)

// An Event is something that the loop did.
type Event struct {
	Kind  EventKind
	At    time.Duration // since the start of the loop's clock
	Task  *Task         // whom it concerns; nil for callbacks and their timers, Posted, Idle
	By    *Task         // who was running, Task itself included; nil in callbacks and between steps
	On    Awaitable     // what a suspended task awaits, if that is an Awaitable: see Task.Awaits
	Timer timer.Key     // which timer, also that of a task that sleeps
	Cause error         // of CancelAsked, if one was given
	Ready int           // of TurnBegan: how many steps and callbacks the turn has
}

// EventKind says what happened.
type EventKind uint8

const (
	TaskMade      EventKind = iota + 1 // by By
	StepBegan                          // of Task
	TaskSuspended                      // its step is over; On, Timer, or neither for a turn, say what it waits for
	TaskWoken                          // by By; its step comes when the entries before it have run
	TaskDone                           // its last step is over
	CancelAsked                        // of Task, by By
	TimerArmed
	TimerFired // it is in the ready queue now
	TimerCanceled
	Posted // from another goroutine
	Idle   // nothing is ready; the loop waits
	TurnBegan
)

var eventNames = [...]string{
	TaskMade: "made", StepBegan: "step", TaskSuspended: "suspended", TaskWoken: "woken",
	TaskDone: "done", CancelAsked: "cancel", TimerArmed: "timer armed",
	TimerFired: "timer fired", TimerCanceled: "timer canceled", Posted: "posted", Idle: "idle", TurnBegan: "turn",
}

func (k EventKind) String() string {
	if int(k) < len(eventNames) && eventNames[k] != "" {
		return eventNames[k]
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// tell is observe for what is about a task only. Like the others that are about one
// kind of event it is not inlined, and its frame is not part of its callers': a body
// that suspends for the first time has less than 1 KB of its stack left.
//
//go:noinline
func (l *Loop) tell(kind EventKind, t *Task) { l.observe(Event{Kind: kind, Task: t}) }

//go:noinline
func (l *Loop) tellSuspended(t *Task) {
	told := false
	defer func() {
		if !told { // a Goexit unwinds the body, which is suspended
			t.unwinding = true
		}
	}()
	if t.sleeping {
		l.tellTimer(TimerArmed, t.live.timer, (*sleeper)(t))
	}
	l.observe(Event{Kind: TaskSuspended, Task: t, On: t.Awaits(), Timer: t.live.timer})
	told = true
}

//go:noinline
func (l *Loop) tellWoken(r Runnable) {
	if e, ok := r.(*entry); ok && e.state != stateDone {
		l.tell(TaskWoken, (*Task)(e))
	}
}

// tellCancel delivers the request where an observer calls Goexit.
//
//go:noinline
func (l *Loop) tellCancel(t *Task, e *CanceledError) {
	told := false
	defer func() {
		if !told && t.deliver(e) {
			l.forward(t, e)
		}
	}()
	l.observe(Event{Kind: CancelAsked, Task: t, Cause: e.Cause})
	told = true
}

//go:noinline
func (l *Loop) tellTimer(kind EventKind, key timer.Key, r Runnable) {
	s, _ := r.(*sleeper) // else a callback's
	l.observe(Event{Kind: kind, Timer: key, Task: (*Task)(s)})
}

// tellPosted tells of n functions that were posted and have come.
func (l *Loop) tellPosted(n int) {
	if l.observer != nil {
		for range n {
			l.observe(Event{Kind: Posted})
		}
	}
}

//go:noinline
func (l *Loop) tellTurn() {
	l.observe(Event{Kind: TurnBegan, Ready: l.ready.Len()})
}

// observe is called only where there is an observer, and where it does no harm if it does
// not return: all that has to happen has happened, or is deferred.
func (l *Loop) observe(e Event) {
	e.At, e.By = l.Elapsed(), l.current
	l.observeFrom(0, e)
}

// observeFrom tells e to the observers from at on. One that panics or calls Goexit is
// dropped, and those behind it are told all the same.
func (l *Loop) observeFrom(at int, e Event) {
	defer func() {
		if at < len(l.observer) {
			l.dropObserver(at, recovered(recover(), nil))
			l.observeFrom(at, e)
		}
	}()
	for at < len(l.observer) {
		l.observer[at](e)
		at++
	}
}

func (l *Loop) dropObserver(at int, err error) {
	l.observer = slices.Delete(l.observer, at, at+1)
	if len(l.observer) == 0 {
		l.observer = nil
	}
	l.reportSoon(Failure{Kind: ObserverFailed, Err: err})
}
