package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

var machine = host.System().Net

// onMachine runs body as a task of a loop with the system's clock.
func onMachine(t testing.TB, body func(ctx context.Context)) {
	t.Helper()
	_, err := task.Run(context.Background(), func(ctx context.Context) (struct{}, error) {
		body(ctx)
		return struct{}{}, nil
	})
	testkit.NoError(t, err)
}

// must returns v, and ends the test if err is not nil.
func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// listen listens at an address of its own.
func listen(t testing.TB, ctx context.Context, network string) *host.Listener {
	t.Helper()
	ln, err := machine.Listen(ctx, network, freshAddress(t, network))
	return must(t, ln, err)
}

func freshAddress(t testing.TB, network string) string {
	if strings.HasPrefix(network, "unix") {
		return socketDir(t) + "/s"
	}
	return "127.0.0.1:0"
}

// socketDir is TempDir with a short name: the name of a Unix socket has at most about 100 bytes.
func socketDir(t testing.TB) string {
	name, err := os.MkdirTemp("", "takt")
	must(t, name, err)
	t.Cleanup(func() { _ = os.RemoveAll(name) })
	return name
}

// pairOf connects two Conns.
func pairOf(t testing.TB, network string) func(ctx context.Context) (a, b *host.Conn, err error) {
	return func(ctx context.Context) (a, b *host.Conn, err error) {
		ln := listen(t, ctx, network)
		defer ln.Close()
		if a, err = machine.Dial(ctx, network, ln.Addr().String()); err != nil {
			return nil, nil, err
		}
		b, err = ln.Accept(ctx)
		return a, b, err
	}
}

func TestConnOnTheMachine(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) { connsOnTheMachine(t, pairOf(t, network)) })
	}
}

// ends are the connections that a test makes, by package net or by package host.
type ends struct {
	dial   func(network, address string) (net.Conn, error)
	listen func(network, address string) (accept func() (net.Conn, error), close func() error, at string, err error)
	packet func(network, address string) (net.PacketConn, error)
}

var plain = ends{
	dial: net.Dial,
	listen: func(network, address string) (func() (net.Conn, error), func() error, string, error) {
		ln, err := net.Listen(network, address)
		if err != nil {
			return nil, nil, "", err
		}
		return ln.Accept, ln.Close, ln.Addr().String(), nil
	},
	packet: net.ListenPacket,
}

