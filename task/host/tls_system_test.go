package host_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// startTLS begins TLS on c and its peer, and returns the peer's end.
func startTLS(ctx context.Context, t *testing.T, c *host.Conn, peer net.Conn) *tls.Conn {
	t.Helper()
	server, client := tlsConfigs(t)
	there := tls.Server(peer, server)
	shaken := make(chan error, 1)
	go func() { shaken <- there.Handshake() }()
	testkit.NoError(t, host.TLSClient(ctx, c, client))
	testkit.NoError(t, <-shaken)
	return there
}

// fill writes to c until it has to wait, which the peer causes by not reading. It returns how many bytes c has taken.
func fill(ctx context.Context, t testing.TB, c *host.Conn) (accepted int) {
	t.Helper()
	writer := testkit.Spawn(ctx, "writer", func(context.Context) error {
		for b := make([]byte, 1<<20); ; {
			n, err := c.Write(b)
			accepted += n
			if err != nil {
				return err
			}
		}
	})
	for last := -1; accepted != last || accepted == 0; { // when no turn changes the count any more, Write waits
		last = accepted
		testkit.NoError(t, testkit.Yield(ctx, 5))
	}
	writer.Cancel(nil)
	if err := writer.Wait(ctx); !loop.IsCanceled(err) {
		t.Errorf("the Write has ended with %v, want a cancellation", err)
	}
	return accepted
}

// A task closes a connection with TLS, whose peer has not read yet, and the loop is closed too. All bytes come, and then
// TLS's notice of the end.
func TestTLSSendsTheLastBytesAfterTheLoop(t *testing.T) {
	for name, open := range map[string]func(ctx context.Context, t *testing.T) (c *host.Conn, peer net.Conn){
		"socket": func(ctx context.Context, t *testing.T) (*host.Conn, net.Conn) {
			c, peer := inTasks(ctx).connected(t, "tcp")
			return c.(*host.Conn), peer
		},
		"pump": func(ctx context.Context, t *testing.T) (*host.Conn, net.Conn) {
			c, peer := plain.connected(t, "tcp")
			return host.Pumped(ctx, c), peer
		},
		"TLS": func(ctx context.Context, t *testing.T) (*host.Conn, net.Conn) {
			c, peer := inTasks(ctx).connected(t, "tcp")
			return c.(*host.Conn), startTLS(ctx, t, c.(*host.Conn), peer)
		},
	} {
		for _, unread := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, unread input %t", name, unread), func(t *testing.T) {
				var peer *tls.Conn
				var accepted int
				came := make(chan error, 1)
				onMachine(t, func(ctx context.Context) {
					c, raw := open(ctx, t)
					peer = startTLS(ctx, t, c, raw)
					accepted = fill(ctx, t, c)
					if unread {
						_, err := peer.Write([]byte("this is not read"))
						testkit.NoError(t, err)
					}
					loopOf, _ := loop.FromContext(ctx)
					context.AfterFunc(loopOf.Context(), func() { // Close of the loop has begun
						n, err := io.Copy(io.Discard, peer)
						if err == nil && int(n) != accepted {
							err = fmt.Errorf("%d bytes have come, want %d", n, accepted)
						}
						_ = peer.NetConn().Close()
						came <- err
					})
					testkit.NoError(t, c.Close())
				})
				testkit.NoError(t, <-came)
			})
		}
	}
}

// Any goroutine may ask for the addresses, also while TLS begins. (The race detector watches.)
func TestAddressesWhileTLSBegins(t *testing.T) {
	onMachine(t, func(ctx context.Context) {
		c, peer := inTasks(ctx).connected(t, "tcp")
		defer c.Close()
		asked := make(chan string, 1)
		go func() { asked <- c.RemoteAddr().String() + c.LocalAddr().String() }()
		startTLS(ctx, t, c.(*host.Conn), peer)
		testkit.Equal(t, "addresses", <-asked, peer.LocalAddr().String()+peer.RemoteAddr().String())
	})
}
