package task_test

import (
	"context"
	"iter"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/task/queue"
)

// The stack of a parked body is not larger than that of a coroutine that does nothing: both have the size with
// which Go begins. A stack that is too small grows to twice its size, and stays so. A look at the stack of a body
// does not make it grow.
func TestParkedBodiesKeepTheSmallestStack(t *testing.T) {
	if testkit.Race || !optimised() || runtime.GOARCH == "wasm" {
		t.Skip("the race detector, a program without optimisation, and WebAssembly need larger stacks")
	}
	const n = 2000
	least := stackBytes(func() {
		for range n {
			next, stop := iter.Pull(func(yield func(struct{}) bool) { yield(struct{}{}) })
			t.Cleanup(stop)
			next()
		}
	}) / n

	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			l := loop.New(loop.WithVirtualTime())
			defer l.Close()
			park := wait(l.Context())
			began, woken := 0, 0
			got := stackBytes(func() {
				for range n {
					task.Go(l.Context(), func(ctx context.Context) (int, error) {
						began++
						err := park(ctx)
						woken++
						return 0, err
					})
				}
				l.RunOnce()
				for parked := range l.Tasks() {
					parked.Stack()
				}
			}) / n
			if began != n || woken != 0 {
				t.Fatalf("%d bodies began and %d went on, want %d and 0", began, woken, n)
			}
			if got > least+least/8 {
				t.Errorf("the stack of a parked body takes %d bytes, and that of a coroutine %d", got, least)
			}
		})
	}
}

// waits are ways to park. Each function makes what a body waits for, and returns a function that waits.
var waits = map[string]func(ctx context.Context) func(ctx context.Context) error{
	"Await": func(ctx context.Context) func(ctx context.Context) error {
		gate := future.New[int](ctx)
		return func(ctx context.Context) error {
			_, err := gate.Await(ctx)
			return err
		}
	},
	"Wait": func(ctx context.Context) func(ctx context.Context) error {
		return future.New[int](ctx).Wait
	},
	"Sleep": func(context.Context) func(ctx context.Context) error {
		return func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) }
	},
	"Yield": func(context.Context) func(ctx context.Context) error { return task.Yield },
	"Lock": func(context.Context) func(ctx context.Context) error {
		var m lock.Mutex
		m.TryLock()
		return m.Lock
	},
	"Get": func(context.Context) func(ctx context.Context) error {
		q := queue.New[int](0)
		return func(ctx context.Context) error {
			_, err := q.Get(ctx)
			return err
		}
	},
}

// stackBytes returns by how many bytes the stacks grow while fn runs.
//
// At each garbage collection Go chooses the size with which a new goroutine begins, from the average use of all
// stacks. Goroutines that use next to nothing see to it that this is the least size.
func stackBytes(fn func()) uint64 {
	end := make(chan struct{})
	defer close(end)
	for range 100 {
		go func() { <-end }()
	}
	runtime.Gosched() // they run until they wait
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC() // frees the stacks of goroutines that have ended
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.StackInuse - before.StackInuse
}

// optimised reports whether the compiler was allowed to optimise.
func optimised() bool {
	info, _ := debug.ReadBuildInfo()
	return info == nil || !slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool {
		return s.Key == "-gcflags" && strings.Contains(s.Value, "-N")
	})
}
