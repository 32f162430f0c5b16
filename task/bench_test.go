package task_test

import (
	"context"
	"iter"
	"runtime"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// Every benchmark counts its own operation in ns/op, cpu-ns/op and allocs/op, even if it works in
// batches. The operation is a yield, a task, a message or a timer. `make bench` shows the results as
// ratios to BenchmarkFloorPull and to goroutines that do the same (benchpeer_test.go), with the
// goals. cmd/internal/benchtable lists the benchmarks by name.

// forEachKind measures bench for both kinds of bodies, each on a loop of its own, together with the
// run of the tasks that bench has made.
func forEachKind(b *testing.B, bench func(b *testing.B, k bodyKind, ctx context.Context), opts ...loop.Option) {
	for _, k := range bodyKinds {
		b.Run(k.name, func(b *testing.B) {
			l := loop.New(append([]loop.Option{loop.WithDeadlockDetection()}, opts...)...)
			defer l.Close()
			measure(b, func() {
				bench(b, k, l.Context())
				runToEnd(b, l)
			})
		})
	}
}

// runToEnd runs l until every task has ended.
func runToEnd(tb testing.TB, l *loop.Loop) {
	tb.Helper()
	if err := l.Run(); err != nil {
		tb.Fatal(err)
	}
}

// inBatches splits n into batches of at most size.
func inBatches(n, size int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for n > 0 && yield(min(n, size)) {
			n -= min(n, size)
		}
	}
}

// These are the floors. They are measured here and again at the end of this file, to show whether
// the machine has changed its speed meanwhile. A floor of one row only stands next to the benchmark
// of that row: the cost of a garbage collection depends on the number of goroutines that ever
// existed.

func BenchmarkFloorPull(b *testing.B) { floorPull(b) }
func BenchmarkFloorRing(b *testing.B) { floorRing(b) }

// floorPull measures a bare iter.Pull round trip: the cost of two switches between stacks.
func floorPull(b *testing.B) {
	next, stop := iter.Pull(func(yield func(struct{}) bool) {
		for yield(struct{}{}) {
		}
	})
	defer stop()
	measure(b, func() {
		for range b.N {
			next()
		}
	})
}

// floorRing pushes 1000 interface values to a bare ring, pops them and runs them: a ready queue
// cannot cost less.
func floorRing(b *testing.B) {
	measure(b, func() {
		var ring [1024]loop.Runnable
		var head, tail uint
		for n := range inBatches(b.N, 1000) {
			for range n {
				ring[tail%1024] = lowlevel.Func(doNothing)
				tail++
			}
			for head != tail {
				r := ring[head%1024]
				ring[head%1024] = nil
				head++
				r.Run()
			}
		}
	})
}

func doNothing() {}

// BenchmarkYield1 measures one yield of a single task.
func BenchmarkYield1(b *testing.B) {
	forEachKind(b, func(b *testing.B, k bodyKind, ctx context.Context) {
		k.yields(ctx, b.N)
	})
	besideGoroutines(b, func(n int) { goroutinesYield(n, 1) })
}

// BenchmarkYield100 measures one yield of one of 100 tasks, which take turns.
func BenchmarkYield100(b *testing.B) {
	forEachKind(b, func(b *testing.B, k bodyKind, ctx context.Context) {
		for range 100 {
			k.yields(ctx, b.N/100+1)
		}
	})
	besideGoroutines(b, func(n int) { goroutinesYield(n, 100) })
}

// BenchmarkFloorAlloc allocates a task and its body, which every new task needs, and keeps 1000 of
// them, since programs keep tasks.
func BenchmarkFloorAlloc(b *testing.B) {
	b.Run("stackful", func(b *testing.B) {
		measure(b, func() {
			var tasks [1000]*task.Task[int]
			var bodies [1000]func() int
			for i := range b.N {
				tasks[i%1000], bodies[i%1000] = new(task.Task[int]), func() int { return i }
			}
			runtime.KeepAlive(&tasks)
			runtime.KeepAlive(&bodies)
		})
	})
	b.Run("stackless", func(b *testing.B) {
		measure(b, func() {
			var tasks [1000]*task.Task[int]
			var bodies [1000]*yieldMachine
			for i := range b.N {
				tasks[i%1000], bodies[i%1000] = new(task.Task[int]), &yieldMachine{i}
			}
			runtime.KeepAlive(&tasks)
			runtime.KeepAlive(&bodies)
		})
	})
}

// BenchmarkSpawnLazy makes a task that returns at once, and awaits it, in batches of 1000.
func BenchmarkSpawnLazy(b *testing.B) {
	forEachKind(b, spawn1000)
	besideGoroutines(b, func(n int) { goroutinesJoined(n, doNothing) })
}

// BenchmarkSpawnEager is the same, but every task ends inside the call that makes it.
func BenchmarkSpawnEager(b *testing.B) {
	forEachKind(b, spawn1000, loop.WithTaskFactory(factory.Eager))
}

func spawn1000(b *testing.B, k bodyKind, ctx context.Context) { spawnAndAwait(k, ctx, b.N, 1000) }

// spawnAndAwait makes a task that spawns and awaits left tasks, in batches of size.
func spawnAndAwait(k bodyKind, ctx context.Context, left, size int) {
	var batch []loop.Awaitable
	at := 0
	k.awaits(ctx, func(ctx context.Context) loop.Awaitable {
		if at == len(batch) {
			if left == 0 {
				return nil
			}
			batch, at = batch[:0], 0
			for range min(left, size) {
				batch = append(batch, k.yields(ctx, 0))
			}
			left -= len(batch)
		}
		at++
		return batch[at-1]
	})
}

