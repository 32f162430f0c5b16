package looptest_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
)

// Any number of schedules, of parts, and any factor may be asked for. The exploration ends when all schedules have been run.
func TestVeryManySchedules(t *testing.T) {
	o := &orders{times: map[string]int{}}
	run := func(what string, s looptest.Strategy, opts ...looptest.Option) {
		t.Helper()
		r := explore(t, s, o.program(2, 2), opts...)
		if all := strings.Join(r.logs, "\n"); r.Failed() || !strings.Contains(all, "all 6 schedules have been run") {
			t.Errorf("%s: %s%s", what, r.report(), all)
		}
	}
	for _, factor := range []string{"", "1e9", "x0.001"} {
		t.Setenv("TAKT_SCHEDULES", factor)
		for _, s := range samplers(1, math.MaxInt) {
			run(factor, s)
			run(factor+" and a budget", s, looptest.For(time.Hour))
		}
	}
	t.Setenv("TAKT_SCHEDULES", "")
	for _, s := range samplers(1, 0) { // the time replaces the number
		run("a budget", s, looptest.For(time.Hour))
		run("a large budget", s, looptest.For(math.MaxInt64))
	}
	t.Setenv("TAKT_FOR", "1000000h")
	run("TAKT_FOR", looptest.Random(1, 0))
}

func TestVeryManyParts(t *testing.T) {
	o := &orders{times: map[string]int{}}
	for part, want := range map[string]string{
		"1048576/1048576":                    "",
		"1/1048576":                          "",
		"1/1048577":                          `TAKT_SHARD="1/1048577"; give i/n, with i from 1 to n, and n up to 1048576`,
		fmt.Sprintf("%d/%[1]d", math.MaxInt): "give i/n, with i from 1 to n, and n up to 1048576",
	} {
		t.Setenv("TAKT_SHARD", part)
		for _, s := range append(samplers(1, 100), looptest.DelayBounded(2), looptest.Exhaustive(0)) {
			r := explore(t, s, o.program(2, 2))
			if r.Failed() != (want != "") {
				t.Errorf("%s, %v: %s", part, s, r.report())
			}
			contains(t, r.report(), want)
		}
	}
	t.Setenv("TAKT_SHARD", "")
	t.Setenv("TAKT_SHARDS", "1048577")
	t.Setenv("JOB_COMPLETION_INDEX", "0")
	contains(t, explore(t, few, o.program(2, 2)).report(), `TAKT_SHARDS="1048577" with JOB_COMPLETION_INDEX="0"; give the number of parts, up to 1048576`)
}

// What a strategy is told about its number of schedules.
func TestNumberOfSchedules(t *testing.T) {
	for _, c := range []struct {
		e       looptest.Exploration
		n, want int
	}{
		{looptest.Exploration{Factor: 1, Parts: 1}, 10, 10},
		{looptest.Exploration{Factor: 2.5, Parts: 1}, 3, 8},
		{looptest.Exploration{Factor: 0.001, Parts: 1}, 3, 1},
		{looptest.Exploration{Factor: 1, Parts: 1}, 0, 0},
		{looptest.Exploration{Factor: 1, Part: 0, Parts: 3}, 10, 4},
		{looptest.Exploration{Factor: 1, Part: 2, Parts: 3}, 10, 3},
		{looptest.Exploration{Factor: 1, Part: 5, Parts: 6}, 2, 0},
		{looptest.Exploration{Factor: math.Inf(1), Parts: 1}, 0, math.MaxInt / 2},
		{looptest.Exploration{Factor: math.Inf(1), Part: 1, Parts: 3}, 5, math.MaxInt / 2},
		{looptest.Exploration{Factor: 1e9, Parts: 1}, math.MaxInt, math.MaxInt / 2},
	} {
		if got := c.e.Number(c.n); got != c.want {
			t.Errorf("%+v: Number(%d) is %d, want %d", c.e, c.n, got, c.want)
		}
	}
}
