package loop

import "runtime"

// A hook is a place where exactly one goroutine hangs: that of a stack, or the
// driver's. Whoever hangs itself there sends the one that hung there before on its
// way: one switch of stacks, where a call of next and a yield back to it would be
// two. With as many hooks as there are stacks, and the driver besides, everybody
// but the one that runs hangs somewhere, so any stack reaches any other in one
// switch.
//
// A hook is an [iter.Pull] coroutine. Its next and its yield do the same, let the
// one on the other side go on, and only have to take turns; it is not the sequence
// that each stands for that matters, but who hangs there. The coroutine's end, that
// of the stack it was made for, sends on its way whoever hangs there.
type hook struct {
	next  func() (struct{}, bool)
	yield func(struct{}) bool
	again bool // next was called last: now it is yield's turn
}

// swap hangs the calling goroutine on h, in place of the one that hangs there.
func (h *hook) swap() {
	if h.again = !h.again; h.again {
		h.next()
	} else {
		h.yield(struct{}{})
	}
}

// switchTo lets to go on in place of the running stack, until some stack lets that
// one go on again. A Goexit or panic of the running stack's concern goes on here.
func (l *Loop) switchTo(to *stack) {
	me := l.active
	l.active = to
	for l.active != me || l.errand != nil {
		if to := l.active; to != me {
			// Not to's own hook but where to hangs. Who wakes up from here without
			// being meant was on the hook of a stack that has ended, and passes on.
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

// leave is deferred to the end of s. Mostly its main returns, and heir goes on. But a
// Goexit, or a panic that is not of a body's, ends with s whoever waits for it, or
// the driver.
func (s *stack) leave() {
	l := s.loop
	if s.heir != nil {
		l.active = s.heir
		return
	}
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
		me.at = &s.hook
		me.at.swap()
		runtime.Goexit() // where swap was a yield
	}
	l.switchTo(to)
	l.active = to
}
