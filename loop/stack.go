package loop

import "iter"

// A stack is where a stackful body runs: a coroutine that outlives the body and is
// used again for the next one.
//
// The scheduler is a function that any stack may run. A body that suspends does
// not switch back to the driver (the goroutine inside Run): it runs what is next
// right there, on top of its own frames, until
//
//   - it is next itself: it goes on, without any switch;
//   - another stack is next: it switches to that one;
//   - a new stack is needed, or the turn is over and somebody has to decide (idle,
//     stop, one turn only): it switches to the driver, who does that.
//
// A body that has ended leaves its stack free, and the scheduler on a free stack
// can besides start a new body in place. In debug mode nothing is shared: every
// suspension goes back to the driver, so that a stack shows only its own task.
//
// Invariants: one stack or the driver runs, Loop.active, and every other hangs on a
// stack, at: see switch.go.
type stack struct {
	loop   *Loop
	next   func() (struct{}, bool)
	yield  func(struct{}) bool
	at     *stack    // on which its goroutine hangs; on the driver hangs nobody
	task   *Task     // whose body runs here; nil while the stack is free
	caller *stack    // that made an eager spawn and waits for the first step; nil otherwise
	again  bool      // next was called last: now it is yield's turn
	ended  bool      // main has returned
	who    *identity // its goroutine; debug mode, and the driver: see threadHeld
}

// maxFree is how many free stacks a loop keeps; what is beyond ends.
const maxFree = 4096

// takeStack returns a free stack with t to run on it.
func (l *Loop) takeStack(t *Task) *stack {
	s := l.takeFree(t)
	if s == nil {
		s = &stack{loop: l, task: t}
		s.next, _ = iter.Pull(s.main)
		s.at = s
	}
	return s
}

// takeFree is takeStack that makes none, and returns nil.
func (l *Loop) takeFree(t *Task) *stack {
	n := len(l.free)
	if n == 0 {
		return nil
	}
	s := l.free[n-1]
	l.free[n-1], l.free = nil, l.free[:n-1]
	s.task = t
	return s
}

// keep puts a free stack back and reports whether it is to stay.
func (l *Loop) keep(s *stack) bool {
	if len(l.free) >= maxFree || l.in(closed) {
		return false
	}
	l.free = append(l.free, s)
	return true
}

// main is what a stack runs from its making to its end: one body after another.
func (s *stack) main(yield func(struct{}) bool) {
	l := s.loop
	s.yield = yield
	if l.debug {
		s.identify()
	}
	defer s.leave()
	for {
		s.task.runBody(s)
		s.task = nil
		to := s.vacate()
		switch {
		case to == s:
		case !l.keep(s):
			s.ended, l.active = true, to
			return
		default:
			if hook := s.replace(to); hook.again { // switchTo, written out: see there
				hook.next()
			} else {
				hook.yield(struct{}{})
			}
			if !s.meant() {
				l.passOn(s)
			}
			if s.task == nil { // resumed to end
				s.ended, l.active = true, &l.driver
				return
			}
		}
	}
}

// vacate returns who is to go on when the body on s suspends or has ended: who waits
// for an eager first step, else what is next, once the scheduler has run on s.
func (s *stack) vacate() *stack {
	l := s.loop
	if to := s.caller; to != nil {
		s.caller = nil
		return to
	}
	if !l.share() {
		return &l.driver
	}
	if next := l.nextStack(s); next != nil {
		return next
	}
	if l.attended && s.task != nil {
		return &l.driver // where a Goexit of an observer or a policy unwinds no body
	}
	l.dispatch(s)
	next := l.next
	if next == &l.fresh {
		// The driver makes new stacks, so that making them does not let those of
		// suspended bodies grow.
		if s.task == nil {
			next, s.task = s, l.starting
		} else {
			next = l.takeFree(l.starting)
		}
	}
	if next == nil {
		return &l.driver
	}
	l.next = nil
	return next
}

// nextStack is dispatch on s for the most common case, in which there is nothing to
// run on the way: a body is next, and its stack is there. Otherwise it returns nil.
func (l *Loop) nextStack(s *stack) *stack {
	if l.ready.Head() == l.turnEnd {
		if l.mode == modeOnce || l.stopping || l.ready.Empty() || l.attended || !l.quiet() {
			return nil
		}
		l.newTurn()
	}
	e, ok := l.ready.At(l.ready.Head()).(*entry)
	if !ok || l.policy != nil {
		return nil
	}
	next := e.stack
	if next == nil {
		t := (*Task)(e)
		if t.kind != Stackful || t.state != stateQueued || t.MustCancel() != nil {
			return nil
		}
		if s.task == nil {
			next, s.task = s, t
		} else if next = l.takeFree(t); next == nil {
			return nil
		}
	}
	l.ready.Pop()
	return next
}

// share reports whether a stack may run what is next in place of the driver.
func (l *Loop) share() bool { return !l.debug && !l.in(closing) }
