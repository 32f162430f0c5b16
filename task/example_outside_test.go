package task_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// A long computation runs on another goroutine, and the other tasks go on.
func ExampleBlocking() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		task.Go(ctx, task.Void(func(context.Context) error {
			fmt.Println("the others go on")
			return nil
		}))
		sum, err := task.Blocking(ctx, func(context.Context) (int64, error) {
			var sum int64
			for n := range int64(1_000_001) {
				sum += n
			}
			return sum, nil
		})
		fmt.Println(sum, err)
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// the others go on
	// 500000500000 <nil>
}

// The first Ctrl-C cancels main, and main may clean up. Then stop removes the signal handler, so
// the second Ctrl-C ends the program at once.
func ExampleRun_interrupt() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop)
	_, err := task.Run(ctx, func(ctx context.Context) (int, error) {
		stop() // stands for Ctrl-C here, since it ends ctx, too
		if err := task.Sleep(ctx, time.Hour); err != nil {
			fmt.Println("cleaning up")
			return 0, err
		}
		return 1, nil
	})
	fmt.Println(err)
	fmt.Println("interrupted:", errors.Is(err, future.ErrCanceled))
	// Output:
	// cleaning up
	// canceled: context canceled
	// interrupted: true
}

// A loop that serves, and a goroutine that asks it three times.
func ExampleSubmit() {
	l := loop.New()
	defer l.Close()
	visits := 0 // no lock: only tasks of the loop touch it
	go func() {
		for range 3 {
			n, err := task.Submit(context.Background(), l, func(ctx context.Context) (int, error) {
				visits++
				return visits, task.Yield(ctx)
			}).Wait(context.Background())
			fmt.Println(n, err)
		}
		_ = l.Post(l.Stop)
	}()
	fmt.Println(l.Run())
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
	// <nil>
}

// A task receives lines from a goroutine. The loop goes on while the task waits.
func ExampleRecv() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		lines := make(chan string)
		go func() {
			defer close(lines)
			lines <- "one"
			lines <- "two"
		}()
		for {
			line, ok, err := task.Recv(ctx, lines)
			if !ok || err != nil {
				fmt.Println("the end", err)
				return err
			}
			fmt.Println(line)
		}
	}))
	// Output:
	// one
	// two
	// the end <nil>
}

// Two tasks of one loop talk over a channel.
func ExampleSend() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		numbers := make(chan int)
		task.Go(ctx, task.Void(func(ctx context.Context) error {
			defer close(numbers)
			for n := range 3 {
				if err := task.Send(ctx, numbers, n); err != nil {
					return err
				}
			}
			return nil
		}))
		for {
			n, ok, err := task.Recv(ctx, numbers)
			if !ok || err != nil {
				return err
			}
			fmt.Println(n)
		}
	}), loop.WithVirtualTime())
	// Output:
	// 0
	// 1
	// 2
}

// A log function that finds the name of the task in the context.
func ExampleCurrent() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		log := func(ctx context.Context, text string) {
			fmt.Printf("[%s] %s\n", task.Current(ctx).Name(), text)
		}
		log(ctx, "begins")
		_, err := task.Go(ctx, task.Void(func(ctx context.Context) error {
			log(ctx, "begins too")
			return nil
		}), task.Named("worker")).Await(ctx)
		return err
	}), loop.WithVirtualTime())
	// Output:
	// [main] begins
	// [worker] begins too
}

// The tasks that are left after two seconds, and what each of them does.
func ExampleAll() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		task.Go(ctx, fetch(1), task.Named("a"))
		task.Go(ctx, fetch(3), task.Named("b"))
		if err := task.Sleep(ctx, 2*time.Second); err != nil {
			return err
		}
		for _, t := range task.All(ctx) {
			fmt.Println(t.Name(), t.Status())
		}
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// main is running
	// b sleeps until 3s
}

// A report of which task awaits which. PrintGraph adds the place in the source where each task is
// suspended.
func ExamplePrintGraph() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		l := lowlevel.LoopOf(ctx)
		l.CallLater(time.Second, func() {
			_ = l.WriteGraph(os.Stdout, false) // task.PrintGraph(l.Context(), os.Stdout), without the stacks
			l.Stop()
		})
		return task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			slow, err := task.GoIn(g, fetch(60), task.Named("slow"))
			if err != nil {
				return err
			}
			return g.Go(func(ctx context.Context) error {
				_, err := task.Gather[future.Awaitable[string]](task.Shield(slow), slow).Await(ctx)
				return err
			}, task.Named("reader"))
		})
	}), loop.WithVirtualTime())
	// Output:
	// main awaits its group
	// ├─ slow sleeps until 1m0s
	// └─ reader awaits a gather of 2
	//    ├─ a shield
	//    │  └─ slow (above)
	//    └─ slow (above)
}

// Both bodies run before the goroutine asks for a result.
func ExampleSubmission() {
	l := loop.New()
	defer l.Close()
	go func() {
		ctx := context.Background()
		soup, bread := task.Submit(ctx, l, sleepThen(time.Microsecond, "soup")), task.Submit(ctx, l, sleepThen(time.Hour, "bread"))
		fmt.Println(soup.Wait(ctx))
		bread.Cancel(nil)
		fmt.Println(bread.Wait(ctx))
		_ = l.Post(l.Stop)
	}()
	fmt.Println(l.Run())
	// Output:
	// soup <nil>
	//  canceled
	// <nil>
}
