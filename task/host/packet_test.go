package host_test

import (
	"context"
	"net"
	"testing"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

var _ net.PacketConn = (*host.PacketConn)(nil)

func packets(t testing.TB, ctx context.Context, network string) *host.PacketConn {
	t.Helper()
	p, err := machine.ListenPacket(ctx, network, freshAddress(t, network))
	return must(t, p, err)
}

func TestPackets(t *testing.T) {
	for _, network := range []string{"udp", "udp4", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			onMachine(t, func(ctx context.Context) {
				a, b := packets(t, ctx, network), packets(t, ctx, network)
				defer a.Close()
				defer b.Close()
				echo := task.Go(ctx, func(context.Context) (int, error) {
					buffer := make([]byte, 4)
					n, from, err := b.ReadFrom(buffer) // cuts the packet
					if err != nil {
						return 0, err
					}
					return b.WriteTo(buffer[:n], from)
				})
				testkit.NoError(t, task.Yield(ctx)) // now the task waits
				n, err := a.WriteTo([]byte("a packet"), b.LocalAddr())
				testkit.NoError(t, err)
				testkit.Equal(t, "written", n, 8)
				buffer := make([]byte, 100)
				n, from, err := a.ReadFrom(buffer)
				testkit.NoError(t, err)
				testkit.Equal(t, "answer", string(buffer[:n]), "a pa")
				testkit.Equal(t, "sender", from.String(), b.LocalAddr().String())
				_, err = echo.Await(ctx)
				testkit.NoError(t, err)
			})
		})
	}
}

// The queue of a Unix socket is small. When it is full, WriteTo suspends the task, and no packet is lost.
func TestPacketsWithoutRoom(t *testing.T) {
	onMachine(t, func(ctx context.Context) {
		a, b := packets(t, ctx, "unixgram"), packets(t, ctx, "unixgram")
		defer a.Close()
		defer b.Close()
		const all = 5000
		written := 0
		writer := task.Go(ctx, func(context.Context) (struct{}, error) {
			for ; written < all; written++ {
				if _, err := a.WriteTo([]byte{byte(written)}, b.LocalAddr()); err != nil {
					return struct{}{}, err
				}
			}
			return struct{}{}, nil
		})
		testkit.NoError(t, testkit.Yield(ctx, 2))
		if written == 0 || written == all {
			t.Errorf("%d of %d packets had room, and the writer does not wait", written, all)
		}
		buffer := make([]byte, 10)
		for n := range all {
			_, _, err := b.ReadFrom(buffer)
			testkit.NoError(t, err)
			testkit.Equal(t, "packet", buffer[0], byte(n))
		}
		_, err := writer.Await(ctx)
		testkit.NoError(t, err)
	})
}

// A dialed socket keeps the packets apart, also long ones.
func TestDialedPacketsStayApart(t *testing.T) {
	for name, dial := range dialPackets {
		t.Run(name, func(t *testing.T) {
			onMachine(t, func(ctx context.Context) {
				b := packets(t, ctx, "udp")
				defer b.Close()
				a := dial(ctx, t, b.LocalAddr().String())
				defer a.Close()
				sizes := []int{1, 20_000, 2}
				buffer := make([]byte, 64<<10)
				for _, size := range sizes {
					n, err := a.Write(make([]byte, size))
					testkit.NoError(t, err)
					testkit.Equal(t, "bytes that Write took", n, size)
				}
				for _, size := range sizes {
					n, _, err := b.ReadFrom(buffer)
					testkit.NoError(t, err)
					testkit.Equal(t, "bytes that came", n, size)
				}
				for _, size := range sizes {
					_, err := b.WriteTo(make([]byte, size), a.LocalAddr())
					testkit.NoError(t, err)
				}
				for _, size := range sizes {
					n, err := a.Read(buffer)
					testkit.NoError(t, err)
					testkit.Equal(t, "bytes that came back", n, size)
				}
			})
		})
	}
}

var dialPackets = map[string]func(ctx context.Context, t testing.TB, to string) *host.Conn{
	"socket": func(ctx context.Context, t testing.TB, to string) *host.Conn {
		c, err := machine.Dial(ctx, "udp", to)
		return must(t, c, err)
	},
	"pump": func(ctx context.Context, t testing.TB, to string) *host.Conn {
		c, err := net.Dial("udp", to)
		return host.Pumped(ctx, must(t, c, err))
	},
}
