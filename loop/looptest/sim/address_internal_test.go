package sim

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// If all ports are taken, calls that need one fail as on Linux, and the next one that is free is found.
func TestNoFreePort(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		w := New(ctx, t)
		a := w.Host("a").Net
		ln, err := w.Host("b").Net.Listen(ctx, "tcp", ":1")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		n := w.net.nicOf(w.find("a"))
		var listeners []*acceptor
		var sockets []*packetSocket
		var ends []*end
		b := &net.TCPAddr{IP: addressOf(2), Port: 1}
		for port := firstFreePort; port <= lastFreePort; port++ {
			at := place{n, n.ip, port}
			listeners = append(listeners, &acceptor{at: at})
			sockets = append(sockets, &packetSocket{at: at})
			ends = append(ends, &end{local: at.tcp(), remote: b})
		}
		for _, c := range []struct {
			call string
			want syscall.Errno
			do   func() (io.Closer, net.Addr, error)
		}{
			{"Listen", syscall.EADDRINUSE, func() (io.Closer, net.Addr, error) {
				ln, err := a.Listen(ctx, "tcp", ":0")
				if err != nil {
					return nil, nil, err
				}
				return ln, ln.Addr(), nil
			}},
			{"ListenPacket", syscall.EADDRINUSE, func() (io.Closer, net.Addr, error) {
				c, err := a.ListenPacket(ctx, "udp", ":0")
				if err != nil {
					return nil, nil, err
				}
				return c, c.LocalAddr(), nil
			}},
			{"Dial udp", syscall.EAGAIN, func() (io.Closer, net.Addr, error) {
				c, err := a.Dial(ctx, "udp", "b:1")
				if err != nil {
					return nil, nil, err
				}
				return c, c.LocalAddr(), nil
			}},
			{"Dial tcp", syscall.EADDRNOTAVAIL, func() (io.Closer, net.Addr, error) {
				c, err := a.Dial(ctx, "tcp", "b:1")
				if err != nil {
					return nil, nil, err
				}
				return c, c.LocalAddr(), nil
			}},
		} {
			n.listeners, n.sockets, n.ends = listeners, sockets, ends
			if _, _, err := c.do(); !errors.Is(err, c.want) {
				t.Errorf("%s: the error is %v, want %v", c.call, err, c.want)
			}
			const free = firstFreePort + 123
			n.listeners, n.sockets, n.ends = nil, nil, nil
			for i := range ends {
				if listeners[i].at.port != free {
					n.listeners, n.sockets, n.ends = append(n.listeners, listeners[i]), append(n.sockets, sockets[i]), append(n.ends, ends[i])
				}
			}
			made, at, err := c.do()
			if err != nil {
				t.Fatalf("%s: %v", c.call, err)
			}
			if _, port, _ := net.SplitHostPort(at.String()); port != strconv.Itoa(free) {
				t.Errorf("%s: the address is %v, want the port %d", c.call, at, free)
			}
			_ = made.Close()
		}
		n.listeners, n.sockets, n.ends = nil, nil, nil
	})
}

// A connection does not get the address of another one to the same place that is open. It may share a port with one
// to another place.
func TestConnectionsDoNotShareAnAddress(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		w := New(ctx, t)
		for _, address := range []string{":1", ":2"} {
			ln, err := w.Host("b").Net.Listen(ctx, "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
		}
		for i, c := range []struct{ to, want string }{
			{"b:1", "10.0.0.2:32768"}, {"b:1", "10.0.0.2:32769"}, {"b:2", "10.0.0.2:32768"}, {"b:1", "10.0.0.2:32770"}, {"10.0.0.1:2", "10.0.0.2:32769"},
		} {
			client := w.Host("a").Net
			w.net.nicOf(w.find("a")).nextPort = firstFreePort
			conn, err := client.Dial(ctx, "tcp", c.to)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got := conn.LocalAddr().String(); got != c.want {
				t.Errorf("Dial %d: the address is %s, want %s", i, got, c.want)
			}
		}
	})
}
