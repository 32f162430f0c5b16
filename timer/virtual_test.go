package timer_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/takt-go/takt/timer"
)

func TestAdvance(t *testing.T) {
	var c timer.Virtual // the zero Virtual is ready to use
	c.Advance(0)
	c.Advance(time.Second)
	c.Advance(1)
	if now := c.Now(); now != 1_000_000_001 {
		t.Errorf("Now() = %d, want 1000000001", now)
	}
	c.Wait(5, nil)
	if now := c.Now(); now != 1_000_000_001 {
		t.Errorf("Wait for the past moved the clock to %d", now)
	}
}

func TestAdvanceRefuses(t *testing.T) {
	c := timer.NewVirtual()
	c.Advance(time.Minute)
	wantPanic(t, func() { c.Advance(-time.Second) }, "Advance(-1s)", "go back")
	wantPanic(t, func() { c.Advance(math.MinInt64) }, "go back")
	wantPanic(t, func() { c.Advance(math.MaxInt64) }, "at 1m0s", "end of time")
	wantPanic(t, func() { c.Advance(math.MaxInt64 - time.Minute) }, "end of time") // reaches Never exactly
	if now := c.Now(); now != int64(time.Minute) {
		t.Fatalf("a refused Advance moved the clock to %d", now)
	}
	c.Advance(math.MaxInt64 - time.Minute - 1)
	if now := c.Now(); now != timer.Never-1 {
		t.Fatalf("Now() = %d, want Never-1", now)
	}
	c.Advance(0)
	wantPanic(t, func() { c.Advance(1) }, "Advance(1ns)", "end of time")
}

func TestNewVirtualAt(t *testing.T) {
	start := time.Now().In(time.FixedZone("here", 3600))
	c := timer.NewVirtualAt(start)
	if got := c.Start(); got != start.Round(0) {
		t.Errorf("the clock starts at %v, want %v without its monotonic reading", got, start)
	}
	if c.Now() != 0 {
		t.Errorf("Now() = %d at the start", c.Now())
	}
	wantPanic(t, func() { timer.NewVirtualAt(time.Time{}) }, "zero time.Time")
}

// Several goroutines move the clock at the same time. No move is lost, and no goroutine sees
// the clock go back.
func TestVirtualFromManyGoroutines(t *testing.T) {
	c := timer.NewVirtual()
	const n = 1000
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var last int64
			for range n {
				c.Advance(3)
				now := c.Now()
				if now < last+3 {
					t.Errorf("Now went from %d to %d over an Advance(3)", last, now)
				}
				last = now
			}
		})
	}
	wg.Go(func() {
		for i := range int64(n) {
			c.Wait(i, nil)
			if now := c.Now(); now < i {
				t.Errorf("after Wait(%d) Now() = %d", i, now)
			}
		}
	})
	wg.Wait()
	if now := c.Now(); now < 4*3*n {
		t.Errorf("Now() = %d, want %d or more", now, 4*3*n)
	}
}
