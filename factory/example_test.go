package factory_test

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// spawning spawns a task and says in which order things happen.
func spawning(f loop.TaskFactory) {
	l := loop.New(loop.WithClock(timer.NewVirtual()), loop.WithTaskFactory(f))
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

func ExampleLazy() {
	spawning(factory.Lazy)
	// Output:
	// the task is made
	// the body runs
}

func ExampleEager() {
	spawning(factory.Eager)
	// Output:
	// the body runs
	// the task is made
}

// A hook sees every new task: here it times them by the loop's clock.
func ExampleHook() {
	hook := func(t *loop.Task, outcome future.Any) {
		began := t.Loop().Elapsed()
		outcome.OnDone(func() { fmt.Println(t.Name(), "took", t.Loop().Elapsed()-began) })
	}
	l := loop.New(loop.WithClock(timer.NewVirtual()), loop.WithTaskFactory(factory.NewLazy(hook)))
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
