package task_test

import (
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
)

// lifecycleTruth says what must be true of a case.
type lifecycleTruth struct {
	// About inner:
	ran      bool          // the body ran
	ownEnd   bool          // no cancellation disturbs the body: it ends as c.ends says
	heard    []string      // the causes of the cancellations that are delivered to the body
	requests int           // the requests to cancel inner that count
	outcome  lifecycleEnd  // the state of inner when it is done
	at       time.Duration // when inner is done

	// About the waiter:
	saw        string        // the result of its wait
	sawAt      time.Duration // when the wait ends
	cancelling int           // the requests to cancel it
	next       string        // what its next suspension delivers

	sibling  string   // the outcome of the sibling; empty if there is no sibling
	told     []string // what the error handler is told, in order
	outlived bool     // inner or the sibling is not done when the waiter is

	// If a Goexit ends the driver:
	goexit   bool
	nested   bool // the Goexit is in an eager first step, inside a call of the waiter
	mayReach bool // inner may run on the stack of another task, and the Goexit then unwinds that one, too
	dropped  bool // the loop is closed right after, so that no further callback or step runs
}

// truth derives what must be true of c. A comment names each rule: a rule of asyncio by the function
// of asyncio that implements it, and a rule of takt by its section in the documentation.
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
		return true // inner was made before the waiter, so it runs first (ready queue: first in, first out)
	case !c.eager:
		return false // create_task: the first step is queued
	default:
		return !c.suspends || c.cancel == cancelStartByHook // eager_task_factory: the first step is inside the call
	}
}

// between reports whether the waiter is canceled after inner is done, and before the waiter wakes.
func (c lifecycle) between() bool {
	// Timeout: a limit of 0 expires in the next turn, after inner's first step.
	return c.cancel == cancelDoneWaiter || c.limit == limitZero && c.wait == waitTimeout && !c.doneAtOnce() && !c.suspends
}

// leaves reports whether the waiter goes on before inner is done, and the time at which it does.
func (c lifecycle) leaves() (at time.Duration, yes bool) {
	switch {
	case c.hasShield(): // shield: canceling the waiter ends the shield at once
		switch {
		case c.cancel == cancelStartByWaiter, c.limit == limitZero && !c.doneAtOnce():
			return 0, true
		case c.cancel == cancelSuspendedWaiter, c.limit == limitReached:
			return lifeCancel, true
		}
	case c.wait == waitGathered && c.cancel == cancelSuspendedWaiter && c.tidies:
		return lifeCancel, true // gather: the first child that ends in an error decides; here it is the sibling
	}
	return 0, false
}

// reach says at which point of inner's life a cancellation reaches it.
type reach uint8

const (
	reachNot       reach = iota
	reachUnstarted       // before the first step
	reachFirstStep       // during the first step
	reachSleep           // while it sleeps
)

// reach returns how a cancellation reaches inner, when, and with which cause.
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
		return reachNot, 0, "" // shield: the waiter is canceled, and inner is not
	}
	switch c.cancel {
	case cancelStartByWaiter:
		switch {
		case c.wait != waitGrouped:
			return reachUnstarted, 0, "cause" // Task.cancel, gather: the request goes on to the awaited task at once
		case c.suspends:
			return reachSleep, 0, "nil" // TaskGroup.__aexit__: the parent aborts in its next step, after inner's first
		}
		return reachNot, 0, ""
	case cancelSuspendedWaiter:
		return reachSleep, lifeCancel, either(c.wait == waitGrouped, "nil", "cause") // _abort cancels members without a cause
	case cancelBeforeLimit:
		return reachSleep, lifeCancel, "cause" // two requests before one step are delivered as one, with the cause of the first
	case cancelAfterLimit:
		return reachSleep, lifeCancel, "timeout"
	}
	switch {
	case c.limit == limitReached:
		return reachSleep, lifeCancel, "timeout" // timeouts.Timeout: the limit cancels the task, and Task.cancel cancels the task that it awaits
	case c.limit != limitZero || c.doneAtOnce():
		return reachNot, 0, ""
	case c.wait == waitWaitFor && !c.eager:
		return reachUnstarted, 0, "timeout" // wait_for: if no time is left, a task that is not done is canceled at once
	case c.suspends:
		return reachSleep, 0, "timeout"
	}
	return reachNot, 0, ""
}

