package host

import (
	"context"
	"net"

	"github.com/takt-go/takt/loop/lowlevel"
)

// Pumped returns a Conn over any net.Conn, in the way that is used where there is no epoll.
func Pumped(ctx context.Context, conn net.Conn) *Conn {
	return NewConn(ctx, conn.LocalAddr().Network(), newPump(lowlevel.LoopOf(ctx), conn))
}

// Adopted returns a Conn over a connection of package net, in the way that Dial uses.
func Adopted(ctx context.Context, t interface{ Fatal(...any) }, conn net.Conn) *Conn {
	transport, err := newSocket(lowlevel.LoopOf(ctx), conn)
	if err != nil {
		t.Fatal(err)
	}
	return NewConn(ctx, conn.LocalAddr().Network(), transport)
}

// PumpedListener and PumpedPackets are the same for listeners and packets.
func PumpedListener(ctx context.Context, ln net.Listener) *Listener {
	return NewListener(ctx, ln.Addr().Network(), newPumpAcceptor(lowlevel.LoopOf(ctx), ln))
}

func PumpedPackets(ctx context.Context, conn net.PacketConn) *PacketConn {
	return NewPacketConn(ctx, conn.LocalAddr().Network(), newPacketPump(lowlevel.LoopOf(ctx), conn))
}

// Open is what Dial and Listen use. fn opens something on another goroutine.
func Open(ctx context.Context, fn func(context.Context) (net.Conn, error)) (net.Conn, error) {
	return open(ctx, "dial", "tcp", fn)
}

// Plain makes the transport of c one with no other methods than those of a Transport.
func Plain(c *Conn) { c.transport = plain{c.transport} }

type plain struct{ Transport }
