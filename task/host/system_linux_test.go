package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

func TestTooManyOpenSockets(t *testing.T) {
	testkit.NoError(t, otherProcess(t, "files", "").Run())
}

func init() { parts["files"] = runOutOfFiles }

// runOutOfFiles accepts a connection while the process can open no more files, again and again, and then while it can.
func runOutOfFiles(string) error {
	_, err := task.Run(context.Background(), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, func() error {
			ln, err := machine.Listen(ctx, "tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer ln.Close()
			peer, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				return err
			}
			defer peer.Close()
			var limit syscall.Rlimit
			free, err := syscall.Dup(0)
			if err := errors.Join(err, syscall.Close(free), syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)); err != nil {
				return err
			}
			low := limit
			low.Cur = uint64(free)
			if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
				return err
			}
			for range 3 {
				_, err := ln.Accept(ctx)
				var op *net.OpError
				if !errors.Is(err, syscall.EMFILE) || !errors.As(err, &op) || op.Op != "accept" || op.Net != "tcp" {
					return fmt.Errorf("Accept = %v, want too many open files", err)
				}
			}
			_, err = machine.Dial(ctx, "tcp", ln.Addr().String())
			if !errors.Is(err, syscall.EMFILE) {
				return fmt.Errorf("Dial = %v, want too many open files", err)
			}
			if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
				return err
			}
			c, err := ln.Accept(ctx)
			if err != nil {
				return err
			}
			return c.Close()
		}()
	})
	return err
}

// An accepted connection has the options and addresses that package net would give it.
func TestOptionsOfAnAcceptedConnection(t *testing.T) {
	options := func(fd int) (all []int) {
		for _, option := range [][2]int{
			{syscall.IPPROTO_TCP, syscall.TCP_NODELAY}, {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE}, {syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL}, {syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT},
		} {
			value, err := syscall.GetsockoptInt(fd, option[0], option[1])
			testkit.NoError(t, err)
			all = append(all, value)
		}
		return all
	}
	for name, config := range map[string]net.ListenConfig{
		"default":  {},
		"off":      {KeepAlive: -1},
		"seconds":  {KeepAlive: 7e9},
		"each":     {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 3e9, Interval: 1500e6, Count: 2}},
		"negative": {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1e9, Count: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			onMachine(t, func(ctx context.Context) {
				there, err := config.Listen(ctx, "tcp", "localhost:0")
				must(t, there, err)
				defer there.Close()
				c, err := net.Dial("tcp", there.Addr().String())
				must(t, c, err)
				defer c.Close()
				accepted, err := there.Accept()
				must(t, accepted, err)
				defer accepted.Close()
				var want []int
				raw, err := accepted.(*net.TCPConn).SyscallConn()
				must(t, raw, err)
				testkit.NoError(t, raw.Control(func(fd uintptr) { want = options(int(fd)) }))

				ln, err := host.System(host.WithListenConfig(config)).Net.Listen(ctx, "tcp", "localhost:0")
				must(t, ln, err)
				defer ln.Close()
				c2, err := net.Dial("tcp", ln.Addr().String())
				must(t, c2, err)
				defer c2.Close()
				ours, err := ln.Accept(ctx)
				must(t, ours, err)
				defer ours.Close()
				if got := options(host.DescriptorOf(ours)); !slices.Equal(got, want) {
					t.Errorf("the options are %v, want %v", got, want)
				}
				testkit.Equal(t, "local address", ours.LocalAddr().String(), c2.RemoteAddr().String())
				testkit.Equal(t, "remote address", ours.RemoteAddr().String(), c2.LocalAddr().String())
				testkit.Equal(t, "kind of address", ours.RemoteAddr().Network(), "tcp")
			})
		})
	}
}

// A connection in which the loop has read less than it asked for, and which the peer then resets, ends with the error.
// The poller tells the end even if it comes together with bytes.
func TestBytesAndTheEndComeTogether(t *testing.T) {
	onMachine(t, func(ctx context.Context) {
		for _, end := range []func(net.Conn){
			func(peer net.Conn) { testkit.NoError(t, peer.Close()) },
			func(peer net.Conn) { reset(t, peer) },
		} {
			c, peer := inTasks(ctx).connected(t, "tcp")
			buffer := make([]byte, 100)
			reader := task.Go(ctx, func(context.Context) (int, error) { return c.Read(buffer) })
			testkit.NoError(t, testkit.Yield(ctx, 2)) // the socket is watched
			_, err := peer.Write([]byte("bytes"))
			testkit.NoError(t, err)
			end(peer)
			_, err = reader.Await(ctx)
			for err == nil {
				_, err = c.Read(buffer) // hangs if the poller tells nothing
			}
			testkit.NoError(t, c.Close())
		}
	})
}

