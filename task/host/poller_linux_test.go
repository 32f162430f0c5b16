package host_test

import (
	"context"
	"io"
	"runtime"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// A Conn with TLS over a Transport of another kind closes that when the peer has made room for the last bytes. Here it
// is the last socket of the loop, so the poller ends while it tells of the room.
func TestLastSocketClosesWhilePolling(t *testing.T) {
	l := loop.New(loop.WithErrorHandler(func(f loop.Failure) { t.Errorf("%v: %v", f.Kind, f.Err) }))
	defer l.Close()
	testkit.Spawn(l.Context(), "main", func(ctx context.Context) error {
		defer l.Stop()
		c, peer := inTasks(ctx).connected(t, "tcp")
		host.Plain(c.(*host.Conn))
		there := startTLS(ctx, t, c.(*host.Conn), peer)
		accepted := fill(ctx, t, c.(*host.Conn))
		testkit.NoError(t, c.Close())
		n, err := task.Blocking(ctx, func(context.Context) (int64, error) { return io.Copy(io.Discard, there) })
		testkit.NoError(t, err)
		testkit.Equal(t, "bytes that came", int(n), accepted)
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