// runInner derives the outcome of inner.
func (c lifecycle) runInner(m *lifecycleTruth) {
	how, at, cause := c.reach()
	m.ran = how != reachUnstarted // Task.__step: the body of a task that is canceled before its first step never runs
	if how != reachNot {
		m.requests = 1 // Task.cancelling
	}
	switch {
	case how == reachUnstarted:
		m.outcome = endsCanceled
	case how == reachSleep, how == reachFirstStep && c.suspends: // _must_cancel: delivered at the next suspension
		m.heard = []string{cause}
		m.outcome = c.answers // Task.__step: the body decides how it answers a cancellation
		m.at = at + either(c.tidies, lifeTidying, 0)
	case how == reachFirstStep && c.ends == endsValue:
		m.ownEnd = true
		m.outcome = endsCanceled // Task.__step: StopIteration with _must_cancel set is a cancellation
	default:
		m.ownEnd = true
		m.outcome = c.ends // Task.__step: another exception in the same place is the outcome
		m.at = either(c.suspends, lifeBody, 0)
	}
	if !c.hasShield() && (c.cancel == cancelBeforeLimit || c.cancel == cancelAfterLimit) {
		m.requests++ // Task.cancel counts both requests
	}
	left, leaves := c.leaves()
	m.outlived = leaves && left < m.at
	if !m.outlived || !c.shutsDown {
		return
	}
	// _cancel_all_tasks: the tasks that are left when main has ended are canceled and awaited.
	m.requests++
	m.at = left
	if len(m.heard) == 0 {
		m.heard = []string{"nil"}
		m.ownEnd = false
		m.outcome = c.answers
		m.at += either(c.tidies, lifeTidying, 0)
	}
}

// goexits derives the effects of a Goexit on the other tasks and the driver.
func (c lifecycle) goexits(m *lifecycleTruth) {
	m.goexit = m.outcome == endsGoexit // Panics and Goexit: a Goexit ends the goroutine that drives the loop
	if !m.goexit {
		return
	}
	m.nested = c.eager && m.ownEnd && !c.suspends     // the Goexit also unwinds the waiter: its call runs inner's first step
	m.mayReach = c.stackless && !c.debug && !m.nested // a machine may run on the stack of any task, but not in debug mode
	m.dropped = !c.drivesOn                           // Loop.Close: queued callbacks are dropped
}

func (m *lifecycleTruth) failed() bool { return m.outcome != endsValue && m.outcome != endsCanceled }

// see derives the result of the waiter's wait.
func (c lifecycle) see(m *lifecycleTruth) {
	if c.outside() {
		m.cancelling = 1 // Task.cancelling: only the waiter itself could take the request back
	}
	at, leaves := c.leaves()
	byLimit := c.limit != limitFar && !c.outside() // timeouts.Timeout.__aexit__: a cancellation from outside wins
	o, sees := m.outcome, m.outcome.String()
	m.sawAt = m.at
	switch {
	case m.nested:
		m.saw, m.cancelling = "nothing", 0
		return
	case m.dropped && !(leaves && c.suspends): // unless the waiter left before inner ended
		// Loop.Close: every suspended body is unwound by a cancellation. If the limit has
		// expired, Timeout turns this cancellation into its error.
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
			o, sees = endsCanceled, "canceled" // Task.cancel: the awaited task is done, so the waiter itself is canceled
		}
		if o == endsCanceled && byLimit {
			sees = "timeout" // Timeout.__aexit__: a cancellation by the limit becomes a TimeoutError
		}
		m.saw = sees // wait_for: the body's answer to the cancellation is the result
	case waitShielded, waitForShield:
		switch {
		case leaves:
			m.saw, m.sawAt = either(byLimit, "timeout", "canceled"), at
		case c.between():
			m.saw = "canceled" // shield: the shield was not done yet, and could be canceled
		default:
			m.saw = sees // shield: it has the outcome of inner
		}
	case waitGathered:
		switch {
		case leaves:
			m.saw, m.sawAt = "canceled", at
		case o != endsValue:
			m.saw = sees // gather: the first error or cancellation of a child is the result
		case c.outside():
			m.saw = "canceled" // gather: the sibling is canceled, too, and ends the gather
		default:
			m.saw, m.sawAt = "[42 7]", lifeSibling
		}
	case waitCollected:
		if c.outside() {
			m.saw = "canceled" // gather(return_exceptions): when all have ended, _cancel_requested decides
		} else {
			m.saw, m.sawAt = fmt.Sprintf("[%s 7]", sees), lifeSibling // gather: the outcomes in order
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
			m.saw = "canceled" // TaskGroup.__aexit__: a cancellation that is not the group's own is let through
		default:
			m.saw, m.sawAt = "nil", lifeSibling
		}
	}
	if c.inGroup() && m.failed() && c.outside() {
		m.next = "canceled by cause" // TaskGroup.__aexit__: the errors are returned, and the request is made again
	}
}

