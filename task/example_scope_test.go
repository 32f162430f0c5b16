package task_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// When WithGroup returns, every task of the group has ended.
func ExampleWithGroup() {
	_, err := task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		var a, b *task.Task[string]
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) (err error) {
			if a, err = task.GoIn(g, fetch(1)); err != nil {
				return err
			}
			b, err = task.GoIn(g, fetch(2))
			return err
		})
		if err != nil {
			return err
		}
		fmt.Println(a.Result())
		fmt.Println(b.Result())
		return nil
	}), loop.WithVirtualTime())
	fmt.Println(err)
	// Output:
	// page 1 <nil>
	// page 2 <nil>
	// <nil>
}

// The first task that fails cancels the other one.
func ExampleWithGroup_failure() {
	_, err := task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		return task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			if _, err := task.GoIn(g, fetch(-1), task.Named("failing")); err != nil {
				return err
			}
			return g.Go(func(ctx context.Context) error {
				err := task.Sleep(ctx, time.Hour)
				fmt.Println("the other:", err)
				return err
			})
		})
	}), loop.WithVirtualTime())
	fmt.Println(err)
	// Output:
	// the other: canceled
	// failing: nothing after 1 s
}

// Three tasks without results. WithGroup waits for them.
func ExampleGroup() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		return task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			for n := range 3 {
				if err := g.Go(func(ctx context.Context) error {
					err := task.Sleep(ctx, time.Duration(n)*time.Second)
					fmt.Println(n, "at", lowlevel.LoopOf(ctx).Elapsed())
					return err
				}); err != nil {
					return err
				}
			}
			return nil
		})
	}), loop.WithVirtualTime())
	// Output:
	// 0 at 0s
	// 1 at 1s
	// 2 at 2s
}

// GoIn returns the task, so the body of the group can await its result.
func ExampleGoIn() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			page, err := task.GoIn(g, fetch(1))
			if err != nil {
				return err
			}
			fmt.Println(page.Await(ctx))
			return nil
		})
	}), loop.WithVirtualTime())
	// Output: page 1 <nil>
}

// Go returns an error if the group takes no more tasks.
func ExampleGroup_Go() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			g.Cancel()
			err := g.Go(func(context.Context) error { return nil })
			fmt.Println(err)
			return nil
		})
		fmt.Println(err)
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// task: the group is shutting down, after an error or a cancellation; it takes no more tasks
	// <nil>
}

// The first task that finds a page cancels the group, and so ends the search.
func ExampleGroup_Cancel() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		found := ""
		err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			for _, seconds := range []int{3, 1, 2} {
				if err := g.Go(func(ctx context.Context) error {
					page, err := fetch(seconds)(ctx)
					if err == nil {
						found = page
						g.Cancel()
					}
					return err
				}); err != nil {
					return err
				}
			}
			return nil
		})
		fmt.Println(found, err, lowlevel.LoopOf(ctx).Elapsed())
		return nil
	}), loop.WithVirtualTime())
	// Output: page 1 <nil> 1s
}

// Two tasks fail. The error holds both errors, and errors.Is looks into each.
func ExampleGroupError() {
	broken := errors.New("broken")
	_, err := task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			if _, err := task.GoIn(g, fetch(-1), task.Named("a")); err != nil {
				return err
			}
			return g.Go(func(ctx context.Context) error {
				_ = task.Sleep(ctx, time.Hour)
				return broken // an error in its clean-up
			}, task.Named("b"))
		})
	}), loop.WithVirtualTime())
	var g *task.GroupError
	fmt.Println(errors.As(err, &g), len(g.Errors), errors.Is(err, broken))
	fmt.Println(err)
	// Output:
	// true 2 true
	// 2 errors in a group
	// 	a: nothing after 1 s
	// 	b: broken
}

// A loop over pages, as far as it comes in 8 seconds.
func ExampleTimeout() {
	_, err := task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		return task.Timeout(ctx, 8*time.Second, func(ctx context.Context, _ *task.Deadline) error {
			for n := 1; ; n++ {
				if _, err := fetch(n)(ctx); err != nil {
					return err
				}
				fmt.Println("page", n, "at", lowlevel.LoopOf(ctx).Elapsed())
			}
		})
	}), loop.WithVirtualTime())
	fmt.Println(err)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// page 1 at 1s
	// page 2 at 3s
	// page 3 at 6s
	// time limit of 8s expired
	// true
}

// One instant limits several calls.
func ExampleTimeoutAt() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		midnight := lowlevel.LoopOf(ctx).Now().Add(5 * time.Second)
		for _, seconds := range []int{2, 2, 2} {
			err := task.TimeoutAt(ctx, midnight, func(ctx context.Context, _ *task.Deadline) error {
				_, err := fetch(seconds)(ctx)
				return err
			})
			fmt.Println(lowlevel.LoopOf(ctx).Elapsed(), err)
		}
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// 2s <nil>
	// 4s <nil>
	// 5s time limit expired at 2000-01-01 00:00:05.000 UTC
}

// A body that swallows the cancellation can ask whether the limit has expired.
func ExampleDeadline() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		return task.Timeout(ctx, time.Second, func(ctx context.Context, scope *task.Deadline) error {
			when, _ := scope.When()
			fmt.Println("until", when.Format(time.TimeOnly))
			_ = task.Sleep(ctx, time.Hour)
			fmt.Println("expired:", scope.Expired())
			return nil
		})
	}), loop.WithVirtualTime())
	// Output:
	// until 00:00:01
	// expired: true
}

// A limit on silence: each message moves the limit.
func ExampleDeadline_Reschedule() {
	_, err := task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		l := lowlevel.LoopOf(ctx)
		return task.Timeout(ctx, 2*time.Second, func(ctx context.Context, scope *task.Deadline) error {
			for n := 1; ; n++ {
				if _, err := fetch(n)(ctx); err != nil {
					return err
				}
				fmt.Println("page", n, "at", l.Elapsed())
				if err := scope.Reschedule(l.Now().Add(2500 * time.Millisecond)); err != nil {
					return err
				}
			}
		})
	}), loop.WithVirtualTime())
	fmt.Println(err)
	// Output:
	// page 1 at 1s
	// page 2 at 3s
	// time limit expired at 2000-01-01 00:00:05.500 UTC
}

// Inside the body, an expired limit is a cancellation. Outside, it is a TimeoutError, and no
// cancellation.
func ExampleTimeoutError() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			err := task.Sleep(ctx, time.Hour)
			fmt.Println("inside: ", err, errors.Is(err, context.Canceled))
			return err
		})
		fmt.Println("outside:", err, errors.Is(err, context.Canceled))
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// inside:  canceled: time limit of 1s expired true
	// outside: time limit of 1s expired false
}
