// Package trace records what a loop does, and shows it: as a page for a browser, as text, for
// Perfetto, in Go's execution tracer, and as statistics.
//
// # A first recording
//
// This program records a task that waits for another task, which sleeps for a second. It writes the
// recording as a page, and prints it as text. It is the package example.
//
//	rec := trace.NewRecorder(1 << 20) // keeps the newest events, in 1 MB of memory
//	_, err := task.Run(context.Background(), nap,
//		loop.WithVirtualTime(), loop.WithObserver(rec.Observe))
//	if err != nil {
//		return err
//	}
//	page, err := os.Create("timeline.html")
//	if err != nil {
//		return err
//	}
//	defer page.Close()
//	if err := rec.WriteTimeline(page); err != nil {
//		return err
//	}
//	return rec.WriteText(os.Stdout)
//
// nap is the main task:
//
//	func nap(ctx context.Context) (string, error) {
//		sleeper := task.Go(ctx, func(ctx context.Context) (string, error) {
//			return "rested", task.Sleep(ctx, time.Second)
//		}, task.Named("nap"))
//		return sleeper.Await(ctx)
//	}
//
// Open timeline.html in a browser. The page needs no network and no other file. Each task has a
// lane, with its steps and its waits. An arrow leads from the step that wakes or makes a task to the
// next step of that task. Tables list the slowest steps and the longest waits. The key ? shows all
// keys.
//
// WriteText prints one line for each event: the time, the task, and the event.
//
//	0.000000s  main  made
//	0.000000s  main  step
//	0.000000s  nap   made
//	0.000000s  main  suspended on task "nap"
//	0.000000s  nap   step
//	0.000000s  nap   timer armed for 1.000000s
//	0.000000s  nap   suspended
//	0.000000s  -     idle
//	1.000000s  nap   timer fired
//	1.000000s  nap   woken
//	1.000000s  nap   step
//	1.000000s  main  woken
//	1.000000s  nap   done
//	1.000000s  main  step
//	1.000000s  main  done
//
// # Observers
//
// Give each observer of this package to one loop only, by [loop.WithObserver]. One loop may have
// several observers.
//
//   - A [Recorder] keeps the newest events in a fixed amount of memory. Its cost is low enough for
//     production. It writes a timeline page ([Recorder.WriteTimeline]), text ([Recorder.WriteText]),
//     and a file for ui.perfetto.dev or chrome://tracing ([Recorder.WritePerfetto]). [Recorder.Events]
//     returns the events.
//   - [Text] writes one line for each event, at once. Use it to see the events of a program that
//     does not end.
//   - [Stats] counts events and measures durations. It can be published by package expvar.
//   - [Runtime] shows tasks and steps in Go's own execution tracer (go tool trace).
//
// # Comparing runs
//
// [Recorder.Hash] is a hash of all events, also of those that the recorder no longer keeps. Two
// runs of a deterministic program have the same hash. So a test can compare two long runs by one
// number.
//
// # Terms
//
// Package loop's documentation defines step, turn and suspended. A task is waiting from its
// suspension until it is woken. Then it is ready until its next step begins. A new task that its
// factory has queued is ready at once, and so is a task that suspends for one turn. A task that pauses
// its own realm and then sleeps is shown as one that suspends for one turn, although it is not ready.
//
// # Time
//
// All times are on the loop's clock, in whole nanoseconds. Under a virtual clock a step takes no
// time, and many events have the same time. Then the order of events says more than their times.
// WriteTimeline and WritePerfetto keep the order: their documentation says how.
package trace
