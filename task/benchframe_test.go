package task_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// A cast is a set of machines that wait for the next frame, again and again.
type cast struct {
	loop    *loop.Loop
	next    *future.Future[int]
	way     wayToAwait
	actors  []*task.Task[int]
	resumed int
}

// A wayToAwait says how to make the future of a frame, and how each machine awaits it.
type wayToAwait struct {
	make func(ctx context.Context) *future.Future[int]
	wait func(next *future.Future[int]) loop.Awaitable
}

var waysToAwait = map[string]wayToAwait{
	"shared":  {future.NewShared[int], func(next *future.Future[int]) loop.Awaitable { return next }},
	"shields": {future.New[int], func(next *future.Future[int]) loop.Awaitable { return task.Shield(next) }},
}

// newCast makes a cast of n machines that wait.
func newCast(tb testing.TB, way string, n int) *cast {
	l := testkit.NewLoop(tb)
	c := &cast{loop: l, way: waysToAwait[way]}
	c.next = c.way.make(l.Context())
	for range n {
		c.spawn()
	}
	l.RunUntilIdle()
	return c
}

func (c *cast) spawn() {
	c.actors = append(c.actors, goFunc(c.loop.Context(), func(_ context.Context, err error) (int, task.Suspension, error) {
		c.resumed++
		return 0, task.On(c.way.wait(c.next)), err
	}))
}

// frame runs one frame.
func (c *cast) frame() {
	now := c.next
	c.next = c.way.make(c.loop.Context())
	_ = now.SetResult(1)
	c.loop.RunUntilIdle()
}

// BenchmarkFrame measures a frame of machines that wait for the next frame. In each frame, leave
// machines are canceled, and as many are made. The operation is a machine in a frame.
func BenchmarkFrame(b *testing.B) {
	for _, way := range []string{"shared", "shields"} {
		for _, leave := range []int{0, 1, 100} {
			b.Run(fmt.Sprintf("%s/leave=%d", way, leave), func(b *testing.B) {
				const n = 10_000
				c := newCast(b, way, n)
				var clocks clocks
				frames := 0
				for b.Loop() {
					clocks.time(func() {
						for range leave {
							c.actors[0].Cancel(nil)
							c.actors = c.actors[1:]
							c.spawn()
						}
						c.frame()
					})
					frames++
				}
				clocks.report(b, frames*n)
			})
		}
	}
}
