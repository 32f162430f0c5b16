package task_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// The first program asks for two pages at the same time, and waits for both. The package's
// documentation explains it.
func Example() {
	pages, err := task.Run(context.Background(), func(ctx context.Context) ([]string, error) {
		get := func(page string, d time.Duration) *task.Task[string] {
			return task.Go(ctx, func(ctx context.Context) (string, error) {
				fmt.Println("ask for", page)
				if err := task.Sleep(ctx, d); err != nil { // stands for a server that takes some time
					return "", err
				}
				fmt.Println("got", page)
				return "<" + page + ">", nil
			})
		}
		return task.Gather(get("news", 2*time.Second), get("weather", time.Second)).Await(ctx)
	}, loop.WithVirtualTime()) // without this option it takes two seconds
	fmt.Println(pages, err)
	// Output:
	// ask for news
	// ask for weather
	// got weather
	// got news
	// [<news> <weather>] <nil>
}

// A body is an ordinary function. With a virtual clock, a day of sleep takes no real time.
func ExampleRun() {
	answer, err := task.Run(context.Background(), func(ctx context.Context) (int, error) {
		if err := task.Sleep(ctx, 24*time.Hour); err != nil {
			return 0, err
		}
		return 42, nil
	}, loop.WithVirtualTime())
	fmt.Println(answer, err)
	// Output: 42 <nil>
}

// Both tasks await a future that no code completes. Run reports a deadlock, and names the tasks.
func ExampleRun_deadlock() {
	_, err := task.Run(context.Background(), func(ctx context.Context) (string, error) {
		answer := future.New[string](ctx)
		task.Go(ctx, func(ctx context.Context) (string, error) {
			return answer.Await(ctx)
		}, task.Named("reader"))
		return answer.Await(ctx)
	}, loop.WithVirtualTime())
	fmt.Println(err)
	// Output:
	// loop: deadlock: nothing can wake the 2 tasks that are left
	// 	main awaits a future
	// 	reader awaits a future
}

// Tasks begin in the order in which they were made, when the task that makes them suspends.
func ExampleGo() {
	_, _ = task.Run(context.Background(), func(ctx context.Context) (int, error) {
		hello := func(name string) func(context.Context) (int, error) {
			return func(context.Context) (int, error) {
				fmt.Println("hello from", name)
				return len(name), nil
			}
		}
		a := task.Go(ctx, hello("a"))
		task.Go(ctx, hello("b"))
		fmt.Println("both are made")
		return a.Await(ctx)
	}, loop.WithVirtualTime())
	// Output:
	// both are made
	// hello from a
	// hello from b
}

// A task is the future of its body's result.
func ExampleTask() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		t := task.Go(ctx, func(ctx context.Context) (string, error) {
			return "ready", task.Sleep(ctx, time.Second)
		})
		_, err := t.Result()
		fmt.Println(t.Done(), errors.Is(err, future.ErrInvalidState))

		v, err := t.Await(ctx)
		fmt.Println(t.Done(), v, err)
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// false true
	// true ready <nil>
}

// Canceling is asking. The await of the body returns the cancellation, and the body may clean up.
func ExampleTask_Cancel() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		t := task.Go(ctx, task.Void(func(ctx context.Context) error {
			err := task.Sleep(ctx, time.Hour)
			fmt.Println("the body is told:", err)
			return err
		}))
		if err := task.Yield(ctx); err != nil {
			return err
		}
		fmt.Println("taken:", t.Cancel(errors.New("not needed any more")))
		_, err := t.Await(ctx)
		fmt.Println(t.Canceled(), errors.Is(err, context.Canceled))
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// taken: true
	// the body is told: canceled: not needed any more
	// true true
}

// A body that handles a cancellation, and returns a result, takes the request back.
func ExampleTask_Uncancel() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		t := task.Go(ctx, func(ctx context.Context) (string, error) {
			if err := task.Sleep(ctx, time.Hour); errors.Is(err, future.ErrCanceled) {
				task.Current(ctx).Uncancel()
				return "what there is by now", nil
			}
			return "everything", nil
		})
		if err := task.Yield(ctx); err != nil {
			return err
		}
		t.Cancel(nil)
		fmt.Println("requests:", t.CancelRequests())
		v, err := t.Await(ctx)
		fmt.Println(v, err)
		fmt.Println("requests:", t.CancelRequests())
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// requests: 1
	// what there is by now <nil>
	// requests: 0
}

// A task with a name, and a task without one.
func ExampleNamed() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		nothing := func(context.Context) (int, error) { return 0, nil }
		fmt.Println(task.Go(ctx, nothing, task.Named("poller")))
		fmt.Println(task.Go(ctx, nothing)) // the third task of this loop: main is the first
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// task "poller"
	// task "Task-3"
}

// A panic in a task is an error for the task that awaits it.
func ExamplePanicError() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		t := task.Go(ctx, func(context.Context) (int, error) {
			var none []int
			return none[3], nil
		}, task.Named("careless"))
		_, err := t.Await(ctx)

		var p *task.PanicError
		fmt.Println(errors.As(err, &p), len(p.Stack) > 0)
		fmt.Println(err)
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// true true
	// panic in task "careless": runtime error: index out of range [3] with length 0
}

// Three tasks sort numbers by sleeping.
func ExampleSleep() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		for _, s := range []int{3, 1, 2} {
			task.Go(ctx, task.Void(func(ctx context.Context) error {
				err := task.Sleep(ctx, time.Duration(s)*time.Second)
				fmt.Println(s)
				return err
			}))
		}
		return task.Sleep(ctx, time.Minute)
	}), loop.WithVirtualTime())
	// Output:
	// 1
	// 2
	// 3
}

// Two tasks take turns: Yield lets everything that is ready run first.
func ExampleYield() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		count := func(name string) *task.Task[struct{}] {
			return task.Go(ctx, task.Void(func(ctx context.Context) error {
				for n := range 3 {
					fmt.Print(name, n, " ")
					if err := task.Yield(ctx); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		return task.Gather(count("a"), count("b")).Wait(ctx)
	}), loop.WithVirtualTime())
	// Output: a0 b0 a1 b1 a2 b2
}

// A host drives the loop itself, turn by turn, and ends the tasks as Run would.
func ExampleShutdown() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	task.Go(l.Context(), task.Void(func(ctx context.Context) error {
		defer fmt.Println("saved")
		for {
			if err := task.Yield(ctx); err != nil {
				return err
			}
			fmt.Println("tick")
		}
	}))
	for range 3 {
		l.RunOnce()
	}
	fmt.Println(task.Shutdown(l))
	// Output:
	// tick
	// tick
	// saved
	// <nil>
}

// With Eager, a task that finds its value in the cache is done when Go returns.
func ExampleEager() {
	cache := map[string]int{"a": 1}
	get := func(key string) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			if v, ok := cache[key]; ok {
				return v, nil // needs no turn of the loop
			}
			return 2, task.Sleep(ctx, time.Second)
		}
	}
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		a := task.Go(ctx, get("a"), task.Eager())
		b := task.Go(ctx, get("b"), task.Eager())
		fmt.Println("done:", a.Done(), b.Done())
		return task.Gather(a, b).Wait(ctx)
	}), loop.WithVirtualTime())
	// Output: done: true false
}
