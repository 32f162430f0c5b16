package timer

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Virtual is a clock on which time passes only when it is told to: Wait jumps
// to its deadline at once, and Advance moves it by hand. It never reads the
// machine's clock, so a program that takes its time from it takes none and is
// the same in every run.
//
// It starts at midnight UTC 2000-01-01, as the clock of testing/synctest does, or at the
// instant that [NewVirtualAt] is given. It ends 292 years later, at [Never], which it does
// not reach.
//
// Several loops may share a Virtual if a host drives them and moves the clock by
// Advance, since the loops only read it then. One loop at a time may move it by itself:
// a second one would find its deadlines in the past, at whatever instant the first
// has jumped to. See Claim.
//
// The zero Virtual stands at its start and is ready to use; it must not be
// copied.
type Virtual struct {
	now     atomic.Int64 // 0 <= now < Never; only grows
	claimed atomic.Bool
	start   time.Time // the zero Time stands for 2000-01-01
}

var _ Clock = (*Virtual)(nil)

// NewVirtual returns a clock that stands at its start.
func NewVirtual() *Virtual { return new(Virtual) }

// NewVirtualAt returns a clock that starts at the given instant, in the time zone of start:
// use it to test a program at a date that matters to it. NewVirtualAt panics if start is the
// zero Time.
func NewVirtualAt(start time.Time) *Virtual {
	if start.IsZero() {
		panic("timer: NewVirtualAt of the zero time.Time; give it an instant, as time.Date makes one, or use NewVirtual")
	}
	return &Virtual{start: start.Round(0)} // without the monotonic reading
}

// Start returns the instant at which the clock started: midnight UTC 2000-01-01, unless
// [NewVirtualAt] was given another one. It has no monotonic reading.
func (c *Virtual) Start() time.Time {
	if !c.start.IsZero() {
		return c.start
	}
	return time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)
}

// Now returns the nanoseconds by which the clock was moved since Start. Safe
// from any goroutine.
func (c *Virtual) Now() int64 { return c.now.Load() }

// Jumps returns true: Wait moves time.
func (c *Virtual) Jumps() bool { return true }

// Claim takes the right to move the clock by Wait, and reports false if another holds it;
// Release gives it back. A loop holds it while it is inside Run. It is an agreement
// between those that drive loops: Wait and Advance do not ask for it. Safe from any
// goroutine.
func (c *Virtual) Claim() bool { return c.claimed.CompareAndSwap(false, true) }

// Release gives back what Claim took.
func (c *Virtual) Release() { c.claimed.Store(false) }

// Advance moves the clock forward by d. It does not wake anybody: a Wait(Never,
// wake) under way goes on, and what is due by now is for its owner to find.
// Safe from any goroutine; when several advance the clock at once, it moves by
// the sum.
//
// Advance panics if d is negative, for time does not go back, and if it would
// take the clock to Never or beyond: stopping there in silence would be the end
// of all timers. The clock then stands where it stood.
func (c *Virtual) Advance(d time.Duration) {
	if d < 0 {
		panic(fmt.Sprintf("timer: Advance(%v): time does not go back; give a duration >= 0", d))
	}
	for {
		now := c.now.Load()
		if int64(d) >= Never-now {
			panic(fmt.Sprintf("timer: Advance(%v) at %v reaches the end of time, %v after the start",
				d, time.Duration(now), time.Duration(Never)))
		}
		if c.now.CompareAndSwap(now, now+int64(d)) {
			return
		}
	}
}

// Wait returns at once, with the clock at deadline (in nanoseconds since
// Start), as [Clock] says: a deadline that has passed leaves the clock where it
// is, and so does a value that is in wake already, which it consumes instead.
// With the deadline Never there is nothing to jump to, and Wait blocks, in real
// time, until a value comes from wake.
//
// It panics if deadline is Never and wake is nil.
func (c *Virtual) Wait(deadline int64, wake <-chan struct{}) {
	mustEnd(deadline, wake)
	if deadline == Never {
		<-wake
		return
	}
	if c.now.Load() >= deadline {
		return
	}
	select {
	case <-wake:
		return
	default:
	}
	for {
		now := c.now.Load()
		if now >= deadline || c.now.CompareAndSwap(now, deadline) {
			return
		}
	}
}
