package lock_test

import (
	"context"
	"sync"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

// Every benchmark measures one operation. Beside it stands the floor: the same operation
// between goroutines, by means of the standard library.

// inTask runs bench as the body of a task.
func inTask(b *testing.B, bench func(ctx context.Context)) {
	b.ReportAllocs()
	l := loop.New(loop.WithDeadlockDetection())
	defer l.Close()
	t := task.Go(l.Context(), func(ctx context.Context) (struct{}, error) {
		b.ResetTimer()
		bench(ctx)
		b.StopTimer()
		return struct{}{}, nil
	})
	if err := l.Run(); err != nil {
		b.Fatal(err)
	}
	if err := t.Err(); err != nil {
		b.Fatal(err)
	}
}

// together runs body in n tasks, each b.N/n times. body gets the number of its task.
func together(b *testing.B, n int, body func(ctx context.Context, me int) error) {
	b.ReportAllocs()
	l := loop.New(loop.WithDeadlockDetection())
	defer l.Close()
	for me := range n {
		task.Go(l.Context(), func(ctx context.Context) (struct{}, error) {
			for range b.N/n + 1 {
				if err := body(ctx, me); err != nil {
					return struct{}{}, err
				}
			}
			return struct{}{}, nil
		})
	}
	b.ResetTimer()
	if err := l.Run(); err != nil {
		b.Fatal(err)
	}
}

// An uncontended pair of Lock and Unlock, and its counterparts.

func BenchmarkUncontendedFloorSyncMutex(b *testing.B) {
	b.ReportAllocs()
	var m sync.Mutex
	for range b.N {
		m.Lock()
		m.Unlock() //lint:ignore SA2001 the pair is what is measured
	}
}

func BenchmarkUncontendedMutex(b *testing.B) {
	inTask(b, func(ctx context.Context) {
		var m lock.Mutex
		for range b.N {
			_ = m.Lock(ctx)
			m.Unlock()
		}
	})
}

func BenchmarkUncontendedSemaphore(b *testing.B) {
	inTask(b, func(ctx context.Context) {
		s := lock.NewBounded(1)
		for range b.N {
			_ = s.Acquire(ctx)
			s.Release()
		}
	})
}

func BenchmarkUncontendedFloorChannel(b *testing.B) {
	b.ReportAllocs()
	permits := make(chan struct{}, 1)
	for range b.N {
		permits <- struct{}{}
		<-permits
	}
}

func BenchmarkUncontendedCond(b *testing.B) {
	inTask(b, func(ctx context.Context) {
		var c lock.Cond
		for range b.N {
			_ = c.Lock(ctx)
			c.Signal(1)
			c.Unlock()
		}
	})
}

func BenchmarkUncontendedEvent(b *testing.B) {
	inTask(b, func(ctx context.Context) {
		var e lock.Event
		e.Set()
		for range b.N {
			_ = e.Wait(ctx)
		}
	})
}

// A mutex is handed from one task to the next: every Lock waits.

func BenchmarkContendedFloorSyncMutex(b *testing.B) {
	b.ReportAllocs()
	var m sync.Mutex
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for range b.N/10 + 1 {
				m.Lock()
				m.Unlock() //lint:ignore SA2001 the pair is what is measured
			}
		})
	}
	all.Wait()
}

func BenchmarkContendedMutex(b *testing.B) {
	var m lock.Mutex
	together(b, 10, func(ctx context.Context, _ int) error {
		if err := m.Lock(ctx); err != nil {
			return err
		}
		err := task.Yield(ctx)
		m.Unlock()
		return err
	})
}

func BenchmarkContendedSemaphore(b *testing.B) {
	s := lock.NewSemaphore(5)
	together(b, 10, func(ctx context.Context, _ int) error {
		if err := s.Acquire(ctx); err != nil {
			return err
		}
		err := task.Yield(ctx)
		s.Release()
		return err
	})
}

// Two tasks signal each other in turn.

func BenchmarkPingPongFloorSyncCond(b *testing.B) {
	b.ReportAllocs()
	var m sync.Mutex
	c, turn := sync.NewCond(&m), 0
	var all sync.WaitGroup
	for me := range 2 {
		all.Go(func() {
			for range b.N/2 + 1 {
				m.Lock()
				for turn != me {
					c.Wait()
				}
				turn = 1 - me
				c.Signal()
				m.Unlock()
			}
		})
	}
	all.Wait()
}

func BenchmarkPingPongCond(b *testing.B) {
	var c lock.Cond
	turn := 0
	together(b, 2, func(ctx context.Context, me int) error {
		if err := c.Lock(ctx); err != nil {
			return err
		}
		defer c.Unlock()
		if err := c.WaitFor(ctx, func() bool { return turn == me }); err != nil {
			return err
		}
		turn = 1 - me
		c.Signal(1)
		return nil
	})
}

// BenchmarkBarrier measures one arrival, where ten tasks meet.
func BenchmarkBarrier(b *testing.B) {
	meet := lock.NewBarrier(10)
	together(b, 10, func(ctx context.Context, _ int) error {
		_, err := meet.Wait(ctx)
		return err
	})
}

// BenchmarkEvent measures the waking of one task, where a hundred tasks wait.
func BenchmarkEvent(b *testing.B) {
	var e lock.Event
	waiting := 0
	together(b, 100, func(ctx context.Context, _ int) error {
		if waiting++; waiting == 100 {
			waiting = 0
			e.Set()
			e.Clear()
			return nil
		}
		return e.Wait(ctx)
	})
}

// BenchmarkRelease100 measures the release of one permit, where a hundred tasks wait and a
// hundred permits are released in one turn.
func BenchmarkRelease100(b *testing.B)  { releases(b, 100) }
func BenchmarkRelease1000(b *testing.B) { releases(b, 1000) }

func releases(b *testing.B, n int) {
	b.ReportAllocs()
	l := loop.New()
	defer l.Close()
	s := lock.NewSemaphore(0)
	for range n {
		testkit.Spawn(l.Context(), "", func(ctx context.Context) error {
			for {
				if err := s.Acquire(ctx); err != nil {
					return err
				}
			}
		})
	}
	l.RunUntilIdle()
	b.ResetTimer()
	for range b.N/n + 1 {
		for range n {
			s.Release()
		}
		l.RunUntilIdle()
	}
}
