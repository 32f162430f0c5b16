package looptest_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// The variables of a Kubernetes Indexed Job say which part to run. TAKT_SHARD comes before them.
func TestEnvironmentOfAnIndexedJob(t *testing.T) {
	p := lattice(2, 2, 2)
	run := func(shard, shards, index string) map[string]int {
		t.Setenv("TAKT_SHARD", shard)
		t.Setenv("TAKT_SHARDS", shards)
		t.Setenv("JOB_COMPLETION_INDEX", index)
		var l log
		if r := explore(t, looptest.Random(1, 1000), l.of(p)); r.Failed() {
			t.Fatal(r.report())
		}
		return l.times
	}
	for i := range 4 {
		part := run(fmt.Sprintf("%d/4", i+1), "", "")
		if len(part) == 90 || !maps.Equal(part, run("", "4", fmt.Sprint(i))) {
			t.Errorf("JOB_COMPLETION_INDEX=%d is not the part %d/4", i, i+1)
		}
		if !maps.Equal(part, run(fmt.Sprintf("%d/4", i+1), "9", "3")) {
			t.Errorf("TAKT_SHARD=%d/4 does not come first", i+1)
		}
	}
	if len(run("", "", "3")) != 90 { // a job of some other kind
		t.Error("JOB_COMPLETION_INDEX without TAKT_SHARDS leaves schedules out")
	}
}

// A variable with a wrong value fails the test, and says what would be right.
func TestEnvironmentRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []string
		want   string // after the value
	}{
		{"TAKT_FOR", []string{"10", "0s", "-1m", "long"}, "; give a duration such as 90s or 10m"},
		{"TAKT_KEEP_GOING", []string{"0", "-1", "all", "1.5"}, "; give how many failures to look for, such as 5"},
		{"TAKT_CORPUS_ADD", []string{"2", "yes", "true"}, "; give 1 to add failures to the corpus, or 0"},
		{"TAKT_SHARDS", []string{"0", "-1", "3", "many", "1048577"}, ` with JOB_COMPLETION_INDEX="3"; give the number of parts`},
		{"TAKT_SHARDS", []string{"4"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("JOB_COMPLETION_INDEX", "3")
			for _, value := range c.values {
				t.Setenv(c.name, value)
				ran := false
				r := explore(t, few, func(context.Context, *looptest.T) { ran = true })
				if ran == (c.want != "") || ran == r.Failed() {
					t.Errorf("the body was run: %v; %s", ran, r.report())
				}
				if c.want != "" {
					contains(t, r.report(), fmt.Sprintf("looptest: %s=%q%s", c.name, value, c.want))
				}
			}
		})
	}
	for _, index := range []string{"", "-1", "4", "x"} {
		t.Setenv("TAKT_SHARDS", "4")
		t.Setenv("JOB_COMPLETION_INDEX", index)
		r := explore(t, few, func(context.Context, *looptest.T) { t.Error("the body was run") })
		contains(t, r.report(), fmt.Sprintf(`looptest: TAKT_SHARDS="4" with JOB_COMPLETION_INDEX=%q; give the number of parts`, index))
	}
}
