package host

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// systemNetwork is the Network of the operating system.
type systemNetwork struct {
	dialer net.Dialer
	config net.ListenConfig
}

var errVirtual = errors.New("host: a loop with a virtual clock cannot use the network of the machine, which goes by real time; use Pipe, a simulated network, or a loop with the system's clock")

// Dial connects to the address, in the way of [net.Dialer.DialContext]. The error is the *[net.OpError] that
// package net has returned. If the task is canceled, or ctx ends, Dial returns the reason at once, as every
// await does, and a connection that is opened after that is closed.
func (n *systemNetwork) Dial(ctx context.Context, network, address string) (*Conn, error) {
	l := lowlevel.Current(ctx).Loop()
	conn, err := open(ctx, "dial", network, func(ctx context.Context) (net.Conn, error) {
		d := n.dialer
		return d.DialContext(ctx, network, address)
	})
	if err != nil {
		return nil, awaitLimit(ctx, err)
	}
	t, err := newSocket(l, conn)
	if err != nil {
		_ = conn.Close()
		return nil, &net.OpError{Op: "dial", Net: network, Addr: conn.RemoteAddr(), Err: err}
	}
	return NewConn(ctx, network, t), nil
}

// Listen listens at the address, in the way of [net.ListenConfig.Listen].
func (n *systemNetwork) Listen(ctx context.Context, network, address string) (*Listener, error) {
	l := lowlevel.Current(ctx).Loop()
	ln, err := open(ctx, "listen", network, func(ctx context.Context) (net.Listener, error) {
		c := n.config
		return c.Listen(ctx, network, address)
	})
	if err != nil {
		return nil, err
	}
	a, err := newAcceptor(l, ln, n.config)
	if err != nil {
		_ = ln.Close()
		return nil, &net.OpError{Op: "listen", Net: network, Addr: ln.Addr(), Err: err}
	}
	return NewListener(ctx, network, a), nil
}

// ListenPacket listens for packets at the address, in the way of [net.ListenConfig.ListenPacket].
func (n *systemNetwork) ListenPacket(ctx context.Context, network, address string) (*PacketConn, error) {
	l := lowlevel.Current(ctx).Loop()
	conn, err := open(ctx, "listen", network, func(ctx context.Context) (net.PacketConn, error) {
		c := n.config
		return c.ListenPacket(ctx, network, address)
	})
	if err != nil {
		return nil, err
	}
	t, err := newPacketSocket(l, conn)
	if err != nil {
		_ = conn.Close()
		return nil, &net.OpError{Op: "listen", Net: network, Addr: conn.LocalAddr(), Err: err}
	}
	return NewPacketConn(ctx, network, t), nil
}

// open calls fn on another goroutine, and returns what it has opened. If the wait ends early, what fn opens
// is closed.
func open[T io.Closer](ctx context.Context, op, network string, fn func(context.Context) (T, error)) (T, error) {
	var none T
	if lowlevel.LoopOf(ctx).Clock().Jumps() {
		return none, &net.OpError{Op: op, Net: network, Err: errVirtual}
	}
	h := new(handover[T])
	kept := false
	defer func() { // also if a Goexit ends the wait
		if !kept {
			h.refuse()
		}
	}()
	opened, err := task.Blocking(ctx, func(ctx context.Context) (T, error) {
		opened, err := fn(ctx)
		if err == nil {
			h.give(opened)
		}
		return opened, err
	})
	kept = err == nil
	return opened, err
}

// A handover closes what was opened for a task that does not wait any more. The task stops waiting and the
// goroutine opens at any time, so both take the lock.
type handover[T io.Closer] struct {
	mu      sync.Mutex
	opened  T
	given   bool
	refused bool
}

func (h *handover[T]) give(opened T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened, h.given = opened, true
	h.closeUnwanted()
}

func (h *handover[T]) refuse() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused = true
	h.closeUnwanted()
}

func (h *handover[T]) closeUnwanted() {
	if h.given && h.refused {
		_ = h.opened.Close()
	}
}

// awaitLimit is called when Dial has failed. The net.Dialer has the deadline of ctx, in order to divide the
// time among the addresses of a name. So at the deadline it may notice the end a moment before the loop does.
// Then awaitLimit waits for the loop, so that the program gets the same error each time.
func awaitLimit(ctx context.Context, err error) error {
	var timeout net.Error
	if deadline, ok := ctx.Deadline(); ok && errors.As(err, &timeout) && timeout.Timeout() && !time.Now().Before(deadline) {
		if err := lowlevel.Sleep(ctx, lowlevel.LoopOf(ctx).Now().Sub(deadline)); err != nil {
			return err
		}
	}
	return err
}

// lingerLimit is how long a connection stays open for its peer after Close.
const lingerLimit = 5 * time.Second

// linger closes a connection when its input has ended. It discards the input.
func linger(conn interface {
	io.ReadCloser
	SetReadDeadline(time.Time) error
}) {
	_ = conn.SetReadDeadline(time.Now().Add(lingerLimit))
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}

// inner returns the error that package net has wrapped in a *[net.OpError]. Conn wraps it again.
func inner(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
