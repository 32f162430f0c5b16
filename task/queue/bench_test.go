package queue_test

import (
	"cmp"
	"context"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/queue"
)

// Every benchmark measures the cost of one item. Beside it stands the floor: the same
// between goroutines, by means of a channel.

// inTasks runs each body as a task of one loop.
func inTasks(b *testing.B, bodies ...func(ctx context.Context) error) {
	b.ReportAllocs()
	l := loop.New(loop.WithDeadlockDetection())
	defer l.Close()
	for _, body := range bodies {
		task.Go(l.Context(), task.Void(body))
	}
	b.ResetTimer()
	if err := l.Run(); err != nil {
		b.Fatal(err)
	}
}

// One task puts and gets, and the queue always has room.

func BenchmarkPutGetFloorChannel(b *testing.B) {
	b.ReportAllocs()
	ch := make(chan int, 16)
	for v := range b.N {
		ch <- v
		<-ch
	}
}

func BenchmarkPutGetFIFO(b *testing.B) { putGet(b, queue.New[int](16)) }
func BenchmarkPutGetLIFO(b *testing.B) { putGet(b, queue.NewLIFO[int](16)) }

func BenchmarkPutGetPriority(b *testing.B) {
	putGet(b, queue.NewPriority(16, cmp.Less[int]))
}

func putGet(b *testing.B, q *queue.Queue[int]) {
	inTasks(b, func(ctx context.Context) error {
		for v := range b.N {
			if err := q.Put(ctx, v); err != nil {
				return err
			}
			if _, err := q.Get(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// BenchmarkPriority1000 measures a Put and a Get of a queue with 1000 items in it.
func BenchmarkPriority1000(b *testing.B) {
	q := queue.NewPriority(0, cmp.Less[int])
	for v := range 1000 {
		_ = q.TryPut(v * 7919 % 1000)
	}
	inTasks(b, func(ctx context.Context) error {
		for v := range b.N {
			_ = q.TryPut(v * 7919 % 1000)
			_, _ = q.TryGet()
		}
		return nil
	})
}

// One task hands an item to another, which waits for it.

func BenchmarkHandOffFloorChannel(b *testing.B) { channel(b, 0) }
func BenchmarkHandOff(b *testing.B)             { pass(b, 1) }

// The same with a queue that has room for 64: only every 64th call waits.

func BenchmarkPipeFloorChannel(b *testing.B) { channel(b, 64) }
func BenchmarkPipe(b *testing.B)             { pass(b, 64) }

func channel(b *testing.B, size int) {
	b.ReportAllocs()
	ch := make(chan int, size)
	go func() {
		for v := range b.N {
			ch <- v
		}
		close(ch)
	}()
	for range ch {
	}
}

func pass(b *testing.B, size int) {
	q := queue.New[int](size)
	inTasks(b, func(ctx context.Context) error {
		for v := range b.N {
			if err := q.Put(ctx, v); err != nil {
				return err
			}
		}
		q.Shutdown(false)
		return nil
	}, func(ctx context.Context) error {
		for _, err := range q.All(ctx) {
			if err != nil {
				return err
			}
		}
		return nil
	})
}
