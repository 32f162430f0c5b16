package loop

import (
	"context"
	"errors"
)

// Cancel asks the task to end. It never runs the task inside the call. cause may be nil. The loop
// delivers a [CanceledError] with the cause to the body of the task:
//
//   - If the task awaits an awaitable, Cancel cancels the awaitable, and the task wakes when the
//     awaitable has ended.
//   - If the task sleeps, the sleep ends at once.
//   - If the task is running, or will run in its turn, the error comes at the next step or
//     suspension.
//   - If the task has not taken its first step, its body never runs.
//
// The body may clean up, await more, or refuse to end: then it returns something else.
//
// Cancel counts the request and returns true. If the task is done, Cancel counts nothing and
// returns false. If the task has failed, this call also takes the task's error, as if the caller
// had asked for it.
//
// The request ends the task's context, with the CanceledError as its cause. If several requests
// come before one is delivered, the body gets the first request that could cancel the awaitable of
// the task. If none could, the body gets the last request.
//
// A task may await another task, or an awaitable such as a gather, which passes the request on to
// several tasks. One call of Cancel passes the request once through each of them, however many ways
// lead to it. So the cost is linear in the number of tasks and awaitables that it reaches. A chain
// of tasks needs no recursion. Each task counts the request once for every task or gather that
// passes it on.
//
// The rules are those of asyncio's Task.cancel. But asyncio counts every way to a task.
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

// request asks t to cancel. It also ends of, which is the ending of the task's context, or of the
// context of a scope.
func (t *Task) request(of *ending, cause error) {
	l, e := t.env.loop, &CanceledError{Cause: cause}
	of.end(e)
	if l.sweep.last {
		l.sweep.last, l.sweep.next, l.sweep.with = false, t, e
		return
	}
	l.inSweep(func() { l.pass(t, e) })
}

// A sweep is one cancellation request, which passes from a task to the awaitable of the task, and
// on.
type sweep struct {
	number uint64         // counts the sweeps; a task stores the number of the last one that has reached it
	on     bool           // a sweep is going on
	last   bool           // the caller of request does nothing after it, so request only stores the task in next
	next   *Task          // the task that the loop in pass asks next, without a recursion
	with   *CanceledError // the request for next
	scope  bool           // a scope has made the request
}

// inSweep calls cancel. All cancellations inside are one request: see Sweep in package lowlevel.
func (l *Loop) inSweep(cancel func()) {
	l.mustBeMade("Sweep")
	if cancel == nil {
		panic("loop: Sweep(nil); give it a function that cancels")
	}
	l.sweep.last = false
	if l.sweep.on {
		if t := l.sweep.next; t != nil { // its caller goes on with another cancellation, so ask the stored task first
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

// sweeps returns the number of the current sweep, or of the last one.
func (l *Loop) sweeps() uint64 { return l.sweep.number }

// pass asks t to cancel, then the task that t awaits, and so on.
func (l *Loop) pass(t *Task, e *CanceledError) {
	var room [8]*Task
	path := room[:0]
	defer func() {
		if t != nil { // an observer has called Goexit; the request passes on nevertheless
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

// forward passes the request e on to the awaitable of t. If the awaitable does not take the
// request, or its Cancel does not return, the next suspension of t delivers e.
func (l *Loop) forward(t *Task, e *CanceledError) {
	taken := false
	defer func() {
		l.sweep.last = false
		if x := t.withExtra(); taken {
			x.passed = e
		} else {
			x.must = e
		}
	}()
	l.sweep.last = true
	taken = t.live.on.Cancel(e.Cause)
}

// asked counts the request e for t, and delivers it if that is possible now. It returns true if the
// caller must pass the request on to the awaitable of t.
func (t *Task) asked(e *CanceledError) bool {
	l, x := t.env.loop, t.withExtra()
	if x.swept == l.sweep.number {
		if x.below {
			// The tasks await each other in a circle, and the request has come back to t.
			// Ending this wait breaks the circle. Otherwise none of the tasks would ever end.
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

// deliver is the part of asked after the request was counted. It returns the result of asked.
func (t *Task) deliver(e *CanceledError) bool {
	l, x := t.env.loop, t.withExtra()
	switch {
	case t.state == stateNew: // the task ends in its turn, also if its factory never starts it
		t.traits |= isStillborn
		t.queue()
	case t.state != stateSuspended:
	case t.is(isSleeping):
		t.interrupt(e)
		return false
	case t.live.on != nil && !t.live.on.Done():
		if isShared(t.live.on) {
			t.interrupt(e)
			return false
		}
		x.below = true
		return true
	}
	// A scope recognizes its own request by the count, not by the cause. So the request of a scope
	// does not replace another one.
	if x.must == nil || !l.sweep.scope {
		x.must = e
	}
	return false
}

// CancelRequests returns the number of cancellation requests that [Task.Uncancel] has not taken back.
func (t *Task) CancelRequests() int { return int(t.extras().requests) }

// Uncancel takes one cancellation request back, and returns how many are left. If none is left, a
// request that was not delivered yet is dropped, and [Task.Context] returns a fresh context from then
// on. The old context stays canceled, but the body may still use it to await.
func (t *Task) Uncancel() int {
	t.check("Uncancel")
	x := t.extras()
	if x.requests > 0 {
		x.requests--
		if x.requests == 0 {
			x.must, x.passed = nil, nil
			t.renew()
		}
	}
	return int(x.requests)
}

// Cancel sends a request to the task, as [Task.Cancel] does, but ends only the scope's context. If
// another request has not been delivered yet, the body gets that one. Cancel reports false if the
// task is done.
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

// Pending reports whether the request that will be delivered at the next suspension is the request of
// this scope.
func (s *scope) Pending() bool {
	must := s.task.pendingCancel()
	return must != nil && must == s.reason.Load()
}

// letThrough returns the request that has made a body return err, and err itself if there is none:
// see LetThrough in package lowlevel.
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

// endedBy returns the request that has ended ctx. It looks at ctx and at the contexts around it, up to
// that of the task, and returns the innermost request, or nil if there is none.
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
		if _, ok := err.(*PanicError); ok { // with any value
			return false
		}
		err = errors.Unwrap(err)
	}
	return err != nil
}

// pendingCancel returns the cancellation that the next suspension will deliver, or nil.
func (t *Task) pendingCancel() *CanceledError { return t.extras().must }
