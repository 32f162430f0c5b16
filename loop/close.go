package loop

import (
	"github.com/takt-go/takt/loop/internal/ready"
	"github.com/takt-go/takt/timer"
)

// Close ends the loop. First posts are refused, and the loop's own context ends, so that
// a goroutine that waits for the loop, in task.Submit for example, gives up. Every body
// that has not ended is then unwound, in order of
// creation: what it awaits ends with a [*CanceledError] whose cause is
// [ErrClosed], and so does every further await, at once, so that its deferred
// calls run; a body that keeps awaiting all the same is ended by a panic after
// 1000 refusals, and reported. A task that has not started never runs. Callbacks
// that are still queued or armed are dropped. Calls that were offloaded have their
// contexts ended, and are waited for; no goroutine is left behind. Last,
// the errors of tasks that no code took are reported ([ErrorUnretrieved]), by order of
// creation, but for those that were reported before ([WithUnretrievedLimit]).
//
// Closing again does nothing. Close panics if the loop is running: a task or
// callback that wants the end calls [Loop.Stop].
func (l *Loop) Close() {
	l.mustBeMade("Close")
	if !l.phase.CompareAndSwap(uint32(resting), uint32(closing)) {
		switch {
		case l.in(closed):
			return
		case l.in(closing):
			panic("loop: Close called by a body that Close is unwinding")
		default:
			panic("loop: Close on a loop that is running; call Stop, and Close when Run has returned")
		}
	}
	// Before anything is waited for: a body's deferred call or an offloaded call may wait
	// for a goroutine that waits for the loop.
	l.inbox.Refuse()
	l.root.ending().end(&CanceledError{Cause: ErrClosed})
	if l.debug {
		identify(&l.stacks.Driver)
	}
	// A Goexit in a body goes on here: what is left to do is deferred.
	defer l.release()
	defer l.unwindAll() // what the end of offloaded work has spawned
	defer l.offloads.Await(l.runGuarded)
	l.unwindAll()
}

// runGuarded runs a callback as dispatch would.
func (l *Loop) runGuarded(r Runnable) {
	ok := false
	defer l.guard(nil, &ok)
	r.Run()
	ok = true
}

// unwindAll unwinds the unfinished tasks. Bodies may spawn meanwhile; those tasks
// never start.
func (l *Loop) unwindAll() {
	defer func() {
		if l.first != nil { // a Goexit has ended the range
			l.unwindAll()
		}
	}()
	for l.first != nil {
		l.unwind(l.first)
	}
}

// unwind ends t.
func (l *Loop) unwind(t *Task) {
	t.unwinding = true
	err := &CanceledError{Cause: ErrClosed}
	t.ending().end(err)
	defer func() { l.current = nil }()
	switch {
	case t.state == stateNew || t.state == stateQueued:
		t.end(err)
	case t.kind == stackful:
		t.withExtra().wake = err
		l.stacks.SwitchTo(t.stack)
	default:
		t.resumed()
		for t.state != stateDone {
			l.unwindStep(t, err)
		}
	}
}

// unwindStep asks a stackless body to end, and ends it if it keeps on waiting.
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

// release ends the free stacks and lets go of what is left.
func (l *Loop) release() {
	defer l.reportUnretrieved() // last: the handler may end the goroutine
	l.phase.Store(uint32(closed))
	l.lenient = false
	l.stacks.End()
	l.lives = nil
	l.ready, l.turnEnd = ready.Queue{}, 0
	l.timers, l.due = timer.New[Runnable](), nil
	l.outside.Close()
	l.atIdle = nil
}
