package task_test

import (
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
)

// lifecycleTruth is what must be true of a case.
type lifecycleTruth struct {
	// Of inner.
	ran      bool          // its body
	ownEnd   bool          // the body comes to the end that it has when nobody disturbs it
	heard    []string      // the causes of the cancellations that the body is delivered
	requests int           // to cancel it, that counted
	outcome  lifecycleEnd  // its state when it is done
	at       time.Duration // when it is done

	// Of the waiter.
	saw        string
	sawAt      time.Duration
	cancelling int
	next       string // what the next suspension delivers

	sibling  string   // its outcome; empty if there is none
	told     []string // the error handler, in order
	outlived bool     // somebody is not done when the waiter is

	// Where a Goexit ends the driver.
	goexit   bool
	nested   bool // in the first step that the waiter's own call has made
	mayReach bool // inner may run on another's stack, which the Goexit unwinds as well
	dropped  bool // the loop is closed right after, so that nobody is told any more
}

// truth derives what must be true of c. Rules of asyncio are named by the function of
// asyncio that has them, those of DESIGN.md by its section.
func (c lifecycle) truth() *lifecycleTruth {
	m := &lifecycleTruth{}
	c.runInner(m)
	c.goexits(m)
	c.see(m)
	c.settleSibling(m)
	c.tell(m)
	return m
}

// outside reports whether the waiter is canceled from outside.
func (c lifecycle) outside() bool {
	switch c.cancel {
	case cancelStartByWaiter, cancelSuspendedWaiter, cancelBeforeLimit, cancelAfterLimit, cancelDoneWaiter:
		return true
	}
	return false
}

// doneAtOnce reports whether inner is done when the waiter begins to wait.
func (c lifecycle) doneAtOnce() bool {
	switch {
	case c.cancel == cancelStartByHost:
		return true // spawned before the waiter, so its turn comes first (ready queue: first in, first out)
	case !c.eager:
		return false // create_task: the first step is queued
	default:
		return !c.suspends || c.cancel == cancelStartByHook // eager_task_factory: the first step is inside the call
	}
}

// between reports whether the waiter is canceled when inner is done and the waiter has
// not been woken.
func (c lifecycle) between() bool {
	// Timeout: a limit of 0 expires in the next turn, behind inner's first step.
	return c.cancel == cancelDoneWaiter || c.limit == limitZero && c.wait == waitTimeout && !c.doneAtOnce() && !c.suspends
}

// leaves reports whether the waiter goes on before inner is done, and when.
func (c lifecycle) leaves() (at time.Duration, yes bool) {
	switch {
	case c.hasShield(): // shield: a cancellation of the one who waits ends the shield at once
		switch {
		case c.cancel == cancelStartByWaiter, c.limit == limitZero && !c.doneAtOnce():
			return 0, true
		case c.cancel == cancelSuspendedWaiter, c.limit == limitReached:
			return lifeCancel, true
		}
	case c.wait == waitGathered && c.cancel == cancelSuspendedWaiter && c.tidies:
		return lifeCancel, true // gather: the first child to end in an error decides, and the sibling is faster
	}
	return 0, false
}

// reach says how a cancellation reaches inner, with the cause that inner is told.
type reach uint8

const (
	reachNot       reach = iota
	reachUnstarted       // before the first step
	reachFirstStep       // during the first step
	reachSleep           // while it sleeps
)

func (c lifecycle) reach() (how reach, at time.Duration, cause string) {
	switch c.cancel {
	case cancelStartByCaller, cancelStartByHook, cancelStartByHost:
		return reachUnstarted, 0, "cause"
	case cancelItself:
		return reachFirstStep, 0, "cause"
	case cancelSuspended:
		return reachSleep, lifeCancel, "cause"
	}
	if c.hasShield() {
		return reachNot, 0, "" // shield: the one who waits is canceled, inner is not
	}
	switch c.cancel {
	case cancelStartByWaiter:
		switch {
		case c.wait != waitGrouped:
			return reachUnstarted, 0, "cause" // Task.cancel, gather: the request goes down to what is awaited at once
		case c.suspends:
			return reachSleep, 0, "nil" // TaskGroup.__aexit__: the parent aborts in its own next step, behind inner's first
		}
		return reachNot, 0, ""
	case cancelSuspendedWaiter:
		return reachSleep, lifeCancel, either(c.wait == waitGrouped, "nil", "cause") // _abort tells members no cause
	case cancelBeforeLimit:
		return reachSleep, lifeCancel, "cause" // edge-triggered: two requests before one step are delivered as one, the first
	case cancelAfterLimit:
		return reachSleep, lifeCancel, "timeout"
	}
	switch {
	case c.limit == limitReached:
		return reachSleep, lifeCancel, "timeout" // timeouts.Timeout: the limit cancels the task, which cancels what it awaits
	case c.limit != limitZero || c.doneAtOnce():
		return reachNot, 0, ""
	case c.wait == waitWaitFor && !c.eager:
		return reachUnstarted, 0, "timeout" // wait_for: with no time left, what is not done is canceled at once
	case c.suspends:
		return reachSleep, 0, "timeout"
	}
	return reachNot, 0, ""
}