// BenchmarkPingPong measures one message between two tasks. Each message has a new future.
func BenchmarkPingPong(b *testing.B) {
	forEachKind(b, func(b *testing.B, k bodyKind, ctx context.Context) { sendMessages(k, ctx, b.N) })
	besideGoroutines(b, goroutinesPingPong)
}

// sendMessages makes two tasks that send each other left messages.
func sendMessages(k bodyKind, ctx context.Context, left int) {
	ping, pong := future.New[int](ctx), future.New[int](ctx)
	k.awaits(ctx, func(ctx context.Context) loop.Awaitable {
		if left <= 0 {
			return nil
		}
		left -= 2
		pong = future.New[int](ctx)
		setResult(ping)
		return pong
	})
	heard := false
	k.awaits(ctx, func(ctx context.Context) loop.Awaitable {
		if !heard {
			heard = true
			return ping
		}
		if left <= 0 {
			setResult(pong)
			return nil
		}
		ping = future.New[int](ctx)
		setResult(pong)
		return ping
	})
}

func setResult(f *future.Future[int]) {
	if err := f.SetResult(1); err != nil {
		panic(err)
	}
}

// BenchmarkGather makes a task that yields once, and gathers 1000 of them.
func BenchmarkGather(b *testing.B) {
	forEachKind(b, func(b *testing.B, k bodyKind, ctx context.Context) { gather(k, ctx, b.N, 1000) })
	besideGoroutines(b, func(n int) { goroutinesJoined(n, runtime.Gosched) })
}

// gather makes a task that spawns and gathers left tasks, in batches of size.
func gather(k bodyKind, ctx context.Context, left, size int) {
	k.awaits(ctx, func(ctx context.Context) loop.Awaitable {
		if left == 0 {
			return nil
		}
		batch := make([]future.Awaitable[int], min(left, size))
		for i := range batch {
			batch[i] = k.yields(ctx, 1)
		}
		left -= len(batch)
		return task.Gather(batch...)
	})
}

// BenchmarkCallSoon schedules and runs a callback, in bursts of 1000.
func BenchmarkCallSoon(b *testing.B) {
	l := loop.New()
	defer l.Close()
	measure(b, func() {
		for n := range inBatches(b.N, 1000) {
			for range n {
				l.CallSoon(doNothing)
			}
			l.RunUntilIdle()
		}
	})
}

// BenchmarkTimerFired arms and fires one of up to 200,000 timers. In each microsecond one timer is
// due, and they are armed in a mixed order. With the system's clock the loop has to wait for them,
// so only the CPU time tells what a timer costs.
func BenchmarkTimerFired(b *testing.B) {
	b.Run("system", func(b *testing.B) { timersFired(b, timer.NewSystem()) })
	b.Run("virtual", func(b *testing.B) { timersFired(b, timer.NewVirtual()) })
	besideGoroutines(b, goroutinesAfterFunc)
}

func timersFired(b *testing.B, c timer.Clock) {
	l := loop.New(loop.WithClock(c), loop.WithDeadlockDetection())
	defer l.Close()
	measure(b, func() {
		for n := range inBatches(b.N, timersAtATime) {
			for i := range n {
				l.CallLater(mixedDelay(i, n), doNothing)
			}
			runToEnd(b, l)
		}
	})
}

const timersAtATime = 200_000

// mixedDelay returns the delay of the timer i of n: a different one for each.
func mixedDelay(i, n int) time.Duration { return time.Duration(i*99_991%n) * time.Microsecond }

// BenchmarkTimerCanceled arms and cancels a timer, in batches of 10,000: most time limits end in this
// way.
func BenchmarkTimerCanceled(b *testing.B) {
	b.Run("loop", func(b *testing.B) {
		l := loop.New()
		defer l.Close()
		handles := make([]loop.Handle, 10_000)
		measure(b, func() {
			for n := range inBatches(b.N, len(handles)) {
				for i := range n {
					handles[i] = l.CallLater(time.Minute, doNothing)
				}
				for i := range n {
					if !handles[i].Cancel() {
						b.Fatal("a timer was not armed")
					}
				}
			}
		})
	})
	besideGoroutines(b, goroutinesStopTimers)
}

// BenchmarkPost posts a callback from another goroutine, which does nothing else, and runs it. The
// CPU time is that of both goroutines.
func BenchmarkPost(b *testing.B) {
	b.Run("loop", func(b *testing.B) {
		l := loop.New()
		defer l.Close()
		done := make(chan error)
		measure(b, func() {
			go func() {
				for range b.N {
					if err := l.Post(doNothing); err != nil {
						done <- err
						return
					}
				}
				done <- l.Post(l.Stop)
			}()
			runToEnd(b, l)
		})
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	})
	besideGoroutines(b, goroutinesSendFuncs)
}

func BenchmarkFloorPullAgain(b *testing.B) { floorPull(b) }
func BenchmarkFloorRingAgain(b *testing.B) { floorRing(b) }

// BenchmarkFloorPullCold measures a bare iter.Pull round trip of one of 1000 coroutines, which take
// turns. So the memory of a coroutine is no longer in the processor's caches when its turn comes.
func BenchmarkFloorPullCold(b *testing.B) {
	var nexts [1000]func() (struct{}, bool)
	for i := range nexts {
		next, stop := iter.Pull(func(yield func(struct{}) bool) {
			for yield(struct{}{}) {
			}
		})
		defer stop()
		nexts[i] = next
	}
	measure(b, func() {
		for i := range b.N {
			nexts[i%1000]()
		}
	})
}
