package loop

import (
	"github.com/takt-go/takt/loop/internal/ready"
	"github.com/takt-go/takt/timer"
)

// Close ends the loop, in these steps:
//
//   - It refuses every later Post, and ends the loop's own context. So a goroutine that waits for
//     the loop, in task.Submit for example, stops waiting.
//   - It unwinds every body that has not ended, in order of creation of the tasks. The present
//     await of the body fails with a [*CanceledError] that has [ErrClosed] as its cause, and every
//     later await fails in the same way, at once. So the body's deferred calls run. If a body goes
//     on awaiting, Close ends the body by a panic after 1000 refused awaits, and reports that
//     ([TaskStuck]). A task that has not started never runs.
//   - It closes the Wakers of package lowlevel that are not stopped, in order of making.
//   - It ends the contexts of the offloaded calls, and waits for these calls to return, and for the
//     goroutines of the Wakers. No goroutine is left behind.
//   - It drops the callbacks that are still queued or armed.
//   - It reports the task errors that no code took ([ErrorUnretrieved]), in order of creation of the
//     tasks, except errors that were reported before ([WithUnretrievedLimit]).
//
// Closing again does nothing. Close panics if the loop is running: a task or callback calls
// [Loop.Stop] in order to end the loop.
func (l *Loop) Close() {
	l.mustBeMade("Close")
	if !l.phase.CompareAndSwap(uint32(resting), uint32(closing)) {
		switch {
		case l.in(closed):
			return
		case l.in(closing):
			panic("loop: Close called by a body that Close is unwinding; let the body return instead")
		default:
			panic("loop: Close on a loop that is running; call Stop, and Close when Run has returned")
		}
	}
	// This comes before Close waits for anything: a body's deferred call, or an offloaded call, may
	// wait for a goroutine that waits for the loop.
	l.inbox.Refuse()
	l.root.ending().end(&CanceledError{Cause: ErrClosed})
	for _, r := range l.realms {
		r.endContexts(&CanceledError{Cause: ErrClosed})
	}
	l.unshared = true
	sit(&l.stacks.Driver)
	if l.debug {
		identify(&l.stacks.Driver)
	}
	// A Goexit in a body goes on in Close, so the rest of Close is deferred.
	defer l.release()
	defer l.unwindAll() // the tasks that the done functions of offloaded calls have spawned
	defer l.wakers.Wait()
	defer l.offloads.Await(l.runGuarded)
	defer l.wakers.End(l.runGuarded)
	l.ports.Tell() // otherwise a body would lose a value that its channel operation has received
	l.unwindAll()
}

// runGuarded runs a callback as dispatch would.
func (l *Loop) runGuarded(r Runnable) {
	ok := false
	defer l.guard(nil, &ok)
	r.Run()
	ok = true
}

// unwindAll unwinds the unfinished tasks. Bodies may spawn tasks meanwhile, but these tasks never
// start.
func (l *Loop) unwindAll() {
	defer func() {
		if l.first != nil { // a Goexit has ended the for statement below
			l.unwindAll()
		}
	}()
	for l.first != nil {
		l.unwind(l.first)
	}
}

// unwind ends t.
func (l *Loop) unwind(t *Task) {
	t.traits |= isUnwinding
	if on := t.live.on; on != nil { // otherwise the body could wake its own task
		on.RemoveWaiter((*entry)(t))
	}
	err := t.unwindError()
	t.ending().end(err)
	defer func() { l.current = nil }()
	switch {
	case t.state == stateNew || t.state == stateQueued:
		t.end(err)
	case !t.is(isStackless):
		t.withExtra().wake = err
		l.stacks.SwitchTo(t.stack())
	default:
		t.resumed()
		for t.state != stateDone {
			l.unwindStep(t, err)
		}
	}
}

// unwindError returns the error of the awaits of t while it is being unwound.
func (t *Task) unwindError() *CanceledError {
	if t.env.realm.over() && !t.env.loop.in(closing) {
		return &CanceledError{Cause: errRealmEnded}
	}
	return &CanceledError{Cause: ErrClosed}
}

// unwindStep asks a stackless body to end. A body that goes on waiting is refused, and ended by a
// panic after too many refusals.
func (l *Loop) unwindStep(t *Task, err error) {
	returned := false
	defer func() {
		if !returned {
			t.unwound(recovered(recover(), t))
		}
	}()
	t.begin()
	if s := t.live.body.Step(t, err); s.how == end {
		t.ended()
	} else {
		t.refuse()
	}
	returned = true
}

// release ends the free stacks, and drops what the loop still holds, or leaves both to the spare.
func (l *Loop) release() {
	defer l.reportUnretrieved() // last, because the error handler may call Goexit
	l.phase.Store(uint32(closed))
	l.lenient = false
	if l.spare != nil {
		l.leaveSpare()
	}
	l.stacks.End()
	l.lives, l.keys = nil, nil
	l.ready, l.turnEnd = ready.Queue{}, 0
	l.timers, l.due = noTimers, nil
	l.realms, l.moved, l.pauses = nil, nil, pauses{}
	l.outside.Close()
	l.atIdle = nil
}

// noTimers is the timer queue of closed loops. No timer is ever armed in it.
var noTimers = timer.New[Runnable]()
