package kv

import (
	"context"
	"reflect"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// What a node finds on its disk is durable when it has opened it, also if the program before has ended between a write and
// its sync: a power cut after that undoes nothing.
func TestRecoveryIsDurable(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 200), func(ctx context.Context, t *looptest.T) {
		var found []*past // by each incarnation
		w := sim.New(ctx, t)
		n := w.Node("a", func(ctx context.Context, h *host.Host) error {
			d, p, err := openDisk(ctx, h.FS, ".")
			if err != nil {
				return err
			}
			if found = append(found, p); len(found) > 1 {
				return task.Sleep(ctx, task.NoLimit) // until the crash
			}
			if err := d.saveVote(7, 2); err != nil {
				return err
			}
			return d.saveEntries(entries(2, 4, 7))
		})
		_ = looptest.Elapse(ctx, 1e9)
		n.Start()
		_ = looptest.Elapse(ctx, 1e9)
		n.Crash()
		n.Start()
		_ = looptest.Elapse(ctx, 1e9)
		if len(found) != 3 || found[1].term != 7 || len(found[1].entries) != 3 || !reflect.DeepEqual(found[1], found[2]) {
			t.Errorf("the incarnations found %+v", found)
		}
	})
}
