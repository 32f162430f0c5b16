package sim_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

type handler func(ctx context.Context, h *host.Host, c *host.Conn) error

// handles runs a server, and a client that connects, sends a byte and crashes. The handler must fail, and the server
// goes on.
func handles(handle handler) func(context.Context, *looptest.T, *sim.World) {
	return func(ctx context.Context, t *looptest.T, w *sim.World) {
		failed := false
		server := w.Node("server", func(ctx context.Context, h *host.Host) error {
			ln, err := h.Net.Listen(ctx, "tcp", ":7000")
			if err != nil {
				return err
			}
			return host.Serve(ctx, ln, func(ctx context.Context, c *host.Conn) error {
				defer func() { failed = true }()
				return handle(ctx, h, c)
			})
		})
		server.SetDisk(sim.DiskFaults{Capacity: 10})
		client := w.Node("client", func(ctx context.Context, h *host.Host) error {
			_ = task.Sleep(ctx, time.Millisecond)
			c, err := h.Net.Dial(ctx, "tcp", "server:7000")
			if err != nil {
				return err
			}
			if _, err := c.Write([]byte{1}); err != nil {
				return err
			}
			return task.Sleep(ctx, task.NoLimit)
		})
		_ = task.Sleep(ctx, time.Second)
		client.Crash()
		_ = task.Sleep(ctx, time.Hour)
		if !failed || !server.Up() {
			t.Errorf("failed %t, up %t", failed, server.Up())
		}
	}
}

// readAll reads until an error comes.
func readAll(c *host.Conn) error {
	for {
		if _, err := c.Read(make([]byte, 1)); err != nil {
			return err
		}
	}
}

// writeAll writes until an error comes.
func writeAll(c *host.Conn) error {
	for {
		if _, err := c.Write(make([]byte, 1<<10)); err != nil {
			return err
		}
	}
}

// What the network, a full disk or a time limit does to a handler does not fail the test.
func TestHandlersThatFaultsEnd(t *testing.T) {
	for name, handle := range map[string]handler{
		"a broken connection": func(_ context.Context, _ *host.Host, c *host.Conn) error { return writeAll(c) },
		"several errors": func(_ context.Context, _ *host.Host, c *host.Conn) error {
			return fmt.Errorf("copy: %w", errors.Join(writeAll(c), writeAll(c)))
		},
		"a time limit": func(ctx context.Context, _ *host.Host, c *host.Conn) error {
			return task.Timeout(ctx, time.Second, func(context.Context, *task.Deadline) error { return readAll(c) })
		},
		"a deadline": func(_ context.Context, h *host.Host, c *host.Conn) error {
			_ = c.SetReadDeadline(h.Now().Add(time.Second))
			return readAll(c)
		},
		"a full disk": func(ctx context.Context, h *host.Host, _ *host.Conn) error {
			return host.WriteFile(ctx, h.FS, "f", make([]byte, 100), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) { run(t, handles(handle)) })
	}
}

// All other errors of handlers fail it.
func TestHandlersThatFail(t *testing.T) {
	for want, handle := range map[string]handler{
		"a wrong request":           func(context.Context, *host.Host, *host.Conn) error { return errors.New("a wrong request") },
		"no such file or directory": func(ctx context.Context, h *host.Host, _ *host.Conn) error { return h.FS.Remove(ctx, "f") },
		"use of closed network connection": func(_ context.Context, _ *host.Host, c *host.Conn) error {
			_ = c.Close()
			return readAll(c)
		},
		"panic in task": func(_ context.Context, _ *host.Host, c *host.Conn) error { panic(writeAll(c)) },
		"too late": func(_ context.Context, _ *host.Host, c *host.Conn) error {
			return errors.Join(writeAll(c), errors.New("too late"))
		},
	} {
		t.Run(want, func(t *testing.T) { fails(t, handles(handle), want) })
	}
}

// The error is in the log of the node.
func TestTheLogHasErrorsOfHandlers(t *testing.T) {
	r := record(t, func(tb testing.TB) {
		looptest.Explore(tb, looptest.Sample(1, 1), func(ctx context.Context, t *looptest.T) {
			handles(func(_ context.Context, _ *host.Host, c *host.Conn) error { return writeAll(c) })(ctx, t, sim.New(ctx, t))
			t.Error("fails")
		})
	})
	contains(t, r.report(), "server  ", "ERROR 10.0.0.2:32768: write tcp", "connection timed out")
}
