package task_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// The programs of the README. A test in cmd/internal/house compares them.

// Two tasks that sleep for hours of virtual time.
func Example_readme() {
	cook := func(ctx context.Context, dish string, d time.Duration) *task.Task[string] {
		return task.Go(ctx, func(ctx context.Context) (string, error) {
			defer fmt.Println(dish, "is ready")
			return dish, task.Sleep(ctx, d)
		})
	}
	menu, err := task.Run(context.Background(), func(ctx context.Context) ([]string, error) {
		return task.Gather(cook(ctx, "soup", 2*time.Hour), cook(ctx, "bread", time.Hour)).Await(ctx)
	}, loop.WithVirtualTime())
	fmt.Println(menu, err)
	// Output:
	// bread is ready
	// soup is ready
	// [soup bread] <nil>
}

// A host, such as a game, that drives the loop and moves the loop's clock.
func Example_embed() {
	clock := timer.NewVirtual()
	l := loop.New(loop.WithClock(clock))
	defer l.Close()

	task.Go(l.Context(), func(ctx context.Context) (string, error) {
		for range 2 {
			if err := task.Sleep(ctx, 20*time.Millisecond); err != nil {
				return "", err
			}
			fmt.Println("step at", l.Elapsed())
		}
		return "done", nil
	})

	for frame := range 4 {
		fmt.Println("frame", frame)
		l.RunUntilIdle()
		clock.Advance(16 * time.Millisecond)
	}
	// Output:
	// frame 0
	// frame 1
	// frame 2
	// step at 32ms
	// frame 3
}

func TestGivesUpAfterAnHour(t *testing.T) {
	_, err := task.Run(t.Context(), func(ctx context.Context) (string, error) {
		answer := future.New[string](ctx) // that is never set
		return task.WaitFor(ctx, answer, time.Hour)
	}, loop.WithVirtualTime())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v, want one of a time limit", err)
	}
}
