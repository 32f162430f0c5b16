package task_test

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// Bodies that return only an error.
func ExampleVoid() {
	_, err := task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		beat := task.Go(ctx, task.Void(func(ctx context.Context) error {
			for n := range 2 {
				if err := task.Sleep(ctx, time.Second); err != nil {
					return err
				}
				fmt.Println("beat", n)
			}
			return nil
		}))
		return beat.Wait(ctx)
	}), loop.WithVirtualTime())
	fmt.Println(err)
	// Output:
	// beat 0
	// beat 1
	// <nil>
}
