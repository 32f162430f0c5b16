package timer

import "time"

// System is the machine's monotonic clock: its Wait spends real time. It is
// not moved by changes to the wall clock. Whether the time counts during which
// the machine sleeps is up to the operating system, as in package time.
//
// It is made by [NewSystem]; the zero System is not usable.
type System struct {
	start time.Time

	// timer is reused by every Wait and is stopped between them.
	timer *time.Timer
}

var _ Clock = (*System)(nil)

// NewSystem returns a clock that starts now. It holds no resource that would
// have to be released.
func NewSystem() *System {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &System{start: time.Now(), timer: t}
}

// Start returns the time at which NewSystem was called, with its monotonic
// reading.
func (c *System) Start() time.Time { return c.start }

// Now returns the nanoseconds of monotonic time since Start. It reads the
// machine's clock (some 25 ns on Linux) and is safe from any goroutine.
func (c *System) Now() int64 { return int64(time.Since(c.start)) }

// Jumps returns false: Wait spends time.
func (c *System) Jumps() bool { return false }

// Wait blocks until Now() >= deadline (in nanoseconds since Start) or a value
// came from wake, as [Clock] says. If both come while it blocks, at the same
// time as far as the goroutine can see, either one may end it; the value is
// lost in neither case.
//
// It blocks for the whole of the time that is left, be it a nanosecond: it does
// not round down, and it does not return early to be called again. It returns
// late by as much as the scheduler and the machine's timers are. It allocates
// nothing.
//
// It panics if deadline is Never and wake is nil.
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
	case <-wake: // first, whatever the time that is left
		return
	default:
	}
	// One round, but for a tick that came early. Since Go 1.23 Reset leaves no
	// tick of an earlier Wait behind; under GODEBUG=asynctimerchan=1 it can, and
	// asking the clock again makes such a tick harmless.
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
