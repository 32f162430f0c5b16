package loop

import "runtime"

// How one stack reaches another in one switch.
//
// Every stack is a hook on which exactly one goroutine hangs, its own or that of
// another stack or of the driver. Whoever hangs itself there sends the one that hung
// there before on its way: one switch, where a call of next and a yield back to it
// would be two. With as many hooks as there are stacks, and the driver besides,
// everybody but the one that runs hangs somewhere, so any stack reaches any other:
// it takes its place.
//
// The hook is the [iter.Pull] coroutine. Its next and its yield do the same, let the
// one on the other side go on, and only have to take turns; it is not the sequence
// that each stands for that matters, but who hangs there. The coroutine's end, that
// of the stack it was made for, sends on its way whoever hangs there.

// hang hangs the goroutine that calls it on s, in place of the one that hangs there.
func (s *stack) hang() {
	if s.again = !s.again; s.again {
		s.next()
	} else {
		s.yield(struct{}{})
	}
}

// switchTo lets to go on in place of the running stack, until some stack lets that
// one go on again. A Goexit or panic of the running stack's concern goes on here.
func (l *Loop) switchTo(to *stack) {
	me := l.active
	l.active = to
	for l.active != me || l.errand != nil {
		if to := l.active; to != me {
			// Who wakes up from here without being meant hung on a stack that has
			// ended, and passes on. It is hang, without its frame: see Suspend.
			h := to.at
			me.at = h
			if h.again = !h.again; h.again {
				h.next()
			} else {
				h.yield(struct{}{})
			}
			continue
		}
		errand := l.errand
		l.errand = nil
		errand(me)
	}
}

// leave is deferred to the end of s. Mostly its main has returned, and said who goes
// on. But a Goexit, or a panic that is not of a body's, ends with s whoever waits for
// it, or the driver.
func (s *stack) leave() {
	if s.ended {
		return
	}
	l := s.loop
	to := s.caller
	if to == nil {
		to = &l.driver
	}
	if value := recover(); value != nil {
		l.errand = func(*stack) { panic(value) }
		l.active = to
		return
	}
	// A coroutine that ends by a Goexit does the same to whoever hangs on it by
	// next. So the one that is to go down with s takes that place first, and the
	// one that hangs there is passed on to s, to end.
	l.errand = func(me *stack) {
		l.active = s
		me.at = s
		s.hang()
		runtime.Goexit() // where that was a yield
	}
	l.switchTo(to)
	l.active = to
}
