package loop

import (
	"fmt"
	"slices"
	"time"

	"github.com/takt-go/takt/timer"
)

// An Event is something that the loop did. Observers are called with it: see [WithObserver].
type Event struct {
	Kind  EventKind
	At    time.Duration // since the start of the loop's clock
	Task  *Task         // the task that the event concerns; nil for callbacks and their timers, Posted, Idle
	By    *Task         // the task that was running, which may be Task; nil in callbacks and between steps
	On    Awaitable     // the awaitable on which Task is suspended, if it awaits one: see Task.Awaits
	Timer timer.Key     // the timer; also the timer of a sleeping task
	Cause error         // of CancelAsked, if Cancel was given a cause
	Ready int           // of TurnBegan: steps and callbacks in the turn, canceled callbacks included; of TimerCanceled: 1 if it had fired
}

// EventKind says what happened.
//
// There is one TaskSuspended of a sleep that looks like one for a turn: that of a task that has paused its own realm and then
// sleeps. The sleep has no timer until Resume, which arms one.
type EventKind uint8

const (
	TaskMade      EventKind = iota + 1 // By made Task
	StepBegan                          // a step of Task begins
	TaskSuspended                      // a step of Task has ended; Task waits for On, for Timer, or for a turn if both are zero
	TaskWoken                          // By woke Task; the step of Task comes when the entries before it have run
	TaskDone                           // Task has ended, after its last step or without any step
	CancelAsked                        // By asked Task to cancel
	TimerArmed
	TimerFired // the timer is in the ready queue now
	TimerCanceled
	Posted // the loop takes in a function from Post
	Idle   // nothing is ready; Run is going to wait. RunOnce, RunUntilIdle and RunFor do not wait
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

// tell reports an event that has a task and no other fields. This and the other tell functions are
// not inlined, so that an Event does not enlarge the stack frames of their callers: a body that
// suspends for the first time has less than 1 KB of its stack left.
//
//go:noinline
func (l *Loop) tell(kind EventKind, t *Task) { l.observe(Event{Kind: kind, Task: t}) }

//go:noinline
func (l *Loop) tellSuspended(t *Task) {
	told := false
	defer func() {
		if !told { // an observer's Goexit unwinds the body, which is suspended
			t.traits |= isUnwinding
		}
	}()
	l.tellAsleep(t)
	told = true
}

func (l *Loop) tellAsleep(t *Task) {
	// Deferred, because an observer that is told of the timer may call Goexit.
	defer l.observe(Event{Kind: TaskSuspended, Task: t, On: t.Awaits(), Timer: t.alarm()})
	if t.is(isSleeping) && t.live.timer != nil { // otherwise its realm is paused
		l.tellTimer(TimerArmed, t.alarm(), (*sleeper)(t), 0)
	}
}

//go:noinline
func (l *Loop) tellWoken(r Runnable) {
	if e, ok := r.(*entry); ok && e.state != stateDone {
		l.tell(TaskWoken, (*Task)(e))
	}
}

// tellAllWoken tells the observers of the entries that were just scheduled: those at the positions of the
// ready queue from from to to. If an observer calls Goexit, the others are told of the later entries, too.
func (l *Loop) tellAllWoken(from, to uint64) {
	defer func() {
		if from < to {
			l.tellAllWoken(from+1, to)
		}
	}()
	for ; from < to; from++ {
		l.tellWoken(l.ready.At(from))
	}
}

// tellCancel tells the observers of a request. If an observer calls Goexit, the caller cannot
// deliver the request, so tellCancel does.
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
func (l *Loop) tellTimer(kind EventKind, key timer.Key, r Runnable, ready int) {
	s, _ := r.(*sleeper) // nil for the timer of a callback
	l.observe(Event{Kind: kind, Timer: key, Task: (*Task)(s), Ready: ready})
}

// tellPosted reports that the loop has taken in n posted functions, as tellAllWoken does.
func (l *Loop) tellPosted(n int) {
	if l.observer == nil {
		return
	}
	defer func() {
		if n > 0 {
			l.tellPosted(n - 1)
		}
	}()
	for ; n > 0; n-- {
		l.observe(Event{Kind: Posted})
	}
}

//go:noinline
func (l *Loop) tellTurn() {
	l.observe(Event{Kind: TurnBegan, Ready: l.ready.Len()})
}

// observe hands e to the observers. It is called only if there is an observer. If an observer calls
// Goexit, observe does not return. So its callers defer everything that must happen after it.
func (l *Loop) observe(e Event) {
	e.At, e.By = l.Elapsed(), l.current
	l.observeFrom(0, e)
}

// observeFrom hands e to the observers from index at on. It drops an observer that panics or calls
// Goexit, and hands e to the later ones nevertheless.
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
