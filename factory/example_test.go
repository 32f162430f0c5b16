package factory_test

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// A task looks a key up in a cache. With the eager factory, the task that finds its key is
// done when task.Go returns.
func Example() {
	cache := map[string]int{"one": 1}
	lookup := func(key string) func(ctx context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			if v, ok := cache[key]; ok {
				return v, nil // the task ends in its first step
			}
			return 2, task.Sleep(ctx, time.Second) // fetch the value
		}
	}
	v, err := task.Run(context.Background(), func(ctx context.Context) (int, error) {
		hit, miss := task.Go(ctx, lookup("one")), task.Go(ctx, lookup("two"))
		fmt.Println(hit.Done(), miss.Done())
		return miss.Await(ctx)
	}, loop.WithTaskFactory(factory.Eager), loop.WithVirtualTime())
	fmt.Println(v, err)
	// Output:
	// true false
	// 2 <nil>
}

// spawning spawns a task, and prints in which order the body and the spawning code run.
func spawning(f loop.TaskFactory) {
	l := loop.New(loop.WithVirtualTime(), loop.WithTaskFactory(f))
	defer l.Close()
	l.CallSoon(func() {
		task.Go(l.Context(), func(ctx context.Context) (int, error) {
			fmt.Println("the body runs")
			return 1, nil
		})
		fmt.Println("the task is made")
	})
	_ = l.Run()
}

// The body runs after the code that has spawned the task.
func ExampleLazy() {
	spawning(factory.Lazy)
	// Output:
	// the task is made
	// the body runs
}

// The body runs inside task.Go, before the code after it.
func ExampleEager() {
	spawning(factory.Eager)
	// Output:
	// the body runs
	// the task is made
}

// A hook measures how long each task takes on the loop's clock.
func ExampleHook() {
	hook := func(t *loop.Task, outcome future.Any) {
		began := t.Loop().Elapsed()
		outcome.OnDone(func() { fmt.Println(t.Name(), "took", t.Loop().Elapsed()-began) })
	}
	l := loop.New(loop.WithVirtualTime(), loop.WithTaskFactory(factory.NewLazy(hook)))
	defer l.Close()

	for _, d := range []time.Duration{2, 1} {
		task.Go(l.Context(), func(ctx context.Context) (int, error) {
			return 0, task.Sleep(ctx, d*time.Second)
		}, task.Named(fmt.Sprintf("sleeper of %d s", d)))
	}
	_ = l.Run()
	// Output:
	// sleeper of 1 s took 1s
	// sleeper of 2 s took 2s
}
