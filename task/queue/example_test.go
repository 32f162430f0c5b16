package queue_test

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/queue"
)

// One task puts lines into a queue with room for two, and another task prints them.
func Example() {
	n, err := task.Run(context.Background(), func(ctx context.Context) (int, error) {
		lines := queue.New[string](2) // room for 2 items
		printer := task.Go(ctx, func(ctx context.Context) (int, error) {
			n := 0
			for line, err := range lines.All(ctx) { // waits while the queue is empty
				if err != nil {
					return n, err
				}
				fmt.Println(line)
				n++
			}
			return n, nil
		})
		for _, line := range []string{"one", "two", "three"} {
			if err := lines.Put(ctx, line); err != nil { // waits while the queue is full
				return 0, err
			}
		}
		lines.Shutdown(false) // ends the loop of the printer
		return printer.Await(ctx)
	})
	fmt.Println(n, "lines,", err)
	// Output:
	// one
	// two
	// three
	// 3 lines, <nil>
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

// TryPut and TryGet never wait: they return an error if the queue is full or empty.
func ExampleQueue() {
	q := queue.New[string](1)
	fmt.Println(q.TryPut("one"), q.TryPut("two"))
	v, err := q.TryGet()
	fmt.Println(v, err)
	_, err = q.TryGet()
	fmt.Println(err)
	// Output:
	// <nil> queue: full
	// one <nil>
	// queue: empty
}

// Three workers range over one queue of jobs. Join waits until all jobs are done. Then
// Shutdown ends the workers.
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

// A pipeline of three stages. The bound of each queue makes the faster stage wait for the
// slower one: each queue has at most one item, and each stage works on at most one.
func Example_boundedPipeline() {
	play(func(ctx context.Context) error {
		parsed, stored := queue.New[int](1), queue.New[int](1)
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			stages := []func(ctx context.Context) error{
				func(ctx context.Context) error { // reads, without a delay
					defer parsed.Shutdown(false)
					for v := range 4 {
						if err := parsed.Put(ctx, v); err != nil {
							return err
						}
						fmt.Println(lowlevel.LoopOf(ctx).Elapsed(), "read", v)
					}
					return nil
				},
				func(ctx context.Context) error { // squares, in one second
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

// A LIFO queue as an undo list: the program undoes the last step first.
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

// A ticket with a lower level comes first. Tickets with the same level come in the order in which
// they were put.
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

// Shutdown(true) drops the items in the queue. After that Put and Get return ErrShutdown, and Join
// does not wait.
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
