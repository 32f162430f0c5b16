package loop

import (
	"runtime"

	"github.com/takt-go/takt/loop/internal/goroutine"
)

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

// switchTo lets to go on in place of the running stack, until some stack lets that
// one go on again. A Goexit or panic of the running stack's concern goes on here.
//
// Where it is called most often it is written out: after a switch the processor predicts
// every return wrongly, so that each frame between a body and next costs 5 ns or more.
func (l *Loop) switchTo(to *stack) {
	me := l.active
	l.active = to
	l.passOn(me)
}

// passOn is for me, who was not meant: it runs an errand, or hangs itself where the one
// that is meant hangs. Who wakes without being meant hung on a stack that has ended.
func (l *Loop) passOn(me *stack) {
	for !me.meant() {
		if l.active != me {
			me.replace(l.active).let()
			continue
		}
		errand := l.errand
		l.errand = nil
		errand(me)
	}
}

// let lets the one who hangs on s, which replace has returned, go on.
func (s *stack) let() {
	if s.again {
		s.next()
	} else {
		s.yield(struct{}{})
	}
}

// replace makes to the one that is meant to go on, and gives s, the running stack, its
// place, on the hook that it returns. The caller does what let does, next.
func (s *stack) replace(to *stack) *stack {
	s.loop.active = to
	hook := to.at
	s.at = hook
	hook.again = !hook.again
	return hook
}

// meant reports whether s, which has woken, was meant to go on, and to do nothing before.
func (s *stack) meant() bool { return s.loop.active == s && s.loop.errand == nil }

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
	if value := recover(); value != nil || goroutine.Panicking() {
		l.errand = func(*stack) { panic(value) }
		l.active = to
		return
	}
	// A coroutine that ends by a Goexit does the same to whoever hangs on it by
	// next. So the one that is to go down with s takes that place first, and the
	// one that hangs there is passed on to s, to end.
	l.errand = func(me *stack) {
		l.active, me.at = s, s
		s.again = !s.again
		s.let()
		runtime.Goexit() // where that was a yield
	}
	l.switchTo(to)
	l.active = to
}
