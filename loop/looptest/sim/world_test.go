package sim_test

import (
	"context"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

func TestIncarnations(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 100), func(ctx context.Context, t *looptest.T) {
		var ticks looptest.Journal
		w := sim.New(ctx, t)
		n := w.Node("a", func(ctx context.Context, h *host.Host) error {
			defer ticks.Add("unwound")
			for {
				if err := task.Sleep(ctx, time.Second); err != nil {
					return err
				}
				ticks.Add("%s ticks", h.Name)
			}
		})
		_ = task.Sleep(ctx, 2500*time.Millisecond)
		n.Crash()
		_ = task.Sleep(ctx, 5*time.Second)
		ticks.Want(t, "a ticks", "a ticks", "unwound")
		n.Start()
		_ = task.Sleep(ctx, 1500*time.Millisecond)
		if err := n.Stop(ctx); err != nil || n.Up() {
			t.Errorf("Stop: %v, up %t", err, n.Up())
		}
		ticks.Want(t, "a ticks", "unwound")
		n.Start()
	})
}
