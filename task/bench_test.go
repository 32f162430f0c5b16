package task_test

import (
	"context"
	"iter"
	"testing"

	"github.com/takt-go/takt/task"
)

func BenchmarkFloorPull(b *testing.B) {
	next, stop := iter.Pull(func(yield func(int) bool) {
		for yield(1) {
		}
	})
	defer stop()
	for b.Loop() {
		next()
	}
}

func BenchmarkYield(b *testing.B) {
	b.ReportAllocs()
	task.Run(context.Background(), func(ctx context.Context) (int, error) {
		for b.Loop() {
			task.Yield(ctx)
		}
		return 0, nil
	})
}

func BenchmarkYield100(b *testing.B) {
	b.ReportAllocs()
	task.Run(context.Background(), func(ctx context.Context) (int, error) {
		n := b.N / 100
		for range 100 {
			task.Go(ctx, func(ctx context.Context) (int, error) {
				for range n {
					task.Yield(ctx)
				}
				return 0, nil
			})
		}
		for range n + 5 {
			task.Yield(ctx)
		}
		return 0, nil
	})
}

func BenchmarkYieldMachine100(b *testing.B) {
	b.ReportAllocs()
	task.Run(context.Background(), func(ctx context.Context) (int, error) {
		n := b.N / 100
		for range 100 {
			i := 0
			task.GoMachine(ctx, task.MachineFunc[int](func(ctx context.Context, err error) (int, task.Suspension, error) {
				if i++; i > n {
					return 0, task.End(), nil
				}
				return 0, task.Turn(), nil
			}))
		}
		for range n + 5 {
			task.Yield(ctx)
		}
		return 0, nil
	})
}

func BenchmarkSpawn(b *testing.B) {
	b.ReportAllocs()
	task.Run(context.Background(), func(ctx context.Context) (int, error) {
		n := b.N / 1000
		ts := make([]*task.Task[int], 1000)
		for range n {
			for i := range ts {
				ts[i] = task.Go(ctx, func(ctx context.Context) (int, error) { return 1, nil })
			}
			for i := range ts {
				ts[i].Await(ctx)
			}
		}
		return 0, nil
	})
}
