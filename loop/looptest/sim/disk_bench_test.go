package sim_test

import (
	"context"
	"os"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task/host"
)

// A schedule has 100 entries of a log that are written and synced.
func Benchmark100WritesAndSyncs(b *testing.B) {
	b.ReportAllocs()
	looptest.Explore(b, looptest.Sample(1, b.N), func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		n := w.Node("a", func(ctx context.Context, h *host.Host) error {
			f, err := h.FS.OpenFile(ctx, "log", os.O_WRONLY|os.O_CREATE, 0o600)
			if err != nil {
				return err
			}
			defer f.Close()
			entry := make([]byte, 100)
			for i := range 100 {
				if _, err := f.WriteAt(entry, int64(i*len(entry))); err != nil {
					return err
				}
				if err := f.Sync(); err != nil {
					return err
				}
			}
			return nil
		})
		ended(ctx, n)
	})
}
