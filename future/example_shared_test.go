package future_test

import (
	"context"
	"fmt"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// Three actors wait for the next frame. One is canceled, and the others go on.
func ExampleNewShared() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	next := future.NewShared[int](l.Context())
	actor := func(name string) *task.Task[int] {
		return task.Go(l.Context(), func(ctx context.Context) (int, error) {
			for {
				frame, err := next.Await(ctx)
				if err != nil {
					fmt.Println(name, "leaves")
					return 0, err
				}
				fmt.Println(name, "moves in frame", frame)
			}
		})
	}
	a, _, _ := actor("a"), actor("b"), actor("c")
	l.RunUntilIdle()
	for frame := range 2 {
		now := next
		next = future.NewShared[int](l.Context()) // before the actors run, which then await this one
		if err := now.SetResult(frame); err != nil {
			fmt.Println(err)
		}
		l.RunUntilIdle()
		a.Cancel(nil)
	}
	// Output:
	// a moves in frame 0
	// b moves in frame 0
	// c moves in frame 0
	// a leaves
	// b moves in frame 1
	// c moves in frame 1
	// b leaves
	// c leaves
}
