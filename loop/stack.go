package loop

import "github.com/takt-go/takt/loop/internal/coro"

// A stack is where a stackful body runs: a coroutine that outlives the body and is
// used again for the next one. Package coro says how stacks switch.
//
// The scheduler is a function that any stack may run. A body that suspends does
// not switch back to the driver (the goroutine inside Run): it runs what is next
// right there, on top of its own frames, until
//
//   - it is next itself: it goes on, without any switch;
//   - another stack is next: it switches to that one;
//   - a new stack is needed, or the turn is over and it must be decided what comes
//     then (idle, stop, one turn only): it switches to the driver, which does that.
//
// A body that has ended leaves its stack free, and the scheduler on a free stack
// can besides start a new body in place. In debug mode nothing is shared: every
// suspension goes back to the driver, so that a stack shows only its own task.
//
// The caller of a stack is the stack that waits for an eager first step on it.
type stack = coro.Stack[seat]

// A seat is what the loop keeps with a stack.
type seat struct {
	task *Task     // whose body runs here; nil while the stack is free
	who  *identity // its goroutine; debug mode, and the driver: see threadHeld
}

// maxFree is how many free stacks a loop keeps; what is beyond ends.
const maxFree = 4096

// beginStack is called on a new stack, before its first body.
func beginStack(s *stack) {
	if s.Value.task.env.loop.debug {
		identify(s)
	}
}

// takeStack returns a free stack with t to run on it.
func (l *Loop) takeStack(t *Task) *stack {
	s := l.stacks.Take()
	s.Value.task = t
	return s
}

// takeFree is takeStack that makes none, and returns nil.
func (l *Loop) takeFree(t *Task) *stack {
	s := l.stacks.TakeFree()
	if s != nil {
		s.Value.task = t
	}
	return s
}

// vacate returns the stack that is to go on when the body on s suspends or has ended: the
// caller, which waits for an eager first step, else what is next, once the scheduler has
// run on s.
func (l *Loop) vacate(s *stack) *stack {
	if to := s.Caller; to != nil {
		s.Caller = nil
		return to
	}
	if !l.share() {
		return &l.stacks.Driver
	}
	if next := l.nextStack(s); next != nil {
		return next
	}
	if l.attended && s.Value.task != nil {
		return &l.stacks.Driver // where a Goexit of an observer or a policy unwinds no body
	}
	l.dispatch(s)
	next := l.next
	if next == &l.fresh {
		// The driver makes new stacks, so that making them does not let those of
		// suspended bodies grow.
		if s.Value.task == nil {
			next, s.Value.task = s, l.starting
		} else {
			next = l.takeFree(l.starting)
		}
	}
	if next == nil {
		return &l.stacks.Driver
	}
	l.next = nil
	return next
}

// nextStack is dispatch on s for the most common case, in which there is nothing to
// run on the way: a body is next, and its stack is there. Otherwise it returns nil.
func (l *Loop) nextStack(s *stack) *stack {
	if l.ready.Head() == l.turnEnd {
		if l.mode >= modeOnce || l.stopping || l.ready.Empty() || l.attended || !l.quiet() {
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
		if t.kind != stackful || t.state != stateQueued || t.pendingCancel() != nil {
			return nil
		}
		if s.Value.task == nil {
			next, s.Value.task = s, t
		} else if next = l.takeFree(t); next == nil {
			return nil
		}
	}
	l.ready.Pop()
	return next
}

// share reports whether a stack may run what is next in place of the driver.
func (l *Loop) share() bool { return !l.debug && !l.in(closing) }
