package host_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// Close of the loop has closed the sockets, and other files have got their descriptors. Methods that are called later
// say that the connection is closed, and do nothing to these files.
func TestConnectionsOfAClosedLoop(t *testing.T) {
	for name, open := range map[string]func(ctx context.Context, t *testing.T) io.Closer{
		"tcp": func(ctx context.Context, t *testing.T) io.Closer {
			c, peer := inTasks(ctx).connected(t, "tcp")
			_, err := peer.Write([]byte("this is not read"))
			testkit.NoError(t, err)
			return c
		},
		"pump": func(ctx context.Context, t *testing.T) io.Closer {
			c, peer := plain.connected(t, "tcp")
			conn := host.Pumped(ctx, c)
			_, err := peer.Write([]byte("this is not read"))
			testkit.NoError(t, err)
			_, err = conn.Read(make([]byte, 1))
			testkit.NoError(t, err)
			return conn
		},
		"TLS": func(ctx context.Context, t *testing.T) io.Closer {
			return tlsOver(ctx, t, pairOf(t, "tcp"))
		},
		"TLS over a pump": func(ctx context.Context, t *testing.T) io.Closer {
			return tlsOver(ctx, t, pumpedPair(t, "tcp"))
		},
		"listener": func(ctx context.Context, t *testing.T) io.Closer { return listen(t, ctx, "tcp") },
		"packets": func(ctx context.Context, t *testing.T) io.Closer {
			p, err := machine.ListenPacket(ctx, "udp", "127.0.0.1:0")
			return must(t, p, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := loop.New(loop.WithErrorHandler(func(f loop.Failure) { t.Errorf("%v: %v", f.Kind, f.Err) }))
			var c io.Closer
			testkit.Spawn(l.Context(), "main", func(ctx context.Context) error {
				defer l.Stop()
				c = open(ctx, t)
				return nil
			})
			testkit.NoError(t, l.Run())
			var files []*os.File
			lowlevel.Offload(l, func() {}, func() { // runs in Close of the loop, after the sockets were closed
				for range 100 { // the operating system gives the least number that is free
					f, err := os.Open(os.DevNull)
					files = append(files, must(t, f, err))
				}
				if c, ok := c.(*host.Conn); ok && host.TLSState(c) == nil {
					testkit.ErrorIs(t, c.CloseWrite(), net.ErrClosed)
				}
				testkit.ErrorIs(t, c.Close(), net.ErrClosed)
			})
			l.Close()
			for _, f := range files {
				_, err := f.Stat()
				testkit.NoError(t, errors.Join(err, f.Close()))
			}
		})
	}
}

// tlsOver returns one end of a connection with TLS.
func tlsOver(ctx context.Context, t *testing.T, pair func(ctx context.Context) (a, b *host.Conn, err error)) *host.Conn {
	t.Helper()
	a, b, err := pair(ctx)
	testkit.NoError(t, err)
	server, client := tlsConfigs(t)
	handshake(ctx, t, a, b, server, client)
	return a
}
