// Package coro switches between stacks. A stack is a goroutine that runs one body after another,
// and is parked in between. The package knows nothing of tasks and loops. The code that uses the
// package decides what a body is, and which stack runs next.
//
// # A switch
//
// In a set of [Stacks], one goroutine runs at a time: the goroutine of one stack, or the driver. The
// driver is the goroutine that uses the set from outside. The obvious way from one stack to another
// makes two switches: the first stack yields to the driver, and the driver resumes the second stack.
// This package makes one switch.
//
// Each stack has a coroutine, which [iter.Pull] makes. Calling next or yield of a coroutine parks the
// calling goroutine there, and resumes the goroutine that was parked there. Both functions do the same,
// and any goroutine may call them. They only have to be called in turn.
//
// A stack that switches to another stack looks up the coroutine where the other stack is parked,
// and calls next or yield of that coroutine. There are as many coroutines as stacks. With the
// driver there is one goroutine more than coroutines. So every goroutine except the running one is
// parked, each on a different coroutine, and the running one can resume any of them. With two
// stacks:
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
// When a stack has ended, its coroutine ends, too. That resumes the goroutine that is parked there. It
// can be any goroutine of the set. One rule makes this safe: if a goroutine is resumed and is not the
// active one, it switches to the active one.
//
// If a panic or a Goexit leaves the body, it ends the stack. Then the panic or Goexit goes on in
// the caller of the stack: the stack that waits for this one, or the driver if no stack waits.
package coro

import (
	"iter"
	"runtime"

	"github.com/takt-go/takt/loop/internal/goroutine"
)

// A Stack runs bodies, one after another. Value is for the user.
//
// These invariants hold whenever a body or the driver runs:
//   - Active of the Stacks is the stack of the running goroutine, or Driver.
//   - Every other stack that has not ended, and the driver if it does not run, is parked on the
//     coroutine of exactly one of these stacks. That stack is its place. No two have the same
//     place.
//   - A coroutine is resumed by next and yield in turn, beginning with next.
//   - A free stack is parked in main, after Keep, and has no caller.
//
// Between two bodies, when all stacks of a set are free, they can move to another set: see Adopt.
type Stack[T any] struct {
	Value  T
	Caller *Stack[T] // waits until this stack switches back or ends; nil: none; set and cleared by the user

	// The stack's coroutine. Resume a coroutine only if Replace has just returned its stack.
	Next   func() (struct{}, bool) // resumes the coroutine if ByNext is true
	Yield  func(struct{}) bool     // resumes the coroutine otherwise
	ByNext bool
	ended  bool // End was called

	place  *Stack[T] // the goroutine of this stack is parked on the coroutine of that one
	stacks *Stacks[T]
}

// Stacks is a set of stacks that switch to each other, and their driver. Call Init first.
type Stacks[T any] struct {
	Active *Stack[T] // its goroutine runs, or runs next
	Driver Stack[T]  // stands for the driver; it has no coroutine
	errand func()    // the active stack calls it before it goes on; usually nil

	free []*Stack[T]
	max  int // how many free stacks are kept at most
	all  int // how many stacks there are, free or not; the driver does not count
	main Main[T]
}

// Main returns the function that a stack runs from its beginning to its end. That function is at the bottom of each
// stack, so it must not have a large frame, and calls bodies itself:
//
//	func(yield func(struct{}) bool) {
//		s.Yield = yield
//		defer s.Leave()
//		for {
//			... // run a body
//			to := ... // the stack that runs next
//			if to == s {
//				continue // with another body
//			}
//			if !s.Keep() {
//				s.End(to)
//				return
//			}
//			... // SwitchTo(to), written out
//			if s.Over() {
//				return
//			}
//		}
//	}
type Main[T any] func(s *Stack[T]) func(yield func(struct{}) bool)

// Init sets how many free stacks are kept at most, and the function that new stacks run.
func (g *Stacks[T]) Init(max int, main Main[T]) {
	g.max, g.main = max, main
	g.Driver.stacks = g
	g.Active = &g.Driver
}

// Take returns a free stack, or a new one. The next switch to it runs a body.
func (g *Stacks[T]) Take() *Stack[T] {
	s := g.TakeFree()
	if s == nil {
		s = &Stack[T]{stacks: g}
		g.all++
		s.Next, _ = iter.Pull(g.main(s))
		s.place = s
	}
	return s
}

// TakeFree returns a free stack, or nil if there is none.
func (g *Stacks[T]) TakeFree() *Stack[T] {
	n := len(g.free)
	if n == 0 {
		return nil
	}
	s := g.free[n-1]
	g.free[n-1], g.free = nil, g.free[:n-1]
	return s
}

// Free returns the number of free stacks.
func (g *Stacks[T]) Free() int { return len(g.free) }

// End ends the free stacks. From then on no free stack is kept: a stack ends when its body has ended and
// another stack is next. Only the driver may call End, after it has switched to each stack that it
// took.
func (g *Stacks[T]) End() {
	g.max = 0
	for s := g.TakeFree(); s != nil; s = g.TakeFree() {
		g.SwitchTo(s)
	}
	g.free = nil
}

