//go:build !race

package future_test

import (
	"testing"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
)

func TestAllocations(t *testing.T) {
	const rounds = 1000
	l := testLoop(t)
	fs := make([]*future.Future[int], rounds+1) // one more call warms up
	check := func(what string, most float64, fn func(f *future.Future[int])) {
		t.Helper()
		for i := range fs {
			fs[i] = future.New[int](l.Context())
		}
		at := 0
		if got := testing.AllocsPerRun(rounds, func() { fn(fs[at]); at++ }); got > most {
			t.Errorf("%s: %v allocations, want at most %v", what, got, most)
		}
	}
	waiter := new(recorder)
	check("AddWaiter and waking it", 0, func(f *future.Future[int]) {
		f.AddWaiter(waiter)
		_ = f.SetResult(1)
		l.RunOnce()
	})
	check("AddWaiter and RemoveWaiter", 0, func(f *future.Future[int]) {
		f.AddWaiter(waiter)
		f.RemoveWaiter(waiter)
	})
	fn := func() {}
	check("OnDone and waking it", 1, func(f *future.Future[int]) { // the registration
		f.OnDone(fn)
		_ = f.SetResult(1)
		l.RunOnce()
	})
	check("Result and Err", 0, func(f *future.Future[int]) {
		_ = f.SetResult(1)
		_, _ = f.Result()
		_ = f.Err()
	})
	var made *future.Future[int]
	check("New", 1, func(*future.Future[int]) { made = future.New[int](l.Context()) })
	check("NewShared", 1, func(*future.Future[int]) { made = future.NewShared[int](l.Context()); _ = made.SetResult(1) })
	if waiter.ran != rounds+1 || made == nil {
		t.Errorf("the waiter ran %d times", waiter.ran)
	}
	var _ loop.Runnable = waiter
}
