package task_test

import (
	"context"
	"fmt"
	"os"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// A program reads four files, at most two at the same time.
func ExamplePool() {
	sizes, err := task.Run(context.Background(), func(ctx context.Context) ([]bool, error) {
		files := task.NewPool(2)
		var all []*task.Task[bool]
		for _, name := range []string{"doc.go", "pool.go", "task.go", "run.go"} {
			all = append(all, task.Go(ctx, func(ctx context.Context) (bool, error) {
				text, err := task.BlockingIn(ctx, files, func(context.Context) ([]byte, error) { return os.ReadFile(name) })
				return len(text) > 0, err
			}))
		}
		return task.Gather(all...).Await(ctx)
	}, loop.WithVirtualTime())
	fmt.Println(sizes, err)
	// Output: [true true true true] <nil>
}

// With FinishCalls, a canceled task waits until its call has returned. So the receipt is not lost.
func ExampleFinishCalls() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		ledger := task.NewPool(1, task.FinishCalls())
		booked := task.Go(ctx, func(ctx context.Context) (string, error) {
			receipt, err := task.BlockingIn(ctx, ledger, func(ctx context.Context) (string, error) {
				<-ctx.Done() // the call is asked to end, but it has booked already
				return "booked", nil
			})
			fmt.Println(receipt, err)
			return receipt, task.Yield(ctx) // delivers the cancellation
		})
		_ = task.Yield(ctx)
		booked.Cancel(nil)
		fmt.Println(booked.Wait(ctx))
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// booked <nil>
	// canceled
}
