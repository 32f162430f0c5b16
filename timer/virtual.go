package timer

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Virtual is a clock that moves only by calls: Wait jumps to its deadline at once, and Advance
// moves the clock by a duration. A Virtual never reads the machine's clock. So a program that
// gets its time from it spends no real time waiting, and does the same in every run.
//
// A Virtual starts at midnight UTC 2000-01-01, as the clock of testing/synctest does, or at the
// instant that [NewVirtualAt] is given. It can run for 292 years, up to but not including [Never].
//
// Several loops may share a Virtual if their host drives them and moves the clock by Advance:
// the loops then only read it. Only one loop at a time may move the clock by Wait. If a second
// loop did, each would find its deadlines in the past after a jump of the other. See Claim.
//
// The zero Virtual stands at its start and is ready to use. It must not be copied.
type Virtual struct {
	now     atomic.Int64 // 0 <= now < Never; only grows
	claimed atomic.Bool
	start   time.Time // the zero Time stands for 2000-01-01
}

var _ Clock = (*Virtual)(nil)

// NewVirtual returns a clock that stands at its start.
func NewVirtual() *Virtual { return new(Virtual) }

// NewVirtualAt returns a clock that starts at the given instant, in the time zone of start:
// use it to test a program at a given date. NewVirtualAt panics if start is the
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

// Now returns the nanoseconds by which the clock has been moved since Start. It is safe from
// any goroutine.
func (c *Virtual) Now() int64 { return c.now.Load() }

// Jumps returns true: Wait moves the clock.
func (c *Virtual) Jumps() bool { return true }

// Claim takes the right to move the clock by Wait. It returns false if another caller holds
// the right. Release gives the right back. A loop holds it while Run runs. The right is an
// agreement between drivers of loops: Wait and Advance do not check it. Claim is safe from
// any goroutine.
func (c *Virtual) Claim() bool { return c.claimed.CompareAndSwap(false, true) }

// Release gives back the right that Claim took. It is safe from any goroutine.
func (c *Virtual) Release() { c.claimed.Store(false) }

// Advance moves the clock forward by d. It wakes no goroutine: a running Wait(Never, wake)
// goes on waiting, and the owner of a [Queue] has to call PopDue for the items that are due
// now. Advance is safe from any goroutine. If several goroutines call it at the same time, the
// clock moves by the sum.
//
// Advance panics if d is negative, because time does not go back. It also panics if the clock
// would reach Never: a clock that stopped there silently would never fire a timer again. After
// a panic the clock is unchanged.
func (c *Virtual) Advance(d time.Duration) {
	if d < 0 {
		panic(fmt.Sprintf("timer: Advance(%v): time does not go back; give a duration >= 0", d))
	}
	for {
		now := c.now.Load()
		if int64(d) >= Never-now {
			panic(fmt.Sprintf("timer: Advance(%v) at %v reaches the end of time, %v after the start; give a shorter duration",
				d, time.Duration(now), time.Duration(Never)))
		}
		if c.now.CompareAndSwap(now, now+int64(d)) {
			return
		}
	}
}

// Wait moves the clock to deadline (in nanoseconds since Start) and returns at once: see
// [Clock]. If the deadline has passed, the clock does not move. If wake has a value already,
// Wait receives it, and the clock does not move either. If the deadline is Never, Wait blocks,
// in real time, until it receives a value from wake.
//
// Wait panics if deadline is Never and wake is nil.
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
