package looptest_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

func TestReplayRefusesWhatIsNoSchedule(t *testing.T) {
	encode := func(b ...byte) string { return "takt1:" + base64.RawURLEncoding.EncodeToString(b) }
	body := func(context.Context, *looptest.T) { t.Error("the body was run") }
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", `looptest: "" is not a schedule; give the text that a failure printed, which begins with "takt1:"`},
		{"another version", "takt2:AAA", `"takt2:AAA" is not a schedule`},
		{"not base64", "takt1:A!A", `the schedule "takt1:A!A" is damaged: illegal base64`},
		{"nothing in it", "takt1:", "is damaged: it is cut off"},
		{"cut off in the length", encode(0), "is damaged: it is cut off"},
		{"cut off in a deviation", encode(0, 5, 1, 1), "is damaged: it is cut off"},
		{"unknown flags", encode(8, 5), "is damaged: its flags are 8"},
		{"a number without end", encode(0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "is damaged: it is cut off"},
		{"a number too large", encode(0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), "is damaged: "},
		{"a pick of nothing", encode(0, 5, 1, 2, 2), "is damaged: it picks number 2 of 2 at choice point 2"},
		{"a pick that is no deviation", encode(0, 5, 1, 0, 2), "is damaged: it picks number 0 of 2 at choice point 2"},
		{"twice at one point", encode(0, 5, 1, 1, 2, 0, 1, 2), "is damaged: it picks twice at choice point 2"},
		{"beyond its length", encode(0, 5, 5, 1, 2), "is damaged: it picks at choice point 6 of 5"},
		{"far beyond its length", encode(0, 5, 4, 1, 2, 0xff, 0xff, 0xff, 0xff, 7, 1, 2), "is damaged: it picks at choice point 2147483652 of 5"},
		{"a file", strings.Repeat("\x00", 1<<20), `\x00"... (1048576 bytes) is not a schedule`},
		{"a long one", "takt1:" + strings.Repeat("!", 1<<20), `!"... (1048582 bytes) is damaged: illegal base64`},
		{"a long one of zeros", "takt1:" + strings.Repeat("A", 1<<20), `A"... (1048582 bytes) is damaged: it picks at choice point 1 of 0`},
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

func TestReplaySaysWhereItParts(t *testing.T) {
	program := func(parts ...part) looptest.Body {
		return func(ctx context.Context, t *looptest.T) {
			order := ""
			all := make([]part, len(parts))
			for i, p := range parts {
				all[i] = func(ctx context.Context) { p(ctx); order += string(rune('A' + i)) }
			}
			together(ctx, t, all...)
			if order != "AB" && len(parts) == 2 {
				t.Errorf("the order is %s", order)
			}
		}
	}
	one := func(context.Context) {}
	three := func(ctx context.Context) { pauses(ctx, 2) }
	failure := explore(t, looptest.DelayBounded(1), program(one, one)).replay()
	for _, c := range []struct {
		name string
		body looptest.Body
		want []string
	}{
		{"a task more", program(one, one, one), []string{"no longer fits the program: choice point 1 had 2 choices, and now has 3: A, B, C.", "The program does not fail."}},
		{"more steps", program(three, three), []string{"no longer fits the program: the run had 1 choice point, and now has ", "The program still fails:", "the order is BA"}},
		{"no choice", func(context.Context, *looptest.T) {}, []string{"no longer fits the program: the run had 1 choice point, and now has none.", "The program does not fail."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := record(t, func(tb testing.TB) { looptest.Replay(tb, failure, c.body) })
			contains(t, r.report(), append(c.want, "The interleaving")...)
		})
	}
	fixed := func(ctx context.Context, t *looptest.T) { together(ctx, t, one, one) }
	r := record(t, func(tb testing.TB) { looptest.Replay(tb, failure, fixed) })
	if log := strings.Join(r.logs, "\n"); r.Failed() || testing.Verbose() != strings.Contains(log, "looptest: the schedule passes. The interleaving") {
		t.Errorf("%s; log: %s", r.report(), log)
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
	t.Setenv("TAKT_REPLAY", "takt1:!")
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
		looptest.Explore(t, c.s, o.program(2, 3))
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
// the first run, first in, first out: it is in every shard of a systematic search, which needs it to
// find the others.
func TestEnvironmentShard(t *testing.T) {
	run := func(s looptest.Strategy, shard string) map[string]int {
		t.Setenv("TAKT_SHARD", shard)
		o := &orders{times: map[string]int{}}
		looptest.Explore(t, s, o.program(3, 2))
		return o.times
	}
	for _, s := range []looptest.Strategy{looptest.DelayBounded(2), looptest.Exhaustive(0)} {
		whole := run(s, "1/1")
		for _, shards := range []int{2, 3, 7, 100} {
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
	for _, s := range []looptest.Strategy{looptest.Random(1, 100), looptest.PCT(1, 100, 3)} {
		all := looptest.Shard(s, 20, 0, 1)
		var parts []string
		for i := range 3 {
			parts = append(parts, looptest.Shard(s, 20, i, 3)...)
		}
		slices.Sort(all)
		slices.Sort(parts)
		if len(all) != 100 || !slices.Equal(all, parts) {
			t.Errorf("%v: %d schedules in all, but %d in the shards, or others", s, len(all), len(parts))
		}
	}
	for _, text := range []string{"1", "1/", "/2", "0/2", "3/2", "1/2x", "a/b", "1/2/3", "-1/2"} {
		t.Setenv("TAKT_SHARD", text)
		r := explore(t, few, func(context.Context, *looptest.T) { t.Error("the body was run") })
		contains(t, r.report(), `looptest: TAKT_SHARD="`+text+`"; give i/n, with i from 1 to n`)
	}
}
