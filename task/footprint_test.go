package task_test

import (
	"context"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/timer"
)

// Tasks and futures are small, since programs keep them: half of the cost of a new task is its
// memory.
func TestSizes(t *testing.T) {
	for what, size := range map[string]struct{ got, most uintptr }{
		"a task":   {unsafe.Sizeof(task.Task[int]{}), 80},
		"a future": {unsafe.Sizeof(future.Future[int]{}), 32},
	} {
		if size.got > size.most {
			t.Errorf("%s of an int has %d bytes, want at most %d", what, size.got, size.most)
		}
	}
}

// Many tasks await one future. All of them are suspended, and all wake in the turn after the future
// is done.

var crowdOf = crowd()

// crowd returns the number of tasks of each kind. The race detector allows 8128 goroutines at the
// same time, and a suspended stackful task holds one.
func crowd() map[string]int {
	if testkit.Race {
		return map[string]int{"stackful": 4000, "stackless": 100_000}
	}
	return map[string]int{"stackful": 100_000, "stackless": 1_000_000}
}

func TestManyTasksParked(t *testing.T) {
	heavy(t)
	for _, k := range bodyKinds {
		t.Run(k.name, func(t *testing.T) {
			l := loop.New()
			defer l.Close()
			n := crowdOf[k.name]
			gate, woken := parkTasks(l, k, n)
			if *woken != 0 {
				t.Fatalf("%d tasks went on before the future was done", *woken)
			}
			setResult(gate)
			if *woken != 0 {
				t.Fatalf("%d tasks ran inside the call that completes the future", *woken)
			}
			l.RunOnce()
			if *woken != n {
				t.Errorf("%d of %d tasks went on in the next turn", *woken, n)
			}
			for left := range l.Tasks() {
				t.Fatalf("%v has not ended", left)
			}
		})
	}
}

func TestManyTasksParkedAreUnwoundByClose(t *testing.T) {
	heavy(t)
	for _, k := range bodyKinds {
		t.Run(k.name, func(t *testing.T) {
			l := loop.New()
			_, woken := parkTasks(l, k, crowdOf[k.name])
			l.Close()
			if *woken != 0 {
				t.Errorf("%d tasks went on as if the future were done", *woken)
			}
		})
	}
}

// parkTasks makes n tasks that wait for gate, and runs them until they wait. woken counts the tasks
// that have gone on after gate was done.
func parkTasks(l *loop.Loop, k bodyKind, n int) (gate *future.Future[int], woken *int) {
	gate, woken = future.New[int](l.Context()), new(int)
	for range n {
		k.waits(l.Context(), gate, woken)
	}
	l.RunUntilIdle()
	return gate, woken
}

// The operations that must not allocate, or must allocate little.
func TestAllocations(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	const runs = 1000
	l := loop.New()
	defer l.Close()
	wantAllocs(t, "CallSoon", 0, func() { l.CallSoon(doNothing); l.RunOnce() })
	wantAllocs(t, "CallLater, canceled", 0, func() { l.CallLater(time.Hour, doNothing).Cancel() })

	// The Submission with its task, its channel, the post, and the bound context. A context that can end costs
	// one more.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for most, ctx := range map[float64]context.Context{4: context.Background(), 5: ctx} {
		wantAllocs(t, "Submit", most, func() {
			s := task.Submit(ctx, l, func(context.Context) (int, error) { return 1, nil })
			l.RunUntilIdle()
			<-s.Done()
		})
	}

	for _, k := range bodyKinds {
		t.Run(k.name, func(t *testing.T) {
			clock := timer.NewVirtual()
			l := loop.New(loop.WithClock(clock))
			defer l.Close()

			// A spawn allocates a task and its body, which is a closure or a machine.
			wantAllocs(t, "spawn", 2, func() { k.yields(l.Context(), 0); l.RunOnce() })
			eager := loop.New(loop.WithTaskFactory(factory.Eager))
			defer eager.Close()
			wantAllocs(t, "eager spawn", 3, func() { // the third one is the callback
				eager.CallSoon(func() { k.yields(eager.Context(), 0) })
				eager.RunOnce()
			})

			k.yields(l.Context(), 2*runs)
			l.RunOnce()
			wantAllocs(t, "yield", 0, func() { l.RunOnce() })
			l.RunUntilIdle()

			var gates []*future.Future[int]
			for range 2 * runs {
				gates = append(gates, future.New[int](l.Context()))
			}
			at := 0
			k.awaits(l.Context(), func(context.Context) loop.Awaitable {
				at++
				return gates[at-1]
			})
			l.RunOnce()
			wantAllocs(t, "wake", 0, func() { setResult(gates[at-1]); l.RunOnce() })

			k.sleeps(l.Context(), 2*runs, time.Millisecond)
			l.RunOnce()
			wantAllocs(t, "sleep", 1, func() {
				clock.Advance(time.Millisecond)
				l.RunUntilIdle()
			})
		})
	}
}

