package looptest_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// A failure writes its timeline into the folder that TAKT_ARTIFACTS names. A test that passes
// writes nothing.
func TestTimelineOfAFailure(t *testing.T) {
	fails := func(ctx context.Context, t *looptest.T) {
		must(t, spawn(ctx, "worker", task.Yield).Wait(ctx))
		t.Error("oh")
	}
	for _, c := range []struct {
		name string
		test func(tb testing.TB)
		kept bool
	}{
		{"Explore", func(tb testing.TB) { looptest.Explore(tb, looptest.Random(1, 5), fails) }, true},
		{"Replay", func(tb testing.TB) { looptest.Replay(tb, "takt2:AAAAAAA", fails) }, true},
		{"Run", func(tb testing.TB) { looptest.Run(tb, fails) }, true},
		{"passing", func(tb testing.TB) { looptest.Run(tb, func(context.Context, *looptest.T) {}) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "kept")
			t.Setenv("TAKT_ARTIFACTS", dir)
			r := record(t, c.test)
			pages, _ := filepath.Glob(filepath.Join(dir, "*.html"))
			if !c.kept {
				if len(pages) > 0 {
					t.Errorf("a test that passes keeps %v", pages)
				}
				return
			}
			if len(pages) != 1 {
				t.Fatalf("%d pages, want 1", len(pages))
			}
			contains(t, strings.Join(append(r.errors, r.logs...), "\n"), "The timeline of this run: "+pages[0])
			page, err := os.ReadFile(pages[0])
			must(t, err)
			contains(t, string(page), "worker")
		})
	}
}
