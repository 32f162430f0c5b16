package host_test

import (
	"context"
	"crypto/tls"
	"io"
	"runtime"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

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

// A Conn with TLS closes its socket when the peer has made room for the last bytes. It is the last socket of the
// loop, so the poller ends while it tells of the room.
func TestLastSocketClosesWhilePolling(t *testing.T) {
	l := loop.New(loop.WithErrorHandler(func(f loop.Failure) { t.Errorf("%v: %v", f.Kind, f.Err) }))
	defer l.Close()
	server, client := tlsConfigs(t)
	testkit.Spawn(l.Context(), "main", func(ctx context.Context) error {
		c, raw := inTasks(ctx).connected(t, "tcp")
		peer := tls.Server(raw, server)
		shaken := make(chan error, 1)
		go func() { shaken <- peer.Handshake() }()
		testkit.NoError(t, host.TLSClient(ctx, c.(*host.Conn), client))
		testkit.NoError(t, <-shaken)
		accepted := fill(ctx, t, c.(*host.Conn))
		testkit.NoError(t, c.Close())
		n, err := task.Blocking(ctx, func(context.Context) (int64, error) { return io.Copy(io.Discard, peer) })
		testkit.NoError(t, err)
		testkit.Equal(t, "bytes that came", int(n), accepted)
		l.Stop()
		return nil
	})
	testkit.NoError(t, l.Run())
}

// An observer calls Goexit while the poller wakes the first of several tasks. The other tasks are woken, too, and
// also by later events.
func TestGoexitOfAnObserverWhilePolling(t *testing.T) {
	for name, pair := range map[string]func(t testing.TB, network string) func(ctx context.Context) (a, b *host.Conn, err error){
		"sockets": pairOf, "pumps": pumpedPair,
	} {
		t.Run(name, func(t *testing.T) {
			const n = 8
			var goexit bool
			var failures []loop.FailureKind
			l := loop.New(
				loop.WithObserver(func(e loop.Event) {
					if goexit && e.Kind == loop.TaskWoken && e.Task.Name() == "reader" {
						goexit = false
						runtime.Goexit()
					}
				}),
				loop.WithErrorHandler(func(f loop.Failure) { failures = append(failures, f.Kind) }))
			defer l.Close()
			main := testkit.Spawn(l.Context(), "main", func(ctx context.Context) error {
				defer l.Stop()
				var readers, writers [n]*host.Conn
				for i := range n {
					var err error
					readers[i], writers[i], err = pair(t, "tcp")(ctx)
					testkit.NoError(t, err)
				}
				for range 2 {
					tasks := make([]*task.Task[struct{}], n)
					for i, c := range readers {
						tasks[i] = testkit.Spawn(ctx, "reader", func(context.Context) error {
							_, err := c.Read(make([]byte, 2))
							return err
						})
					}
					testkit.NoError(t, testkit.Yield(ctx, 2))
					goexit = true
					for _, c := range writers {
						_, err := c.Write([]byte{1})
						testkit.NoError(t, err)
					}
					for _, reader := range tasks {
						testkit.NoError(t, reader.Wait(ctx)) // hangs if an event was lost
					}
				}
				return nil
			})
			for !main.Done() {
				testkit.Goexits(func() { _ = l.Run() })
			}
			testkit.NoError(t, main.Err())
			testkit.Equal(t, "failures", len(failures), 1)
		})
	}
}
