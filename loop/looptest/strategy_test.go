package looptest_test

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/loop/looptest"
)

// orders counts the orders in which tasks ran, over runs that may be parallel.
type orders struct {
	mu    sync.Mutex
	times map[string]int
}

// program returns a program of k tasks with n steps each.
func (o *orders) program(k, n int) looptest.Body {
	return func(ctx context.Context, t *looptest.T) {
		order := make([]byte, 0, k*n)
		steppers(ctx, t, slices.Repeat([]int{n}, k), func(machine, _ int) { order = append(order, byte('A'+machine)) })
		o.mu.Lock()
		defer o.mu.Unlock()
		o.times[string(order)]++
	}
}

// interleavings returns (kn)!/(n!)^k.
func interleavings(k, n int64) int {
	all := new(big.Int).MulRange(1, k*n)
	one := new(big.Int).MulRange(1, n)
	return int(all.Div(all, one.Exp(one, big.NewInt(k), nil)).Int64())
}

// extraRuns returns how many runs Explore adds to the schedules of its strategy, to check that the
// program is deterministic: three at first, and two more for each of the schedules numbered 1, 2, 4,
// 8, and so on.
func extraRuns(schedules int) int { return 3 + 2*bits.Len(uint(schedules)) }

func TestExhaustiveRunsEveryScheduleOnce(t *testing.T) {
	for _, c := range []struct{ k, n, want int }{
		{2, 1, 2}, {2, 2, 6}, {2, 5, 252}, {2, 7, 3432}, {3, 2, 90}, {3, 3, 1680}, {4, 2, 2520}, {5, 1, 120}, {3, 4, 34650}, {4, 3, 369600},
	} {
		t.Run(fmt.Sprintf("%dx%d", c.k, c.n), func(t *testing.T) {
			if c.want > 10_000 && (testkit.Race || testing.Short()) {
				t.Skip("too many")
			}
			if got := interleavings(int64(c.k), int64(c.n)); got != c.want {
				t.Fatalf("(kn)!/(n!)^k is %d, want %d", got, c.want)
			}
			o := &orders{times: map[string]int{}}
			looptest.Explore(t, looptest.Exhaustive(c.want), o.program(c.k, c.n), looptest.Parallel())
			runs := 0
			for _, times := range o.times {
				runs += times
			}
			if len(o.times) != c.want || runs != c.want+extraRuns(c.want) {
				t.Errorf("%d different orders in %d runs, want %d in %d", len(o.times), runs, c.want, c.want+extraRuns(c.want))
			}
			if c.want > 10_000 {
				return
			}
			schedules := map[string]bool{}
			n := 0
			looptest.Schedules(t, looptest.Exhaustive(0), o.program(c.k, c.n), func(r looptest.Ran) {
				schedules[r.Schedule] = true
				n++
			})
			if n != c.want || len(schedules) != c.want {
				t.Errorf("%d schedules, of which %d differ; want %d", n, len(schedules), c.want)
			}
		})
	}
}

func TestExhaustiveSaysWhatItLeftOut(t *testing.T) {
	o := &orders{times: map[string]int{}}
	r := record(t, func(tb testing.TB) { looptest.Explore(tb, looptest.Exhaustive(10), o.program(2, 5)) })
	contains(t, strings.Join(r.logs, "\n"), "Exhaustive(10) reached its limit: ")
	if r.Failed() {
		t.Error(r.report())
	}
}

