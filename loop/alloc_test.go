//go:build !race

package loop_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

const rounds = 1000

// allocs checks the allocations of fn, on average over many calls.
func allocs(t *testing.T, what string, most float64, fn func()) {
	t.Helper()
	if got := testing.AllocsPerRun(rounds, fn); got > most {
		t.Errorf("%s: %v allocations, want at most %v", what, got, most)
	}
}

// in runs body as a task, next to one other task that yields.
func in(t *testing.T, body func(ctx context.Context)) {
	t.Helper()
	l := newLoop(t)
	ended := false
	spawn(l.Context(), "measured", func(ctx context.Context) error {
		defer func() { ended = true }()
		body(ctx)
		return nil
	})
	spawn(l.Context(), "other", func(ctx context.Context) error {
		for !ended {
			_ = task.Yield(ctx)
		}
		return nil
	})
	run(t, l)
}

func TestAllocationsOfSuspending(t *testing.T) {
	in(t, func(ctx context.Context) {
		allocs(t, "yield", 0, func() { _ = task.Yield(ctx) })
	})
	l := newLoop(t)
	spawn(l.Context(), "alone", func(ctx context.Context) error {
		allocs(t, "yield of a lone task", 0, func() { _ = task.Yield(ctx) })
		allocs(t, "sleep", 1, func() { _ = task.Sleep(ctx, time.Second) })
		return nil
	})
	run(t, l)
}

// A task costs nothing more in a realm, also while its clock drifts.
func TestAllocationsInARealm(t *testing.T) {
	l := newLoop(t)
	realm := lowlevel.NewRealm(l.Context())
	realm.SetClock(time.Hour, 0.9)
	spawned := func(ctx context.Context) func() {
		return func() { task.Go(ctx, func(context.Context) (none, error) { return none{}, nil }); l.RunOnce() }
	}
	outside := testing.AllocsPerRun(rounds, spawned(l.Context()))
	allocs(t, "spawn", outside, spawned(realm.Context()))
	spawn(realm.Context(), "alone", func(ctx context.Context) error {
		allocs(t, "yield", 0, func() { _ = task.Yield(ctx) })
		allocs(t, "sleep", 1, func() { _ = task.Sleep(ctx, time.Second) })
		allocs(t, "CallLater and Cancel", 1, func() { lowlevel.CallLater(ctx, time.Hour, func() {}).Cancel() })
		return nil
	})
	run(t, l)
}

func TestAllocationsOfWaking(t *testing.T) {
	l := newLoop(t)
	fs := make([]*future.Future[int], rounds+1) // one more call warms up
	for i := range fs {
		fs[i] = future.New[int](l.Context())
	}
	spawn(l.Context(), "waiter", func(ctx context.Context) error {
		at := 0
		allocs(t, "await of a future that another task completes", 0, func() {
			if _, err := fs[at].Await(ctx); err != nil {
				t.Error(err)
			}
			at++
		})
		return nil
	})
	spawn(l.Context(), "completer", func(ctx context.Context) error {
		for _, f := range fs {
			_ = f.SetResult(1)
			_ = task.Yield(ctx)
		}
		return nil
	})
	run(t, l)
}

func TestAllocationsOfMachines(t *testing.T) {
	l := newLoop(t)
	steps := make([]step, 2*rounds)
	for i := range steps {
		steps[i] = func(context.Context, error) (task.Suspension, error) { return task.Turn(), nil }
	}
	script(l.Context(), "machine", steps...)
	l.RunOnce()
	allocs(t, "turn of a machine", 0, func() { l.RunOnce() })
	run(t, l)
}

func TestAllocationsOfCalls(t *testing.T) {
	l := newLoop(t)
	fn := func() {}
	l.CallSoon(fn)
	l.RunOnce()
	allocs(t, "CallSoon", 0, func() { l.CallSoon(fn); l.RunOnce() })
	allocs(t, "CallSoon and Cancel", 0, func() { l.CallSoon(fn).Cancel(); l.RunOnce() })
	allocs(t, "CallLater and Cancel", 0, func() { l.CallLater(time.Hour, fn).Cancel() })
	allocs(t, "CallLater", 0, func() { l.CallLater(0, fn); l.RunOnce() })
	allocs(t, "Schedule", 0, func() { lowlevel.Schedule(l, lowlevel.Func(fn)); l.RunOnce() })
	allocs(t, "Post", 0, func() { _ = l.Post(fn); l.RunOnce() })
}

func TestAllocationsOfAWaker(t *testing.T) {
	l := newLoop(t)
	var woken lowlevel.Func = func() {}
	w := lowlevel.NewWaker(l, woken, woken)
	allocs(t, "Wake", 0, func() { w.Wake(); w.Wake(); l.RunOnce() })
	allocs(t, "NewWaker and Stop", 1, func() { lowlevel.NewWaker(l, woken, woken).Stop() })
}

// The port of a loop that has no other costs what a port does, and no room for ports.
func TestAllocationsOfAPort(t *testing.T) {
	l := newLoop(t)
	var port lowlevel.Port = ready{reflect.ValueOf(make(chan none))}
	allocs(t, "a port", 2, func() { lowlevel.AddPort(l, port); l.RunOnce() })
}

// ready is a Port that is ready.
type ready struct{ ch reflect.Value }

func (ready) Try() bool { return true }
func (r ready) Case() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: r.ch}
}
func (ready) Selected(reflect.Value, bool) {}
