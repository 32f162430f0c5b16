package host_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// Whole programs run on the real machine and in a simulated world. The same test body finds no difference.

// A serverProgram is a whole program. It serves at addr until ctx ends.
type serverProgram func(ctx context.Context, h *host.Host, addr string) error

// serves returns the program that serves connections with handle.
func serves(handle handler, opts ...host.ServeOption) serverProgram {
	return func(ctx context.Context, h *host.Host, addr string) error {
		ln, err := h.Net.Listen(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		report := host.WithErrorHandler(func(err error) { h.Log.Info("failed", "err", err) })
		return host.Serve(ctx, ln, handle, append(opts, report)...)
	}
}

// A clientBody is a test of a program. h is the machine of the clients.
type clientBody func(ctx context.Context, t testkit.T, h *host.Host, addr string)

// bothWorlds runs a program and a body on the real machine, and in n schedules of a simulated world.
func bothWorlds(t *testing.T, n int, p serverProgram, body clientBody) {
	t.Run("machine", func(t *testing.T) {
		onMachine(t, func(ctx context.Context) {
			ready := future.New[string](ctx)
			h := silent(host.System())
			server := testkit.Spawn(ctx, "server", func(ctx context.Context) error { return p(ctx, announcing(h, ready), "127.0.0.1:0") })
			addr, err := ready.Await(ctx)
			testkit.NoError(t, err)
			body(ctx, t, h, addr)
			server.Cancel(testkit.ErrCause)
			wantCause(t, server.Wait(ctx))
			_, err = h.Net.Dial(ctx, "tcp", addr)
			testkit.ErrorIs(t, err, syscall.ECONNREFUSED)
		})
	})
	t.Run("simulated", func(t *testing.T) {
		looptest.Explore(t, looptest.Sample(1, n), func(ctx context.Context, t *looptest.T) {
			ready := future.New[string](ctx)
			w := sim.New(ctx, t)
			server := w.Node("server", func(ctx context.Context, h *host.Host) error { return p(ctx, announcing(h, ready), ":7000") })
			_, err := ready.Await(ctx)
			testkit.NoError(t, err)
			h := w.Host("client")
			body(ctx, t, h, "server:7000")
			testkit.NoError(t, server.Stop(ctx))
			_, err = h.Net.Dial(ctx, "tcp", "server:7000")
			testkit.ErrorIs(t, err, syscall.ECONNREFUSED)
		})
	})
}

// announcing returns h with a network that tells the address of a Listener.
func announcing(h *host.Host, ready *future.Future[string]) *host.Host {
	of := *h
	of.Net = announcer{h.Net, ready}
	return &of
}

type announcer struct {
	host.Network
	ready *future.Future[string]
}

func (a announcer) Listen(ctx context.Context, network, address string) (*host.Listener, error) {
	ln, err := a.Network.Listen(ctx, network, address)
	if err == nil {
		_ = a.ready.SetResult(ln.Addr().String())
	}
	return ln, err
}

func dialTo(ctx context.Context, t testkit.T, h *host.Host, addr string) *host.Conn {
	t.Helper()
	c, err := h.Net.Dial(ctx, "tcp", addr)
	testkit.NoError(t, err)
	return c
}

// allOf runs bodies as tasks, and waits for all.
func allOf(ctx context.Context, t testkit.T, n int, body func(ctx context.Context, i int) error) {
	t.Helper()
	testkit.NoError(t, task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
		for i := range n {
			if err := g.Go(func(ctx context.Context) error { return body(ctx, i) }); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestEchoServerInBothWorlds(t *testing.T) {
	bothWorlds(t, 100, serves(echoes), func(ctx context.Context, t testkit.T, h *host.Host, addr string) {
		allOf(ctx, t, 4, func(ctx context.Context, i int) error {
			c := dialTo(ctx, t, h, addr)
			defer c.Close()
			for _, a := range []net.Addr{c.LocalAddr(), c.RemoteAddr()} {
				if _, ok := a.(*net.TCPAddr); !ok {
					t.Errorf("the address %v is a %T", a, a)
				}
			}
			for _, size := range []int{1, 100, 20_000} {
				line := strings.Repeat(fmt.Sprint(i), size)
				answer, err := say(c, line)
				testkit.NoError(t, err)
				testkit.Equal(t, "the answer is right", answer == line, true)
			}
			_, err := task.Within(ctx, 5*time.Millisecond, func(context.Context) (int, error) { return c.Read(make([]byte, 1)) })
			testkit.ErrorIs(t, err, context.DeadlineExceeded)
			testkit.NoError(t, c.SetReadDeadline(h.Now().Add(5*time.Millisecond)))
			_, err = c.Read(make([]byte, 1))
			testkit.ErrorIs(t, err, os.ErrDeadlineExceeded)
			testkit.NoError(t, c.SetReadDeadline(time.Time{}))

			// More than the buffers hold: the client writes while it reads.
			all := strings.Repeat("0123456789", 50_000)
			writing := testkit.Spawn(ctx, "writing", func(context.Context) error {
				_, err := io.WriteString(c, all)
				return errors.Join(err, c.CloseWrite())
			})
			back, err := io.ReadAll(c)
			testkit.NoError(t, err)
			testkit.Equal(t, "all comes back", string(back) == all, true)
			_, err = c.Write([]byte("x"))
			testkit.ErrorIs(t, err, syscall.EPIPE)
			testkit.NoError(t, c.Close())
			_, err = c.Read(make([]byte, 1))
			testkit.ErrorIs(t, err, net.ErrClosed)
			return writing.Wait(ctx)
		})
	})
}

// askTheWeb asks for everything that a webServer has, over a connection.
func askTheWeb(t testkit.T, c *host.Conn) {
	r := bufio.NewReader(c)
	for _, test := range []struct{ request, want string }{
		{"GET /hello/ann HTTP/1.1\nHost: x\n\n", "200 hello ann"},
		{"POST /upper HTTP/1.1\nHost: x\nContent-Length: 4\n\ntext", "200 TEXT"},
		{"POST /upper HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n3\nabc\n1\nd\n0\n\n", "200 ABCD"},
		{"GET /slow HTTP/1.1\nHost: x\n\n", fmt.Sprint("200 slow, over TLS: ", host.TLSState(c) != nil)},
	} {
		got, err := ask(r, c, test.request)
		testkit.NoError(t, err)
		testkit.Equal(t, "answer", got, test.want)
	}
	for i := range 20 { // in a pipeline
		_, err := fmt.Fprintf(c, "GET /hello/%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
		testkit.NoError(t, err)
	}
	for i := range 20 {
		got, err := answered(r)
		testkit.NoError(t, err)
		testkit.Equal(t, "answer", got, fmt.Sprintf("200 hello %d", i))
	}
	got, err := ask(r, c, "GET /nothing HTTP/1.1\nHost: x\nConnection: close\n\n")
	testkit.NoError(t, err)
	testkit.Equal(t, "answer", got, "404 close 404 page not found")
	_, err = r.ReadByte()
	testkit.Equal(t, "the end", err, io.EOF)
	testkit.NoError(t, c.Close())
}

func TestWebServerInBothWorlds(t *testing.T) {
	bothWorlds(t, 50, serves(web().serve), func(ctx context.Context, t testkit.T, h *host.Host, addr string) {
		allOf(ctx, t, 3, func(ctx context.Context, _ int) error {
			askTheWeb(t, dialTo(ctx, t, h, addr))
			return nil
		})
	})
}

func TestWebServerWithTLSInBothWorlds(t *testing.T) {
	server, client := tlsConfigs(t)
	bothWorlds(t, 20, serves(web().serve, host.WithTLS(server)), func(ctx context.Context, t testkit.T, h *host.Host, addr string) {
		allOf(ctx, t, 2, func(ctx context.Context, _ int) error {
			c := dialTo(ctx, t, h, addr)
			testkit.NoError(t, host.TLSClient(ctx, c, client))
			askTheWeb(t, c)
			return nil
		})
		// A client that does not know the certificate gives up. The server goes on.
		c := dialTo(ctx, t, h, addr)
		var unknown *tls.CertificateVerificationError
		if err := host.TLSClient(ctx, c, &tls.Config{ServerName: "server.test"}); !errors.As(err, &unknown) {
			t.Errorf("the error of a client without the root is %v", err)
		}
	})
}

// A persistent client makes a call until it succeeds. After a failure it connects again.
type persistent struct {
	h       *host.Host
	connect func(ctx context.Context, c *host.Conn) error // begins TLS
	conn    *host.Conn
	r       *bufio.Reader
	again   int
}

// once makes a call, within three seconds.
func (c *persistent) once(ctx context.Context, call func(r *bufio.Reader, w io.Writer) error) (err error) {
	if c.conn == nil {
		if c.conn, err = c.h.Net.Dial(ctx, "tcp", "server:80"); err != nil {
			return err
		}
		c.r = bufio.NewReader(c.conn)
		if err := task.Timeout(ctx, 3*time.Second, func(ctx context.Context, _ *task.Deadline) error { return c.connect(ctx, c.conn) }); err != nil {
			return err
		}
	}
	if err := c.conn.SetDeadline(c.h.Now().Add(3 * time.Second)); err != nil {
		return err
	}
	return call(c.r, c.conn)
}

func (c *persistent) call(ctx context.Context, call func(r *bufio.Reader, w io.Writer) error) error {
	for {
		err := c.once(ctx, call)
		if err == nil || loop.IsCanceled(err) {
			return err
		}
		c.close()
		c.again++
		if err := task.Sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func (c *persistent) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// A server crashes and starts again, several times. Clients that call until they get an answer get the right one.
func TestServersThatCrash(t *testing.T) {
	server, client := tlsConfigs(t)
	plain := func(context.Context, *host.Conn) error { return nil }
	overTLS := func(ctx context.Context, c *host.Conn) error { return host.TLSClient(ctx, c, client) }
	sayIt := func(_ *bufio.Reader, w io.Writer, n int) (got, want string, err error) {
		want = fmt.Sprint("line ", n)
		got, err = say(w.(io.ReadWriter), want)
		return got, want, err
	}
	askIt := func(r *bufio.Reader, w io.Writer, n int) (got, want string, err error) {
		got, err = ask(r, w, fmt.Sprintf("POST /upper HTTP/1.1\nHost: x\nContent-Length: 4\n\na %02d", n))
		return strings.Replace(got, "close ", "", 1), fmt.Sprintf("200 A %02d", n), err // close: it is shutting down
	}
	for name, c := range map[string]struct {
		program serverProgram
		connect func(ctx context.Context, c *host.Conn) error
		call    func(r *bufio.Reader, w io.Writer, n int) (got, want string, err error)
	}{
		"echo":          {serves(echoes), plain, sayIt},
		"echo over TLS": {serves(echoes, host.WithTLS(server)), overTLS, sayIt},
		"web":           {serves(web().serve), plain, askIt},
		"web over TLS":  {serves(web().serve, host.WithTLS(server)), overTLS, askIt},
	} {
		t.Run(name, func(t *testing.T) {
			looptest.Explore(t, looptest.Sample(1, 50), func(ctx context.Context, t *looptest.T) {
				w := sim.New(ctx, t)
				server := w.Node("server", func(ctx context.Context, h *host.Host) error { return c.program(ctx, h, ":80") })
				w.Faults(ctx, sim.Plan{For: 10 * time.Second, Every: time.Second, Crash: 2, Stop: 1, Pause: 1})
				again := 0
				allOf(ctx, t, 3, func(ctx context.Context, i int) error {
					calls := &persistent{h: w.Host("client"), connect: c.connect}
					defer calls.close()
					for n := range 20 {
						err := calls.call(ctx, func(r *bufio.Reader, w io.Writer) error {
							got, want, err := c.call(r, w, n)
							if err == nil {
								testkit.Equal(t, "answer", got, want)
							}
							return err
						})
						if err != nil {
							return err
						}
						if err := task.Sleep(ctx, 500*time.Millisecond); err != nil {
							return err
						}
					}
					again += calls.again
					return nil
				})
				t.Sometimes("a call is made again", again > 0)
				t.Sometimes("the server starts three times", server.Incarnation() > 2)
				w.Quiet(ctx)
			})
		})
	}
}

// silent returns h without a log.
func silent(h *host.Host) *host.Host {
	h.Log = slog.New(slog.DiscardHandler)
	return h
}
