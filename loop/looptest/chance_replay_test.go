package looptest_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// chancy fails if B ran before A, a message was lost, and a latency was long. Nothing but
// the noise decides how long it is.
func chancy(ctx context.Context, t *looptest.T) {
	order, lost, slow := "", 0, t.Rand("latency").IntN(4) == 3
	together(ctx, t,
		func(ctx context.Context) { pauses(ctx, 1); order += "A" },
		func(ctx context.Context) { pauses(ctx, 1); order += "B"; lost = t.Choose("lost", 10) })
	for range 5 {
		t.Chance("other", 0.5)
	}
	if order == "BA" && lost >= 3 && slow {
		t.Errorf("%s, lost %d, latency %x", order, lost, t.Rand("size").Uint64())
	}
}

// One line fixes the order, the choices and the noise. It is minimal: a pick, and the smallest value that
// fails.
func TestReplayFixesOrderChoicesAndNoise(t *testing.T) {
	for _, s := range samplers(1, 10_000) {
		failure := explore(t, s, chancy)
		text := failure.replay()
		if text == "" {
			t.Errorf("%v does not find it:\n%s", s, failure.report())
			continue
		}
		contains(t, failure.report(), "BA, lost 3, latency ", "lost, use 1: 3")
		if n := looptest.Deviations(text); n != 2 {
			t.Errorf("%v: %d deviations, want 2:\n%s", s, n, failure.report())
		}
		line, _, _ := strings.Cut(failure.report(), "\n")
		for range 100 / fewer {
			again := record(t, func(tb testing.TB) { looptest.Replay(tb, text, chancy) })
			if got, _, _ := strings.Cut(again.report(), "\n"); got != line {
				t.Fatalf("%v: the replay reports\n%s\nand the exploration\n%s", s, again.report(), failure.report())
			}
		}
	}
}

// A value that is left out moves no other. That holds too if a choice has one value, or the
// probability 0, in one of the schedules: it counts as a use of its site.
func TestChoicesStayWhereTheyAre(t *testing.T) {
	program := func(alive func(first int) int) (looptest.Body, *[]int) {
		values := new([]int)
		return func(_ context.Context, t *looptest.T) {
			*values = nil
			first := t.Choose("first", 4)
			*values = append(*values, first)
			for i := range 4 {
				n := 5
				if i == 0 {
					n = alive(first)
				}
				*values = append(*values, t.Choose("victim", n))
				*values = append(*values, map[bool]int{true: 1}[t.Chance("drop", map[bool]float64{true: 0.5}[n > 1])])
			}
		}, values
	}
	whole, values := program(func(int) int { return 5 })
	text := ""
	var want []int
	looptest.Schedules(t, looptest.Random(1, 1000), whole, func(r looptest.Ran) {
		// The victims differ from 0, and the second of four is not dropped.
		if v := *values; text == "" && slices.Index(v, 0) == 4 && !slices.Contains(v[5:], 0) {
			text, want = r.Schedule, slices.Clone(v)
		}
	})
	if text == "" {
		t.Fatal("no schedule has these values")
	}
	fewer, values := program(func(int) int { return 1 })
	r := record(t, func(tb testing.TB) { looptest.Replay(tb, text, fewer) })
	want[1], want[2] = 0, 0
	if !slices.Equal(*values, want) || r.Failed() {
		t.Errorf("values %v, want %v; %s", *values, want, r.report())
	}
	contains(t, strings.Join(r.logs, "\n"), "2 deviations of the schedule no longer occur:", "victim, use 1: ", "drop, use 1: 1")
}

func TestReplaySaysWhichChoiceNoLongerOccurs(t *testing.T) {
	var got []int
	program := func(sites ...string) looptest.Body {
		return func(_ context.Context, t *looptest.T) {
			got = nil
			for _, site := range sites {
				got = append(got, t.Choose(site, 2))
			}
			if len(got) == 3 && !slices.Contains(got, 0) {
				t.Error("all of them")
			}
		}
	}
	text := explore(t, looptest.Exhaustive(0), program("a", "b", "a")).replay()
	for _, c := range []struct {
		sites []string
		want  []int
		lost  []string
	}{
		{[]string{"a", "b", "a"}, []int{1, 1, 1}, nil},
		{[]string{"a", "a"}, []int{1, 1}, []string{"1 deviation of the schedule no longer occurs:\n\tb, use 1: 1"}},
		{[]string{"c", "b", "a"}, []int{0, 1, 1}, []string{"1 deviation of the schedule no longer occurs:\n\ta, use 2: 1"}},
		{nil, nil, []string{"3 deviations of the schedule no longer occur:", "a, use 1: 1", "b, use 1: 1", "a, use 2: 1"}},
	} {
		r := record(t, func(tb testing.TB) { looptest.Replay(tb, text, program(c.sites...)) })
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: the values are %v, want %v", c.sites, got, c.want)
		}
		contains(t, r.report()+strings.Join(r.logs, "\n"), c.lost...)
	}
}