// groupBodySees returns how the await of inner in the group's body ends.
func (c lifecycle) groupBodySees(m *lifecycleTruth) lifecycleEnd {
	if c.between() || m.failed() && !c.doneAtOnce() {
		return endsCanceled // TaskGroup._on_task_done runs before the body wakes, and cancels the body
	}
	return m.outcome
}

// settleSibling derives the outcome of the sibling.
func (c lifecycle) settleSibling(m *lifecycleTruth) {
	cut := false
	switch c.wait {
	case waitGathered:
		cut = c.outside() // gather: canceling the gather cancels the sibling; a failing child does not
		if !cut && m.outcome != endsValue && !m.goexit {
			m.outlived = true
			cut = c.shutsDown
		}
	case waitCollected:
		cut = c.outside()
	case waitGrouped:
		cut = m.failed() || c.outside() // TaskGroup._abort
	case waitGroupedAwaited:
		cut = m.failed() || c.groupBodySees(m) == endsCanceled // __aexit__: any error of the body aborts the group
	default:
		return
	}
	m.sibling = either(cut || m.dropped, "canceled", "7") // Loop.Close unwinds the tasks that are left
}

// tell derives the failures that the error handler gets, in order.
func (c lifecycle) tell(m *lifecycleTruth) {
	tell := func(kind loop.FailureKind, who, what string) {
		if kind == loop.ErrorUnretrieved && what == "goexit" {
			return // a Goexit ends the driver, too, so it is not reported
		}
		m.told = append(m.told, fmt.Sprintf("%v: %s: %s", kind, who, what))
	}
	if m.nested {
		// ErrGoexit: a task gets this error, too, if the Goexit of another task unwound its stack.
		tell(loop.ErrorUnretrieved, "waiter", "goexit")
	}
	if !m.failed() {
		return
	}
	o := m.outcome.String()
	_, leaves := c.leaves()
	switch {
	case m.nested, m.dropped:
		tell(loop.ErrorUnretrieved, "inner", o) // difference from asyncio: Close reports errors that no code took
	case c.hasShield() && leaves && c.suspends:
		tell(loop.ShieldedFailed, "inner", o) // shield: _log_on_exception
		if c.shutsDown && !m.goexit {
			tell(loop.ShutdownFailed, "inner", o) // _cancel_all_tasks
		}
	case c.hasShield() && (leaves || c.between()):
		tell(loop.ErrorUnretrieved, "inner", o) // shield: _outer_done_callback does nothing if inner is done already
	case c.wait == waitGathered && leaves:
		// Difference from asyncio: there a gather hides the errors of late children.
		if c.shutsDown && !m.goexit {
			tell(loop.ShutdownFailed, "inner", o)
		} else {
			tell(loop.ErrorUnretrieved, "inner", o)
		}
	case c.between() && (c.wait == waitAwaited || c.limited()):
		tell(loop.ErrorUnretrieved, "inner", o) // the waiter got its cancellation, and not this error
	}
}
