package timer_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/timer"
)

func TestSystemIsWokenWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := timer.NewSystem()
		wake := make(chan struct{}, 1)
		time.AfterFunc(3*time.Millisecond, func() { wake <- struct{}{} })
		c.Wait(int64(10*time.Millisecond), wake)
		if now := time.Duration(c.Now()); now != 3*time.Millisecond || len(wake) != 0 {
			t.Errorf("woken at %v with %d in wake, want 3ms with 0", now, len(wake))
		}
	})
}

// If wake ends a Wait, the timer of that Wait must not end a later Wait, whether or not it
// would have fired in between.
func TestSystemTicksAreNotStale(t *testing.T) {
	for _, pause := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			c := timer.NewSystem()
			wake := make(chan struct{}, 1)
			for range 3 {
				time.AfterFunc(time.Millisecond, func() { wake <- struct{}{} })
				c.Wait(c.Now()+int64(5*time.Millisecond), wake)
				time.Sleep(pause)
				deadline := c.Now() + int64(20*time.Millisecond)
				c.Wait(deadline, wake)
				if now := c.Now(); now != deadline {
					t.Errorf("after a pause of %v Wait(%d) returned at %d", pause, deadline, now)
				}
			}
		})
	}
}

// This test spends real time, outside of a bubble: 10 times 50 microseconds.
func TestSystemInRealTime(t *testing.T) {
	c := timer.NewSystem()
	for range 10 {
		deadline := c.Now() + int64(50*time.Microsecond)
		c.Wait(deadline, nil)
		if now := c.Now(); now < deadline {
			t.Errorf("Wait returned %d ns early", deadline-now)
		}
	}
}

func TestSystemNowNeverGoesBack(t *testing.T) {
	c := timer.NewSystem()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var last int64
			for range 1000 {
				now := c.Now()
				if now < last {
					t.Errorf("Now went from %d back to %d", last, now)
				}
				last = now
			}
		})
	}
	wg.Wait()
}

func TestSystemWaitDoesNotAllocate(t *testing.T) {
	c := timer.NewSystem()
	wake := make(chan struct{}, 1)
	allocs := testing.AllocsPerRun(100, func() {
		c.Wait(c.Now()+1000, wake)
		wake <- struct{}{}
		c.Wait(timer.Never, wake)
	})
	if allocs >= 1 {
		t.Errorf("%v allocations per Wait", allocs)
	}
}

func BenchmarkSystemNow(b *testing.B) {
	c := timer.NewSystem()
	for b.Loop() {
		c.Now()
	}
}
