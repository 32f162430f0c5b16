package looptest_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
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

// chance is the simplest random policy. It is a follower that does nothing, too.
type chance struct{ rand *rand.Rand }

func (c chance) Pick(ready []*loop.Task, _ bool) int { return c.rand.IntN(len(ready)) }
func (chance) Made(_, _ *loop.Task)                  {}
func (chance) Next(*loop.Task)                       {}

// BenchmarkSchedulesFloor runs the program of BenchmarkSchedules without looptest: on loops with the simplest
// random policy. No strategy can be faster than these loops.
func BenchmarkSchedulesFloor(b *testing.B) {
	b.ReportAllocs()
	var spare lowlevel.Spare
	defer spare.End()
	policy := chance{rand.New(rand.NewPCG(1, 1))}
	step := func(ctx context.Context) error {
		for range 9 {
			if err := task.Yield(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	for range b.N {
		l := loop.New(loop.WithVirtualTime(), lowlevel.WithSpare(&spare), lowlevel.WithPolicy(policy, false), lowlevel.WithFollower(policy))
		main := task.Go(l.Context(), func(ctx context.Context) (none, error) {
			tasks := make([]*task.Task[none], 4)
			for i := range tasks {
				tasks[i] = spawn(ctx, "A", step)
			}
			_, err := task.Gather(tasks...).Await(ctx)
			return none{}, err
		})
		main.OnDone(l.Stop)
		if err := l.Run(); err != nil || main.Err() != nil {
			b.Fatal(err, main.Err())
		}
		l.Close()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "schedules/s")
}