// Adopt moves the stacks of from to g, and reports whether it has. It moves them only if all of them are
// free, and if g has no stack and was not ended. Only a driver may call it, while no stack runs. From then on
// the stacks run the bodies of g.
//
// If all stacks of a set are free, they are parked on each other: each on the coroutine of one of them. So
// nothing outside of them has to move.
func (g *Stacks[T]) Adopt(from *Stacks[T]) bool {
	if g.all > 0 || g.max == 0 || from.all != len(from.free) || from.Active != &from.Driver {
		return false
	}
	g.free, g.all, from.free, from.all = from.free, from.all, g.free, 0
	for _, s := range g.free {
		s.stacks = g
	}
	return true
}

// Keep makes s a free stack, and returns true. If there are enough free stacks, it returns false: then call End, and
// return from main. It is not inlined, so that the frame of main stays small.
//
//go:noinline
func (s *Stack[T]) Keep() bool {
	g := s.stacks
	if len(g.free) >= g.max {
		return false
	}
	g.free = append(g.free, s)
	return true
}

// End notes that s ends when main returns, and that to runs next.
func (s *Stack[T]) End(to *Stack[T]) { s.ended, s.stacks.Active = true, to }

// Over reports whether a free stack that was resumed must end, and calls End in that case.
func (s *Stack[T]) Over() bool {
	g := s.stacks // Adopt may have changed it
	if g.max > 0 {
		return false
	}
	s.End(&g.Driver)
	return true
}

// Stacks returns the set that s belongs to. Adopt changes it.
func (s *Stack[T]) Stacks() *Stacks[T] { return s.stacks }

// SwitchTo parks the running stack, and resumes the stack to. It returns when a stack switches back. If
// the running stack is the caller of a stack that ends by a panic or a Goexit, the panic or Goexit goes
// on here.
//
// At the places where speed counts most, write SwitchTo out:
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
// After a switch the processor predicts every return wrongly. So each frame between a body and next
// costs 5 ns or more. The compiler inlines Replace and Meant.
func (g *Stacks[T]) SwitchTo(to *Stack[T]) {
	me := g.Active
	g.Active = to
	me.PassOn()
}

// Visit switches to s, runs only fn there, on top of the frames of s, and switches back. s must not
// be the running stack, and must have begun.
func (g *Stacks[T]) Visit(s *Stack[T], fn func()) {
	visitor := g.Active
	g.errand = func() {
		fn()
		g.Active = visitor
	}
	g.SwitchTo(s)
}

// Replace makes to the active stack, and returns its place, which becomes the place of s, the running
// stack. The caller must resume the coroutine of place next.
func (s *Stack[T]) Replace(to *Stack[T]) (place *Stack[T]) {
	s.stacks.Active = to
	place = to.place
	s.place = place
	place.ByNext = !place.ByNext
	return place
}

// resume resumes the goroutine that is parked on the coroutine of s. Replace has returned s before.
func (s *Stack[T]) resume() {
	if s.ByNext {
		s.Next()
	} else {
		s.Yield(struct{}{})
	}
}

// Meant reports whether s may go on after it was resumed: it is the active stack, and has no errand to
// run. Otherwise call PassOn.
func (s *Stack[T]) Meant() bool { return s.stacks.Active == s && s.stacks.errand == nil }

// PassOn returns when s may go on. Until then it switches to the active stack, or runs an errand. Call it
// if Meant returns false.
func (s *Stack[T]) PassOn() {
	for !s.Meant() {
		g := s.stacks // again each time: Adopt may have changed it
		if g.Active != s {
			s.Replace(g.Active).resume()
			continue
		}
		errand := g.errand
		g.errand = nil
		errand()
	}
}

// Leave is deferred in main. If End was called, Leave has nothing
// else to do. Otherwise a panic or Goexit in main ends s. Leave makes that panic or Goexit
// go on in the caller of s, or in the driver.
func (s *Stack[T]) Leave() {
	g := s.stacks
	g.all--
	if s.ended {
		return
	}
	caller := s.Caller
	if caller == nil {
		caller = &g.Driver
	}
	if value := recover(); value != nil || goroutine.Panicking() {
		g.errand = func() { panic(value) }
		g.Active = caller
		return
	}
	// When a coroutine ends by a Goexit, the goroutine that is parked there by next ends by a Goexit,
	// too. That must be the goroutine of the caller, but the caller may be parked on another
	// coroutine. So the caller first parks on the coroutine of s. That resumes the goroutine that was
	// parked there, which switches to s, the active stack.
	g.errand = func() {
		g.Active, caller.place = s, s
		s.ByNext = !s.ByNext
		s.resume()
		runtime.Goexit() // reached if the caller was parked by yield: yield returns when the coroutine ends
	}
	g.SwitchTo(caller)
	g.Active = caller
}
