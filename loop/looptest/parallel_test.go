package looptest_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// onManyCores lets Parallel use 8 goroutines during a test, on every machine.
func onManyCores(t *testing.T) {
	before := runtime.GOMAXPROCS(8)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// searching has a strategy of each kind, and one that is made outside.
func searching(n int) []looptest.Strategy {
	return append(samplers(1, n), looptest.DelayBounded(10), looptest.Exhaustive(0), &outside{n: n})
}

// A body may end in any way while other runs wait for what it leaves to them. The exploration ends, and runs all schedules.
func TestParallelRunsEndInAnyWay(t *testing.T) {
	onManyCores(t)
	for _, s := range searching(10_000) {
		for name, end := range map[string]func(t *looptest.T, order string){
			"Skip":    func(t *looptest.T, order string) { t.Skip(order) },
			"FailNow": func(t *looptest.T, order string) { t.Fatal(strings.Map(func(c rune) rune { return c + 32 }, order)) },
			"panic":   func(t *looptest.T, order string) { panic(order) },
			"Goexit":  func(t *looptest.T, order string) { runtime.Goexit() },
			"cleanup": func(t *looptest.T, order string) { t.Cleanup(func() { t.FailNow() }) },
		} {
			seen := newTally()
			r := explore(t, s, func(ctx context.Context, t *looptest.T) {
				order := ""
				steppers(ctx, t, []int{2, 2, 2}, func(machine, _ int) { order += string(rune('A' + machine)) })
				seen.add("%s", order)
				if order[0] != 'A' {
					end(t, order)
				}
			}, looptest.Parallel(), looptest.KeepGoing(1000), looptest.MinimiseFor(0), looptest.Unexplained())
			if len(seen.times) != 90 {
				t.Errorf("%v, %s: %d of 90 orders were run", s, name, len(seen.times))
			}
			if failed := name != "Skip"; r.Failed() != failed || strings.Contains(r.report(), "not deterministic") {
				t.Errorf("%v, %s: %s", s, name, r.report())
			}
		}
	}
}

// Random programs, at the same time, by all strategies. This test is for the race detector.
func TestParallelRandomPrograms(t *testing.T) {
	onManyCores(t)
	forEachRandomProgram(t, func(t *testing.T, seed uint64, opts ...looptest.Option) {
		if seed%6 > 0 {
			return
		}
		for _, s := range append(searching(30)[:3], looptest.DelayBounded(1), looptest.Exhaustive(30)) {
			r := explore(t, s, randomProgram(seed), append(opts, looptest.Parallel(), looptest.KeepGoing(1000), looptest.MinimiseFor(0), looptest.Unexplained())...)
			if strings.Contains(r.report(), "not deterministic") || strings.Contains(r.report(), "panic") {
				t.Errorf("program %d, %v: %s", seed, s, r.report())
			}
		}
	})
}
