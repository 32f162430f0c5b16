package looptest_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

func TestReplayRefusesWhatIsNoSchedule(t *testing.T) {
	encode := func(b ...byte) string { return "takt2:" + base64.RawURLEncoding.EncodeToString(b) }
	body := func(context.Context, *looptest.T) { t.Error("the body was run") }
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", `looptest: "" is not a schedule; give the text that a failure printed, which begins with "takt2:"`},
		{"another version", "takt1:AAA", `"takt1:AAA" is not a schedule`},
		{"not base64", "takt2:A!A", `the schedule "takt2:A!A" is damaged: illegal base64`},
		{"nothing in it", "takt2:", "is damaged: it is cut off"},
		{"cut off in the tasks", encode(0, 0, 5), "is damaged: it has the length 5, and the limit is 1"},
		{"cut off in a task", encode(0, 0, 1, 0), "is damaged: it is cut off"},
		{"cut off in a deviation", encode(0, 0, 1, 0, 1, 0, 1, 0, 0), "is damaged: it is cut off"},
		{"unknown flags", encode(8, 0, 0, 0, 0), "is damaged: it has the flags 8, and the limit is 3"},
		{"a number without end", encode(0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "is damaged: it is cut off"},
		{"a task of a later one", encode(0, 0, 1, 2, 1, 0, 0), "is damaged: it has the maker 2, and the limit is 0"},
		{"a step of no task", encode(0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 0), "is damaged: it has the task 1, and the limit is 0"},
		{"a choice at no site", encode(0, 0, 0, 0, 1, 2, 0, 1), "is damaged: it has the kind 2, and the limit is 1"},
		{"a site without a name", encode(0, 0, 0, 1, 0, 0), "is damaged: the name of a site has 0 bytes, and 1 are left"},
		{"a site longer than the text", encode(0, 0, 0, 1, 2, 'x'), "is damaged: the name of a site has 2 bytes, and 1 are left"},
		{"more than its end", encode(0, 0, 0, 0, 0, 1), "is damaged: it goes on behind its end"},
		{"too many deviations", encode(0, 0, 0, 0, 5), "is damaged: it has the length 5, and the limit is 1"},
		{"a file", strings.Repeat("\x00", 1<<20), `\x00"... (1048576 bytes) is not a schedule`},
		{"a long one", "takt2:" + strings.Repeat("!", 1<<20), `!"... (1048582 bytes) is damaged: illegal base64`},
		{"a long one of zeros", "takt2:" + strings.Repeat("A", 1<<20), `A"... (1048582 bytes) is damaged: it goes on behind its end`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := record(t, func(tb testing.TB) { looptest.Replay(tb, c.text, body) })
			contains(t, r.report(), c.want)
			if len(r.report()) > 1200 {
				t.Errorf("the message has %d bytes, want 1200 at most", len(r.report()))
			}
		})
	}
}

// Different schedules have different texts, and a text is read back as the schedule that it was
// written from. Space around the text does no harm.
func TestScheduleText(t *testing.T) {
	texts := map[string]bool{}
	n := 0
	o := &orders{times: map[string]int{}}
	looptest.Schedules(t, looptest.Exhaustive(0), o.program(3, 2), func(r looptest.Ran) {
		texts[r.Schedule] = true
		n++
		if again, err := looptest.Reparse(r.Schedule); err != nil || again != r.Schedule {
			t.Errorf("%s is read as %s, %v", r.Schedule, again, err)
		}
		if again, err := looptest.Reparse(" " + r.Schedule + "\n"); err != nil || again != r.Schedule {
			t.Errorf("%s with space around it is read as %s, %v", r.Schedule, again, err)
		}
	})
	if len(texts) != n {
		t.Errorf("%d texts of %d schedules", len(texts), n)
	}
}

func TestReplaySaysWhatNoLongerOccurs(t *testing.T) {
	program := func(parts ...part) looptest.Body {
		return func(ctx context.Context, t *looptest.T) {
			order := ""
			all := make([]part, len(parts))
			for i, p := range parts {
				all[i] = func(ctx context.Context) { p(ctx); order += string(rune('A' + i)) }
			}
			together(ctx, t, all...)
			if strings.HasPrefix(order, "BA") {
				t.Errorf("the order is %s", order)
			}
		}
	}
	one := func(context.Context) {}
	three := func(ctx context.Context) { pauses(ctx, 2) }
	failure := explore(t, looptest.DelayBounded(1), program(one, one)).replay()
	lost := "looptest: the schedule no longer fits the program: 1 deviation of the schedule no longer occurs:\n\t"
	for _, c := range []struct {
		name  string
		body  looptest.Body
		fails string // with this text; empty if it passes
		tells string
	}{
		{"the same program", program(one, one), "the order is BA", ""},
		{"a task more", program(one, one, one), "the order is BAC", ""},
		{"steps more", program(three, three), "the order is BA", ""},
		{"one task", program(one), "", lost + "step 1 of the task that main makes as number 2 came before step 1 of A"},
		{"no task", program(), "", lost + "step 1 of the task that main makes as number 2 came before step 1 of the task that main makes as number 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := record(t, func(tb testing.TB) { looptest.Replay(tb, failure, c.body) })
			log := strings.Join(r.logs, "\n")
			switch {
			case r.Failed() != (c.fails != ""):
				t.Errorf("failed: %v\n%s\n%s", r.Failed(), r.report(), log)
			case r.Failed():
				contains(t, r.report(), c.fails, c.tells, "The interleaving")
			case c.tells != "" || testing.Verbose():
				contains(t, log, c.tells, "looptest: the schedule passes.", "The interleaving")
			case log != "":
				t.Errorf("log: %s", log)
			}
			if c.tells == "" && strings.Contains(r.report()+log, "no longer") {
				t.Errorf("%s%s", r.report(), log)
			}
		})
	}
}

