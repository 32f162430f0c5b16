package looptest_test

import (
	"context"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task/lock"
)

// Tasks that wait for each other.

// holding locks two mutexes, one after the other, and unlocks them.
func holding(t *looptest.T, first, second *lock.Mutex) part {
	return func(ctx context.Context) {
		must(t, first.Lock(ctx))
		defer first.Unlock()
		yield(ctx)
		must(t, second.Lock(ctx))
		defer second.Unlock()
	}
}

func lockOrder(ctx context.Context, t *looptest.T, fixed bool) {
	var from, to lock.Mutex
	from.SetName("from")
	to.SetName("to")
	back := holding(t, &to, &from)
	if fixed {
		back = holding(t, &from, &to)
	}
	together(ctx, t, holding(t, &from, &to), after(2, back))
}

func philosophers(ctx context.Context, t *looptest.T, fixed bool) {
	forks := make([]lock.Mutex, 3)
	last := holding(t, &forks[2], &forks[0])
	if fixed {
		last = holding(t, &forks[0], &forks[2])
	}
	together(ctx, t, holding(t, &forks[0], &forks[1]), after(1, holding(t, &forks[1], &forks[2])), after(2, last))
}

func lockUpgrade(ctx context.Context, t *looptest.T, fixed bool) {
	var changed lock.Cond
	readers, writers, value := 0, 0, 0
	raise := func(ctx context.Context) {
		must(t, changed.Lock(ctx))
		defer changed.Unlock()
		if fixed { // waits for exclusive access from the beginning
			must(t, changed.WaitFor(ctx, func() bool { return readers == 0 && writers == 0 }))
			writers++
		} else {
			readers++
		}
		changed.Unlock()
		yield(ctx) // looks at the value
		must(t, changed.Lock(ctx))
		if !fixed {
			must(t, changed.WaitFor(ctx, func() bool { return readers == 1 }))
			readers--
		} else {
			writers--
		}
		value++
		changed.Broadcast()
	}
	together(ctx, t, raise, after(2, raise))
	if value != 2 {
		t.Errorf("raised twice, from 0 to %d", value)
	}
}

func nestedMonitor(ctx context.Context, t *looptest.T, fixed bool) {
	var outer lock.Mutex
	var ready lock.Event
	serve := func(ctx context.Context) {
		if fixed {
			must(t, ready.Wait(ctx))
		}
		must(t, outer.Lock(ctx))
		defer outer.Unlock()
		must(t, ready.Wait(ctx))
	}
	prepare := func(ctx context.Context) {
		yield(ctx)
		must(t, outer.Lock(ctx))
		defer outer.Unlock()
		ready.Set()
	}
	together(ctx, t, prepare, after(2, serve))
}

func pollingMissesThePulse(ctx context.Context, t *looptest.T, fixed bool) {
	open := false
	poll := func(ctx context.Context) {
		for !open {
			yield(ctx)
		}
	}
	pulse := func(ctx context.Context) {
		open = true
		yield(ctx)
		open = fixed
	}
	together(ctx, t, poll, after(2, pulse))
}
