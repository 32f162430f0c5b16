package queue_test

import (
	"context"
	"testing"

	"github.com/takt-go/takt/task/queue"
)

// In debug mode a queue that tasks have waited for is not changed on another goroutine than
// the loop's, also where nobody waits any more.
func TestDebugFindsUseOnAnotherGoroutine(t *testing.T) {
	l := virtual(t, inDebugMode)
	q := queue.New[int](0)
	spawn(l.Context(), "gets", func(ctx context.Context) error {
		v, err := q.Get(ctx)
		must(t, err)
		equal(t, "the item", v, 1)
		for what, call := range map[string]func(){
			"TryPut":                 func() { _ = q.TryPut(2) },
			"TryGet":                 func() { _, _ = q.TryGet() },
			"Done":                   q.Done,
			"Shutdown":               func() { q.Shutdown(true) },
			"using a task's context": func() { _ = q.Put(ctx, 2) },
		} {
			exits(func() { panics(t, "loop: "+what+" from another goroutine than the loop's; use Post", call) })
		}
		equal(t, "items", q.Len(), 0)
		equal(t, "items undone", q.Undone(), 1)
		return q.Put(ctx, 3) // it was not shut down
	})
	spawn(l.Context(), "puts", func(ctx context.Context) error { return q.Put(ctx, 1) })
	must(t, l.Run())
}
