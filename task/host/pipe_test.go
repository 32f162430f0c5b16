package host_test

import (
	"bytes"
	"context"
	"io"
	"syscall"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// echo writes back what it reads, until the end of the stream.
func echo(c *host.Conn) error {
	buf := make([]byte, 1024)
	for {
		n, err := c.Read(buf)
		if err == io.EOF {
			return c.Close()
		} else if err != nil {
			return err
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return err
		}
	}
}

func TestPipeEchoes(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx, host.WithPipeBuffer(100))
		echoAround(ctx, t, a, b, 10_000)
	})
}

// echoAround sends bytes from a to b and back, and closes both ends.
func echoAround(ctx context.Context, t testing.TB, a, b *host.Conn, size int) {
	t.Helper()
	server := testkit.Spawn(ctx, "server", func(context.Context) error { return echo(b) })
	sent := bytes.Repeat([]byte("0123456789"), size/10)
	writer := testkit.Spawn(ctx, "writer", func(context.Context) error {
		n, err := a.Write(sent)
		testkit.Equal(t, "written", n, len(sent))
		testkit.NoError(t, err)
		return a.CloseWrite()
	})
	got, err := io.ReadAll(a)
	testkit.NoError(t, err)
	testkit.Equal(t, "what came back is what was sent", bytes.Equal(got, sent), true)
	testkit.NoError(t, task.Gather(server, writer).Wait(ctx))
	testkit.NoError(t, a.Close())
}

// The memory of a direction is used round and round, and grows while it holds bytes.
func TestPipeKeepsTheBytesInOrder(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx, host.WithPipeBuffer(3000))
		var next, want byte
		p := make([]byte, 3000)
		for round := range 200 {
			for range round % 11 {
				n := round * 37 % 300
				for i := range n {
					p[i] = next
					next++
				}
				if m, err := a.Write(p[:n]); m != n || err != nil {
					t.Fatal(m, err)
				}
			}
			if round%11 == 0 {
				continue
			}
			for total := 0; total < round%11*(round*37%300); {
				n, err := b.Read(p[:1+round*5%700])
				if err != nil {
					t.Fatal(err)
				}
				total += n
				for _, got := range p[:n] {
					if got != want {
						t.Fatalf("round %d: byte %d, want %d", round, got, want)
					}
					want++
				}
			}
		}
	})
}

func TestPipeOfWhichOneEndIsClosed(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx, host.WithPipeBuffer(4))
		_, err := a.Write([]byte("last"))
		testkit.NoError(t, err)
		writer := testkit.Spawn(ctx, "writer", func(context.Context) error {
			n, err := b.Write([]byte("more than four"))
			testkit.Equal(t, "written", n, 4)
			testkit.ErrorIs(t, err, syscall.EPIPE)
			return nil
		})
		testkit.NoError(t, testkit.Yield(ctx, 1))
		testkit.NoError(t, a.Close())
		testkit.NoError(t, writer.Wait(ctx))
		got, err := io.ReadAll(b)
		testkit.NoError(t, err)
		testkit.Equal(t, "read", string(got), "last")
		_, err = b.Write([]byte("x"))
		testkit.ErrorIs(t, err, syscall.EPIPE)
		testkit.NoError(t, b.Close())
	})
}

func TestPipeOptions(t *testing.T) {
	testkit.Panics(t, "host: WithPipeBuffer(0)", func() { host.WithPipeBuffer(0) })
	l := testkit.NewLoop(t)
	a, b := host.Pipe(l.Context())
	testkit.Equal(t, "network", a.LocalAddr().Network(), "pipe")
	testkit.Equal(t, "address", b.RemoteAddr().String(), "pipe")
}

// A dialogue by two tasks allocates nothing, also where they wait.
func TestPipeAllocates(t *testing.T) {
	l := testkit.NewLoop(t)
	a, b := host.Pipe(l.Context())
	testkit.Spawn(l.Context(), "server", func(context.Context) error { return echo(b) })
	buf := make([]byte, 16)
	ask := make(chan struct{}, 1)
	testkit.Spawn(l.Context(), "client", func(ctx context.Context) error {
		for {
			if _, ok, err := task.Recv(ctx, ask); !ok {
				return err
			}
			if _, err := a.Write(buf); err != nil {
				return err
			}
			if _, err := a.Read(buf); err != nil {
				return err
			}
		}
	})
	l.RunUntilIdle()
	recv := recvAllocs(l, ask)
	testkit.Allocs(t, "an echo", recv, func() { ask <- struct{}{}; l.RunUntilIdle() })
}

// recvAllocs returns the allocations of a Recv alone.
func recvAllocs(l *loop.Loop, _ chan struct{}) float64 {
	c := make(chan struct{}, 1)
	t := testkit.Spawn(l.Context(), "recv", func(ctx context.Context) error {
		for {
			if _, ok, err := task.Recv(ctx, c); !ok {
				return err
			}
		}
	})
	l.RunUntilIdle()
	n := testing.AllocsPerRun(100, func() { c <- struct{}{}; l.RunUntilIdle() })
	t.Cancel(nil)
	l.RunUntilIdle()
	return n
}

func BenchmarkEchoOnAPipe(b *testing.B) {
	b.ReportAllocs()
	_, err := task.Run(b.Context(), func(ctx context.Context) (struct{}, error) {
		client, server := host.Pipe(ctx)
		testkit.Spawn(ctx, "server", func(context.Context) error { return echo(server) })
		buf := make([]byte, 64)
		for b.Loop() {
			if _, err := client.Write(buf); err != nil {
				return struct{}{}, err
			}
			if _, err := client.Read(buf); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, client.Close()
	})
	testkit.NoError(b, err)
}