// runInner derives what becomes of inner.
func (c lifecycle) runInner(m *lifecycleTruth) {
	how, at, cause := c.reach()
	m.ran = how != reachUnstarted // Task.__step: canceled before its first step, the body never runs
	if how != reachNot {
		m.requests = 1 // Task.cancelling
	}
	switch {
	case how == reachUnstarted:
		m.outcome = endsCanceled
	case how == reachSleep, how == reachFirstStep && c.suspends: // _must_cancel: delivered at the next suspension
		m.heard = []string{cause}
		m.outcome = c.answers // Task.__step: the body decides what becomes of a cancellation
		m.at = at + either(c.tidies, lifeTidying, 0)
	case how == reachFirstStep && c.ends == endsValue:
		m.ownEnd = true
		m.outcome = endsCanceled // Task.__step: StopIteration with _must_cancel set is a cancellation
	default:
		m.ownEnd = true
		m.outcome = c.ends // an exception in the same place is not
		m.at = either(c.suspends, lifeBody, 0)
	}
	if !c.hasShield() && (c.cancel == cancelBeforeLimit || c.cancel == cancelAfterLimit) {
		m.requests++ // Task.cancel counts both
	}
	left, leaves := c.leaves()
	m.outlived = leaves && left < m.at
	if !m.outlived || !c.shutsDown {
		return
	}
	// _cancel_all_tasks: what is left when main has ended is canceled, and awaited.
	m.requests++
	m.at = left
	if len(m.heard) == 0 {
		m.heard = []string{"nil"}
		m.ownEnd = false
		m.outcome = c.answers
		m.at += either(c.tidies, lifeTidying, 0)
	}
}

// goexits derives what a Goexit means to everybody but inner.
func (c lifecycle) goexits(m *lifecycleTruth) {
	m.goexit = m.outcome == endsGoexit // Errors: Goexit ends the goroutine that drives the loop
	if !m.goexit {
		return
	}
	m.nested = c.eager && m.ownEnd && !c.suspends     // the waiter's call is below the Goexit, and is unwound with it
	m.mayReach = c.stackless && !c.debug && !m.nested // Speed: any stack may run a machine; in debug mode none does
	m.dropped = !c.drivesOn                           // Loop.Close: callbacks that are queued are dropped
}

func (m *lifecycleTruth) failed() bool { return m.outcome != endsValue && m.outcome != endsCanceled }

// see derives what the waiter sees.
func (c lifecycle) see(m *lifecycleTruth) {
	if c.outside() {
		m.cancelling = 1 // Task.cancelling: only the waiter itself could take that back
	}
	at, leaves := c.leaves()
	byLimit := c.limit != limitFar && !c.outside() // timeouts.Timeout.__aexit__: a cancellation from outside wins
	o, sees := m.outcome, m.outcome.String()
	m.sawAt = m.at
	switch {
	case m.nested:
		m.saw, m.cancelling = "nothing", 0
		return
	case m.dropped && !(leaves && c.suspends): // inner has not ended before the waiter left
		// Loop.Close: every suspended body is unwound by a cancellation; Timeout takes
		// that for its own where the limit has expired.
		expired := byLimit && (c.wait == waitWaitFor || c.wait == waitTimeout) && len(m.heard) > 0
		m.saw = either(expired && !(c.wait == waitWaitFor && c.limit == limitZero), "timeout", "canceled")
		return
	}
	if o == endsValue {
		sees = "42"
	}
	switch c.wait {
	case waitAwaited, waitWaitFor, waitTimeout:
		if c.between() {
			o, sees = endsCanceled, "canceled" // Task.cancel: what is awaited is done, so the task itself must cancel
		}
		if o == endsCanceled && byLimit {
			sees = "timeout" // Timeout.__aexit__: a cancellation that came of the limit becomes TimeoutError
		}
		m.saw = sees // wait_for: what the body makes of the cancellation is the result
	case waitShielded, waitForShield:
		switch {
		case leaves:
			m.saw, m.sawAt = either(byLimit, "timeout", "canceled"), at
		case c.between():
			m.saw = "canceled" // shield: the shield was not told yet, and could be canceled
		default:
			m.saw = sees // shield: ends as inner does
		}
	case waitGathered:
		switch {
		case leaves:
			m.saw, m.sawAt = "canceled", at
		case o != endsValue:
			m.saw = sees // gather: the first error, or cancellation, of a child
		case c.outside():
			m.saw = "canceled" // gather: the sibling, canceled with it, ends the gather
		default:
			m.saw, m.sawAt = "[42 7]", lifeSibling
		}
	case waitCollected:
		if c.outside() {
			m.saw = "canceled" // gather(return_exceptions): once all have ended, _cancel_requested is the result
		} else {
			m.saw, m.sawAt = fmt.Sprintf("[%s 7]", sees), lifeSibling // each outcome in its place
		}
	case waitGrouped:
		switch {
		case m.failed():
			m.saw = fmt.Sprintf("group[%s]", sees) // TaskGroup._on_task_done: errors come out as one group
		case c.outside():
			m.saw = "canceled"
		default:
			m.saw, m.sawAt = "nil", lifeSibling // TaskGroup._on_task_done: a canceled task is no error
		}
	case waitGroupedAwaited:
		switch bodySees := c.groupBodySees(m); {
		case m.failed() && bodySees == o:
			m.saw = fmt.Sprintf("group[%s %s]", sees, sees) // TaskGroup.__aexit__: the body's error is added
		case m.failed():
			m.saw = fmt.Sprintf("group[%s]", sees)
		case bodySees == endsCanceled:
			m.saw = "canceled" // TaskGroup.__aexit__: not the group's own, so it is let through
		default:
			m.saw, m.sawAt = "nil", lifeSibling
		}
	}
	if c.inGroup() && m.failed() && c.outside() {
		m.next = "canceled by cause" // TaskGroup.__aexit__: errors outrank the request, which is made again
	}
}

