package looptest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// race calls Sometimes with whether B was before A.
func race(ctx context.Context, t *looptest.T) {
	first := ""
	run := func(name string) part {
		return func(context.Context) {
			if first == "" {
				first = name
			}
		}
	}
	together(ctx, t, run("A"), run("B"))
	t.Sometimes("B is first", first == "B")
	t.Sometimes("C is first", first == "C")
	if first == "B" {
		t.Sometimes("B was first", true)
	}
}

// A case that no schedule reaches fails the test in the end. Whatever one schedule reaches does not.
func TestSometimes(t *testing.T) {
	for _, opts := range [][]looptest.Option{nil, {looptest.Parallel()}} {
		for s, n := range map[looptest.Strategy]string{
			looptest.Exhaustive(0): "2 of 2", looptest.Random(1, 100): "2 of 2", looptest.DelayBounded(1): "2 of 2",
		} {
			r := explore(t, s, race, opts...)
			if len(r.errors) != 1 {
				t.Errorf("%v: %q", s, r.errors)
			}
			contains(t, r.report(), `looptest: Sometimes("C is first"): no schedule hit it. The program called it in `+n+" schedules. Run more schedules",
				`If its name is misspelled: others are "B is first", "B was first".`)
			if logs := strings.Join(r.logs, "\n"); testing.Verbose() != strings.Contains(logs, `looptest: Sometimes("B is first"): 1 of 2 schedules hit it`) {
				t.Errorf("the logs are %s", logs)
			}
		}
	}
	in := record(t, func(tb testing.TB) { looptest.Run(tb, race); looptest.Replay(tb, "takt2:AAAAAAA", race) })
	if in.Failed() {
		t.Error(in.report())
	}
}

// A hit with one task factory is enough.
func TestSometimesWithBothFactories(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		ran := false
		worker := spawn(ctx, "worker", func(context.Context) error { ran = true; return nil })
		t.Sometimes("at once", ran)
		t.Sometimes("later", !ran)
		t.Sometimes("never", false)
		_ = worker.Wait(ctx)
	}
	r := explore(t, looptest.Exhaustive(0), body, looptest.BothFactories())
	contains(t, r.report(), `Sometimes("never"): no schedule hit it. The program called it in 2 of 2 schedules.`)
	if len(r.errors) != 1 {
		t.Errorf("%q", r.errors)
	}
}

// If something fails, Sometimes is not looked at.
func TestSometimesOfAnExplorationThatFails(t *testing.T) {
	r := explore(t, few, func(ctx context.Context, t *looptest.T) {
		t.Sometimes("x", false)
		t.Error("enough")
	})
	contains(t, r.report(), "enough")
	if strings.Contains(r.report(), "Sometimes") {
		t.Error(r.report())
	}
}

// If only a part of the schedules was run, what no schedule reached is logged.
func TestSometimesOfAPart(t *testing.T) {
	for _, c := range []struct {
		name, value, want string
		opts              []looptest.Option
	}{
		{"TAKT_SHARD", "2/2", "it is part 2/2.", nil},
		{"TAKT_FOR", "1ns", "the budget of time ended it.", nil},
		{"TAKT_SCHEDULES", "0.5", "TAKT_SCHEDULES is less than 1.", nil},
		{"TAKT_FOR", "", "the budget of time ended it.", []looptest.Option{looptest.For(time.Nanosecond)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(c.name, c.value)
			r := explore(t, looptest.Random(1, 100), race, c.opts...)
			if r.Failed() {
				t.Error(r.report())
			}
			contains(t, strings.Join(r.logs, "\n"), `looptest: Sometimes("C is first"): no schedule hit it.`, "This is only logged, since the exploration was not complete: "+c.want)
		})
	}
	r := explore(t, looptest.Random(1, 100), race, looptest.For(time.Hour))
	contains(t, r.report(), `Sometimes("C is first"): no schedule hit it.`) // both schedules were run
}

// A property that was never checked is reported.
func TestAPropertyThatIsNeverChecked(t *testing.T) {
	body := func(always bool) looptest.Body {
		return func(ctx context.Context, t *looptest.T) {
			task.Yield(ctx)
			if always {
				t.Always("p", nil2)
			} else {
				t.Always("q", nil2)
				t.Eventually("p", nil2)
				task.Yield(ctx)
			}
			t.Skip("not here")
		}
	}
	r := explore(t, few, body(true))
	contains(t, r.report(), `looptest: Always("p"): it was never checked. The program set it in 1 schedule, and Skip ended each before the check.`)
	r = explore(t, few, body(false))
	contains(t, r.report(), `looptest: Eventually("p"): it was never checked. The program set it in 1 schedule, and`)
	if len(r.errors) != 1 {
		t.Errorf("%q", r.errors)
	}
	r = explore(t, few, func(ctx context.Context, t *looptest.T) {
		t.Cleanup(func() { t.Always("p", nil2); t.Eventually("q", nil2); t.Sometimes("x", false) }) // too late
	})
	if r.Failed() {
		t.Error(r.report())
	}
}