// A read of TCP ends before urgent data, which the kernel then skips. What comes behind it is read too.
func TestUrgentData(t *testing.T) {
	onMachine(t, func(ctx context.Context) {
		c, peer := inTasks(ctx).connected(t, "tcp")
		defer c.Close()
		other, otherPeer := inTasks(ctx).connected(t, "tcp")
		defer other.Close()
		watched := func(c net.Conn) *task.Task[int] {
			reader := task.Go(ctx, func(context.Context) (int, error) { return c.Read(make([]byte, 1)) })
			testkit.NoError(t, testkit.Yield(ctx, 2))
			return reader
		}
		first, last := watched(c), watched(other)
		raw, err := peer.(*net.TCPConn).SyscallConn()
		must(t, raw, err)
		send := func(text string, flags int) {
			t.Helper()
			var err error
			testkit.NoError(t, raw.Control(func(fd uintptr) { err = syscall.Sendto(int(fd), []byte(text), flags, nil) }))
			testkit.NoError(t, err)
		}
		send(".", 0)
		testkit.NoError(t, first.Wait(ctx))
		send("before", 0)
		send("!", syscall.MSG_OOB)
		send("behind", 0)
		_, err = otherPeer.Write([]byte("."))
		testkit.NoError(t, err)
		testkit.NoError(t, last.Wait(ctx)) // from now on the poller has told of everything
		text := ""
		for len(text) < len("beforebehind") {
			b := make([]byte, 100)
			n, err := c.Read(b) // hangs if the first read is taken to have left nothing
			testkit.NoError(t, err)
			text += string(b[:n])
		}
		testkit.Equal(t, "text", text, "beforebehind")
	})
}

// Nobody is at the address of a dialed UDP socket. The next Read says so, and later packets come.
func TestDialedPacketsToNobody(t *testing.T) {
	for name, dial := range dialPackets {
		t.Run(name, func(t *testing.T) {
			onMachine(t, func(ctx context.Context) {
				b := packets(t, ctx, "udp")
				testkit.NoError(t, b.Close())
				a := dial(ctx, t, b.LocalAddr().String())
				defer a.Close()
				_, err := a.Write([]byte("there"))
				testkit.NoError(t, err)
				_, err = a.Read(make([]byte, 100))
				testkit.ErrorIs(t, err, syscall.ECONNREFUSED)

				b, err = machine.ListenPacket(ctx, "udp", b.LocalAddr().String())
				must(t, b, err)
				defer b.Close()
				_, err = b.WriteTo([]byte("here I am"), a.LocalAddr())
				testkit.NoError(t, err)
				buffer := make([]byte, 100)
				n, err := a.Read(buffer)
				testkit.NoError(t, err)
				testkit.Equal(t, "packet", string(buffer[:n]), "here I am")
			})
		})
	}
}

// A short read of Multipath TCP need not have taken all. Package net makes a TCP socket where the kernel has no
// Multipath TCP.
func TestMultipathTCP(t *testing.T) {
	onMachine(t, func(ctx context.Context) {
		for _, multipath := range []bool{true, false} {
			var dialer net.Dialer
			dialer.SetMultipathTCP(multipath)
			var config net.ListenConfig
			config.SetMultipathTCP(multipath)
			h := host.System(host.WithDialer(dialer), host.WithListenConfig(config))
			ln, err := h.Net.Listen(ctx, "tcp", "127.0.0.1:0")
			must(t, ln, err)
			defer ln.Close()
			dialed, err := h.Net.Dial(ctx, "tcp", ln.Addr().String())
			must(t, dialed, err)
			defer dialed.Close()
			accepted, err := ln.Accept(ctx)
			must(t, accepted, err)
			defer accepted.Close()
			for _, c := range []*host.Conn{dialed, accepted} {
				const optionProtocol, tcp = 38, 6
				protocol, err := syscall.GetsockoptInt(host.DescriptorOf(c), syscall.SOL_SOCKET, optionProtocol)
				testkit.NoError(t, err)
				testkit.Equal(t, "a short read has taken all", host.ShortReadTakesAll(c), protocol == tcp)
			}
		}
	})
}

