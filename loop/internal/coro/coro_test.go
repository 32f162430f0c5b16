package coro_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/takt-go/takt/loop/internal/coro"
	"github.com/takt-go/takt/loop/internal/goroutine"
	"github.com/takt-go/takt/loop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

type stack = coro.Stack[seat]

// A seat is the value that these tests keep with a stack.
type seat struct {
	body      func(me *stack)
	next      func(me *stack) *stack // nil: the caller is next, or the driver if there is none
	goroutine uintptr                // the result of goroutine.Identity
}

// A set counts the stacks that were made.
type set struct {
	coro.Stacks[seat]
	made int
}

// main is the function of a stack: see coro.Main.
func (g *set) main(s *stack) func(yield func(struct{}) bool) {
	g.made++
	return func(yield func(struct{}) bool) {
		s.Yield = yield
		s.Value.goroutine = goroutine.Identity()
		defer s.Leave()
		for {
			s.Value.body(s)
			to := next(s)
			if to == s {
				continue
			}
			if !s.Keep() {
				s.End(to)
				return
			}
			s.Stacks().SwitchTo(to)
			if s.Over() {
				return
			}
		}
	}
}

func next(s *stack) *stack {
	if s.Value.next != nil {
		return s.Value.next(s)
	}
	to := s.Caller
	if to == nil {
		return &s.Stacks().Driver
	}
	s.Caller = nil
	return to
}

// newSet makes a set. At the end of the test it ends the stacks, and checks that no goroutine is left.
func newSet(t *testing.T, max int) *set {
	g := new(set)
	g.Init(max, g.main)
	t.Cleanup(func() {
		g.End()
		goleak.VerifyNone(t)
	})
	return g
}

// adopted makes a set like g that has the stacks of g.
func (g *set) adopted(t *testing.T, max int) *set {
	t.Helper()
	free := g.Free()
	to := newSet(t, max)
	if !to.Adopt(&g.Stacks) {
		t.Fatal("Adopt moved no stacks, although all of them were free")
	}
	if g.Free() != 0 || to.Free() != free {
		t.Errorf("after Adopt %d stacks are free in the old set, and %d in the new one; want 0 and %d", g.Free(), to.Free(), free)
	}
	return to
}

// take takes a stack that will run body.
func (g *set) take(body func(me *stack)) *stack {
	s := g.Take()
	s.Value.body, s.Value.next = body, nil
	return s
}

// switchWrittenOut is SwitchTo, written out as in its comment.
func (g *set) switchWrittenOut(to *stack) {
	me := g.Active
	if place := me.Replace(to); place.ByNext {
		place.Next()
	} else {
		place.Yield(struct{}{})
	}
	if !me.Meant() {
		me.PassOn()
	}
}

// A model of a set knows which stack runs, which stacks can be resumed, and how many are free.
type model struct {
	*set
	t       *testing.T
	r       *rand.Rand
	max     int
	left    int      // how many moves are left
	running *stack   // may be the driver
	resumes []*stack // the driver, and the stacks whose bodies have begun and not ended
	free    int
}

func (m *model) check(me *stack) {
	if m.running != me || m.Active != me {
		m.t.Errorf("stack %p runs; in the model %p runs, and %p is active", me, m.running, m.Active)
	}
	if me.Value.goroutine != goroutine.Identity() {
		m.t.Errorf("stack %p runs in the goroutine of another stack", me)
	}
	if m.Free() != m.free {
		m.t.Errorf("%d stacks are free, want %d", m.Free(), m.free)
	}
}

// any returns a stack that can be resumed. It may be the running one.
func (m *model) any() *stack { return m.resumes[m.r.IntN(len(m.resumes))] }

// move makes a random move of the running stack, and reports whether the body goes on.
func (m *model) move(me *stack) bool {
	if m.left == 0 {
		return me == &m.Driver
	}
	m.left--
	switch n := m.r.IntN(10); {
	case n < 5:
		to := m.any()
		m.running = to
		if m.r.IntN(2) == 0 || to == me {
			m.SwitchTo(to)
		} else {
			m.switchWrittenOut(to)
		}
	case n < 7:
		if to := m.any(); to != me {
			visited := false
			m.Visit(to, func() {
				visited = true
				m.running = to
				m.check(to)
				m.running = me
			})
			if !visited {
				m.t.Error("Visit returned without running the function")
			}
		}
	case n < 8 || me == &m.Driver:
		m.free = max(m.free-1, 0)
		to := m.Take()
		m.start(to)
		m.running = to
		m.SwitchTo(to)
	default:
		return false
	}
	m.check(me)
	return true
}

// start gives s a body that makes moves until one of them ends it. Then next chooses a random stack.
func (m *model) start(s *stack) {
	m.resumes = append(m.resumes, s)
	s.Value.body = func(me *stack) {
		local := me
		m.check(local)
		for m.move(local) {
		}
		if local != me {
			m.t.Error("a local variable has changed")
		}
		m.resumes = slices.DeleteFunc(m.resumes, func(s *stack) bool { return s == me })
	}
	s.Value.next = func(me *stack) *stack {
		to := &m.Driver
		if m.left > 0 {
			if m.r.IntN(3) == 0 {
				m.start(me) // in place
				return me
			}
			to = m.any()
		}
		m.free = min(m.free+1, m.max)
		m.running = to
		return to
	}
}

