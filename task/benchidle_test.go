package task_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// These benchmarks measure what a program feels that has a loop beside its goroutines: a call to
// the loop and its answer, as the calling goroutine sees them. A call at once follows the answer to
// the call before. A call to an idle process comes after a pause, so the loop and the calling
// goroutine have slept, and their threads too. Beside the loop stands a goroutine that does the same
// with channels.

// BenchmarkRoundTrip posts a callback, which sends an answer to a channel. The goroutine beside it
// receives from a channel and sends an answer to another one.
func BenchmarkRoundTrip(b *testing.B) {
	b.Run("goroutine", func(b *testing.B) {
		in, out := make(chan int), make(chan int, 1)
		go func() {
			for v := range in {
				out <- v
			}
		}()
		defer close(in)
		measureCalls(b, func(i int) int {
			in <- i
			return <-out
		})
	})
	b.Run("loop", func(b *testing.B) {
		l := loopOnAGoroutine(b)
		out := make(chan int, 1)
		measureCalls(b, func(i int) int {
			if err := l.Post(func() { out <- i }); err != nil {
				b.Error(err)
				return -1
			}
			return <-out
		})
	})
}

// BenchmarkRequest hands a body to the loop and waits for its result. The goroutine beside it is an
// actor: it receives requests, and each of them has a channel for its answer.
func BenchmarkRequest(b *testing.B) {
	b.Run("goroutine", func(b *testing.B) {
		type request struct {
			i      int
			answer chan int
		}
		in := make(chan request)
		go func() {
			for r := range in {
				r.answer <- r.i
			}
		}()
		defer close(in)
		measureCalls(b, func(i int) int {
			answer := make(chan int, 1)
			in <- request{i, answer}
			return <-answer
		})
	})
	b.Run("loop", func(b *testing.B) {
		l := loopOnAGoroutine(b)
		measureCalls(b, func(i int) int {
			v, err := task.Submit(b.Context(), l, func(context.Context) (int, error) { return i, nil }).Wait(b.Context())
			if err != nil {
				b.Error(err)
			}
			return v
		})
	})
}

// loopOnAGoroutine makes a loop, and a goroutine that drives it until the benchmark ends.
func loopOnAGoroutine(b *testing.B) *loop.Loop {
	l := loop.New()
	ended := make(chan error)
	go func() { ended <- l.Run() }()
	b.Cleanup(func() {
		if err := l.Post(l.Stop); err != nil {
			b.Error(err)
		}
		if err := <-ended; err != nil {
			b.Error(err)
		}
		l.Close()
	})
	return l
}

// measureCalls measures call, which must return its argument.
func measureCalls(b *testing.B, call func(i int) int) {
	checked := func(i int) {
		if got := call(i); got != i {
			b.Fatalf("the answer is %d, want %d", got, i)
		}
	}
	b.Run("busy", func(b *testing.B) {
		measure(b, func() {
			for i := range b.N {
				checked(i)
			}
		})
	})
	// The number of calls is fixed, because the 99th percentile needs many. The operation is a call,
	// without the pause before it; only the CPU time contains the pause, which takes a millisecond.
	b.Run("idle", func(b *testing.B) {
		var took [1000]time.Duration
		var sum time.Duration
		before, rounds := cpuTime(), 0
		for b.Loop() {
			rounds++
			for i := range took {
				time.Sleep(time.Millisecond)
				start := time.Now()
				checked(i)
				took[i] = time.Since(start)
				sum += took[i]
			}
		}
		n := rounds * len(took)
		reportCPU(b, cpuTime()-before, n)
		b.ReportMetric(float64(sum)/float64(n), "ns/op")
		slices.Sort(took[:])
		b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
		b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
	})
}