// inTasks returns the ends that package host makes in the running task.
func inTasks(ctx context.Context) ends {
	return ends{
		dial: func(network, address string) (net.Conn, error) {
			c, err := machine.Dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return c, nil
		},
		listen: func(network, address string) (func() (net.Conn, error), func() error, string, error) {
			ln, err := machine.Listen(ctx, network, address)
			if err != nil {
				return nil, nil, "", err
			}
			accept := func() (net.Conn, error) {
				c, err := ln.Accept(ctx)
				if err != nil {
					return nil, err
				}
				return c, nil
			}
			return accept, ln.Close, ln.Addr().String(), nil
		},
		packet: func(network, address string) (net.PacketConn, error) {
			c, err := machine.ListenPacket(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return c, nil
		},
	}
}

// connected dials, and returns the connection and its peer, which is one of package net.
func (e ends) connected(t testing.TB, network string) (c net.Conn, peer net.Conn) {
	t.Helper()
	ln, err := net.Listen(network, freshAddress(t, network))
	must(t, ln, err)
	defer ln.Close()
	c, err = e.dial(network, ln.Addr().String())
	must(t, c, err)
	t.Cleanup(func() { _ = peer.Close() })
	peer, err = ln.Accept()
	return c, must(t, peer, err)
}

// reset makes the peer reset the connection.
func reset(t testing.TB, peer net.Conn) {
	testkit.NoError(t, peer.(*net.TCPConn).SetLinger(0))
	testkit.NoError(t, peer.Close())
}

// Each operation fails in the same way with package net and with package host.
func TestErrorsOfTheMachine(t *testing.T) {
	buffer := make([]byte, 1024)
	read := func(c net.Conn) error { _, err := c.Read(buffer); return err }
	write := func(c net.Conn) error { _, err := c.Write(buffer); return err }
	for name, fail := range map[string]func(t testing.TB, e ends) error{
		"dial, refused": func(t testing.TB, e ends) error {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, ln, err)
			testkit.NoError(t, ln.Close())
			_, err = e.dial("tcp", ln.Addr().String())
			return err
		},
		"dial, no such socket": func(t testing.TB, e ends) error {
			_, err := e.dial("unix", "/nowhere/at/all")
			return err
		},
		"dial, network":     func(t testing.TB, e ends) error { _, err := e.dial("pigeon", "coop"); return err },
		"dial, port":        func(t testing.TB, e ends) error { _, err := e.dial("tcp", "127.0.0.1:http:x"); return err },
		"dial, no address":  func(t testing.TB, e ends) error { _, err := e.dial("tcp", ""); return err },
		"listen, network":   func(t testing.TB, e ends) error { _, _, _, err := e.listen("pigeon", "coop"); return err },
		"listen, UDP":       func(t testing.TB, e ends) error { _, _, _, err := e.listen("udp", "127.0.0.1:0"); return err },
		"packets, network":  func(t testing.TB, e ends) error { _, err := e.packet("tcp", "127.0.0.1:0"); return err },
		"listen, permanent": func(t testing.TB, e ends) error { _, _, _, err := e.listen("unix", "/nowhere/at/all"); return err },
		"listen, in use": func(t testing.TB, e ends) error {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, ln, err)
			defer ln.Close()
			_, _, _, err = e.listen("tcp", ln.Addr().String())
			return err
		},
		"accept, closed": func(t testing.TB, e ends) error {
			accept, closeIt, _, err := e.listen("tcp", "127.0.0.1:0")
			testkit.NoError(t, err)
			testkit.NoError(t, closeIt())
			_, err = accept()
			return err
		},
		"close of a listener, twice": func(t testing.TB, e ends) error {
			_, closeIt, _, err := e.listen("tcp", "127.0.0.1:0")
			testkit.NoError(t, err)
			testkit.NoError(t, closeIt())
			return closeIt()
		},
		"read, end": func(t testing.TB, e ends) error {
			c, peer := e.connected(t, "tcp")
			defer c.Close()
			testkit.NoError(t, peer.Close())
			return read(c)
		},
		"read, reset": func(t testing.TB, e ends) error {
			c, peer := e.connected(t, "tcp")
			defer c.Close()
			reset(t, peer)
			return read(c)
		},
		"write, after a reset": func(t testing.TB, e ends) error {
			c, peer := e.connected(t, "tcp")
			defer c.Close()
			reset(t, peer)
			testkit.ErrorIs(t, read(c), syscall.ECONNRESET)
			return write(c)
		},
		"write, unix, the peer has closed": func(t testing.TB, e ends) error {
			c, peer := e.connected(t, "unix")
			defer c.Close()
			testkit.NoError(t, peer.Close())
			return write(c)
		},
		"read, unix, the peer has closed with unread bytes": func(t testing.TB, e ends) error {
			c, peer := e.connected(t, "unix")
			defer c.Close()
			testkit.NoError(t, write(c))
			testkit.NoError(t, peer.Close())
			return read(c)
		},
		"write, after CloseWrite": func(t testing.TB, e ends) error {
			c, _ := e.connected(t, "tcp")
			defer c.Close()
			testkit.NoError(t, c.(interface{ CloseWrite() error }).CloseWrite())
			return write(c)
		},
		"read, closed": func(t testing.TB, e ends) error {
			c, _ := e.connected(t, "tcp")
			testkit.NoError(t, c.Close())
			return read(c)
		},
		"write, closed": func(t testing.TB, e ends) error {
			c, _ := e.connected(t, "tcp")
			testkit.NoError(t, c.Close())
			return write(c)
		},
		"close, twice": func(t testing.TB, e ends) error {
			c, _ := e.connected(t, "unix")
			testkit.NoError(t, c.Close())
			return c.Close()
		},
		"set a deadline, closed": func(t testing.TB, e ends) error {
			c, _ := e.connected(t, "tcp")
			testkit.NoError(t, c.Close())
			return c.SetDeadline(time.Time{})
		},
		"read, deadline": func(t testing.TB, e ends) error {
			c, _ := e.connected(t, "tcp")
			defer c.Close()
			testkit.NoError(t, c.SetReadDeadline(time.Unix(1, 0)))
			return read(c)
		},
		"write, deadline": func(t testing.TB, e ends) error {
			c, _ := e.connected(t, "tcp")
			defer c.Close()
			testkit.NoError(t, c.SetWriteDeadline(time.Unix(1, 0)))
			return write(c)
		},
		"read of a dialed UDP socket, nobody there": func(t testing.TB, e ends) error {
			there, err := net.ListenPacket("udp", "127.0.0.1:0")
			must(t, there, err)
			testkit.NoError(t, there.Close())
			c, err := e.dial("udp", there.LocalAddr().String())
			must(t, c, err)
			defer c.Close()
			testkit.NoError(t, write(c))
			return read(c)
		},
		"packet, too long": func(t testing.TB, e ends) error {
			c, err := e.packet("udp", "127.0.0.1:0")
			must(t, c, err)
			defer c.Close()
			_, err = c.WriteTo(make([]byte, 1<<20), c.LocalAddr())
			return err
		},
		"packet, to an address of another kind": func(t testing.TB, e ends) error {
			c, err := e.packet("udp", "127.0.0.1:0")
			must(t, c, err)
			defer c.Close()
			_, err = c.WriteTo(buffer, &net.UnixAddr{Name: "x", Net: "unixgram"})
			return err
		},
		"packet, to an address of IPv6": func(t testing.TB, e ends) error {
			c, err := e.packet("udp4", "127.0.0.1:0")
			must(t, c, err)
			defer c.Close()
			_, err = c.WriteTo(buffer, &net.UDPAddr{IP: net.IPv6loopback, Port: 9})
			return err
		},
		"packet, no such socket": func(t testing.TB, e ends) error {
			c, err := e.packet("unixgram", freshAddress(t, "unixgram"))
			must(t, c, err)
			defer c.Close()
			_, err = c.WriteTo(buffer, &net.UnixAddr{Name: "/nowhere/at/all", Net: "unixgram"})
			return err
		},
		"packet, deadline": func(t testing.TB, e ends) error {
			c, err := e.packet("udp", "127.0.0.1:0")
			must(t, c, err)
			defer c.Close()
			testkit.NoError(t, c.SetReadDeadline(time.Unix(1, 0)))
			_, _, err = c.ReadFrom(buffer)
			return err
		},
		"packet, closed": func(t testing.TB, e ends) error {
			c, err := e.packet("udp", "127.0.0.1:0")
			must(t, c, err)
			testkit.NoError(t, c.Close())
			_, _, err = c.ReadFrom(buffer)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := described(fail(t, plain))
			onMachine(t, func(ctx context.Context) {
				testkit.Equal(t, "error", described(fail(t, inTasks(ctx))), want)
			})
		})
	}
}