func wantAllocs(t *testing.T, what string, want float64, f func()) {
	t.Helper()
	if got := testing.AllocsPerRun(1000, f); got > want {
		t.Errorf("%s: %v allocations, want %v at most", what, got, want)
	}
}

// BenchmarkParked makes 100,000 tasks that wait for one future, and lets them go on and end. The
// operation is a task. It also measures the memory of a suspended task with everything that belongs
// to it: heap and stacks after a garbage collection. Goroutines receive from a channel that is closed.
func BenchmarkParked(b *testing.B) {
	for _, k := range slices.Backward(bodyKinds) {
		b.Run(k.name, func(b *testing.B) {
			measureParked(b, func(n int) (release func()) {
				l := loop.New()
				gate, woken := parkTasks(l, k, n)
				return func() {
					setResult(gate)
					l.RunUntilIdle()
					if *woken != n {
						b.Fatalf("%d of %d tasks went on", *woken, n)
					}
					l.Close()
				}
			})
		})
	}
	b.Run("goroutine", func(b *testing.B) { measureParked(b, parkGoroutines) })
}

// measureParked measures park, which makes n tasks and runs them until they wait, and release, which
// lets them end.
func measureParked(b *testing.B, park func(n int) (release func())) {
	if testkit.Race {
		b.Skip("the race detector does not allow so many goroutines")
	}
	const n = 100_000
	perTask, rounds := 0.0, 0
	var c clocks
	round := func(timed func(func())) {
		before := liveBytes()
		var release func()
		timed(func() { release = park(n) })
		perTask = max(perTask, float64(liveBytes()-before)/n)
		timed(release)
	}
	// The first round needs most memory, and is not timed: Go's runtime keeps the descriptors of
	// goroutines for the later rounds, and also for the next benchmark.
	round(func(do func()) { do() })
	for b.Loop() {
		rounds++
		round(c.time)
	}
	c.report(b, rounds*n)
	b.ReportMetric(perTask, "B/task")
}

// liveBytes returns the size of heap and stacks after a garbage collection. It needs two
// collections to free the objects in a sync.Pool.
func liveBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// BenchmarkAsleep makes 1,000,000 tasks that sleep, each to another instant and in a mixed order.
// It lets all of them wake, and awaits each. The operation is a task.
func BenchmarkAsleep(b *testing.B) {
	if testkit.Race {
		b.Skip("the race detector does not allow so many goroutines")
	}
	const n = 1_000_000
	for _, k := range slices.Backward(bodyKinds) { // stackless first: a million goroutines change the state of Go's runtime
		b.Run(k.name, func(b *testing.B) {
			var c clocks
			var peak uint64
			rounds := 0
			for b.Loop() {
				rounds++
				debug.FreeOSMemory()
				before := heldBytes()
				l := loop.New(loop.WithVirtualTime())
				joined := 0
				c.time(func() {
					tasks := make([]*task.Task[int], n)
					for i := range tasks {
						tasks[i] = k.sleeps(l.Context(), 1, mixedDelay(i, n)+time.Microsecond)
					}
					k.awaits(l.Context(), func(context.Context) loop.Awaitable {
						if joined == n {
							return nil
						}
						joined++
						return tasks[joined-1]
					})
					l.RunUntilIdle() // now all tasks sleep
					peak = max(peak, heldBytes()-before)
					runToEnd(b, l)
					peak = max(peak, heldBytes()-before)
				})
				if joined != n {
					b.Fatalf("%d of %d tasks were awaited", joined, n)
				}
				l.Close()
			}
			c.report(b, rounds*n)
			b.ReportMetric(float64(peak), "peak-B")
		})
	}
}

// heldBytes returns the memory that the process has got from the operating system.
func heldBytes() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}