// groupBodySees is what the await of inner in a group's body ends with.
func (c lifecycle) groupBodySees(m *lifecycleTruth) lifecycleEnd {
	if c.between() || m.failed() && !c.doneAtOnce() {
		return endsCanceled // TaskGroup._on_task_done comes before the body wakes, and cancels it
	}
	return m.outcome
}

// settleSibling derives what becomes of the other task.
func (c lifecycle) settleSibling(m *lifecycleTruth) {
	cut := false
	switch c.wait {
	case waitGathered:
		cut = c.outside() // gather: a failing child does not cancel the others, canceling the gather does
		if !cut && m.outcome != endsValue && !m.goexit {
			m.outlived = true
			cut = c.shutsDown
		}
	case waitCollected:
		cut = c.outside()
	case waitGrouped:
		cut = m.failed() || c.outside() // TaskGroup._abort
	case waitGroupedAwaited:
		cut = m.failed() || c.groupBodySees(m) == endsCanceled // __aexit__: the body's error aborts, of whatever kind
	default:
		return
	}
	m.sibling = either(cut || m.dropped, "canceled", "7") // Loop.Close unwinds what is left
}

// tell derives what the error handler is told, in order.
func (c lifecycle) tell(m *lifecycleTruth) {
	tell := func(kind loop.FailureKind, who, what string) {
		if kind == loop.ErrorUnretrieved && what == "goexit" {
			return // a Goexit ends the driver, which is told enough
		}
		m.told = append(m.told, fmt.Sprintf("%v: %s: %s", kind, who, what))
	}
	if m.nested {
		// ErrGoexit: also the error of a task whose stack was unwound by one.
		tell(loop.ErrorUnretrieved, "waiter", "goexit")
	}
	if !m.failed() {
		return
	}
	o := m.outcome.String()
	_, leaves := c.leaves()
	switch {
	case m.nested, m.dropped:
		tell(loop.ErrorUnretrieved, "inner", o) // deliberate difference: errors nobody took are reported at Close
	case c.hasShield() && leaves && c.suspends:
		tell(loop.ShieldedFailed, "inner", o) // shield: _log_on_exception
		if c.shutsDown && !m.goexit {
			tell(loop.ShutdownFailed, "inner", o) // _cancel_all_tasks
		}
	case c.hasShield() && (leaves || c.between()):
		tell(loop.ErrorUnretrieved, "inner", o) // shield: _outer_done_callback leaves alone what is done already
	case c.wait == waitGathered && leaves:
		// Deliberate difference: gather hides the errors of late children in asyncio.
		if c.shutsDown && !m.goexit {
			tell(loop.ShutdownFailed, "inner", o)
		} else {
			tell(loop.ErrorUnretrieved, "inner", o)
		}
	case c.between() && (c.wait == waitAwaited || c.limited()):
		tell(loop.ErrorUnretrieved, "inner", o) // the waiter was canceled instead of being told
	}
}
