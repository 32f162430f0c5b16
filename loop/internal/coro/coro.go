// Package coro switches between stacks. A stack is a goroutine that runs one body after
// another, and stands still in between. The package knows nothing of tasks and loops: what a
// body is, and which stack is to go on, its user decides.
//
// # A switch
//
// One goroutine of a set of [Stacks] runs at a time: that of one stack, or the driver, which is
// the goroutine that uses the set from outside. The obvious way from one stack to another leads
// over the driver: the first stack yields to it, and it resumes the second one. Those are two
// switches. Here it is one.
//
// Each stack comes with a coroutine, which [iter.Pull] makes, and each goroutine that does not
// run is parked on a coroutine: one on each. Calling next or yield of a coroutine parks the
// calling goroutine there, and resumes the goroutine that was parked there. Both do the same,
// and only have to take turns. They do not care which goroutine calls them.
//
// So a stack that wants to switch to another one looks up the coroutine where the other one is
// parked, and calls its next or its yield. There are as many coroutines as stacks, and with the
// driver one goroutine more than coroutines, so each goroutine but the running one is parked,
// and any of them reaches any other one. With two stacks:
//
//	switch                 runs     parked on 1   parked on 2   by
//
//	(in the beginning)     driver   stack 1       stack 2
//	driver  ──▶ stack 1    stack 1  driver        stack 2       next of 1
//	stack 1 ──▶ stack 2    stack 2  driver        stack 1       next of 2
//	stack 2 ──▶ driver     driver   stack 2       stack 1       yield of 1
//	driver  ──▶ stack 1    stack 1  stack 2       driver        yield of 2
//
// # The end of a stack
//
// When a stack has ended, its coroutine ends too. That resumes the goroutine that is parked
// there: it can be any goroutine of the set. One rule makes it safe: a goroutine that is resumed and is not the
// active one switches to the active one.
//
// A panic or a Goexit that leaves the body ends the stack, and goes on in its caller: the stack
// that waits for it, or the driver if there is none.
package coro

import (
	"iter"
	"runtime"

	"github.com/takt-go/takt/loop/internal/goroutine"
)

// A Stack runs bodies, one after another. T is what the user keeps with it.
//
// Invariants, whenever a body or the driver runs:
//   - Active of the Stacks is the stack of the running goroutine.
//   - Every other stack that has not ended, and the driver, is parked on the coroutine of exactly
//     one of these stacks: its place. No two have the same place.
//   - A coroutine is resumed by next and yield in turn, beginning with next.
//   - A free stack is parked in main, and has no caller.
type Stack[T any] struct {
	Value  T
	Caller *Stack[T] // waits until this one switches back or ends; set and cleared by the user; nil for none

	// The stack's coroutine. Only what Replace has returned may be resumed.
	Next   func() (struct{}, bool) // resumes it if ByNext is true
	Yield  func(struct{}) bool     // resumes it otherwise
	ByNext bool

	place  *Stack[T] // the goroutine of this stack is parked on the coroutine of that one
	stacks *Stacks[T]
	ended  bool // main has returned, and has said which stack is to go on
}

// Stacks are stacks that switch to each other, and the driver. Init comes first.
type Stacks[T any] struct {
	Active *Stack[T] // of the goroutine that runs, or is to run next
	Driver Stack[T]  // stands for the driver; it has no coroutine
	errand func()    // what the active stack does before it goes on; mostly nil

	free  []*Stack[T]
	max   int // how many free stacks are kept
	begin func(*Stack[T])
	body  func(*Stack[T])
	next  func(*Stack[T]) *Stack[T]
}

// Init sets what stacks do, and how many free ones are kept at most. A stack calls begin once,
// then, again and again, body, which runs what it was taken for, and next, which returns the
// stack that is to go on. This may be the stack itself: then it calls body again. Otherwise it
// is free from then on.
func (g *Stacks[T]) Init(max int, begin, body func(*Stack[T]), next func(*Stack[T]) *Stack[T]) {
	g.max, g.begin, g.body, g.next = max, begin, body, next
	g.Driver.stacks = g
	g.Active = &g.Driver
}

// Take returns a free stack, or a new one. The next switch to it runs a body.
func (g *Stacks[T]) Take() *Stack[T] {
	s := g.TakeFree()
	if s == nil {
		s = &Stack[T]{stacks: g}
		s.Next, _ = iter.Pull(s.main)
		s.place = s
	}
	return s
}

// TakeFree is Take that makes no stack, and returns nil if none is free.
func (g *Stacks[T]) TakeFree() *Stack[T] {
	n := len(g.free)
	if n == 0 {
		return nil
	}
	s := g.free[n-1]
	g.free[n-1], g.free = nil, g.free[:n-1]
	return s
}

