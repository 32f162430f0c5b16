package sim_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A report of Run and Explore names the node of a task, and the place in the program that made the task.
func TestReportNamesTheNode(t *testing.T) {
	server := func(ctx context.Context, h *host.Host) error {
		ln, err := h.Net.Listen(ctx, "tcp", ":7000")
		if err != nil {
			return err
		}
		return host.Serve(ctx, ln, func(ctx context.Context, c *host.Conn) error { return errors.New("handler") })
	}
	for _, c := range []struct {
		name string
		boot func(ctx context.Context, h *host.Host) error
		want []string
		not  []string
	}{
		{"handler", server, []string{`(task "a/10.0.0.2:`, "), spawned at named_test.go:23: "}, []string{"serve.go", "machine.go", "node.go"}},
		{"program", func(context.Context, *host.Host) error { return errors.New("program") },
			[]string{"sim: the program of node a has ended: program"}, []string{"serve.go", "machine.go", "node.go"}},
		{"task", func(ctx context.Context, h *host.Host) error {
			task.Go(ctx, func(ctx context.Context) (int, error) { return 0, errors.New("lost") }, task.Named("worker"))
			return task.Sleep(ctx, task.NoLimit)
		}, []string{`(task "a/worker"), spawned at named_test.go:35: lost`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := func(ctx context.Context, t *looptest.T) {
				w := sim.New(ctx, t)
				w.Node("a", c.boot)
				_ = task.Sleep(ctx, time.Millisecond)
				if conn, err := w.Host("client").Net.Dial(ctx, "tcp", "a:7000"); err == nil {
					_, _ = conn.Read(make([]byte, 1))
				}
				_ = task.Sleep(ctx, time.Second)
			}
			for _, text := range []string{
				record(t, func(tb testing.TB) { looptest.Run(tb, body) }).report(),
				record(t, func(tb testing.TB) { looptest.Explore(tb, looptest.Sample(1, 10), body) }).report(),
			} {
				contains(t, text, c.want...)
				for _, not := range c.not {
					if strings.Contains(text, not) {
						t.Errorf("%q is in:\n%s", not, text)
					}
				}
			}
		})
	}
}