// DelayBounded(d) runs exactly those of all 252 schedules that have d deviations or fewer. The
// program has 2 tasks with 5 steps each.
func TestDelayBoundedRunsAllThatDeviateSoOften(t *testing.T) {
	o := &orders{times: map[string]int{}}
	deviating := map[int]map[string]bool{}
	looptest.Schedules(t, looptest.Exhaustive(0), o.program(2, 5), func(r looptest.Ran) {
		n := looptest.Deviations(r.Schedule)
		if deviating[n] == nil {
			deviating[n] = map[string]bool{}
		}
		deviating[n][r.Schedule] = true
	})
	want := map[string]bool{}
	for d := range len(deviating) {
		maps.Copy(want, deviating[d])
		got := map[string]bool{}
		n := 0
		looptest.Schedules(t, looptest.DelayBounded(d), o.program(2, 5), func(r looptest.Ran) {
			got[r.Schedule] = true
			n++
		})
		if n != len(want) || !maps.Equal(got, want) {
			t.Errorf("DelayBounded(%d) runs %d schedules, of which %d differ; want %d", d, n, len(got), len(want))
		}
	}
	if len(want) != 252 {
		t.Errorf("%d schedules in all", len(want))
	}
}

// strategies has one strategy of each kind.
var strategies = []looptest.Strategy{
	looptest.Sample(1, 100), looptest.Random(1, 100), looptest.PCT(1, 100, 3), looptest.DelayBounded(2), looptest.Exhaustive(0),
}

func TestSameSeedSameSchedules(t *testing.T) {
	o := &orders{times: map[string]int{}}
	run := func(s looptest.Strategy) (all []string) {
		looptest.Schedules(t, s, o.program(3, 3), func(r looptest.Ran) { all = append(all, r.Schedule) })
		return all
	}
	for _, s := range append(strategies, looptest.Sample(2, 100), looptest.Random(2, 100), looptest.PCT(2, 100, 3)) {
		if !slices.Equal(run(s), run(s)) {
			t.Errorf("%v: the second time the schedules are different", s)
		}
	}
	if slices.Equal(run(looptest.Sample(1, 100)), run(looptest.Sample(2, 100))) {
		t.Error("Sample: two seeds give the same schedules")
	}
	if slices.Equal(run(looptest.Random(1, 100)), run(looptest.Random(2, 100))) {
		t.Error("Random: two seeds give the same schedules")
	}
	if slices.Equal(run(looptest.PCT(1, 100, 3)), run(looptest.PCT(2, 100, 3))) {
		t.Error("PCT: two seeds give the same schedules")
	}
}

// Random is uniform at every choice point: each of two tasks is first in half of the schedules. In
// 10,000 throws of a fair coin the number of heads differs from 5,000 by more than 300 (six standard
// deviations) with a probability of 2e-9.
func TestRandomIsFair(t *testing.T) {
	o := &orders{times: map[string]int{}}
	looptest.Schedules(t, looptest.Random(1, 10_000), o.program(2, 1), func(looptest.Ran) {})
	if ab := o.times["AB"]; ab < 4700 || ab > 5300 {
		t.Errorf("%d of 10,000 are AB, want 4,700 to 5,300", ab)
	}
}

func TestStrategiesSayWhatTheyAre(t *testing.T) {
	for s, want := range map[looptest.Strategy]string{
		looptest.Sample(7, 100):  "Sample(7, 100)",
		looptest.Random(7, 100):  "Random(7, 100)",
		looptest.PCT(7, 100, 3):  "PCT(7, 100, 3)",
		looptest.DelayBounded(2): "DelayBounded(2)",
		looptest.Exhaustive(100): "Exhaustive(100)",
	} {
		if s.String() != want {
			t.Errorf("%v, want %s", s, want)
		}
	}
}

func TestStrategiesRefuse(t *testing.T) {
	panics(t, "PCT of depth 0", func() { looptest.PCT(1, 1, 0) })
	panics(t, "DelayBounded(-1)", func() { looptest.DelayBounded(-1) })
	panics(t, "Exhaustive(-1)", func() { looptest.Exhaustive(-1) })
	panics(t, "Sample of -1 schedules", func() { looptest.Sample(1, -1) })
	panics(t, "Random of -1 schedules", func() { looptest.Random(1, -1) })
	panics(t, "PCT of -1 schedules", func() { looptest.PCT(1, -1, 1) })
	panics(t, "MaxSteps(0)", func() { looptest.MaxSteps(0) })
}
