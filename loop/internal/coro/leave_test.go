package coro_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/takt-go/takt/loop/internal/goroutine"
)

// ends are the ways in which a body can end. sees is what the stack's caller sees, or the driver.
var ends = map[string]struct {
	body func(me *stack)
	next func(me *stack) *stack
	sees string
}{
	"return":         {func(*stack) {}, nil, "return"},
	"panic":          {func(*stack) { panic("oh") }, nil, "panic: oh"},
	"panic of nil":   {func(*stack) { panic(nil) }, nil, "panic: <nil>"},
	"Goexit":         {func(*stack) { runtime.Goexit() }, nil, "Goexit"},
	"panic in next":  {func(*stack) {}, func(*stack) *stack { panic("oh") }, "panic: oh"},
	"Goexit in next": {func(*stack) {}, func(*stack) *stack { runtime.Goexit(); return nil }, "Goexit"},
}

// seen calls fn, and writes to saw how fn ended. It recovers a panic. A Goexit goes on.
func seen(saw *string, fn func()) {
	returned := false
	*saw = "Goexit"
	defer func() {
		if value := recover(); value != nil || !returned && goroutine.Panicking() {
			*saw = fmt.Sprintf("panic: %v", value)
		}
	}()
	fn()
	returned = true
	*saw = "return"
}

// The caller of a stack sees how the stack ends, or the driver if there is no caller. All other stacks go
// on, and can move to another set when they are free. This holds for all places where the stack, its caller and the driver may be parked.
func TestTheEndOfAStack(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	for name := range ends {
		for _, called := range []bool{false, true} {
			for seed := range uint64(50) {
				t.Run(fmt.Sprintf("%s, called %t, %d", name, called, seed), func(t *testing.T) {
					testEnd(t, name, called, rand.New(rand.NewPCG(seed, 0)))
				})
			}
		}
	}
}

func testEnd(t *testing.T, name string, called bool, r *rand.Rand) {
	end, limit := ends[name], 10*r.IntN(2)
	g := newSet(t, limit)

	// All stacks switch along a random route. So each may be parked on any coroutine.
	var route []*stack
	follow := func() {
		for len(route) > 0 {
			to := route[0]
			route = route[1:]
			g.SwitchTo(to)
		}
	}
	over, resumed := false, 0
	var others []*stack
	for range 5 {
		s := g.take(func(*stack) {
			for g.SwitchTo(&g.Driver); !over; g.SwitchTo(&g.Driver) {
				follow()
				resumed++
			}
		})
		g.SwitchTo(s)
		others = append(others, s)
	}
	ender := g.take(func(me *stack) {
		follow()
		end.body(me)
	})
	ender.Value.next = end.next
	first, callerSaw := ender, ""
	all := append([]*stack{&g.Driver, ender}, others...)
	if called {
		first = g.take(func(me *stack) {
			ender.Caller = me
			seen(&callerSaw, func() {
				g.SwitchTo(ender)
				follow()
			})
		})
		all = append(all, first)
	}
	hops := r.IntN(20)
	for range hops {
		route = append(route, all[r.IntN(len(all))])
	}
	route = append(route, ender)
	driverSaw := ""
	var driver sync.WaitGroup
	driver.Go(func() {
		seen(&driverSaw, func() {
			g.SwitchTo(first)
			follow()
		})
	})
	driver.Wait()

	wantDriver, wantCaller, free := end.sees, "", 0
	if called {
		wantDriver, wantCaller = "return", end.sees
		if end.sees == "Goexit" { // the Goexit ends the caller, too
			wantDriver = "Goexit"
		} else {
			free++
		}
	}
	if name == "return" {
		free++
	}
	if driverSaw != wantDriver || callerSaw != wantCaller {
		t.Errorf("after %d hops the driver saw %q, want %q; the caller saw %q, want %q", hops, driverSaw, wantDriver, callerSaw, wantCaller)
	}
	if g.Active != &g.Driver || g.Free() != min(free, limit) {
		t.Errorf("stack %p is active, want the driver, %p; %d stacks are free, want %d", g.Active, &g.Driver, g.Free(), min(free, limit))
	}
	resumed = 0
	for range 2 {
		for _, s := range others {
			g.SwitchTo(s) // from another goroutine than before
		}
	}
	if resumed != 10 {
		t.Errorf("5 stacks were resumed %d times, want 2 times each", resumed)
	}
	over = true
	for _, s := range others {
		g.SwitchTo(s)
	}
	g = g.adopted(t, limit+1)
	for range 2 {
		ran := 0
		for range 6 {
			g.SwitchTo(g.take(func(*stack) { ran++ }))
		}
		if ran != 6 {
			t.Errorf("%d of 6 bodies have run on the stacks that are left", ran)
		}
	}
}
