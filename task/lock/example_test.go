package lock_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
)

// A task reads the balance, waits for the bank, and writes the new balance. The mutex keeps
// the other tasks from doing the same in the meantime. So all three withdrawals count.
func Example() {
	balance, err := task.Run(context.Background(), func(ctx context.Context) (int, error) {
		var mu lock.Mutex
		balance := 100
		withdraw := func(ctx context.Context, amount int) error {
			if err := mu.Lock(ctx); err != nil {
				return err // the task was canceled while it waited for the mutex
			}
			defer mu.Unlock()
			before := balance
			if err := task.Sleep(ctx, time.Second); err != nil { // ask the bank
				return err
			}
			balance = before - amount
			return nil
		}
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			for range 3 {
				err := g.Go(func(ctx context.Context) error { return withdraw(ctx, 10) })
				if err != nil {
					return err
				}
			}
			return nil
		})
		return balance, err
	}, loop.WithVirtualTime())
	fmt.Println(balance, err)
	// Output:
	// 70 <nil>
}

// play runs main on a loop with a virtual clock, and prints the error if there is one.
func play(main func(ctx context.Context) error) {
	_, err := task.Run(context.Background(), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, main(ctx)
	}, loop.WithVirtualTime())
	if err != nil {
		fmt.Println(err)
	}
}

