package queue_test

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/queue"
	"github.com/takt-go/takt/timer"
)

// play runs main on a loop whose clock jumps, and prints its error.
func play(main func(ctx context.Context) error) {
	_, err := task.Run(context.Background(), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, main(ctx)
	}, loop.WithClock(timer.NewVirtual()))
	if err != nil {
		fmt.Println(err)
	}
}

func ExampleQueue() {
	play(func(ctx context.Context) error {
		q := queue.New[string](0)
		consumer := task.Go(ctx, func(ctx context.Context) (int, error) {
			n := 0
			for v, err := range q.All(ctx) {
				if err != nil {
					return n, err
				}
				fmt.Println("got", v)
				n++
			}
			return n, nil
		})
		for _, v := range []string{"one", "two"} {
			if err := q.Put(ctx, v); err != nil {
				return err
			}
		}
		q.Shutdown(false)
		n, err := consumer.Await(ctx)
		fmt.Println(n, "items")
		return err
	})
	// Output:
	// got one
	// got two
	// 2 items
}

// A pool of three workers ranges over one queue. Join waits until the work is done,
// Shutdown sends the workers home.
func Example_workerPool() {
	play(func(ctx context.Context) error {
		jobs := queue.New[int](0)
		worker := func(name string) func(ctx context.Context) error {
			return func(ctx context.Context) error {
				for job, err := range jobs.All(ctx) {
					if err != nil {
						return err
					}
					if err := task.Sleep(ctx, time.Duration(job)*time.Second); err != nil {
						return err
					}
					fmt.Println(name, "did job", job, "by", lowlevel.LoopOf(ctx).Elapsed())
					jobs.Done()
				}
				return nil
			}
		}
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			for _, name := range []string{"A", "B", "C"} {
				if err := g.Go(worker(name)); err != nil {
					return err
				}
			}
			for job := 1; job <= 6; job++ {
				if err := jobs.Put(ctx, job); err != nil {
					return err
				}
			}
			if err := jobs.Join(ctx); err != nil {
				return err
			}
			jobs.Shutdown(false)
			return nil
		})
	})
	// Output:
	// A did job 1 by 1s
	// B did job 2 by 2s
	// C did job 3 by 3s
	// A did job 4 by 5s
	// B did job 5 by 7s
	// C did job 6 by 9s
}

// A pipeline of three stages. The bound of each queue holds the faster stage back: never
// are there more than one item in each, and one in the hands of each stage.
func Example_boundedPipeline() {
	play(func(ctx context.Context) error {
		parsed, stored := queue.New[int](1), queue.New[int](1)
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			stages := []func(ctx context.Context) error{
				func(ctx context.Context) error { // reads, at once
					defer parsed.Shutdown(false)
					for v := range 4 {
						if err := parsed.Put(ctx, v); err != nil {
							return err
						}
						fmt.Println(lowlevel.LoopOf(ctx).Elapsed(), "read", v)
					}
					return nil
				},
				func(ctx context.Context) error { // squares, in a second
					defer stored.Shutdown(false)
					for v, err := range parsed.All(ctx) {
						if err != nil {
							return err
						}
						if err := task.Sleep(ctx, time.Second); err != nil {
							return err
						}
						if err := stored.Put(ctx, v*v); err != nil {
							return err
						}
					}
					return nil
				},
				func(ctx context.Context) error { // stores, in three seconds
					for v, err := range stored.All(ctx) {
						if err != nil {
							return err
						}
						if err := task.Sleep(ctx, 3*time.Second); err != nil {
							return err
						}
						fmt.Println(lowlevel.LoopOf(ctx).Elapsed(), "stored", v)
					}
					return nil
				},
			}
			for _, stage := range stages {
				if err := g.Go(stage); err != nil {
					return err
				}
			}
			return nil
		})
	})
	// Output:
	// 0s read 0
	// 0s read 1
	// 1s read 2
	// 2s read 3
	// 4s stored 0
	// 7s stored 1
	// 10s stored 4
	// 13s stored 9
}

func ExampleNewLIFO() {
	undo := queue.NewLIFO[string](0)
	for _, step := range []string{"type", "bold", "delete"} {
		_ = undo.TryPut(step)
	}
	for undo.Len() > 0 {
		step, _ := undo.TryGet()
		fmt.Println("undo", step)
	}
	// Output:
	// undo delete
	// undo bold
	// undo type
}

func ExampleNewPriority() {
	type ticket struct {
		level int
		text  string
	}
	tickets := queue.NewPriority(0, func(a, b ticket) bool { return a.level < b.level })
	for _, t := range []ticket{{2, "slow"}, {1, "broken"}, {2, "ugly"}, {0, "on fire"}} {
		_ = tickets.TryPut(t)
	}
	for tickets.Len() > 0 {
		t, _ := tickets.TryGet()
		fmt.Println(t.level, t.text)
	}
	// Output:
	// 0 on fire
	// 1 broken
	// 2 slow
	// 2 ugly
}

// Shutdown with true drops what is left, for those who will not wait for the work.
func ExampleQueue_Shutdown() {
	play(func(ctx context.Context) error {
		q := queue.New[int](0)
		for v := range 3 {
			if err := q.Put(ctx, v); err != nil {
				return err
			}
		}
		q.Shutdown(true)
		fmt.Println(q.Len(), "left")
		fmt.Println(q.Put(ctx, 4))
		_, err := q.Get(ctx)
		fmt.Println(err)
		return q.Join(ctx)
	})
	// Output:
	// 0 left
	// queue: shut down
	// queue: shut down
}
