package looptest_test

import (
	"context"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/task/queue"
)

// Bugs in which one event must come before another, but no code ensures it.

func publishedTooEarly(ctx context.Context, t *looptest.T, fixed bool) {
	type config struct{ address string }
	var shared *config
	load := func(ctx context.Context) {
		c := &config{}
		if !fixed {
			shared = c
		}
		yield(ctx) // reads a file
		c.address = "localhost"
		shared = c
	}
	use := func(context.Context) {
		if shared != nil && shared.address == "" {
			t.Error("the configuration is empty")
		}
	}
	together(ctx, t, load, after(2, use))
}

func closedTooEarly(ctx context.Context, t *looptest.T, fixed bool) {
	closed := false
	worker := spawn(ctx, "worker", func(ctx context.Context) error {
		pauses(ctx, 2)
		if closed {
			t.Error("write to a closed log")
		}
		return nil
	})
	closer := spawn(ctx, "closer", func(ctx context.Context) error {
		if fixed {
			must(t, worker.Wait(ctx))
		}
		pauses(ctx, 3) // seems long enough for the worker
		closed = true
		return nil
	})
	must(t, task.Gather(worker, closer).Wait(ctx))
}

func calledAfterUnsubscribing(ctx context.Context, t *looptest.T, fixed bool) {
	subscribed := []bool{true, true}
	dispatch := func(ctx context.Context) {
		for i := range subscribed {
			yield(ctx)
			if fixed && !subscribed[i] {
				continue
			}
			if !subscribed[i] {
				t.Errorf("handler %d is called after it unsubscribed", i)
			}
		}
	}
	leave := func(context.Context) { subscribed[1] = false }
	together(ctx, t, dispatch, after(3, leave))
}

func queueDropped(ctx context.Context, t *looptest.T, fixed bool) {
	jobs := queue.New[int](0)
	done := 0
	produce := spawn(ctx, "producer", func(ctx context.Context) error {
		for i := range 2 {
			if err := jobs.Put(ctx, i); err != nil {
				t.Error(err)
			}
			yield(ctx)
		}
		return nil
	})
	consume := spawn(ctx, "consumer", func(ctx context.Context) error {
		for range jobs.All(ctx) {
			yield(ctx)
			done++
			jobs.Done()
		}
		return nil
	})
	end := spawn(ctx, "closer", func(ctx context.Context) error {
		if fixed {
			must(t, produce.Wait(ctx))
			must(t, jobs.Join(ctx))
		}
		pauses(ctx, 4)
		jobs.Shutdown(true)
		return nil
	})
	must(t, task.Gather(produce, consume, end).Wait(ctx))
	if done != 2 {
		t.Errorf("%d of 2 jobs done", done)
	}
}

func missedWakeup(ctx context.Context, t *looptest.T, fixed bool) {
	items := 0
	var arrived lock.Event
	consume := func(ctx context.Context) {
		for items == 0 {
			if !fixed {
				yield(ctx) // writes to the log
			}
			must(t, arrived.Wait(ctx))
		}
		items--
	}
	produce := func(context.Context) {
		items++
		arrived.Set()
		arrived.Clear()
	}
	together(ctx, t, consume, after(2, produce))
}

func lostNotify(ctx context.Context, t *looptest.T, fixed bool) {
	var changed lock.Cond
	open := false
	wait := func(ctx context.Context) {
		must(t, changed.Lock(ctx))
		defer changed.Unlock()
		if fixed {
			must(t, changed.WaitFor(ctx, func() bool { return open }))
		} else {
			must(t, changed.Wait(ctx))
		}
	}
	notify := func(ctx context.Context) {
		must(t, changed.Lock(ctx))
		defer changed.Unlock()
		open = true
		changed.Broadcast()
	}
	together(ctx, t, wait, after(1, notify))
}

func conditionWithoutLoop(ctx context.Context, t *looptest.T, fixed bool) {
	var changed lock.Cond
	items := 0
	consume := func(ctx context.Context) {
		must(t, changed.Lock(ctx))
		defer changed.Unlock()
		for items == 0 {
			must(t, changed.Wait(ctx))
			if !fixed {
				break
			}
		}
		if items--; items < 0 {
			t.Error("an item was taken from an empty store")
		}
	}
	produce := func(ctx context.Context) {
		must(t, changed.Lock(ctx))
		defer changed.Unlock()
		items++
		changed.Signal(1)
	}
	together(ctx, t, consume, after(1, produce), after(2, consume), after(4, produce))
}

func eventClearedTooEarly(ctx context.Context, t *looptest.T, fixed bool) {
	var open lock.Event
	pass := func(ctx context.Context) {
		for !open.IsSet() {
			must(t, open.Wait(ctx))
		}
	}
	pulse := func(ctx context.Context) {
		open.Set()
		yield(ctx) // seems long enough for the waiters
		if !fixed {
			open.Clear()
		}
	}
	together(ctx, t, pass, after(1, pulse))
}

func barrierMisuse(ctx context.Context, t *looptest.T, fixed bool) {
	meet := lock.NewBarrier(2)
	cells := make([]int, 2)
	side := func(own int) part {
		return func(ctx context.Context) {
			for round := 1; round <= 2; round++ {
				cells[own] = round
				_, err := meet.Wait(ctx)
				must(t, err)
				if got := cells[1-own]; got != round {
					t.Errorf("in round %d the other cell has %d", round, got)
				}
				yield(ctx)
				if fixed {
					_, err := meet.Wait(ctx)
					must(t, err)
				}
			}
		}
	}
	together(ctx, t, side(0), side(1))
}