func TestEnvironmentReplay(t *testing.T) {
	b := &bugs[0]
	failure := b.explore(t, looptest.PCT(1, b.pct, 3))
	t.Setenv("TAKT_REPLAY", failure.replay())
	r := b.explore(t, looptest.Random(1, 0))
	contains(t, r.report(), "two deposits of 1 make a balance of 1", "The interleaving")
	if r.replay() != "" || r.after() != 0 {
		t.Errorf("Explore explored in place of replaying:\n%s", r.report())
	}
	t.Setenv("TAKT_REPLAY", "takt2:!")
	contains(t, b.explore(t, looptest.Random(1, 0)).report(), "is damaged")
}

func TestEnvironmentSchedules(t *testing.T) {
	for _, c := range []struct {
		text string
		s    looptest.Strategy
		want int
	}{
		{"", looptest.Random(1, 10), 10},
		{"x3", looptest.Random(1, 10), 30},
		{"2.5", looptest.PCT(1, 10, 3), 25},
		{"0.25", looptest.PCT(1, 10, 3), 3},
		{"x100", looptest.DelayBounded(0), 1},
		{"x100", looptest.Exhaustive(4), 4},
	} {
		t.Setenv("TAKT_SCHEDULES", c.text)
		o := &orders{times: map[string]int{}}
		looptest.Explore(t, c.s, o.program(3, 3))
		runs := 0
		for _, times := range o.times {
			runs += times
		}
		if want := c.want + extraRuns(c.want); runs != want {
			t.Errorf("TAKT_SCHEDULES=%s %v: %d runs, want %d", c.text, c.s, runs, want)
		}
	}
	for _, text := range []string{"x", "many", "-1", "0", "NaN", "1e300", "3x"} {
		t.Setenv("TAKT_SCHEDULES", text)
		r := explore(t, few, func(context.Context, *looptest.T) { t.Error("the body was run") })
		contains(t, r.report(), "looptest: TAKT_SCHEDULES="+`"`+text+`"; give a factor such as 100 or x100`)
	}
}

// The shards of a strategy are disjoint, and together they have all its schedules. The exception is
// the first run, first in, first out: every shard needs it to find the others.
func TestEnvironmentShard(t *testing.T) {
	run := func(s looptest.Strategy, shard string, opts ...looptest.Option) map[string]int {
		t.Setenv("TAKT_SHARD", shard)
		o := &orders{times: map[string]int{}}
		looptest.Explore(t, s, o.program(3, 2), opts...)
		return o.times
	}
	for _, s := range []looptest.Strategy{
		looptest.DelayBounded(2), looptest.Exhaustive(0),
		looptest.Sample(1, 1000), looptest.Random(1, 1000), looptest.PCT(1, 1000, 3),
	} {
		for _, shards := range []int{1, 2, 3, 7} {
			whole := run(s, "1/1")
			seen := map[string]int{}
			for i := range shards {
				for order := range run(s, fmt.Sprintf("%d/%d", i+1, shards)) {
					seen[order]++
				}
			}
			for order := range whole {
				if order != "ABCABC" && seen[order] != 1 {
					t.Errorf("%v: %s is in %d of %d shards", s, order, seen[order], shards)
				}
			}
			if len(seen) != len(whole) {
				t.Errorf("%v: %d shards have %d orders, the whole has %d", s, shards, len(seen), len(whole))
			}
		}
	}
	for _, text := range []string{"1", "1/", "/2", "0/2", "3/2", "1/2x", "a/b", "1/2/3", "-1/2"} {
		t.Setenv("TAKT_SHARD", text)
		r := explore(t, few, func(context.Context, *looptest.T) { t.Error("the body was run") })
		contains(t, r.report(), `looptest: TAKT_SHARD="`+text+`"; give i/n, with i from 1 to n`)
	}
}

// The goroutines that a replay leaves stand in its report, and are a failure without another one.
func TestReplayFindsGoroutines(t *testing.T) {
	for _, fails := range []bool{true, false} {
		stop := make(chan none)
		r := record(t, func(tb testing.TB) {
			looptest.Replay(tb, "takt2:AAAAAAA", func(_ context.Context, t *looptest.T) {
				go func() { <-stop }()
				if fails {
					t.Error("and more")
				}
			})
		})
		close(stop)
		contains(t, r.report(), "looptest: goroutines are left", "The interleaving")
		if len(r.errors) != 1 || strings.Contains(r.report(), "and more") != fails {
			t.Errorf("%d reports: %s", len(r.errors), r.report())
		}
	}
}
