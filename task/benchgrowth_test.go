package task_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/bits"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/timer"
)

// BenchmarkGrowth measures costs that must stay linear: the cost of each of n tasks, callbacks and
// so on, with n = 1,000 and with n = 16,000. It measures CPU time, because a round with 16,000 is
// so long that other programs run in between. The shortest round counts.
func BenchmarkGrowth(b *testing.B) {
	for _, g := range []struct {
		name string
		// prepare returns a round, which calls timed with the function to measure.
		prepare func(b *testing.B, n int) (round func(timed func(func())))
	}{
		{"floor-stacks", parkedCoroutines},
		{"callbacks", callbacksRemovedInReverse},
		{"shields", shieldsOfOne},
		{"recv-turns", turnsOfTasksInRecv},
		{"recv-cancel", cancelTasksInRecv},
		{"lock-cancel", cancelTasksInLock},
		{"chain-cancel", cancelChain},
		{"diamond-cancel", cancelDiamonds},
		{"shutdown", shutdownChain},
		{"graph", writeGraph},
		{"deadlock", reportDeadlock},
	} {
		for _, n := range []int{1_000, 16_000} {
			b.Run(fmt.Sprintf("%s/n=%d", g.name, n), func(b *testing.B) {
				least := time.Duration(math.MaxInt64)
				timed := func(f func()) {
					before := cpuTime()
					f()
					least = min(least, cpuTime()-before)
				}
				round := g.prepare(b, n)
				for b.Loop() {
					round(timed)
				}
				b.ReportMetric(float64(least)/float64(n), "ns/each")
			})
		}
	}
}

// growthLoop makes a loop with a virtual clock.
func growthLoop() *loop.Loop {
	return loop.New(loop.WithVirtualTime(), loop.WithErrorHandler(func(loop.Failure) {}))
}

// inLoop makes a round with a loop of its own. The round prepares the loop and runs it until it is
// idle. Then it measures do, and the run until the loop is idle again.
func inLoop(prepare func(l *loop.Loop) (do func())) (round func(timed func(func()))) {
	return func(timed func(func())) {
		l := growthLoop()
		defer l.Close()
		do := prepare(l)
		l.RunUntilIdle()
		timed(func() {
			do()
			l.RunUntilIdle()
		})
	}
}

// parkedCoroutines is the floor for operations that resume n parked stacks: n bare coroutines,
// which are resumed once and end. The processor's caches have room for 1,000 of them, and not for
// 16,000.
func parkedCoroutines(_ *testing.B, n int) func(func(func())) {
	nexts := make([]func() (struct{}, bool), n)
	return func(timed func(func())) {
		for i := range nexts {
			nexts[i], _ = iter.Pull(func(yield func(struct{}) bool) { yield(struct{}{}) })
			nexts[i]()
		}
		timed(func() {
			for _, next := range nexts {
				next()
			}
		})
	}
}

func callbacksRemovedInReverse(b *testing.B, n int) func(func(func())) {
	callbacks := make([]future.Callback, n)
	return inLoop(func(l *loop.Loop) func() {
		f := future.New[int](l.Context())
		for i := range callbacks {
			callbacks[i] = f.OnDone(doNothing)
		}
		return func() {
			for i := range callbacks {
				if !callbacks[n-1-i].Remove() {
					b.Fatal("a callback is missing")
				}
			}
		}
	})
}

// shieldsOfOne makes n tasks that wait for shields of one future. Each wait has a limit, which
// expires.
func shieldsOfOne(b *testing.B, n int) func(func(func())) {
	return func(timed func(func())) {
		clock := timer.NewVirtual()
		l := loop.New(loop.WithClock(clock))
		defer l.Close()
		f, expired := future.New[int](l.Context()), 0
		for range n {
			task.Go(l.Context(), func(ctx context.Context) (int, error) {
				if _, err := task.WaitFor(ctx, task.Shield(f), time.Second); errors.Is(err, context.DeadlineExceeded) {
					expired++
				}
				return 0, nil
			})
		}
		l.RunUntilIdle()
		clock.Advance(time.Second)
		timed(l.RunUntilIdle)
		if expired != n {
			b.Fatalf("%d of %d limits expired", expired, n)
		}
	}
}