// A mutex is fair: the tasks get it in the order in which they called Lock, one at a time.
func ExampleMutex() {
	play(func(ctx context.Context) error {
		var mu lock.Mutex
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			for _, name := range []string{"A", "B", "C"} {
				err := g.Go(func(ctx context.Context) error {
					if err := mu.Lock(ctx); err != nil {
						return err
					}
					defer mu.Unlock()
					fmt.Println(name, "has the mutex at", lowlevel.LoopOf(ctx).Elapsed())
					return task.Sleep(ctx, time.Second)
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	// Output:
	// A has the mutex at 0s
	// B has the mutex at 1s
	// C has the mutex at 2s
}

// Two tasks wait for an event. A timer sets it after three seconds.
func ExampleEvent() {
	play(func(ctx context.Context) error {
		var ready lock.Event
		lowlevel.LoopOf(ctx).CallLater(3*time.Second, ready.Set)
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			for _, name := range []string{"A", "B"} {
				err := g.Go(func(ctx context.Context) error {
					if err := ready.Wait(ctx); err != nil {
						return err
					}
					fmt.Println(name, "goes on at", lowlevel.LoopOf(ctx).Elapsed())
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	// Output:
	// A goes on at 3s
	// B goes on at 3s
}

// Two tasks buy from a stock. Each task waits until the stock is large enough. Whenever the stock
// has changed, it checks that again.
func ExampleCond() {
	play(func(ctx context.Context) error {
		var changed lock.Cond
		stock := 0
		buy := func(n int) func(ctx context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				if err := changed.Lock(ctx); err != nil {
					return 0, err
				}
				defer changed.Unlock()
				if err := changed.WaitFor(ctx, func() bool { return stock >= n }); err != nil {
					return 0, err
				}
				stock -= n
				fmt.Println("bought", n, "with", stock, "left")
				return n, nil
			}
		}
		large, small := task.Go(ctx, buy(5)), task.Go(ctx, buy(2))
		for range 3 {
			if err := task.Sleep(ctx, time.Second); err != nil {
				return err
			}
			if err := changed.Lock(ctx); err != nil {
				return err
			}
			stock += 3
			fmt.Println("stock", stock)
			changed.Broadcast()
			changed.Unlock()
		}
		_, err := task.Gather(large, small).Await(ctx)
		return err
	})
	// Output:
	// stock 3
	// bought 2 with 1 left
	// stock 4
	// stock 7
	// bought 5 with 2 left
}

// At most two downloads run at the same time.
func ExampleSemaphore() {
	play(func(ctx context.Context) error {
		slots := lock.NewBounded(2)
		download := func(name string) func(ctx context.Context) error {
			return func(ctx context.Context) error {
				if err := slots.Acquire(ctx); err != nil {
					return err
				}
				defer slots.Release()
				fmt.Println(name, "begins at", lowlevel.LoopOf(ctx).Elapsed())
				return task.Sleep(ctx, time.Second)
			}
		}
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			for _, name := range []string{"A", "B", "C", "D", "E"} {
				if err := g.Go(download(name)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	// Output:
	// A begins at 0s
	// B begins at 0s
	// C begins at 1s
	// D begins at 1s
	// E begins at 2s
}

// A rate limiter: a request takes a permit, and a timer releases it one second later. So
// no period of one second has more than three requests in it, wherever the period begins.
func ExampleSemaphore_rateLimiter() {
	play(func(ctx context.Context) error {
		permits := lock.NewBounded(3)
		request := func(ctx context.Context, n int) error {
			if err := permits.Acquire(ctx); err != nil {
				return err
			}
			l := lowlevel.LoopOf(ctx)
			l.CallLater(time.Second, permits.Release)
			fmt.Println("request", n, "at", l.Elapsed())
			return nil
		}
		for n := range 8 {
			if err := request(ctx, n); err != nil {
				return err
			}
			if err := task.Sleep(ctx, 100*time.Millisecond); err != nil { // the work
				return err
			}
		}
		return nil
	})
	// Output:
	// request 0 at 0s
	// request 1 at 100ms
	// request 2 at 200ms
	// request 3 at 1s
	// request 4 at 1.1s
	// request 5 at 1.2s
	// request 6 at 2s
	// request 7 at 2.1s
}

// Three workers compute in steps. No worker begins the next step before all workers have
// ended the current one.
func ExampleBarrier() {
	play(func(ctx context.Context) error {
		step := lock.NewBarrier(3)
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			for worker := range 3 {
				err := g.Go(func(ctx context.Context) error {
					for n := range 2 {
						if err := task.Sleep(ctx, time.Duration(worker+1)*time.Second); err != nil {
							return err
						}
						last, err := step.Wait(ctx)
						if err != nil {
							return err
						}
						if last == step.Parties()-1 {
							fmt.Println("step", n, "is over at", lowlevel.LoopOf(ctx).Elapsed())
						}
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	// Output:
	// step 0 is over at 3s
	// step 1 is over at 6s
}

// Abort breaks the barrier: the task that waits there gets ErrBroken.
func ExampleBarrier_Abort() {
	play(func(ctx context.Context) error {
		start := lock.NewBarrier(2)
		runner := task.Go(ctx, start.Wait)
		if err := task.Yield(ctx); err != nil {
			return err
		}
		if err := start.Abort(ctx); err != nil {
			return err
		}
		_, err := runner.Await(ctx)
		fmt.Println(errors.Is(err, lock.ErrBroken), start.Broken())
		return nil
	})
	// Output:
	// true true
}

// Two tasks take two locks in opposite order, and wait for each other. The locks have
// names, so the report says which task holds which lock.
func ExampleMutex_SetName() {
	play(func(ctx context.Context) error {
		var left, right lock.Mutex
		left.SetName("left fork")
		right.SetName("right fork")
		eat := func(first, second *lock.Mutex) func(ctx context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				if err := first.Lock(ctx); err != nil {
					return 0, err
				}
				defer first.Unlock()
				if err := task.Sleep(ctx, time.Second); err != nil { // think
					return 0, err
				}
				if err := second.Lock(ctx); err != nil {
					return 0, err
				}
				defer second.Unlock()
				return 1, nil
			}
		}
		plato := task.Go(ctx, eat(&left, &right), task.Named("Plato"))
		kant := task.Go(ctx, eat(&right, &left), task.Named("Kant"))
		_, err := task.Gather(plato, kant).Await(ctx)
		return err
	})
	// Output:
	// loop: deadlock: nothing can wake the 3 tasks that are left
	// 	main awaits a gather of 2
	// 	Plato awaits mutex "right fork", held by "Kant"
	// 	Kant awaits mutex "left fork", held by "Plato"
	// 	in a circle: Plato -> Kant -> Plato
}
