package trace_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/trace"
	"github.com/takt-go/takt/task"
)

// nap is the program to record: a task that waits for another task, which sleeps.
func nap(ctx context.Context) (string, error) {
	sleeper := task.Go(ctx, func(ctx context.Context) (string, error) {
		return "rested", task.Sleep(ctx, time.Second)
	}, task.Named("nap"))
	return sleeper.Await(ctx)
}

// A recorder observes a program. Then it writes the timeline, as a page to open in a browser, and
// the events, one in each line.
func Example() {
	rec := trace.NewRecorder(1 << 20) // keeps the newest events, in 1 MB of memory
	_, err := task.Run(context.Background(), nap,
		loop.WithVirtualTime(), loop.WithObserver(rec.Observe))
	if err != nil {
		fmt.Println(err)
		return
	}
	page, err := os.CreateTemp("", "timeline-*.html") // a program calls os.Create("timeline.html")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(page.Name())
	defer page.Close()
	if err := rec.WriteTimeline(page); err != nil {
		fmt.Println(err)
	}
	if err := rec.WriteText(os.Stdout); err != nil {
		fmt.Println(err)
	}
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
