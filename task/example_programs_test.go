package task_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/task/queue"
	"github.com/takt-go/takt/timer"
)

// A chat room: each member waits for a line or for the end of the room, whichever comes first.
func Example_chat() {
	_, err := task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		var closed lock.Event
		room := map[string]*queue.Queue[string]{"ann": queue.New[string](8), "bob": queue.New[string](8)}
		var members []*task.Task[struct{}]
		for _, name := range []string{"ann", "bob"} {
			members = append(members, task.Go(ctx, task.Void(func(ctx context.Context) error {
				end := closed.Waiting(ctx)
				for {
					line := room[name].Getting(ctx)
					if _, _, err := task.Wait(ctx, task.NoLimit, task.FirstCompleted, future.Untyped(line), future.Untyped(end)); err != nil || !line.Done() {
						line.Cancel(nil)
						return err
					}
					text, _ := line.Result()
					fmt.Println(name, "reads", text)
				}
			})))
		}
		for _, text := range []string{"hello", "goodbye"} {
			for _, to := range []string{"ann", "bob"} {
				if err := room[to].Put(ctx, text); err != nil {
					return err
				}
			}
		}
		if err := task.Sleep(ctx, time.Second); err != nil {
			return err
		}
		closed.Set()
		return task.Gather(members...).Wait(ctx)
	}), loop.WithVirtualTime())
	fmt.Println("closed:", err)
	// Output:
	// ann reads hello
	// bob reads hello
	// ann reads goodbye
	// bob reads goodbye
	// closed: <nil>
}

// A workflow engine: a customer must pay an order within three days. The virtual clock starts at a
// chosen date, and the program takes no real time.
func Example_workflow() {
	clock := timer.NewVirtualAt(time.Date(2028, time.February, 27, 9, 0, 0, 0, time.UTC))
	l := loop.New(loop.WithClock(clock))
	defer l.Close()
	paid := map[string]*future.Future[string]{"order 1": future.New[string](l.Context()), "order 2": future.New[string](l.Context())}
	order := func(name string) *task.Task[string] {
		return task.Go(l.Context(), func(ctx context.Context) (string, error) {
			receipt, err := task.Within(ctx, 72*time.Hour, paid[name].Await)
			if err != nil {
				return fmt.Sprint(name, ": ", err, " on ", l.Now().Format(time.DateOnly)), nil
			}
			return fmt.Sprint(name, ": paid by ", receipt, " on ", l.Now().Format(time.DateOnly)), nil
		}, task.Named(name))
	}
	first, second := order("order 1"), order("order 2")
	l.CallLater(30*time.Hour, func() { _ = paid["order 1"].SetResult("card") })
	report, err := task.RunUntilDone(l, task.Gather(first, second))
	for _, line := range report {
		fmt.Println(line)
	}
	fmt.Println(err)
	// Output:
	// order 1: paid by card on 2028-02-28
	// order 2: time limit of 72h0m0s expired on 2028-03-01
	// <nil>
}

// A game: its units are machines. Each machine waits for the next frame. One unit is canceled, and
// the others go on. The host gives the loop a budget of time in each frame.
func Example_game() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	const budget = time.Minute // a real game has some milliseconds for a frame
	frame, next := 0, future.NewShared[struct{}](l.Context())
	unit := func(name string) *task.Task[struct{}] {
		return task.GoMachine(l.Context(), task.MachineFunc[struct{}](func(_ context.Context, err error) (struct{}, task.Suspension, error) {
			if frame > 0 && err == nil {
				fmt.Println(name, "moves in frame", frame)
			}
			return struct{}{}, task.On(next), err
		}))
	}
	units := []*task.Task[struct{}]{unit("elf"), unit("orc"), unit("troll")}
	l.RunUntilIdle() // they wait for the first frame
	for frame = 1; frame <= 2; frame++ {
		now := next
		next = future.NewShared[struct{}](l.Context())
		_ = now.SetResult(struct{}{})
		if l.RunFor(budget) {
			fmt.Println("some units move in the next frame")
		}
		units[1].Cancel(nil)
	}
	// Output:
	// elf moves in frame 1
	// orc moves in frame 1
	// troll moves in frame 1
	// elf moves in frame 2
	// troll moves in frame 2
}

// A fetcher: at most two requests run at the same time, and each request has a time limit. The
// program prints the pages in the order in which they arrive. The first failure cancels the other
// requests.
func Example_fetcher() {
	get := func(page string) func(context.Context) (string, error) { // stands for a request that blocks
		return func(context.Context) (string, error) {
			if page == "broken" {
				return "", errors.New("not found: " + page)
			}
			return "<" + page + ">", nil
		}
	}
	_, err := task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		requests := task.NewPool(2)
		var pages []*task.Task[string]
		for _, page := range []string{"news", "weather", "broken", "sports"} {
			pages = append(pages, task.Go(ctx, func(ctx context.Context) (string, error) {
				return task.Within(ctx, time.Second, func(ctx context.Context) (string, error) {
					return task.BlockingIn(ctx, requests, get(page))
				})
			}))
		}
		for _, page := range task.Completions(pages...) {
			text, err := page.Await(ctx)
			if err != nil {
				task.CancelAll(nil, pages...)
				return err
			}
			fmt.Println(text)
		}
		return nil
	}), loop.WithVirtualTime())
	fmt.Println(err)
	// Output:
	// <news>
	// <weather>
	// not found: broken
}

// A simulation of a bank with one counter: a customer comes every two minutes, and needs the
// counter for three minutes. A customer who has waited for five minutes leaves.
func Example_simulation() {
	served, left, err := 0, 0, error(nil)
	_, err = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		var counter lock.Mutex
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			for range 20 {
				err := g.Go(func(ctx context.Context) error {
					if _, err := task.WaitFor(ctx, counter.Locking(ctx), 5*time.Minute); err != nil {
						left++
						return nil
					}
					defer counter.Unlock()
					served++
					return task.Sleep(ctx, 3*time.Minute)
				})
				if err != nil {
					return err
				}
				if err := task.Sleep(ctx, 2*time.Minute); err != nil {
					return err
				}
			}
			return nil
		})
	}), loop.WithVirtualTime())
	fmt.Println(served, "were served,", left, "have left:", err)
	// Output:
	// 15 were served, 5 have left: <nil>
}
