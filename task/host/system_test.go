package host_test

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// real runs body as the first task of a loop with the system's clock.
func real(t testing.TB, body func(ctx context.Context, n host.Network)) {
	t.Helper()
	_, err := task.Run(t.Context(), func(ctx context.Context) (int, error) {
		body(ctx, host.System().Net)
		return 0, nil
	})
	if err != nil {
		t.Error(err)
	}
}

func listen(t testing.TB, ctx context.Context, n host.Network, network, address string) *host.Listener {
	t.Helper()
	ln, err := n.Listen(ctx, network, address)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func TestEcho(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			real(t, func(ctx context.Context, n host.Network) {
				address := "127.0.0.1:0"
				if network == "unix" {
					address = t.TempDir() + "/s"
				}
				ln := listen(t, ctx, n, network, address)
				defer ln.Close()
				server := task.Go(ctx, func(ctx context.Context) (int64, error) {
					c, err := ln.Accept(ctx)
					if err != nil {
						return 0, err
					}
					defer c.Close()
					return io.Copy(c, c)
				})
				c, err := n.Dial(ctx, network, ln.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, err := io.WriteString(c, "hello"); err != nil {
					t.Error(err)
				}
				if err := c.CloseWrite(); err != nil {
					t.Error(err)
				}
				b, err := io.ReadAll(c)
				if string(b) != "hello" || err != nil {
					t.Errorf("read %q, %v", b, err)
				}
				if copied, err := server.Await(ctx); copied != 5 || err != nil {
					t.Errorf("the server has copied %d bytes, %v", copied, err)
				}
			})
		})
	}
}

var _ = loop.New
var _ net.Conn
