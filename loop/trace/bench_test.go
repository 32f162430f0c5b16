package trace_test

import (
	"context"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/trace"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/queue"
)

// programs are recorded by the benchmarks. Each one makes about n events.
var programs = []struct {
	name string
	run  func(ctx context.Context, n int)
}{
	{"yield", func(ctx context.Context, n int) { // suspended, step
		for range n / 2 {
			_ = task.Yield(ctx)
		}
	}},
	{"sleep", func(ctx context.Context, n int) { // timer armed, suspended, idle, timer fired, woken, step
		for range n / 6 {
			_ = task.Sleep(ctx, time.Microsecond)
		}
	}},
	{"await", func(ctx context.Context, n int) { // suspended, woken, step, and the other's
		var turn *future.Future[none]
		other := spawn(ctx, "other", func(ctx context.Context) error {
			for range n / 5 {
				_ = turn.SetResult(none{})
				_ = task.Yield(ctx)
			}
			return nil
		})
		for range n / 5 {
			turn = future.New[none](ctx)
			_ = turn.Wait(ctx)
		}
		_ = other.Wait(ctx)
	}},
	{"queue", func(ctx context.Context, n int) { // suspended on an item, woken, step, and the other's
		q := queue.New[int](0)
		other := spawn(ctx, "other", func(ctx context.Context) error {
			for i := range n / 5 {
				_ = q.TryPut(i)
				_ = task.Yield(ctx)
			}
			return nil
		})
		for range n / 5 {
			_, _ = q.Get(ctx)
		}
		_ = other.Wait(ctx)
	}},
	{"spawn", func(ctx context.Context, n int) { // made, suspended, step, woken, done, step
		for range n / 6 {
			_ = spawn(ctx, "child", func(context.Context) error { return nil }).Wait(ctx)
		}
	}},
}

// BenchmarkObserver compares loops without an observer, with an observer that does nothing, and with
// the observers of this package, under both clocks. An operation is one event.
func BenchmarkObserver(b *testing.B) {
	observers := []struct {
		name string
		make func() func(loop.Event)
	}{
		{"off", nil},
		{"nothing", func() func(loop.Event) { return func(loop.Event) {} }},
		{"recorder", func() func(loop.Event) { return trace.NewRecorder(1 << 20).Observe }},
		{"stats", func() func(loop.Event) { return new(trace.Stats).Observe }},
	}
	for _, clock := range []string{"virtual", "system"} {
		for _, p := range programs {
			for _, o := range observers {
				if p.name == "sleep" && clock == "system" {
					continue // it sleeps in real time
				}
				b.Run(clock+"/"+p.name+"/"+o.name, func(b *testing.B) {
					var opts []loop.Option
					if o.make != nil {
						opts = append(opts, loop.WithObserver(o.make()))
					}
					if clock == "virtual" {
						opts = append(opts, loop.WithVirtualTime())
					}
					b.ReportAllocs()
					_, _ = task.Run(b.Context(), func(ctx context.Context) (none, error) {
						p.run(ctx, 60) // makes what is made only once
						b.ResetTimer()
						p.run(ctx, b.N)
						b.StopTimer()
						return none{}, nil
					}, opts...)
				})
			}
		}
	}
}

// BenchmarkRecord measures the recorder alone: one call of Observe.
func BenchmarkRecord(b *testing.B) {
	var events []loop.Event
	_, err := task.Run(b.Context(), everything, loop.WithVirtualTime(),
		loop.WithObserver(func(e loop.Event) {
			if e.Kind != loop.TaskDone {
				events = append(events, e)
			}
		}))
	if err != nil {
		b.Fatal(err)
	}
	rec := trace.NewRecorder(1 << 20)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		rec.Observe(events[i%len(events)])
	}
}