// described says all about an error that does not change from call to call.
func described(err error) string {
	var b strings.Builder
	timeout, ok := err.(interface{ Timeout() bool })
	fmt.Fprintf(&b, "timeout %t", ok && timeout.Timeout())
	for ; err != nil; err = errors.Unwrap(err) {
		fmt.Fprintf(&b, "; %T", err)
		switch err := err.(type) {
		case *net.OpError:
			fmt.Fprintf(&b, " %s %s %T %T", err.Op, err.Net, err.Source, err.Addr)
		case *os.SyscallError:
			fmt.Fprintf(&b, " %s", err.Syscall)
		case interface{ Unwrap() error }:
		default:
			fmt.Fprintf(&b, " %v", err)
		}
	}
	return b.String()
}

// The network of the machine does not go by a virtual clock.
func TestMachineWithVirtualTime(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		for what, err := range map[string]error{
			"dial":   third(machine.Dial(ctx, "tcp", "127.0.0.1:1")),
			"listen": third(machine.Listen(ctx, "tcp", "127.0.0.1:0")),
			"packet": third(machine.ListenPacket(ctx, "udp", "127.0.0.1:0")),
		} {
			if err == nil || !strings.Contains(err.Error(), "virtual clock") || !strings.Contains(err.Error(), "use Pipe") {
				t.Errorf("%s: the error is %v", what, err)
			}
		}
	})
}

func third[T any](_ T, err error) error { return err }

// What was written comes, although Close finds input that was not read, and the peer reads late: all comes, and then
// the end. Without care the kernel resets such a connection.
func TestCloseWithUnreadInput(t *testing.T) {
	const size = 1 << 20
	received := make(chan error, 1)
	onMachine(t, func(ctx context.Context) {
		c, peer := inTasks(ctx).connected(t, "tcp")
		_, err := peer.Write([]byte("a question"))
		testkit.NoError(t, err)
		_, err = c.Read(make([]byte, 1))
		testkit.NoError(t, err)
		closed := make(chan struct{})
		go func() {
			_, err := io.CopyN(io.Discard, peer, size/2) // makes room, so that Write returns
			<-closed
			if err == nil {
				_, err = peer.Write([]byte("more"))
			}
			rest, readErr := io.ReadAll(peer)
			if len(rest) != size/2 {
				err = errors.Join(err, fmt.Errorf("%d bytes came after Close, want %d", len(rest), size/2))
			}
			received <- errors.Join(err, readErr, peer.Close())
		}()
		_, err = c.Write(make([]byte, size))
		testkit.NoError(t, err)
		testkit.NoError(t, c.Close())
		close(closed)
	})
	testkit.NoError(t, <-received) // the loop was closed meanwhile, and has waited for the peer
}

