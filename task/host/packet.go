package host

import (
	"cmp"
	"context"
	"net"
	"time"

	"github.com/takt-go/takt/loop/lowlevel"
)

// A PacketConn sends and receives packets. It is a [net.PacketConn]. ListenPacket of a [Network] makes
// PacketConns.
//
// ReadFrom and WriteTo suspend the running task of the loop that the PacketConn belongs to, in the way of Read
// and Write of [Conn]: order of tasks, cancellation, deadlines and errors are the same. A canceled ReadFrom has
// taken no packet. A canceled WriteTo has sent none.
//
// WriteTo sends to a [*net.UDPAddr], or, over a Unix socket, to a [*net.UnixAddr]. ReadFrom returns those of senders. To
// look up a name, in the way of the Network, dial it: that sends nothing.
//
//	c, err := network.Dial(ctx, "udp", "example.org:7000")
//	if err != nil {
//		return err
//	}
//	to := c.RemoteAddr()
//	_ = c.Close()
//
// A client with one server needs no PacketConn: the Conn of such a Dial sends and receives packets.
//
// Packets that no task reads wait in a queue of bounded size. With [System], it is the receive buffer of the
// kernel. When the queue is full, packets that come are dropped; those that wait stay.
type PacketConn struct {
	conn      Conn // the waiting, the order of tasks, and the deadlines
	transport PacketTransport
}

// NewPacketConn makes a PacketConn of a transport. It belongs to the loop of ctx, and its deadlines go by the clock
// of the realm of ctx: see [NewConn]. network is the name of the
// network in errors, such as "udp". Programs get PacketConns from a [Network]. NewPacketConn is for programs
// with a PacketTransport of their own. It panics if ctx belongs to no loop, or if t is nil.
func NewPacketConn(ctx context.Context, network string, t PacketTransport) *PacketConn {
	if t == nil {
		panic("host: NewPacketConn with a nil PacketTransport; give it the PacketTransport that moves the packets")
	}
	p := &PacketConn{transport: t}
	p.conn.init(ctx, network, addresses{t})
	t.Start(p.conn.in.wakeFirst, p.conn.out.wakeFirst)
	return p
}

// ReadFrom reads one packet into b, and returns its size and its sender. If none has come, it suspends the
// running task until one comes. A packet that is longer than b is cut.
func (p *PacketConn) ReadFrom(b []byte) (n int, from net.Addr, err error) {
	p.mustBeMade("ReadFrom")
	return p.readFrom(lowlevel.Running(p.conn.loop, "PacketConn.ReadFrom").Context(), b)
}

// ReadFromContext is ReadFrom that waits under ctx. If ctx ends while it waits, it returns [context.Cause] of
// ctx. It panics if ctx does not belong to the running task.
func (p *PacketConn) ReadFromContext(ctx context.Context, b []byte) (n int, from net.Addr, err error) {
	p.mustBeMade("ReadFromContext")
	p.conn.mustSuit(ctx, "ReadFromContext")
	return p.readFrom(ctx, b)
}

func (p *PacketConn) readFrom(ctx context.Context, b []byte) (n int, from net.Addr, err error) {
	s := &p.conn.in
	waited := s.until(ctx, func() (done bool) {
		if err = s.refusal(true); err != nil {
			return true
		}
		n, from, done, err = p.transport.ReceiveFrom(b)
		s.spend(n)
		err = p.conn.opError("read", err)
		return done || err != nil
	})
	if waited != nil {
		return 0, nil, waited
	}
	return n, from, err
}

// until calls try until it succeeds. The running task has its place in the line, and is suspended before each call
// but perhaps the first.
func (s *side) until(ctx context.Context, try func() bool) error {
	rests := s.mustRest()
	if s.line.First() == nil && !rests && try() {
		return nil
	}
	w := s.join(ctx)
	defer s.leave(w)
	for {
		if err := s.pause(ctx, w, rests); err != nil || try() {
			return err
		}
		rests = false
	}
}

// WriteTo sends b as one packet to an address: see [PacketConn]. With an address of another type the error wraps
// [syscall.EINVAL]. If there is no room for it, WriteTo suspends the running task
// until there is.
func (p *PacketConn) WriteTo(b []byte, to net.Addr) (n int, err error) {
	p.mustBeMade("WriteTo")
	return p.writeTo(lowlevel.Running(p.conn.loop, "PacketConn.WriteTo").Context(), b, to)
}

// WriteToContext is WriteTo that waits under ctx, in the way of ReadFromContext.
func (p *PacketConn) WriteToContext(ctx context.Context, b []byte, to net.Addr) (n int, err error) {
	p.mustBeMade("WriteToContext")
	p.conn.mustSuit(ctx, "WriteToContext")
	return p.writeTo(ctx, b, to)
}

func (p *PacketConn) writeTo(ctx context.Context, b []byte, to net.Addr) (n int, err error) {
	s := &p.conn.out
	waited := s.until(ctx, func() (done bool) {
		if err = s.refusal(true); err == nil {
			s.spend(len(b))
			if done, err = p.transport.SendTo(b, to); err != nil {
				err = &net.OpError{Op: "write", Net: p.conn.network, Source: p.LocalAddr(), Addr: to, Err: err}
			}
		}
		return done || err != nil
	})
	if err := cmp.Or(waited, err); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close closes the socket. Calls that wait, and later ones, fail with [net.ErrClosed]. Close does not suspend.
// A second Close returns an error and changes nothing.
func (p *PacketConn) Close() error {
	p.mustBeMade("Close")
	return p.conn.Close()
}

// LocalAddr returns the address of this end.
func (p *PacketConn) LocalAddr() net.Addr {
	p.mustBeMade("LocalAddr")
	return p.transport.LocalAddr()
}

// SetDeadline is SetReadDeadline and SetWriteDeadline with the same time.
func (p *PacketConn) SetDeadline(when time.Time) error {
	p.mustBeMade("SetDeadline")
	return p.conn.SetDeadline(when)
}

// SetReadDeadline sets the instant after which ReadFrom fails with [os.ErrDeadlineExceeded]. In everything
// else it is like [Conn.SetReadDeadline].
func (p *PacketConn) SetReadDeadline(when time.Time) error {
	p.mustBeMade("SetReadDeadline")
	return p.conn.SetReadDeadline(when)
}

// SetWriteDeadline sets the instant after which WriteTo fails with [os.ErrDeadlineExceeded]. In everything else
// it is like [Conn.SetWriteDeadline].
func (p *PacketConn) SetWriteDeadline(when time.Time) error {
	p.mustBeMade("SetWriteDeadline")
	return p.conn.SetWriteDeadline(when)
}

// mustBeMade panics if p is nil or the zero PacketConn.
func (p *PacketConn) mustBeMade(method string) {
	if p == nil || p.transport == nil {
		panic("host: " + method + " of a PacketConn that is nil or the zero PacketConn; ListenPacket of a Network makes them")
	}
}

// addresses is the Transport of the Conn in a PacketConn. That Conn neither receives nor sends.
type addresses struct{ PacketTransport }

func (addresses) Receive([]byte) (int, error) { return 0, nil }
func (addresses) Send([]byte) (int, error)    { return 0, nil }
func (addresses) CloseWrite() error           { return nil }
func (addresses) RemoteAddr() net.Addr        { return nil }
