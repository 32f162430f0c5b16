package host

import (
	"net"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/timer"
)

// A deadline is the deadline of one direction of a connection. Its timer is armed only while a task waits. So a
// connection that no task uses has no timer, and does not keep a virtual clock going.
type deadline struct {
	at     time.Duration // by the time of the realm of the Conn: see lowlevel.Elapsed
	set    bool
	timer  loop.Handle
	expire func()
}

// SetDeadline is SetReadDeadline and SetWriteDeadline with the same time.
func (c *Conn) SetDeadline(when time.Time) error {
	c.mustBeMade("SetDeadline")
	if err := c.SetReadDeadline(when); err != nil {
		return err
	}
	return c.SetWriteDeadline(when)
}

// SetReadDeadline sets the instant after which Read fails with [os.ErrDeadlineExceeded], also if bytes have
// come. The zero time removes the deadline. The deadline holds for later calls, and also for calls that
// wait now: if it is in the past, they fail as if a timer had fired in the next turn. If it is moved on before
// they have failed, they go on waiting. A Read that has failed by a deadline has taken no bytes.
//
// when is an instant by the loop's clock: c.SetReadDeadline(l.Now().Add(time.Minute)). A Conn of a simulated machine
// goes by the clock of that machine: c.SetReadDeadline(h.Now().Add(time.Minute)). If that clock jumps later, the
// deadline does not move, and while the machine is paused, it does not expire. On a loop with a virtual
// clock, code that does not know the loop, such as crypto/tls, sets deadlines by [time.Now]. There a time with
// a monotonic clock reading, which only the machine's clock has, stands for the time from now until then,
// rounded to a millisecond.
func (c *Conn) SetReadDeadline(when time.Time) error {
	c.mustBeMade("SetReadDeadline")
	return c.in.setDeadline(when)
}

// SetWriteDeadline sets the instant after which Write fails with [os.ErrDeadlineExceeded], in the way of
// SetReadDeadline. A Write that fails by a deadline returns how many bytes it has accepted.
func (c *Conn) SetWriteDeadline(when time.Time) error {
	c.mustBeMade("SetWriteDeadline")
	return c.out.setDeadline(when)
}

func (s *side) setDeadline(when time.Time) error {
	lowlevel.CheckHere(s.conn.loop, "setting a deadline of a Conn")
	if s.conn.closed {
		return &net.OpError{Op: "set", Net: s.conn.network, Addr: s.conn.LocalAddr(), Err: net.ErrClosed}
	}
	s.disarm()
	s.deadline.set = !when.IsZero()
	if s.deadline.set {
		s.deadline.at = s.conn.elapsedAt(when)
	}
	if s.line.Len() > 0 {
		s.arm()
	}
	return nil
}

// elapsedAt converts a time to that of the deadlines of c.
func (c *Conn) elapsedAt(when time.Time) time.Duration {
	if c.loop.Clock().Jumps() && when != when.Round(0) { // when has a monotonic clock reading
		now, rest := lowlevel.Elapsed(c.home), time.Until(when).Round(time.Millisecond)
		return now + min(rest, timer.Never-now)
	}
	return lowlevel.ElapsedAt(c.home, when)
}

func (d *deadline) passed(c *Conn) bool { return lowlevel.Elapsed(c.home) >= d.at }

// arm arms the timer for the tasks in the line.
func (s *side) arm() {
	d := &s.deadline
	if !d.set {
		return
	}
	if d.expire == nil {
		d.expire = s.wakeAll
	}
	d.timer = lowlevel.CallElapsed(s.conn.home, d.at, d.expire)
}

func (s *side) disarm() {
	s.deadline.timer.Cancel()
	s.deadline.timer = loop.Handle{}
}
