package queue_test

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/task/queue"
)

// The worker waits for a job or for the event end, whichever comes first. If both come together,
// the worker does the job before it ends.
func ExampleQueue_Getting() {
	play(func(ctx context.Context) error {
		jobs := queue.New[string](0)
		var end lock.Event
		worker := task.Go(ctx, func(ctx context.Context) (int, error) {
			ended := end.Waiting(ctx)
			defer ended.Cancel(nil)
			for n := 0; ; n++ {
				getting := jobs.Getting(ctx)
				_, _, err := task.Wait[future.Any](ctx, task.NoLimit, task.FirstCompleted, getting, ended)
				if getting.Cancel(nil) {
					fmt.Println("no job came, and it ends at", lowlevel.LoopOf(ctx).Elapsed())
					return n, err
				}
				job, failed := getting.Result()
				if failed != nil {
					return n, failed
				}
				fmt.Println("does", job)
			}
		})
		for _, job := range []string{"one", "two"} {
			if err := jobs.Put(ctx, job); err != nil {
				return err
			}
		}
		if err := task.Sleep(ctx, time.Second); err != nil {
			return err
		}
		end.Set()
		n, err := worker.Await(ctx)
		fmt.Println(n, "jobs")
		return err
	})
	// Output:
	// does one
	// does two
	// no job came, and it ends at 1s
	// 2 jobs
}
