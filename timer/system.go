package timer

import "time"

// System is the machine's monotonic clock: its Wait spends real time. Changes to the wall
// clock do not move it. Whether it goes on while the machine sleeps depends on the operating
// system, as in package time.
//
// Make it with [NewSystem]. The zero System cannot be used.
type System struct {
	start time.Time

	// timer is used by every Wait, and is stopped between the calls.
	timer *time.Timer
}

var _ Clock = (*System)(nil)

// NewSystem returns a clock that starts now. The clock needs no closing.
func NewSystem() *System {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &System{start: time.Now(), timer: t}
}

// Start returns the time at which NewSystem was called, with its monotonic reading.
func (c *System) Start() time.Time { return c.start }

// Now returns the nanoseconds of monotonic time since Start. It reads the machine's clock,
// which takes about 25 ns on Linux. Now is safe from any goroutine.
func (c *System) Now() int64 { return int64(time.Since(c.start)) }

// Jumps returns false: Wait spends real time.
func (c *System) Jumps() bool { return false }

// Wait blocks until Now() >= deadline (in nanoseconds since Start), or until it receives a
// value from wake: see [Clock]. If the deadline and a value come at nearly the same time,
// either may end Wait. The value is not lost in either case.
//
// Wait blocks for the whole time that is left, even for a nanosecond. It does not round down,
// and does not return early. It may return late, as the Go scheduler and the machine's timers
// are not exact. It allocates nothing.
//
// Wait panics if deadline is Never and wake is nil.
func (c *System) Wait(deadline int64, wake <-chan struct{}) {
	mustEnd(deadline, wake)
	if deadline == Never {
		<-wake
		return
	}
	now := c.Now()
	if deadline <= now {
		return
	}
	select {
	case <-wake: // a value that is there already comes first, however short the wait would be
		return
	default:
	}
	// There is more than one round only if a tick comes early. Since Go 1.23 Reset removes a
	// tick of an earlier Wait from the channel. Under GODEBUG=asynctimerchan=1 it may not, and
	// then the check of the clock makes such a tick harmless.
	for ; now < deadline; now = c.Now() {
		c.timer.Reset(time.Duration(deadline - now)) // no overflow: 0 <= now
		select {
		case <-wake:
			c.timer.Stop()
			return
		case <-c.timer.C:
		}
	}
}
