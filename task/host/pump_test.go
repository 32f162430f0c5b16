package host_test

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// The transport for systems without epoll passes the same tests.
func TestConnOnAPump(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) { connsOnTheMachine(t, pumpedPair(t, network)) })
	}
}

func pumpedPair(t testing.TB, network string) func(ctx context.Context) (a, b *host.Conn, err error) {
	return func(ctx context.Context) (a, b *host.Conn, err error) {
		plainListener, err := net.Listen(network, freshAddress(t, network))
		must(t, plainListener, err)
		ln := host.PumpedListener(ctx, plainListener)
		defer ln.Close()
		dialed, err := net.Dial(network, ln.Addr().String())
		must(t, dialed, err)
		b, err = ln.Accept(ctx)
		return host.Pumped(ctx, dialed), b, err
	}
}

// A loop that is closed also closes what a pump has, and ends its goroutines.
func TestCloseOfALoopClosesPumps(t *testing.T) {
	onMachine(t, func(ctx context.Context) {
		a, b, err := pumpedPair(t, "tcp")(ctx)
		testkit.NoError(t, err)
		task.Go(ctx, func(context.Context) (int, error) { _, _ = a.Read(make([]byte, 1)); return 0, nil })
		task.Go(ctx, func(context.Context) (int, error) { _, _ = b.Write(make([]byte, 64<<20)); return 0, nil })
		plainListener, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, plainListener, err)
		task.Go(ctx, host.PumpedListener(ctx, plainListener).Accept)
		plainPackets, err := net.ListenPacket("udp", "127.0.0.1:0")
		must(t, plainPackets, err)
		p := host.PumpedPackets(ctx, plainPackets)
		task.Go(ctx, func(context.Context) (int, error) { _, _, _ = p.ReadFrom(nil); return 0, nil })
		testkit.NoError(t, testkit.Yield(ctx, 2))
		testkit.NoError(t, a.Close())
	})
}

func TestPacketsOnAPump(t *testing.T) {
	onMachine(t, func(ctx context.Context) {
		plainPackets, err := net.ListenPacket("udp", "127.0.0.1:0")
		must(t, plainPackets, err)
		p := host.PumpedPackets(ctx, plainPackets)
		defer p.Close()
		for _, text := range []string{"one", "two"} {
			_, err := p.WriteTo([]byte(text), p.LocalAddr())
			testkit.NoError(t, err)
			buffer := make([]byte, 10)
			n, from, err := p.ReadFrom(buffer)
			testkit.NoError(t, err)
			testkit.Equal(t, "packet", string(buffer[:n]), text)
			testkit.Equal(t, "sender", from.String(), p.LocalAddr().String())
		}
	})
}

// A task that stops waiting for Dial closes the connection that is opened later.
func TestCanceledDialClosesTheConnection(t *testing.T) {
	for name, late := range map[string]bool{"opened after the cancellation": true, "opened before the cancellation": false} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			onMachine(t, func(ctx context.Context) {
				begun, canceled := make(chan struct{}), make(chan struct{})
				dialing := task.Go(ctx, func(ctx context.Context) (net.Conn, error) {
					conn, err := host.Open(ctx, func(ctx context.Context) (net.Conn, error) {
						if close(begun); late {
							<-canceled
						} else {
							<-ctx.Done() // the task is canceled, but fn does not care
						}
						return ours, nil
					})
					if err == nil { // fn has returned before the task has noticed its cancellation
						testkit.NoError(t, conn.Close())
					}
					return conn, err
				})
				testkit.NoError(t, testkit.Yield(ctx, 1))
				<-begun
				dialing.Cancel(nil)
				_, err := dialing.Await(ctx)
				testkit.Equal(t, "canceled", err != nil, true)
				close(canceled)
			})
			_, err := theirs.Read(make([]byte, 1)) // blocks if ours is open
			testkit.ErrorIs(t, err, io.EOF)
		})
	}
}