// inRecv makes n tasks. Each receives from a channel of its own.
func inRecv(l *loop.Loop, n int) (tasks []*task.Task[int]) {
	for range n {
		ch := make(chan int)
		tasks = append(tasks, task.Go(l.Context(), func(ctx context.Context) (int, error) {
			v, _, err := task.Recv(ctx, ch)
			return v, err
		}))
	}
	return tasks
}

// turnsOfTasksInRecv measures ten turns with n tasks that receive.
func turnsOfTasksInRecv(b *testing.B, n int) func(func(func())) {
	l := growthLoop()
	b.Cleanup(l.Close)
	inRecv(l, n)
	l.RunUntilIdle()
	return func(timed func(func())) {
		timed(func() {
			for range 10 {
				l.CallSoon(doNothing)
				l.RunOnce()
			}
		})
	}
}

func cancelTasksInRecv(_ *testing.B, n int) func(func(func())) {
	return inLoop(func(l *loop.Loop) func() {
		tasks := inRecv(l, n)
		return func() {
			for i := range tasks {
				tasks[n-1-i].Cancel(nil)
			}
		}
	})
}

func cancelTasksInLock(_ *testing.B, n int) func(func(func())) {
	return inLoop(func(l *loop.Loop) func() {
		var m lock.Mutex
		m.TryLock()
		var tasks []*task.Task[int]
		for range n {
			tasks = append(tasks, task.Go(l.Context(), func(ctx context.Context) (int, error) {
				err := m.Lock(ctx)
				m.TryLock() // it checks whether a task waits
				return 0, err
			}))
		}
		return func() {
			m.Unlock()
			for i := range tasks {
				tasks[n-1-i].Cancel(nil)
			}
		}
	})
}

func cancelChain(_ *testing.B, n int) func(func(func())) {
	return inLoop(func(l *loop.Loop) func() {
		last := chain(l.Context(), n, itself)
		return func() { last.Cancel(nil) }
	})
}

// cancelDiamonds cancels a gather of many graphs. In each graph, both tasks of a layer await both
// tasks of the layer below, so there are n paths from the top to the bottom.
func cancelDiamonds(_ *testing.B, n int) func(func(func())) {
	return inLoop(func(l *loop.Loop) func() {
		ctx, layers := l.Context(), bits.Len(uint(n))
		var tops []*task.Task[int]
		for range n / (2 * layers) {
			bottom := task.Go(ctx, hangs)
			both := []*task.Task[int]{bottom, bottom}
			for range layers - 1 {
				all := task.Gather(both...)
				both = []*task.Task[int]{machineOn(ctx, all), machineOn(ctx, all)}
			}
			tops = append(tops, both...)
		}
		top := task.Gather(tops...)
		return func() { top.Cancel(nil) }
	})
}

func shutdownChain(b *testing.B, n int) func(func(func())) {
	return func(timed func(func())) {
		l := growthLoop()
		defer l.Close()
		chain(l.Context(), n, itself)
		l.RunUntilIdle()
		timed(func() {
			if err := task.Shutdown(l); err != nil {
				b.Fatal(err)
			}
		})
	}
}

type countingWriter int

func (c *countingWriter) Write(p []byte) (int, error) {
	*c += countingWriter(len(p))
	return len(p), nil
}

func writeGraph(b *testing.B, n int) func(func(func())) {
	l := growthLoop()
	b.Cleanup(l.Close)
	chain(l.Context(), n, itself)
	l.RunUntilIdle()
	var size countingWriter
	if err := l.WriteGraph(&size, false); err != nil {
		b.Fatal(err)
	}
	return func(timed func(func())) {
		timed(func() { _ = l.WriteGraph(io.Discard, false) })
		b.ReportMetric(float64(size)/float64(n), "B/each")
	}
}

func reportDeadlock(b *testing.B, n int) func(func(func())) {
	l := growthLoop()
	b.Cleanup(l.Close)
	chain(l.Context(), n, itself)
	return func(timed func(func())) {
		timed(func() {
			var deadlock *loop.DeadlockError
			if err := l.Run(); !errors.As(err, &deadlock) {
				b.Fatal(err)
			}
		})
	}
}
