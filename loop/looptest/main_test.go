package looptest_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/takt-go/takt/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type none = struct{}

// spawn makes a task without a result.
func spawn(ctx context.Context, name string, body func(ctx context.Context) error) *task.Task[none] {
	return task.Go(ctx, func(ctx context.Context) (none, error) { return none{}, body(ctx) }, task.Name(name))
}

// together runs the bodies as tasks named A, B, C, ..., and waits for all of them.
func together(ctx context.Context, bodies ...func(ctx context.Context) error) error {
	tasks := make([]*task.Task[none], len(bodies))
	for at, body := range bodies {
		tasks[at] = spawn(ctx, string(rune('A'+at)), body)
	}
	return task.Gather(tasks...).Wait(ctx)
}

// yields suspends for n turns.
func yields(ctx context.Context, n int) error {
	for range n {
		if err := task.Yield(ctx); err != nil {
			return err
		}
	}
	return nil
}
