package task_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// fetch returns a body that stands for a slow request. It takes so many seconds, and fails if the
// number is negative.
func fetch(seconds int) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if err := task.Sleep(ctx, time.Duration(max(seconds, -seconds))*time.Second); err != nil {
			return "", err
		}
		if seconds < 0 {
			return "", fmt.Errorf("nothing after %d s", -seconds)
		}
		return fmt.Sprintf("page %d", seconds), nil
	}
}

// The results are in the order of the arguments, whichever task ends first.
func ExampleGather() {
	pages, err := task.Run(context.Background(), func(ctx context.Context) ([]string, error) {
		return task.Gather(
			task.Go(ctx, fetch(3)),
			task.Go(ctx, fetch(1)),
			task.Go(ctx, fetch(2)),
		).Await(ctx)
	}, loop.WithVirtualTime())
	fmt.Println(pages, err)
	// Output: [page 3 page 1 page 2] <nil>
}

// Untyped makes it possible to gather results of different types.
func ExampleGather_untyped() {
	all, err := task.Run(context.Background(), func(ctx context.Context) ([]any, error) {
		number := future.New[int](ctx)
		_ = number.SetResult(7)
		return task.Gather(
			future.Untyped(task.Go(ctx, fetch(1))),
			future.Untyped(number),
		).Await(ctx)
	}, loop.WithVirtualTime())
	fmt.Println(all, err)
	// Output: [page 1 7] <nil>
}

// The error of one task is one of the outcomes, and the other task goes on.
func ExampleCollect() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		outcomes, err := task.Collect(
			task.Go(ctx, fetch(2)),
			task.Go(ctx, fetch(-1)),
		).Await(ctx)
		for _, o := range outcomes {
			fmt.Printf("%q, %v\n", o.Value, o.Err)
		}
		return err
	}), loop.WithVirtualTime())
	// Output:
	// "page 2", <nil>
	// "", nothing after 1 s
}

// The outcome of a canceled task is a cancellation.
func ExampleOutcome() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		t := task.Go(ctx, fetch(1))
		t.Cancel(nil)
		outcomes, err := task.Collect(t).Await(ctx)
		var canceled task.Outcome[string] = outcomes[0]
		fmt.Println(errors.Is(canceled.Err, future.ErrCanceled))
		return err
	}), loop.WithVirtualTime())
	// Output: true
}

// When the limit expires, it cancels the shield. The shielded task goes on.
func ExampleShield() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		save := task.Go(ctx, fetch(3))
		_, err := task.WaitFor(ctx, task.Shield(save), time.Second)
		fmt.Println(err)
		v, err := save.Await(ctx)
		fmt.Println(v, err)
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// time limit of 1s expired
	// page 3 <nil>
}

// A task that ends within the limit, and a task that takes longer and is canceled.
func ExampleWaitFor() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		v, err := task.WaitFor(ctx, task.Go(ctx, fetch(1)), 2*time.Second)
		fmt.Println(v, err)

		slow := task.Go(ctx, fetch(60))
		_, err = task.WaitFor(ctx, slow, 2*time.Second)
		fmt.Println(errors.Is(err, context.DeadlineExceeded), slow.Canceled())
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// page 1 <nil>
	// true true
}

// Wait until the first of three tasks is done. It cancels nothing, so the program cancels the other
// two.
func ExampleWait() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		done, pending, err := task.Wait(ctx, task.NoLimit, task.FirstCompleted,
			task.Go(ctx, fetch(3)),
			task.Go(ctx, fetch(1)),
			task.Go(ctx, fetch(2)),
		)
		if err != nil {
			return err
		}
		fmt.Println(done[0].Result())
		for _, t := range pending {
			t.Cancel(nil)
		}
		fmt.Println(len(pending), "canceled")
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// page 1 <nil>
	// 2 canceled
}

// The three conditions, for a task that ends after 1 s, a task that fails after 2 s, and a task
// that ends after 3 s.
func ExampleUntil() {
	for _, until := range []task.Until{task.AllCompleted, task.FirstCompleted, task.FirstError} {
		_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
			done, pending, err := task.Wait(ctx, task.NoLimit, until,
				task.Go(ctx, fetch(1)), task.Go(ctx, fetch(-2)), task.Go(ctx, fetch(3)))
			for _, t := range done {
				_ = t.Err() // takes the error; otherwise the loop reports it
			}
			fmt.Println(len(done), "done,", len(pending), "pending, after", lowlevel.LoopOf(ctx).Elapsed())
			return err
		}), loop.WithVirtualTime())
	}
	// Output:
	// 3 done, 0 pending, after 3s
	// 1 done, 2 pending, after 1s
	// 2 done, 1 pending, after 2s
}

// The pages in the order in which they come, until a time limit expires.
func ExampleAsCompleted() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		pages := []*task.Task[string]{
			task.Go(ctx, fetch(2)),
			task.Go(ctx, fetch(60)),
			task.Go(ctx, fetch(1)),
		}
		for t, err := range task.AsCompleted(ctx, 10*time.Second, pages...) {
			if err != nil {
				fmt.Println(err)
				break
			}
			fmt.Println(t.Result())
		}
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// page 1 <nil>
	// page 2 <nil>
	// time limit of 10s expired
}