// keep makes s a free stack and reports true, or false if it is to end.
func (g *Stacks[T]) keep(s *Stack[T]) bool {
	if len(g.free) >= g.max {
		return false
	}
	g.free = append(g.free, s)
	return true
}

// Free returns how many stacks are free.
func (g *Stacks[T]) Free() int { return len(g.free) }

// End ends the free stacks. From then on none is kept: a stack ends when its body has ended and
// another one is next. The driver calls End, when it has switched to each stack that it took.
func (g *Stacks[T]) End() {
	g.max = 0
	for s := g.TakeFree(); s != nil; s = g.TakeFree() {
		g.SwitchTo(s)
	}
	g.free = nil
}

// Main is the function at the bottom of each stack, as stack traces name it.
const Main = "github.com/takt-go/takt/loop/internal/coro.(*Stack[...]).main"

// main is what a stack runs from its making to its end.
func (s *Stack[T]) main(yield func(struct{}) bool) {
	g := s.stacks
	s.Yield = yield
	g.begin(s)
	defer s.leave()
	for {
		g.body(s)
		to := g.next(s)
		switch {
		case to == s:
		case !g.keep(s):
			s.ended, g.Active = true, to
			return
		default:
			if place := s.Replace(to); place.ByNext { // SwitchTo, written out: see there
				place.Next()
			} else {
				place.Yield(struct{}{})
			}
			if !s.Meant() {
				s.PassOn()
			}
			if g.max == 0 { // End has resumed it
				s.ended, g.Active = true, &g.Driver
				return
			}
		}
	}
}

// SwitchTo parks the running stack and lets another one go on. It returns when a stack switches
// back. If the running stack is the caller of another one that ends by a panic or a Goexit, that
// goes on here.
//
// Where it is called most often, write it out:
//
//	if place := me.Replace(to); place.ByNext {
//		place.Next()
//	} else {
//		place.Yield(struct{}{})
//	}
//	if !me.Meant() {
//		me.PassOn()
//	}
//
// After a switch the processor predicts every return wrongly, so each frame between a body and
// next costs 5 ns or more. Replace and Meant are inlined.
func (g *Stacks[T]) SwitchTo(to *Stack[T]) {
	me := g.Active
	g.Active = to
	me.PassOn()
}

// Visit switches to s, runs fn there, on top of where s is parked, and switches back. It does
// nothing else there. The running stack cannot be visited, nor one that has not begun.
func (g *Stacks[T]) Visit(s *Stack[T], fn func()) {
	visitor := g.Active
	g.errand = func() {
		fn()
		g.Active = visitor
	}
	g.SwitchTo(s)
}

// Replace makes to the active stack, and gives s, the running one, its place, which it returns.
// The caller has to resume that coroutine next.
func (s *Stack[T]) Replace(to *Stack[T]) (place *Stack[T]) {
	s.stacks.Active = to
	place = to.place
	s.place = place
	place.ByNext = !place.ByNext
	return place
}

// resume resumes the goroutine that is parked on the coroutine of s, which Replace returned.
func (s *Stack[T]) resume() {
	if s.ByNext {
		s.Next()
	} else {
		s.Yield(struct{}{})
	}
}

// Meant reports whether s, which was resumed, was meant: it is active, and has no errand to run.
// Otherwise call PassOn.
func (s *Stack[T]) Meant() bool { return s.stacks.Active == s && s.stacks.errand == nil }

// PassOn is for a running stack that is not meant: it switches to the active one, or runs an
// errand, until it is meant.
func (s *Stack[T]) PassOn() {
	g := s.stacks
	for !s.Meant() {
		if g.Active != s {
			s.Replace(g.Active).resume()
			continue
		}
		errand := g.errand
		g.errand = nil
		errand()
	}
}

// leave is deferred to the end of s. Mostly main has returned, and has said which stack goes on.
// But a panic or Goexit that comes out of the body or of next ends s, and its caller with it, or
// the driver.
func (s *Stack[T]) leave() {
	if s.ended {
		return
	}
	g := s.stacks
	caller := s.Caller
	if caller == nil {
		caller = &g.Driver
	}
	if value := recover(); value != nil || goroutine.Panicking() {
		g.errand = func() { panic(value) }
		g.Active = caller
		return
	}
	// When a coroutine ends by a Goexit, a goroutine that is parked there by next ends by one too.
	// That is to be the goroutine of the caller, which may be parked elsewhere. So it parks there
	// first. The goroutine that was parked there is resumed, and switches to s, which is active.
	g.errand = func() {
		g.Active, caller.place = s, s
		s.ByNext = !s.ByNext
		s.resume()
		runtime.Goexit() // the caller was parked by yield, which returns
	}
	g.SwitchTo(caller)
	g.Active = caller
}
