package task_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// Each await has a time limit of its own, which counts from the result before.
func ExampleCompletions() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		for _, f := range task.Completions(task.Go(ctx, fetch(9)), task.Go(ctx, fetch(1)), task.Go(ctx, fetch(2))) {
			v, err := task.WaitFor(ctx, f, 5*time.Second)
			fmt.Println(v, err)
		}
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// page 1 <nil>
	// page 2 <nil>
	//  time limit of 5s expired
}

// One request cancels all other tasks of the loop.
func ExampleCancelAll() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		a, b := task.Go(ctx, fetch(1)), task.Go(ctx, fetch(60))
		if err := task.Sleep(ctx, 2*time.Second); err != nil {
			return err
		}
		others := slices.DeleteFunc(task.All(ctx), func(t *loop.Task) bool { return t == task.Current(ctx) })
		fmt.Println(task.CancelAll(nil, others...), "asked")
		_ = b.Wait(ctx)
		fmt.Println(a.Canceled(), b.Canceled())
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// 1 asked
	// false true
}
