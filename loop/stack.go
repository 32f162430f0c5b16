package loop

import "iter"

// A stack is where a stackful body runs: an [iter.Pull] coroutine that outlives
// the body and is used again for the next one.
//
// The scheduler is a function that any stack may run. A body that suspends does
// not switch back to the driver (the goroutine inside Run): it runs what is next
// right there, on top of its own frames, until
//
//   - it is next itself: it goes on, without any switch;
//   - another stack is next: it switches to the driver, which resumes that one;
//   - the turn is over and the driver has to decide (idle, stop, one turn only).
//
// A body that has ended leaves its stack free, and the scheduler on a free stack
// can besides start a new body in place. In debug mode nothing is shared: every
// suspension goes back to the driver, so that a stack shows only its own task.
type stack struct {
	loop   *Loop
	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	task   *Task  // whose body runs here; nil while the stack is free
	nested bool   // resumed by an eager spawn, not by the driver: suspending returns there
	goid   uint64 // of the goroutine that it is; debug mode only

	inspect bool      // resumed only to tell where it stands
	seen    []uintptr // what it told
}

// maxFree is how many free stacks a loop keeps; what is beyond ends.
const maxFree = 4096

// takeStack returns a free stack with t to run on it.
func (l *Loop) takeStack(t *Task) *stack {
	var s *stack
	if n := len(l.free); n > 0 {
		s, l.free[n-1] = l.free[n-1], nil
		l.free = l.free[:n-1]
	} else {
		s = &stack{loop: l}
		s.resume, s.stop = iter.Pull(s.main)
	}
	s.task = t
	return s
}

// keep puts a free stack back and reports whether it is to stay.
func (l *Loop) keep(s *stack) bool {
	if len(l.free) >= maxFree || l.closed {
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
		s.goid = goid()
	}
	for {
		s.task.runBody(s)
		s.task = nil
		switch {
		case s.nested:
			s.nested = false
		case l.share():
			l.dispatch(s)
			if l.next == &l.fresh {
				l.next, s.task = nil, l.starting
				continue
			}
		}
		if !l.keep(s) || !yield(struct{}{}) {
			return
		}
	}
}

// park suspends the body on s until the loop resumes it.
func (s *stack) park() {
	l := s.loop
	if s.nested {
		s.nested = false
	} else if l.share() {
		l.dispatch(s)
		if l.next == s {
			l.next = nil
			return
		}
	}
	for s.yield(struct{}{}); s.inspect; s.yield(struct{}{}) {
		s.inspect, s.seen = false, callers()
	}
}

// switchTo resumes s until it suspends or ends. A Goexit on s goes on here.
func (l *Loop) switchTo(s *stack) {
	prev := l.active
	l.active = s
	defer func() { l.active = prev }()
	s.resume()
}

// share reports whether a stack may run what is next in place of the driver.
func (l *Loop) share() bool { return !l.debug && !l.closing }
