package waiter_test

import (
	"context"
	"testing"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/waiter"
)

// These benchmarks measure one wait and one wake-up. The floor uses a future for each wait.

func BenchmarkWaitFloorFuture(b *testing.B) {
	var next *future.Future[struct{}]
	waits1(b, func(ctx context.Context) error {
		next = future.New[struct{}](ctx)
		_, err := next.Await(ctx)
		return err
	}, func() { _ = next.SetResult(struct{}{}) })
}

func BenchmarkWait(b *testing.B) {
	var list waiter.List
	of := new(what)
	waits1(b, func(ctx context.Context) error {
		return list.Wait(ctx, of, func(bool) {})
	}, func() { list.Set(1) })
}

func waits1(b *testing.B, wait func(ctx context.Context) error, wake func()) {
	b.ReportAllocs()
	l := loop.New()
	defer l.Close()
	task.Go(l.Context(), func(ctx context.Context) (struct{}, error) {
		for {
			if err := wait(ctx); err != nil {
				return struct{}{}, err
			}
		}
	})
	l.RunUntilIdle()
	b.ResetTimer()
	for range b.N {
		wake()
		l.RunOnce()
	}
}
