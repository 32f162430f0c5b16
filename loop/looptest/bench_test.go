package looptest_test

import (
	"context"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// fourByTen is a program of 4 tasks and 40 steps in all.
func fourByTen(ctx context.Context, t *looptest.T) {
	step := func(ctx context.Context) { pauses(ctx, 9) }
	together(ctx, t, step, step, step, step)
}

// BenchmarkSchedules reports how many schedules of a program of 4 tasks and 40 steps
// run in a second, on one core.
func BenchmarkSchedules(b *testing.B) {
	for _, bench := range []struct {
		name     string
		strategy func(n int) looptest.Strategy
	}{
		{"Sample", func(n int) looptest.Strategy { return looptest.Sample(1, n) }},
		{"Random", func(n int) looptest.Strategy { return looptest.Random(1, n) }},
		{"PCT", func(n int) looptest.Strategy { return looptest.PCT(1, n, 3) }},
		{"Exhaustive", func(n int) looptest.Strategy { return looptest.Exhaustive(n) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			looptest.Explore(b, bench.strategy(b.N), fourByTen)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "schedules/s")
		})
	}
}

// lostDeposit is the program of a lost update: two tasks read, wait and write. It passes in every order. It
// has noise, because Explore would end when all orders have been run.
func lostDeposit(ctx context.Context, t *looptest.T) {
	t.Rand("noise")
	balance := 0
	deposit := func(ctx context.Context) {
		before := balance
		yield(ctx)
		balance = before + 1
	}
	together(ctx, t, deposit, deposit)
	if balance == 0 {
		t.Error("no deposit")
	}
}

// BenchmarkLostUpdate reports how many schedules of a very short program run in a second, on one core.
func BenchmarkLostUpdate(b *testing.B) {
	b.ReportAllocs()
	looptest.Explore(b, looptest.Random(1, b.N), lostDeposit)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "schedules/s")
}
