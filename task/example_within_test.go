package task_test

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// A time limit around a call that returns a value.
func ExampleWithin() {
	lookup := func(ctx context.Context) (string, error) {
		return "192.0.2.1", task.Sleep(ctx, 3*time.Second)
	}
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		address, err := task.Within(ctx, 5*time.Second, lookup)
		fmt.Println(address, err)
		_, err = task.Within(ctx, time.Second, lookup)
		fmt.Println(err)
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// 192.0.2.1 <nil>
	// time limit of 1s expired
}
