package queue_test

import (
	"context"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/queue"
)

// A call that does not wait allocates nothing, and a task that waits costs one object, as
// the documentation promises.

func wantAllocs(t *testing.T, what string, want float64, fn func()) {
	t.Helper()
	if optimised() {
		testkit.Allocs(t, what, want, fn)
	}
}

// optimised reports whether the compiler was allowed to optimise. With
// -gcflags='all=-N -l', which debuggers use, calls allocate much more.
func optimised() bool {
	info, _ := debug.ReadBuildInfo()
	return info == nil || !slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool {
		return s.Key == "-gcflags" && strings.Contains(s.Value, "-N")
	})
}

func TestWithoutWaitingAllocatesNothing(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		for _, max := range []int{0, 10} {
			testkit.Run(t, func(ctx context.Context) {
				q := make(max)
				wantAllocs(t, "nine of Put, Get and Done, and a Join", 0, func() {
					for v := range 9 {
						_ = q.Put(ctx, v)
					}
					for range 9 {
						_, _ = q.Get(ctx)
						q.Done()
					}
					_ = q.Join(ctx)
				})
				wantAllocs(t, "TryPut and TryGet", 0, func() {
					_ = q.TryPut(1)
					_, _ = q.TryGet()
				})
			})
		}
	})
}

// loops makes a loop with a task that waits again and again.
func loops(t *testing.T, wait testkit.Body) *loop.Loop {
	l := testkit.NewLoop(t)
	testkit.Spawn(l.Context(), "waiter", func(ctx context.Context) error {
		for {
			if err := wait(ctx); err != nil {
				return err
			}
		}
	})
	l.RunUntilIdle()
	return l
}

func TestWaitingAllocatesOneObject(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		q := make(1)
		l := loops(t, func(ctx context.Context) error {
			_, err := q.Get(ctx)
			return err
		})
		wantAllocs(t, "a Get that waits", 1, func() {
			_ = q.TryPut(1)
			l.RunOnce()
		})

		q = make(1)
		testkit.NoError(t, q.TryPut(0))
		l = loops(t, func(ctx context.Context) error { return q.Put(ctx, 1) })
		wantAllocs(t, "a Put that waits", 1, func() {
			_, _ = q.TryGet()
			l.RunOnce()
		})
	})
	q := queue.New[int](0)
	testkit.NoError(t, q.TryPut(0))
	l := loops(t, func(ctx context.Context) error {
		err := q.Join(ctx)
		_ = q.TryPut(0)
		return err
	})
	wantAllocs(t, "a Join that waits", 1, func() {
		_, _ = q.TryGet()
		q.Done()
		l.RunOnce()
	})
}
