package queue_test

import (
	"context"
	"testing"

	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/queue"
)

// In debug mode, a change from another goroutine than the loop's panics if a task has ever
// waited at the queue, also when no task waits any more.
func TestDebugFindsUseOnAnotherGoroutine(t *testing.T) {
	l := testkit.NewLoop(t, testkit.DebugMode)
	q := queue.New[int](0)
	testkit.Spawn(l.Context(), "gets", func(ctx context.Context) error {
		v, err := q.Get(ctx)
		testkit.NoError(t, err)
		testkit.Equal(t, "the item", v, 1)
		for what, call := range map[string]func(){
			"TryPut":                 func() { _ = q.TryPut(2) },
			"TryGet":                 func() { _, _ = q.TryGet() },
			"Done":                   q.Done,
			"Shutdown":               func() { q.Shutdown(true) },
			"using a task's context": func() { _ = q.Put(ctx, 2) },
		} {
			testkit.Goexits(func() { testkit.Panics(t, "loop: "+what+" from another goroutine than the loop's; use Post", call) })
		}
		testkit.Equal(t, "items", q.Len(), 0)
		testkit.Equal(t, "items undone", q.Undone(), 1)
		return q.Put(ctx, 3) // succeeds, as the queue was not shut down
	})
	testkit.Spawn(l.Context(), "puts", func(ctx context.Context) error { return q.Put(ctx, 1) })
	testkit.NoError(t, l.Run())
}
