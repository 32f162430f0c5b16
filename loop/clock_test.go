package loop_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/timer"
)

func TestClocksThatCannotBeUsed(t *testing.T) {
	mustPanic(t, "loop: WithClock(nil); use timer.NewSystem", func() { loop.WithClock(nil) })
	mustPanic(t, "loop: WithClock of a nil *timer.Virtual; use", func() { loop.WithClock((*timer.Virtual)(nil)) })
	mustPanic(t, "loop: WithClock of a nil *timer.System; use", func() { loop.WithClock((*timer.System)(nil)) })
	mustPanic(t, "loop: WithClock(&timer.System{}), a clock that was never started", func() { loop.WithClock(&timer.System{}) })
	loop.New(loop.WithClock(&timer.Virtual{})).Close() // stands at its start
}

// Loops that a host drives only read the clock, and share it.
func TestLoopsDrivenByAHostShareAClock(t *testing.T) {
	clock := timer.NewVirtual()
	var log looptest.Journal
	var loops []*loop.Loop
	for _, name := range []string{"a", "b"} {
		l := newLoop(t, loop.WithClock(clock))
		l.CallLater(time.Second, func() { log.Add("%s at %v", name, l.Elapsed()) })
		loops = append(loops, l)
	}
	for range 3 {
		for _, l := range loops {
			l.RunOnce()
			l.RunUntilIdle()
		}
		clock.Advance(500 * time.Millisecond)
	}
	log.Want(t, "a at 1s", "b at 1s")
}

// One loop at a time moves the clock.
func TestRunClaimsAVirtualClock(t *testing.T) {
	clock := timer.NewVirtual()
	a, b := newLoop(t, loop.WithClock(clock)), newLoop(t, loop.WithClock(clock))
	const refusal = "loop: Run while another loop with the same virtual clock is inside Run"
	ran := 0
	b.CallSoon(func() { ran++ })
	a.CallSoon(func() {
		mustPanic(t, refusal, func() { _ = b.Run() })
		inGoroutine(func() { mustPanic(t, refusal, func() { _ = b.Run() }) })
		mustPanic(t, "running already", func() { _ = a.Run() })
		if b.Running() {
			t.Error("b is running")
		}
		b.RunUntilIdle() // which leaves the clock alone
	})
	run(t, a)
	run(t, b) // one after the other
	if ran != 1 {
		t.Errorf("b's callback ran %d times", ran)
	}
	a.CallSoon(func() { panicOf(func() { _ = b.Run() }) })
	run(t, a)
}

// The claim ends with Run, in whichever way that ends.
func TestRunReleasesTheClock(t *testing.T) {
	clock := timer.NewVirtual()
	a, b := newLoop(t, loop.WithClock(clock)), newLoop(t, loop.WithClock(clock))
	a.CallSoon(runtime.Goexit)
	if inGoroutine(func() { _ = a.Run() }) {
		t.Error("Run returned")
	}
	run(t, b)
}

// brokenClock is a clock that panics when it is asked for the time.
type brokenClock struct {
	*timer.Virtual
	broken bool
}

func (c *brokenClock) Now() int64 {
	if c.broken {
		panic(errForeign)
	}
	return c.Virtual.Now()
}

// What was ready runs also where the clock panics at the beginning of the turn.
func TestTurnWhereTheClockPanics(t *testing.T) {
	var told []loop.Failure
	clock := &brokenClock{Virtual: timer.NewVirtual()}
	l := newLoop(t, loop.WithClock(clock), toldTo(&told))
	var log looptest.Journal
	l.CallLater(time.Second, log.Callback("timer"))
	l.CallSoon(log.Callback("soon"))
	clock.broken = true
	l.RunOnce()
	clock.broken = false
	log.Want(t, "soon")
	if len(told) != 1 || told[0].Kind != loop.CallbackFailed {
		t.Errorf("told: %v", told)
	}
	run(t, l)
	log.Want(t, "timer")
}

// Each loop that the option sets up has a clock of its own, which jumps.
func TestWithVirtualTime(t *testing.T) {
	option := loop.WithVirtualTime()
	a, b := newLoop(t, option), newLoop(t, option)
	for _, l := range []*loop.Loop{a, b} {
		l.CallLater(time.Hour, l.Stop)
		if err := l.Run(); err != nil {
			t.Fatal(err)
		}
		if at, want := l.Now(), time.Date(2000, time.January, 1, 1, 0, 0, 0, time.UTC); at != want {
			t.Errorf("the loop was stopped at %v, want %v", at, want)
		}
	}
}