// In random sequences of moves, always the right goroutine runs, and goes on where it was parked. This
// holds for the next set, too, to which the stacks move between two sequences.
func TestStacksInRandomOrder(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			limit := int(seed % 4)
			m := &model{set: newSet(t, limit), t: t, r: rand.New(rand.NewPCG(seed, 0)), max: limit}
			for range 3 {
				m.left = 150
				m.Driver.Value.goroutine = goroutine.Identity()
				m.running, m.resumes = &m.Driver, []*stack{&m.Driver}
				for m.left > 0 {
					m.move(&m.Driver)
				}
				if len(m.resumes) > 1 && newSet(t, 1).Adopt(&m.Stacks) {
					t.Error("Adopt moved stacks, although bodies have not ended")
				}
				for len(m.resumes) > 1 { // no moves are left, so each stack ends
					m.running = m.resumes[1]
					m.SwitchTo(m.running)
					m.check(&m.Driver)
				}
				m.max++
				m.set = m.adopted(t, m.max)
			}
		})
	}
}

// suspended takes n stacks and lets each begin and switch back.
func (g *set) suspended(n int) (all []*stack) {
	for range n {
		s := g.take(func(*stack) { g.SwitchTo(&g.Driver) })
		g.SwitchTo(s)
		all = append(all, s)
	}
	return all
}

func TestFreeStacksAreTakenAgain(t *testing.T) {
	g := newSet(t, 3)
	want := func(free, made int) {
		t.Helper()
		if g.Free() != free || g.made != made {
			t.Errorf("%d of %d stacks are free; want %d of %d", g.Free(), g.made, free, made)
		}
	}
	end := func(all []*stack) {
		for _, s := range all {
			g.SwitchTo(s)
		}
	}
	if g.TakeFree() != nil {
		t.Error("a stack is free before one was made")
	}
	first := g.suspended(5)
	want(0, 5)
	end(first)
	want(3, 5) // the other two have ended
	second := g.suspended(4)
	want(0, 6)
	end(second)
	want(3, 6)
	for _, s := range g.suspended(3) {
		if !slices.Contains(second, s) {
			t.Error("Take returned a stack that is not one of those that became free")
		}
		defer g.SwitchTo(s)
	}
	want(0, 6)
}

// If next returns the stack itself, the stack runs another body, and is not free in between.
func TestNextBodyInPlace(t *testing.T) {
	g := newSet(t, 1)
	bodies := 0
	s := g.take(func(*stack) { bodies++ })
	s.Value.next = func(me *stack) *stack {
		if g.Free() != 0 {
			t.Error("the stack is free")
		}
		if bodies < 3 {
			return me
		}
		return &g.Driver
	}
	g.SwitchTo(s)
	if bodies != 3 || g.made != 1 || g.Free() != 1 {
		t.Errorf("%d bodies ran on %d stacks, and %d stacks are free; want 3, 1 and 1", bodies, g.made, g.Free())
	}
}

func TestVisit(t *testing.T) {
	g := newSet(t, 2)
	wentOn := 0
	parked := func(*stack) {
		g.SwitchTo(&g.Driver)
		wentOn++
	}
	a, b := g.take(parked), g.take(parked)
	g.SwitchTo(a)
	g.SwitchTo(b)
	var visited []*stack
	look := func() {
		visited = append(visited, g.Active)
		if g.Active.Value.goroutine != goroutine.Identity() {
			t.Error("the function of a visit does not run on the visited stack")
		}
	}
	visits := func(s *stack) func() { return func() { look(); g.Visit(s, look); look() } }
	g.Driver.Value.goroutine = goroutine.Identity()

	g.Visit(a, visits(b)) // one inside the other
	asker := g.take(func(*stack) { g.Visit(b, visits(&g.Driver)) })
	g.SwitchTo(asker)
	if want := []*stack{a, b, a, b, &g.Driver, b}; !slices.Equal(visited, want) {
		t.Errorf("the visited stacks are %p; want %p", visited, want)
	}
	if wentOn != 0 || g.Active != &g.Driver {
		t.Errorf("after the visits %d bodies have gone on, want none; stack %p is active", wentOn, g.Active)
	}
	g.SwitchTo(a)
	g.SwitchTo(b)
	if wentOn != 2 {
		t.Errorf("%d bodies have gone on after the switches, want 2", wentOn)
	}
}

func TestEnd(t *testing.T) {
	g := newSet(t, 10)
	last := g.suspended(1)[0]
	for _, s := range g.suspended(4) {
		g.SwitchTo(s)
	}
	for range 2 {
		g.End()
		if g.Free() != 0 || g.TakeFree() != nil {
			t.Errorf("%d stacks are free after End", g.Free())
		}
	}
	g.SwitchTo(last) // a stack whose body has not ended goes on, and ends with its body
	g.SwitchTo(g.take(func(*stack) {}))
	if g.Free() != 0 || g.made != 6 {
		t.Errorf("%d of %d stacks are free after the last bodies have ended, want 0 of 6", g.Free(), g.made)
	}
}

// A set adopts no stacks if it has some, or has ended.
func TestAdoptNeedsAnEmptySet(t *testing.T) {
	from, g := newSet(t, 1), newSet(t, 1)
	for _, s := range []*set{g, from} {
		s.SwitchTo(s.take(func(*stack) {}))
	}
	if g.Adopt(&from.Stacks) || g.Free() != 1 || from.Free() != 1 {
		t.Errorf("%d and %d stacks are free, want 1 and 1", g.Free(), from.Free())
	}
	g.End()
	if g.Adopt(&from.Stacks) || g.Free() != 0 || from.Free() != 1 {
		t.Errorf("%d and %d stacks are free, want 0 and 1", g.Free(), from.Free())
	}
	from.End()
}
