package queue_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/queue"
)

// A pipeline is stuck: the producer waits for room, the consumer waits for an item of
// another queue, and the main task waits for the end of the work.
func TestDeadlockSaysNames(t *testing.T) {
	_, err := task.Run(t.Context(), func(ctx context.Context) (struct{}, error) {
		jobs, results := queue.New[int](1), queue.NewLIFO[int](0)
		jobs.SetName("jobs")
		results.SetName("results")
		testkit.Spawn(ctx, "producer", func(ctx context.Context) error {
			for v := range 3 {
				if err := jobs.Put(ctx, v); err != nil {
					return err
				}
			}
			return nil
		})
		testkit.Spawn(ctx, "consumer", func(ctx context.Context) error {
			_, err := results.Get(ctx)
			return err
		})
		testkit.NoError(t, testkit.Yield(ctx, 1))
		return struct{}{}, jobs.Join(ctx)
	}, loop.WithVirtualTime())
	var d *loop.DeadlockError
	if !errors.As(err, &d) {
		t.Fatalf("Run returned %v, want a deadlock", err)
	}
	testkit.Equal(t, "tasks in a circle", len(d.Cycle), 0)
	testkit.Equal(t, "the error", d.Error(), `loop: deadlock: nothing can wake the 3 tasks that are left
	main awaits the end of the work on queue "jobs", with 1 undone
	producer awaits room in queue "jobs", which holds 1
	consumer awaits an item of queue "results"`)
}

func TestGraphWithoutNames(t *testing.T) {
	l := testkit.NewLoop(t)
	q := queue.New[int](1)
	other := queue.New[int](0)
	testkit.NoError(t, q.TryPut(1))
	testkit.Spawn(l.Context(), "getter", func(ctx context.Context) error { _, err := other.Get(ctx); return err })
	testkit.Spawn(l.Context(), "putter", func(ctx context.Context) error { return q.Put(ctx, 2) })
	testkit.Spawn(l.Context(), "joiner", q.Join)
	l.RunUntilIdle()
	var b strings.Builder
	testkit.NoError(t, l.WriteGraph(&b, false))
	testkit.Equal(t, "the graph", b.String(), `getter awaits an item of a queue
putter awaits room in a queue, which holds 1
joiner awaits the end of the work on a queue, with 1 undone
`)
}
