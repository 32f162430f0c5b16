package loop

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/timer"
)

// A sleepless clock does not wait: it looks at the watchdog, and stops the loop.
type sleepless struct {
	timer.Clock
	l     *Loop
	awake []bool
}

func (c *sleepless) look() { c.awake = append(c.awake, c.l.watchdog.awake) }

func (c *sleepless) Wait(int64, <-chan struct{}) {
	c.awake = append(c.awake, c.l.watchdog.awake)
	_ = c.l.Post(func() {
		c.look()
		c.l.Stop()
	})
}

// The watchdog's timer is active only while the loop runs: not while the loop waits, and not after Run,
// RunOnce or RunUntilIdle has ended in any way.
func TestWatchdogSleepsWithTheLoop(t *testing.T) {
	clock := &sleepless{Clock: timer.NewSystem()}
	l := New(WithDebug(), WithClock(clock))
	defer l.Close()
	clock.l = l
	expect := func(when string, want ...bool) {
		t.Helper()
		if got := append(clock.awake, l.watchdog.awake); !slices.Equal(got, want) {
			t.Errorf("%s: the watchdog is awake: %v, want %v", when, got, want)
		}
		clock.awake = nil
	}
	l.CallSoon(clock.look)
	l.RunOnce()
	expect("RunOnce", true, false)
	l.CallSoon(clock.look)
	l.RunUntilIdle()
	expect("RunUntilIdle", true, false)
	l.CallSoon(clock.look)
	l.CallLater(time.Hour, func() {}) // the loop waits for this timer
	_ = l.Run()
	expect("Run", true, false, true, false)
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.CallSoon(runtime.Goexit)
		_ = l.Run()
	}()
	<-over
	expect("a Goexit", false)
}
