// Package trace records what a loop did, at a cost that production can bear, and
// shows it where people look.
//
// Everything here is an observer, to be given to [loop.WithObserver]. The main one
// is the [Recorder]: it keeps the newest events in a fixed amount of memory, and a
// hash of all of them that tells whether two runs were the same.
//
//	rec := trace.NewRecorder(1 << 20)
//	_, err := task.Run(ctx, main, loop.WithObserver(rec.Observe))
//	...
//	rec.WriteText(os.Stdout)   // one line per event
//	rec.WritePerfetto(file)    // for ui.perfetto.dev and chrome://tracing
//	rec.WriteTimeline(file)    // one HTML page that needs nothing else
//
// The others keep nothing: [Text] writes a line as each event comes, [Runtime] makes
// tasks and steps show up in Go's own execution tracer, and [Stats] counts and
// measures, for expvar. Several observers can be given to one loop; each of them
// belongs to that loop alone.
//
// # Terms
//
// A step is a stretch of a task's body without a suspension, as package loop defines
// it. Between two steps a task waits, from its suspension until it is woken, and is
// then ready, until its step begins. A task that suspends for a turn, and a new one
// that its factory has queued, are ready at once.
//
// # Time
//
// Times are those of the loop's clock, in whole nanoseconds. Under a virtual clock a
// step takes no time and many events share an instant, so the order of events says
// more than their times. The exports keep the order: see [Recorder.WritePerfetto]
// and [Recorder.WriteTimeline].
package trace
