package loop

import (
	"github.com/takt-go/takt/loop/internal/coro"
	"github.com/takt-go/takt/loop/internal/goroutine"
)

// A stack runs stackful bodies, one after another. It is a coroutine, and lives longer than a body.
// Package coro describes how stacks switch.
//
// The scheduler is a function that any stack may run. A body that suspends does not switch back to the
// driver (the goroutine inside Run). It runs the next entries of the ready queue right there, on top of
// its own frames, until one of these cases comes:
//
//   - The body itself is next. It goes on, without any switch.
//   - Another stack is next. The body's stack switches to that one.
//   - A new stack is needed, or the turn is over and the loop must decide how to go on: to wait, to
//     stop, or to return after one turn. The body's stack switches to the driver, which does these
//     things.
//
// A body that has ended leaves its stack free. The scheduler on a free stack can also start a new body
// in place. In debug mode every suspension switches back to the driver, so that a stack shows only its
// own task.
//
// An eager first step has a caller: the stack that waits for the end of the step.
type stack = coro.Stack[seat]

// A seat has the data that the loop keeps with a stack.
type seat struct {
	task      *Task     // its body runs on the stack; nil while the stack is free
	body      body      // of the task, once it has begun
	goroutine uintptr   // from goroutine.Identity; set where that is cheap, and in debug mode
	who       *identity // more about the stack's goroutine; set in debug mode, and for the driver: see threadHeld
}

// An occupied is a stack in the place of the body that runs on it. So a task needs no further word for its stack.
type occupied stack

// Step is never called: a stackful body begins once, and then it is in the seat.
func (*occupied) Step(*Task, error) Suspension { panic("loop: a body begins once") }

// Fail implements body.
func (o *occupied) Fail(t *Task, err error) { o.Value.body.Fail(t, err) }

// stack returns the stack on which the body of t runs. It returns nil if the body is stackless, has not begun,
// or has ended.
func (t *Task) stack() *stack {
	if t.live == nil {
		return nil
	}
	o, _ := t.live.body.(*occupied)
	return (*stack)(o)
}

// fresh stands for a stack that the driver, or the scheduler on a free stack, must find for Loop.starting.
var fresh stack

// errand stands for the driver: the entry that has just run has ended a realm, and the driver must unwind
// the tasks of that realm before the next entry runs.
var errand stack

// maxFree is how many free stacks a loop keeps. When there are so many, a stack ends when its body
// has ended.
const maxFree = 4096

// sit records the calling goroutine as that of s. From now on this goroutine runs functions of the loop.
func sit(s *stack) {
	if goroutine.Cheap {
		me := goroutine.Identity()
		s.Value.goroutine = me
		enterLoop(me)
	}
}

// runStack returns the function that s runs from its beginning to its end: it runs one stackful body after another.
//
// Each stack has the frame of that function, and few others below a body: a stack that is not needed for long calls
// keeps the least size of a stack in Go.
//
//go:noinline
func runStack(s *stack) func(yield func(struct{}) bool) {
	return func(yield func(struct{}) bool) {
		s.Yield = yield
		sit(s)
		if s.Value.task.env.loop.debug {
			identify(s)
		}
		defer s.Leave()
		defer left(s)
		for {
			t := s.Value.task
			s.Value.body = t.live.body
			t.live.body = (*occupied)(s)
			t.begin()
			s.Value.body.Step(t, nil)
			to := bodyEnded(s)
			if to == s {
				continue
			}
			if !s.Keep() {
				s.End(to)
				return
			}
			if place := s.Replace(to); place.ByNext { // SwitchTo, written out: see its comment
				place.Next()
			} else {
				place.Yield(struct{}{})
			}
			if !s.Meant() {
				s.PassOn()
			}
			if s.Over() {
				return
			}
		}
	}
}

// bodyEnded ends the task of s when its body has ended, and returns the stack that goes on.
func bodyEnded(s *stack) *stack {
	t := s.Value.task
	l := t.env.loop
	t.ended()
	s.Value.task, s.Value.body = nil, nil
	return l.vacate(s)
}

// left is deferred in runStack. If a panic or a Goexit has left a body, it ends the task of that body. The stack of a
// body that has panicked ends, too.
func left(s *stack) {
	t := s.Value.task
	if t == nil || t.state == stateDone { // not in a body
		s.Value.task, s.Value.body = nil, nil
		return
	}
	err := recovered(recover(), t)
	t.unwound(err)
	s.Value.task, s.Value.body = nil, nil
	if err == ErrGoexit || goroutine.Exiting() {
		return // Leave makes the Goexit go on
	}
	to := s.Caller
	if s.Caller = nil; to == nil {
		to = &t.env.loop.stacks.Driver
	}
	s.End(to)
}

