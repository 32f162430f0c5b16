package looptest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

const strayed = "looptest: the test has failed in a run, but not by the T of the body."

// If the body fails the test by the test's own t, the exploration ends, and says so once.
func TestErrorOfTheTestsOwnT(t *testing.T) {
	for _, c := range []struct {
		name  string
		fails func(first bool) bool
		opts  []looptest.Option
		want  string
	}{
		{"in the first run", func(first bool) bool { return first }, nil, "takt2:"},
		{"in another one", func(first bool) bool { return !first }, nil, "takt2:"},
		{"in both", func(bool) bool { return true }, nil, "takt2:"},
		{"in parallel", func(first bool) bool { return !first }, []looptest.Option{looptest.Twice()}, strayed},
	} {
		t.Run(c.name, func(t *testing.T) {
			bodyOf := func(outer testing.TB) looptest.Body {
				return func(_ context.Context, t *looptest.T) {
					if c.fails(t.Choose("n", 1000) == 0) {
						outer.Error("bad")
					}
				}
			}
			r := record(t, func(tb testing.TB) { looptest.Explore(tb, looptest.Random(1, 1000), bodyOf(tb), c.opts...) })
			contains(t, r.report(), "bad", strayed, c.want)
			most := 5
			if c.opts != nil {
				most = 500 // others run before that one is reported
			}
			if n := len(r.errors); strings.Count(r.report(), strayed) != 1 || n > most || strings.Contains(r.report(), "not deterministic") {
				t.Errorf("%d errors: %s", n, r.report())
			}
			if schedule := r.replay(); schedule != "" {
				again := record(t, func(tb testing.TB) { looptest.Replay(tb, schedule, bodyOf(tb)) })
				contains(t, again.report(), "bad", strayed)
				if strings.Contains(strings.Join(again.logs, ""), "passes") {
					t.Error(again.logs)
				}
			}
		})
	}
}

// A test that had failed before, and a failure by the body's T, give no such text.
func TestNoWordAboutTheTestsOwnT(t *testing.T) {
	r := record(t, func(tb testing.TB) {
		tb.Error("before")
		looptest.Explore(tb, few, func(ctx context.Context, t *looptest.T) { t.Choose("n", 3) })
	})
	if strings.TrimSpace(r.report()) != "before" {
		t.Error(r.report())
	}
	r = record(t, func(tb testing.TB) {
		looptest.Explore(tb, few, func(_ context.Context, t *looptest.T) {
			if t.Choose("n", 3) > 0 {
				tb.Error("bad")
				t.Error("bad, too")
			}
		})
	})
	if contains(t, r.report(), "bad, too"); strings.Contains(r.report(), strayed) {
		t.Error(r.report())
	}
}

// If timers are armed and time does not pass, the line that all schedules have been run says so.
func TestAllSchedulesWithoutTimePasses(t *testing.T) {
	yields := func(ctx context.Context) (int, error) { return 0, task.Yield(ctx) }
	for _, c := range []struct {
		name string
		wait func(ctx context.Context)
		opts []looptest.Option
		want bool
	}{
		{"no timer", func(ctx context.Context) { _, _ = yields(ctx) }, nil, false},
		{"a limit that does not expire", func(ctx context.Context) { _, _ = task.Within(ctx, time.Hour, yields) }, nil, true},
		{"a sleep", func(ctx context.Context) { _ = task.Sleep(ctx, time.Second) }, nil, true},
		{"time passes", func(ctx context.Context) { _ = task.Sleep(ctx, time.Second) }, []looptest.Option{looptest.TimePasses()}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := explore(t, looptest.Random(1, 10_000), func(ctx context.Context, t *looptest.T) {
				other := spawn(ctx, "other", task.Yield)
				c.wait(ctx)
				_ = other.Wait(ctx)
			}, c.opts...)
			logs := strings.Join(r.logs, "\n")
			contains(t, logs, "been run")
			if says := strings.Contains(logs, "for these add TimePasses"); says != c.want || r.Failed() {
				t.Errorf("%s; %s", logs, r.report())
			}
		})
	}
}
