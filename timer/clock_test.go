package timer_test

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/timer"
)

// forEachClock runs test for each clock, in a bubble of testing/synctest, where no real time
// passes.
func forEachClock(t *testing.T, test func(t *testing.T, c timer.Clock)) {
	clocks := []struct {
		name string
		make func() timer.Clock
	}{
		{"System", func() timer.Clock { return timer.NewSystem() }},
		{"Virtual", func() timer.Clock { return timer.NewVirtual() }},
	}
	for _, clock := range clocks {
		t.Run(clock.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, clock.make()) })
		})
	}
}

// wantPanic runs f and checks that it panics with a message that begins with
// "timer: " and contains all parts.
func wantPanic(t *testing.T, f func(), parts ...string) {
	t.Helper()
	defer func() {
		t.Helper()
		v := recover()
		s, _ := v.(string)
		if !strings.HasPrefix(s, "timer: ") {
			t.Fatalf("panics with %v, want a message of package timer", v)
		}
		for _, part := range parts {
			if !strings.Contains(s, part) {
				t.Errorf("panics with %q, want %q in it", s, part)
			}
		}
	}()
	f()
}

func TestClockStartsAtZero(t *testing.T) {
	forEachClock(t, func(t *testing.T, c timer.Clock) {
		if now := c.Now(); now != 0 {
			t.Errorf("Now() = %d, want 0", now)
		}
		if want := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); !c.Start().Equal(want) {
			t.Errorf("Start() = %v, want %v", c.Start(), want)
		}
	})
}

func TestWaitComesToTheDeadline(t *testing.T) {
	forEachClock(t, func(t *testing.T, c timer.Clock) {
		var now int64
		// 1 ns is among them, as a Wait must not round it down to zero.
		for _, d := range []time.Duration{1, 999, time.Millisecond, 1, 200 * 365 * 24 * time.Hour} {
			real := time.Now()
			now += int64(d)
			c.Wait(now, make(chan struct{}))
			if got := c.Now(); got != now {
				t.Fatalf("after Wait(%d) Now() = %d", now, got)
			}
			if spent := time.Since(real); c.Jumps() && spent != 0 || !c.Jumps() && spent != d {
				t.Fatalf("Jumps() is %t, and Wait for %v took %v", c.Jumps(), d, spent)
			}
			c.Wait(now, nil) // due
			if got := c.Now(); got != now {
				t.Fatalf("Wait for a deadline that is due moved the clock to %d", got)
			}
		}
		c.Wait(now+1, nil) // a nil wake is allowed if there is a deadline
	})
}

func TestWaitForThePastLeavesWakeAlone(t *testing.T) {
	forEachClock(t, func(t *testing.T, c timer.Clock) {
		wake := make(chan struct{}, 1)
		wake <- struct{}{}
		c.Wait(0, wake)
		c.Wait(-1, wake)
		c.Wait(math.MinInt64, wake)
		c.Wait(100, nil)
		c.Wait(math.MinInt64, wake) // deadline - Now() would overflow
		c.Wait(99, wake)
		c.Wait(100, wake)
		if c.Now() != 100 || len(wake) != 1 {
			t.Errorf("Now() = %d with %d in wake, want 100 with 1", c.Now(), len(wake))
		}
	})
}

func TestWakeThatIsThereComesFirst(t *testing.T) {
	forEachClock(t, func(t *testing.T, c timer.Clock) {
		wake := make(chan struct{}, 2)
		for _, deadline := range []int64{1, int64(time.Hour), timer.Never - 1, timer.Never} {
			wake <- struct{}{}
			wake <- struct{}{}
			c.Wait(deadline, wake)
			if c.Now() != 0 || len(wake) != 1 {
				t.Errorf("Wait(%d): Now() = %d with %d in wake, want 0 with 1", deadline, c.Now(), len(wake))
			}
			<-wake
		}
		close(wake)
		c.Wait(1, wake)
		c.Wait(timer.Never, wake)
		if c.Now() != 0 {
			t.Errorf("a closed wake: Now() = %d, want 0", c.Now())
		}
	})
}

func TestWaitNeverWaitsForWake(t *testing.T) {
	forEachClock(t, func(t *testing.T, c timer.Clock) {
		wake := make(chan struct{})
		returned := false
		go func() {
			c.Wait(timer.Never, wake)
			returned = true
		}()
		synctest.Wait()
		time.Sleep(time.Hour)
		if returned {
			t.Fatal("Wait has returned without a value from wake")
		}
		wake <- struct{}{}
		synctest.Wait()
		if !returned {
			t.Fatal("Wait has not returned after a value from wake")
		}
	})
}

func TestWaitThatCannotEndPanics(t *testing.T) {
	forEachClock(t, func(t *testing.T, c timer.Clock) {
		wantPanic(t, func() { c.Wait(timer.Never, nil) }, "Wait(Never, nil)", "wake channel")
	})
}
