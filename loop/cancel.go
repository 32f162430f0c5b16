package loop

import (
	"context"
	"errors"
)

// Cancel asks the task to end: a [CanceledError], with cause, is delivered to its
// body at its next suspension, or at once if it is suspended. What it awaits is
// canceled, and the task wakes when that has ended; a task that was canceled
// before its first step never runs its body. The body may clean up, await more,
// or refuse by returning something else. cause may be nil.
//
// Cancel counts the request and returns true; on a finished task it counts
// nothing and returns false, and takes the error, if the task has failed. It never runs
// the task inside the call.
//
// The task's context ends with the request, with the error as its cause. Where more
// requests come before one is delivered, the body is told of the first that could cancel
// what it awaits, and else of the last.
//
// What the task awaits may be another task, or pass requests on to some, as a gather does.
// One call walks once over each of those, however many ways lead there, so that its cost
// is linear in what it reaches; a chain of tasks takes no recursion. Each task counts the
// request once for every task or gather that passes it on.
//
// The rules are those of asyncio's Task.cancel, which counts every way to a task.
func (t *Task) Cancel(cause error) bool {
	t.mustBeSpawned("Cancel")
	if t.state == stateDone || t.outcome.Done() {
		_ = t.outcome.Err()
		return false
	}
	t.env.loop.check("Cancel")
	t.request(t.ending(), cause)
	return true
}

// request asks t to cancel, and ends of, the task's context or that of a scope in it.
func (t *Task) request(of *ending, cause error) {
	l, e := t.env.loop, &CanceledError{Cause: cause}
	of.end(e)
	if l.sweep.last {
		l.sweep.last, l.sweep.next, l.sweep.with = false, t, e
		return
	}
	l.inSweep(func() { l.pass(t, e) })
}

// sweep is a request to cancel on its way: from a task to what that awaits, and on.
type sweep struct {
	number uint64 // counts the sweeps; a task remembers the last that has reached it
	on     bool
	last   bool  // what is asked next is the last thing that its caller does, so that it can wait in next
	next   *Task // to be asked
	with   *CanceledError
	scope  bool // it is in the name of a scope
}

// inSweep calls cancel, and makes one request of all that is canceled inside: see Sweep in
// package lowlevel.
func (l *Loop) inSweep(cancel func()) {
	l.mustBeMade("Sweep")
	if cancel == nil {
		panic("loop: Sweep(nil); give it a function that cancels")
	}
	l.sweep.last = false
	if l.sweep.on {
		if t := l.sweep.next; t != nil { // what was asked before was not the last thing after all
			l.pass(t, l.sweep.with)
		}
		cancel()
		return
	}
	l.sweep.number++
	l.sweep.on = true
	defer func() { l.sweep = sweep{number: l.sweep.number} }()
	cancel()
}

// sweeps is the number of the sweep that is on its way, or else of the last.
func (l *Loop) sweeps() uint64 { return l.sweep.number }

// pass asks t to cancel, then the task that t awaits, and so on.
func (l *Loop) pass(t *Task, e *CanceledError) {
	var room [8]*Task
	path := room[:0]
	defer func() {
		if t != nil { // an observer has called Goexit: the request goes on all the same
			path = append(path, t)
			l.pass(l.sweep.next, l.sweep.with)
		}
		for _, t := range path {
			t.withExtra().below = false
		}
	}()
	for ; t != nil; t, e = l.sweep.next, l.sweep.with {
		l.sweep.next = nil
		if t.asked(e) {
			path = append(path, t)
			l.forward(t, e)
		}
	}
}

// forward passes the request e on to what t awaits. Where that does not take it, or does not
// return, e waits for the next suspension of t.
func (l *Loop) forward(t *Task, e *CanceledError) {
	taken := false
	defer func() {
		l.sweep.last = false
		if !taken {
			t.withExtra().must = e
		}
	}()
	l.sweep.last = true
	taken = t.live.on.Cancel(e.Cause)
}

