package looptest_test

import (
	"context"
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

// The text says of which schedules it tells: they have the noise of the failing one, and do not fail in
// another way.
func TestWhySaysOfWhichSchedules(t *testing.T) {
	for _, c := range []struct {
		name string
		body looptest.Body
		want string
	}{
		{"another failure", func(_ context.Context, t *looptest.T) {
			switch t.Choose("answer", 4) {
			case 1:
				t.Error("late")
			case 2, 3:
				t.Error("lost")
			}
		}, "Schedules that fail in another way are left out: 2.\nIt fails in 1 of all 2 schedules, which are exactly those in which\n\tuse 1 of answer takes the value 1.\n"},
		{"noise", func(_ context.Context, t *looptest.T) {
			if t.Rand("noise").IntN(4) == 1 {
				t.Error("late")
			}
		}, "\n\nWith the noise of the schedule above:\nThe program has no other schedule.\n"},
		{"neither", func(_ context.Context, t *looptest.T) {
			if t.Choose("answer", 4) == 1 {
				t.Error("late")
			}
		}, "\n\nIt fails in 1 of all 4 schedules, which"},
	} {
		t.Run(c.name, func(t *testing.T) {
			contains(t, explore(t, looptest.Random(1, 100), c.body, looptest.KeepGoing(2)).report(), c.want)
		})
	}
}
