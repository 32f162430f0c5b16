package trace_test

import (
	"context"
	"fmt"
	"os"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/trace"
	"github.com/takt-go/takt/task"
)

// A recorder with a small budget keeps only the newest events. It says how many it has dropped.
func ExampleRecorder() {
	rec := trace.NewRecorder(3072) // room for 56 events
	_, _ = task.Run(context.Background(), func(ctx context.Context) (int, error) {
		for range 100 {
			if err := task.Yield(ctx); err != nil {
				return 0, err
			}
		}
		return 0, nil
	}, loop.WithVirtualTime(), loop.WithObserver(rec.Observe))
	fmt.Println(len(rec.Events()), "kept,", rec.Dropped(), "dropped")
	// Output: 56 kept, 147 dropped
}

// Two runs of a deterministic program have the same events, so they have the same hash.
func ExampleRecorder_Hash() {
	run := func() uint64 {
		rec := trace.NewRecorder(1 << 16)
		_, _ = task.Run(context.Background(), nap, loop.WithVirtualTime(), loop.WithObserver(rec.Observe))
		return rec.Hash()
	}
	first, second := run(), run()
	fmt.Println(first == second)
	// Output: true
}

// Events returns the events that were kept. This program prints how each task ended.
func ExampleRecorder_Events() {
	rec := trace.NewRecorder(1 << 20)
	_, _ = task.Run(context.Background(), nap, loop.WithVirtualTime(), loop.WithObserver(rec.Observe))
	for _, e := range rec.Events() {
		if e.Kind == loop.TaskDone {
			fmt.Println(e.At, e.Name, e.Outcome)
		}
	}
	// Output:
	// 1s nap returned
	// 1s main returned
}

// Text writes a line as each event comes.
func ExampleText() {
	observe := trace.Text(os.Stdout, len("main"))
	_, _ = task.Run(context.Background(), func(ctx context.Context) (int, error) {
		return 1, task.Yield(ctx)
	}, loop.WithVirtualTime(), loop.WithObserver(observe))
	// Output:
	//    0.000000s  main  made
	//    0.000000s  main  step
	//    0.000000s  main  suspended
	//    0.000000s  main  step
	//    0.000000s  main  done
}

// Stats counts events, and measures how long tasks wait.
func ExampleStats() {
	var stats trace.Stats // expvar.Publish("loop", &stats)
	_, _ = task.Run(context.Background(), nap, loop.WithVirtualTime(), loop.WithObserver(stats.Observe))
	fmt.Println("tasks that returned:", stats.Ended(trace.Returned))
	fmt.Println("steps:", stats.Events(loop.StepBegan))
	fmt.Println("longest wait:", stats.WaitTime.Max())
	// Output:
	// tasks that returned: 2
	// steps: 4
	// longest wait: 1s
}

// A histogram prints as JSON. Durations are in nanoseconds.
func ExampleHistogram() {
	var stats trace.Stats
	_, _ = task.Run(context.Background(), nap, loop.WithVirtualTime(), loop.WithObserver(stats.Observe))
	fmt.Println(&stats.WaitTime)
	// Output: {"count": 2, "sum": 2000000000, "max": 1000000000, "p50": 1000000000, "p90": 1000000000, "p99": 1000000000, "buckets": {"1073741824": 2}}
}

// Runtime shows the loop in an execution trace. Start the trace by go test -trace, by
// /debug/pprof/trace, or by Start of package runtime/trace.
func ExampleRuntime() {
	_, _ = task.Run(context.Background(), nap, loop.WithObserver(trace.Runtime()), loop.WithVirtualTime())
	// go tool trace shows the tasks and their steps under User-defined tasks and regions.
	// Output:
}