// takeStack returns a free stack with t to run on it.
func (l *Loop) takeStack(t *Task) *stack {
	s := l.stacks.Take()
	s.Value.task = t
	return s
}

// takeFree is takeStack, but it makes no new stack: it returns nil if none is free.
func (l *Loop) takeFree(t *Task) *stack {
	s := l.stacks.TakeFree()
	if s != nil {
		s.Value.task = t
	}
	return s
}

// vacate returns the stack that goes on when the body on s suspends or has ended. If s has a
// caller, which waits for an eager first step, vacate returns the caller. Otherwise vacate runs the
// scheduler on s, and returns the next stack.
//
// It has a fast way for the most common case: the next entry is a task with a stackful body. In all other
// cases it calls dispatchOn.
func (l *Loop) vacate(s *stack) *stack {
	if to := s.Caller; to != nil {
		s.Caller = nil
		return to
	}
	if !l.share() {
		return &l.stacks.Driver
	}
	if l.ready.Head() == l.turnEnd && !l.turnSoon() {
		return l.dispatchOn(s, nil)
	}
	if l.guided {
		return l.vacateGuided(s)
	}
	e, ok := l.ready.At(l.ready.Head()).(*entry)
	if !ok {
		return l.dispatchOn(s, nil)
	}
	next := (*Task)(e).stack()
	if next == nil {
		if !(*Task)(e).mayBegin() {
			return l.dispatchOn(s, nil)
		}
		if next = l.startOn(s, (*Task)(e)); next == nil {
			if l.attended {
				return &l.stacks.Driver
			}
			l.next, l.starting = &fresh, (*Task)(e)
			next = &l.stacks.Driver
		}
	}
	l.ready.Pop()
	return next
}

// turnSoon begins the next turn if that needs no look at the sources, and reports whether it has.
func (l *Loop) turnSoon() bool {
	if l.mode >= modeOnce || l.stopping || l.ready.Empty() || l.attended || !l.quiet() {
		return false
	}
	l.newTurn()
	return true
}

// vacateGuided is the fast way of vacate for a loop with a policy or a follower, or with a paused realm.
func (l *Loop) vacateGuided(s *stack) *stack {
	next, r := l.pickStack(s)
	if next != nil {
		return next
	}
	return l.dispatchOn(s, r)
}

// dispatchOn runs dispatch on s, and returns the stack that goes on after that. r is an entry that was taken from
// the queue and comes first, or nil.
func (l *Loop) dispatchOn(s *stack, r Runnable) (next *stack) {
	if r == nil && l.attended && s.Value.task != nil {
		return &l.stacks.Driver // there, a Goexit of an observer or a policy unwinds no body
	}
	l.dispatch(s, r)
	next = l.next
	if next == &fresh {
		// Only the driver makes new stacks: making one on the stack of a suspended body would
		// let that stack grow.
		if s.Value.task == nil {
			next, s.Value.task = s, l.starting
		} else {
			next = l.takeFree(l.starting)
		}
	}
	if next == nil || next == &errand {
		return &l.stacks.Driver
	}
	l.next = nil
	return next
}

// pickStack returns the stack of the task that the policy or the follower has chosen. If there is none yet, next is
// nil; then r is the entry that dispatch must run first, or nil.
func (l *Loop) pickStack(s *stack) (next *stack, r Runnable) {
	if l.attended {
		return nil, nil // the driver asks the policy
	}
	if l.pauses.realms > 0 {
		l.hold()
	}
	for l.ready.At(l.ready.Head()) == nil { // the policy has picked this entry before
		if l.ready.Pop(); l.ready.Head() == l.turnEnd {
			return nil, nil
		}
	}
	if _, ok := l.ready.At(l.ready.Head()).(*entry); !ok {
		return nil, nil
	}
	r = l.take()
	e := r.(*entry)
	if next = (*Task)(e).stack(); next == nil && (*Task)(e).mayBegin() {
		next = l.startOn(s, (*Task)(e))
	}
	return next, r
}

// mayBegin reports whether t has a stackful body that takes its first step in this turn.
func (t *Task) mayBegin() bool {
	return !t.is(isStackless) && t.state == stateQueued && t.pendingCancel() == nil
}

// startOn returns the stack for the first step of t: s itself if it is free, or another free stack. If
// none is free, it returns nil.
func (l *Loop) startOn(s *stack, t *Task) *stack {
	if s.Value.task == nil {
		s.Value.task = t
		return s
	}
	return l.takeFree(t)
}

// share reports whether a stack may run the scheduler in place of the driver.
func (l *Loop) share() bool { return !l.unshared }
