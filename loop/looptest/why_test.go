package looptest_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// For most bugs one rule tells exactly which schedules fail.
func TestWhyNamesTheCause(t *testing.T) {
	var named atomic.Int32
	t.Run("bugs", func(t *testing.T) {
		forEachBug(t, func(t *testing.T, b *bug) {
			r := record(t, func(tb testing.TB) { looptest.Explore(tb, looptest.Sample(1, 20_000), b.buggy, b.opts...) })
			if strings.Contains(r.report(), ", which are exactly those in which\n") {
				named.Add(1)
				return
			}
			_, why, _ := strings.Cut(r.report(), "\n\nIt fails in ")
			why, _, _ = strings.Cut(why, "\n\nThe inter")
			t.Logf("not by one rule: it fails in %s", why)
		})
	})
	if n := named.Load(); n < 24 {
		t.Errorf("one rule names %d of %d bugs, want 24", n, len(bugs))
	}
	t.Logf("one rule names %d of %d bugs", named.Load(), len(bugs))
}