// A message of a Unix socket that is longer than a burst stays one message, as with package net. The kernel refuses one for
// which no socket has room.
func TestLongMessagesOfUnixSockets(t *testing.T) {
	large := func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			testkit.NoError(t, syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 1<<20))
		})
	}
	dialer := net.Dialer{Control: large}
	dial := map[string]func(ctx context.Context, network, address string) *host.Conn{
		"socket": func(ctx context.Context, network, address string) *host.Conn {
			c, err := host.System(host.WithDialer(dialer)).Net.Dial(ctx, network, address)
			return must(t, c, err)
		},
		"pump": func(ctx context.Context, network, address string) *host.Conn {
			c, err := dialer.Dial(network, address)
			return host.Pumped(ctx, must(t, c, err))
		},
	}
	for name, dial := range dial {
		for network, listen := range unixMessages {
			t.Run(network+" "+name, func(t *testing.T) {
				onMachine(t, func(ctx context.Context) {
					address, accept := listen(t)
					c := dial(ctx, network, address)
					defer c.Close()
					peer := accept()
					defer peer.Close()
					sizes := []int{300 << 10, 1}
					for _, size := range sizes {
						n, err := c.Write(make([]byte, size))
						testkit.NoError(t, err)
						testkit.Equal(t, "bytes that Write took", n, size)
					}
					buffer := make([]byte, 1<<20)
					for _, size := range sizes {
						n, err := peer.Read(buffer)
						testkit.NoError(t, err)
						testkit.Equal(t, "bytes that came", n, size)
					}
					n, err := c.Write(make([]byte, 4<<20))
					testkit.ErrorIs(t, err, syscall.EMSGSIZE)
					testkit.Equal(t, "bytes that were too many", n, 0)
				})
			})
		}
	}
}

// unixMessages has functions that listen with package net. accept returns the other end after the dial.
var unixMessages = map[string]func(t *testing.T) (address string, accept func() net.Conn){
	"unixgram": func(t *testing.T) (string, func() net.Conn) {
		address := freshAddress(t, "unixgram")
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
		must(t, c, err)
		return address, func() net.Conn { return c }
	},
	"unixpacket": func(t *testing.T) (string, func() net.Conn) {
		ln, err := net.Listen("unixpacket", freshAddress(t, "unixpacket"))
		must(t, ln, err)
		t.Cleanup(func() { _ = ln.Close() })
		return ln.Addr().String(), func() net.Conn {
			c, err := ln.Accept()
			return must(t, c, err)
		}
	},
}

// A pump reads long messages whole, too, and a message that is longer than the slice is cut, as with package net.
func TestReadOfLongMessages(t *testing.T) {
	for name, conn := range map[string]func(ctx context.Context, c net.Conn) *host.Conn{
		"socket": func(ctx context.Context, c net.Conn) *host.Conn { return host.Adopted(ctx, t, c) },
		"pump":   host.Pumped,
	} {
		for network, listen := range unixMessages {
			t.Run(network+" "+name, func(t *testing.T) {
				onMachine(t, func(ctx context.Context) {
					address, accept := listen(t)
					peer, err := net.Dial(network, address)
					must(t, peer, err)
					defer peer.Close()
					c := conn(ctx, accept())
					defer c.Close()
					for _, size := range []int{150_000, 100, 100} {
						n, err := peer.Write(make([]byte, size))
						testkit.NoError(t, err)
						testkit.Equal(t, "bytes that were sent", n, size)
					}
					for _, size := range []int{150_000, 7, 100} {
						n, err := c.Read(make([]byte, size))
						testkit.NoError(t, err)
						testkit.Equal(t, "bytes that came", n, size)
					}
				})
			})
		}
	}
}

// The kernel tells of a peer that has closed a "unixpacket" connection without reading all, before the messages that the peer
// has sent. They come all the same.
func TestMessagesAfterAReset(t *testing.T) {
	onMachine(t, func(ctx context.Context) {
		address, accept := unixMessages["unixpacket"](t)
		c, err := machine.Dial(ctx, "unixpacket", address)
		must(t, c, err)
		defer c.Close()
		peer := accept()
		_, err = c.Write([]byte("not read"))
		testkit.NoError(t, err)
		_, err = peer.Write([]byte("message"))
		testkit.NoError(t, errors.Join(err, peer.Close()))
		_, err = c.Read(make([]byte, 100))
		testkit.ErrorIs(t, err, syscall.ECONNRESET)
		testkit.Equal(t, "read", got(c, 7), read{"message", nil})
		testkit.Equal(t, "read", got(c, 1), read{"", io.EOF})
	})
}