// asked is a request to cancel as it comes to t. It reports whether the request is to be
// passed on to what t awaits.
func (t *Task) asked(e *CanceledError) bool {
	l, x := t.env.loop, t.withExtra()
	if x.swept == l.sweep.number {
		if x.below {
			// The request came back around a circle of tasks that await each other. It is
			// broken here, or none of them would ever end.
			t.interrupt(e)
		} else {
			x.requests++
		}
		return false
	}
	x.swept = l.sweep.number
	x.requests++
	if l.observer != nil {
		l.tellCancel(t, e)
	}
	return t.deliver(e)
}

// deliver is asked once the request is counted.
func (t *Task) deliver(e *CanceledError) bool {
	l, x := t.env.loop, t.withExtra()
	switch {
	case t.state == stateNew: // whether its factory ever starts it or not
		t.stillborn = true
		t.queue()
	case t.state != stateSuspended:
	case t.sleeping:
		t.interrupt(e)
		return false
	case t.live.on != nil && !t.live.on.Done():
		x.below = true
		return true
	}
	if x.must == nil || !l.sweep.scope { // a scope tells itself from others by the count
		x.must = e
	}
	return false
}

// CancelRequests returns the number of cancellation requests, less those that
// [Task.Uncancel] took back.
func (t *Task) CancelRequests() int { return int(t.extras().requests) }

// Uncancel takes one cancellation request back and returns how many are left.
// When none is left, a request that was not delivered yet is dropped. A context that
// has ended cannot be taken back: it goes on to serve for awaiting, and for what asks
// whether it has ended, [Task.Context] returns another one from then on.
func (t *Task) Uncancel() int {
	t.check("Uncancel")
	x := t.extras()
	if x.requests > 0 {
		x.requests--
		if x.requests == 0 {
			x.must = nil
			t.renew()
		}
	}
	return int(x.requests)
}

// Cancel asks the task to cancel, as [Task.Cancel] does, but ends only the
// scope's context. Where another request has not been delivered yet, the body is told
// of that one.
func (s *scope) Cancel(cause error) bool {
	t := s.task
	if t.state == stateDone {
		return false
	}
	l := t.env.loop
	l.check("Cancel")
	l.inSweep(func() {
		around := l.sweep.scope
		l.sweep.scope = true
		t.request(&s.ending, cause)
		l.sweep.scope = around
	})
	return true
}

// Pending reports whether the request that awaits delivery is the scope's own, and no
// other does.
func (s *scope) Pending() bool {
	must := s.task.pendingCancel()
	return must != nil && must == s.reason.Load()
}

// letThrough returns the request that err, as the error of a body, stands for, else err: see
// LetThrough in package lowlevel.
func letThrough(ctx context.Context, err error) error {
	if !isPlain(err) {
		return err
	}
	t, _, _ := own(ctx)
	if t == nil || t.CancelRequests() == 0 || ctx.Err() == nil {
		return err
	}
	if e := endedBy(ctx); e != nil {
		return e
	}
	return err
}

// endedBy returns the innermost request that ended ctx, a task's own context or that of a
// scope, nil if none did.
func endedBy(ctx context.Context) *CanceledError {
	for {
		switch c := ctx.(type) {
		case *ownContext:
			return (*Task)(c).extras().reason.Load()
		case *scopeContext:
			if e := c.reason.Load(); e != nil || c.renewed {
				return e
			}
			ctx = c.outer
		default:
			ctx = ctx.Value(contextKey{}).(context.Context)
		}
	}
}

// isPlain reports whether err is context.Canceled, or wraps that and nothing else.
func isPlain(err error) bool {
	for err != nil && err != context.Canceled {
		if _, ok := err.(*PanicError); ok { // whatever it was panicked with
			return false
		}
		err = errors.Unwrap(err)
	}
	return err != nil
}

// pendingCancel is the cancellation that awaits delivery at the next suspension, or nil.
func (t *Task) pendingCancel() *CanceledError { return t.extras().must }
