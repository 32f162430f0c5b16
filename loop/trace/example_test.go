package trace_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/trace"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// nap is a program: a task that waits for another, which sleeps.
func nap(ctx context.Context) (string, error) {
	return task.Go(ctx, func(ctx context.Context) (string, error) {
		return "rested", task.Sleep(ctx, time.Second)
	}, task.Named("nap")).Await(ctx)
}

func ExampleRecorder() {
	rec := trace.NewRecorder(1 << 20)
	_, _ = task.Run(context.Background(), nap, loop.WithClock(timer.NewVirtual()), loop.WithObserver(rec.Observe))
	_ = rec.WriteText(os.Stdout)
	// Output:
	//    0.000000s  main  made
	//    0.000000s  main  step
	//    0.000000s  nap   made
	//    0.000000s  main  suspended on task "nap"
	//    0.000000s  nap   step
	//    0.000000s  nap   timer armed for 1.000000s
	//    0.000000s  nap   suspended
	//    0.000000s  -     idle
	//    1.000000s  nap   timer fired
	//    1.000000s  nap   woken
	//    1.000000s  nap   step
	//    1.000000s  main  woken
	//    1.000000s  nap   done
	//    1.000000s  main  step
	//    1.000000s  main  done
}

// Two runs of a deterministic program are the same, event by event.
func ExampleRecorder_Hash() {
	run := func() uint64 {
		rec := trace.NewRecorder(1 << 16)
		_, _ = task.Run(context.Background(), nap, loop.WithClock(timer.NewVirtual()), loop.WithObserver(rec.Observe))
		return rec.Hash()
	}
	first, second := run(), run()
	fmt.Println(first == second)
	// Output: true
}

func ExampleRecorder_Events() {
	rec := trace.NewRecorder(1 << 20)
	_, _ = task.Run(context.Background(), nap, loop.WithClock(timer.NewVirtual()), loop.WithObserver(rec.Observe))
	for _, e := range rec.Events() {
		if e.Kind == loop.TaskDone {
			fmt.Println(e.At, e.Name, e.Outcome)
		}
	}
	// Output:
	// 1s nap returned
	// 1s main returned
}

func ExampleText() {
	observe := trace.Text(os.Stdout, len("main"))
	_, _ = task.Run(context.Background(), func(ctx context.Context) (int, error) {
		return 1, task.Yield(ctx)
	}, loop.WithClock(timer.NewVirtual()), loop.WithObserver(observe))
	// Output:
	//    0.000000s  main  made
	//    0.000000s  main  step
	//    0.000000s  main  suspended
	//    0.000000s  main  step
	//    0.000000s  main  done
}

func ExampleStats() {
	var stats trace.Stats // expvar.Publish("loop", &stats)
	_, _ = task.Run(context.Background(), nap, loop.WithClock(timer.NewVirtual()), loop.WithObserver(stats.Observe))
	fmt.Println("tasks that returned:", stats.Ended(trace.Returned))
	fmt.Println("steps:", stats.Events(loop.StepBegan))
	fmt.Println("longest wait:", stats.WaitTime.Max())
	// Output:
	// tasks that returned: 2
	// steps: 4
	// longest wait: 1s
}

func ExampleHistogram() {
	var stats trace.Stats
	_, _ = task.Run(context.Background(), nap, loop.WithClock(timer.NewVirtual()), loop.WithObserver(stats.Observe))
	fmt.Println(&stats.WaitTime)
	// Output: {"count": 2, "sum": 2000000000, "max": 1000000000, "p50": 1000000000, "p90": 1000000000, "p99": 1000000000, "buckets": {"1073741824": 2}}
}

// Runtime needs somebody who traces, such as go test -trace or /debug/pprof/trace.
func ExampleRuntime() {
	_, _ = task.Run(context.Background(), nap, loop.WithObserver(trace.Runtime()), loop.WithClock(timer.NewVirtual()))
	// go tool trace shows the tasks and their steps under User-defined tasks and regions.
	// Output:
}