// The peer never reads. Write suspends, and other tasks go on. A canceled Write says how many bytes it has accepted:
// these come, and no others.
func TestPeerThatDoesNotRead(t *testing.T) {
	onMachine(t, func(ctx context.Context) {
		c, peer := inTasks(ctx).connected(t, "tcp")
		accepted := 0
		writer := task.Go(ctx, func(ctx context.Context) (struct{}, error) {
			for b := make([]byte, 1<<20); ; {
				n, err := c.Write(b)
				accepted += n
				if err != nil {
					return struct{}{}, err
				}
			}
		})
		// The kernel takes some MB. When no turn changes the count any more, Write is suspended.
		for last := -1; accepted != last || accepted == 0; {
			last = accepted
			testkit.NoError(t, task.Yield(ctx))
		}
		writer.Cancel(nil)
		_, err := writer.Await(ctx)
		var canceled *loop.CanceledError
		if !errors.As(err, &canceled) {
			t.Errorf("the Write has ended with %v, want a cancellation", err)
		}
		testkit.NoError(t, c.Close())
		n, err := io.Copy(io.Discard, peer)
		testkit.NoError(t, err)
		testkit.Equal(t, "bytes that came", int(n), accepted)
	})
}

// A peer sends a byte at a time, then nothing, then resets the connection.
func TestPeerThatSendsByteByByte(t *testing.T) {
	onMachine(t, func(ctx context.Context) {
		c, peer := inTasks(ctx).connected(t, "tcp")
		defer c.Close()
		line := "one byte after the other\n"
		r := host.NewReader(c)
		got := task.Go(ctx, r.ReadLine)
		for i := range len(line) {
			_, err := peer.Write([]byte(line[i:][:1]))
			testkit.NoError(t, err)
			testkit.NoError(t, task.Yield(ctx))
		}
		text, err := got.Await(ctx)
		testkit.NoError(t, err)
		testkit.Equal(t, "line", text+"\n", line)
		reader := task.Go(ctx, r.ReadLine)
		testkit.NoError(t, task.Yield(ctx))
		reset(t, peer)
		_, err = reader.Await(ctx)
		testkit.ErrorIs(t, err, syscall.ECONNRESET)
	})
}

// A loop that is closed with connections, listeners and packets, some of them in use, leaves no descriptor open. (The
// test of the package looks for goroutines.)
func TestCloseOfALoopClosesItsSockets(t *testing.T) {
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("there is no /proc/self/fd")
		}
		return len(entries)
	}
	c, err := net.Dial("udp", "127.0.0.1:9") // package net keeps some descriptors for good
	must(t, c, err)
	testkit.NoError(t, c.Close())
	before := open()
	var peers []net.Conn
	l := loop.New()
	task.Go(l.Context(), func(ctx context.Context) (struct{}, error) {
		for _, network := range []string{"tcp", "unix"} {
			for range 4 {
				c, peer := inTasks(ctx).connected(t, network)
				peers = append(peers, peer)
				task.Go(ctx, func(context.Context) (int, error) { return c.Read(make([]byte, 1)) })
			}
			ln := listen(t, ctx, network)
			task.Go(ctx, ln.Accept)
			_ = listen(t, ctx, network) // not in use
			waiting, err := net.Dial(network, ln.Addr().String())
			peers = append(peers, must(t, waiting, err))
		}
		for _, network := range []string{"udp", "unixgram"} {
			p, err := machine.ListenPacket(ctx, network, freshAddress(t, network))
			must(t, p, err)
			task.Go(ctx, func(context.Context) (int, error) { _, _, err := p.ReadFrom(nil); return 0, err })
		}
		testkit.NoError(t, task.Yield(ctx))
		testkit.NoError(t, task.Yield(ctx))
		l.Stop()
		return struct{}{}, nil
	})
	testkit.NoError(t, l.Run())
	l.Close()
	for _, peer := range peers {
		testkit.NoError(t, peer.Close())
	}
	testkit.Equal(t, "open descriptors", open(), before)
}
