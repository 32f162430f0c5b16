package looptest_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
)

// Bugs that show when a cancellation, a time-out or a return ends something early.

// A mailbox hands items to waiting takers, in the order in which they came.
type mailbox struct {
	items   []int
	waiting []*future.Future[int]
	careful bool // if a taker is canceled after it was given an item, the item is put back
}

func (m *mailbox) put(v int) {
	for len(m.waiting) > 0 {
		first := m.waiting[0]
		m.waiting = m.waiting[1:]
		if first.SetResult(v) == nil {
			return
		}
	}
	m.items = append(m.items, v)
}

func (m *mailbox) get(ctx context.Context) (int, error) {
	if len(m.items) > 0 {
		v := m.items[0]
		m.items = m.items[1:]
		return v, nil
	}
	f := future.New[int](ctx)
	m.waiting = append(m.waiting, f)
	v, err := f.Await(ctx)
	if err != nil && m.careful {
		if late, none := f.Result(); none == nil {
			m.items = slices.Insert(m.items, 0, late)
		}
	}
	return v, err
}

func cancelDuringHandover(ctx context.Context, t *looptest.T, fixed bool) {
	m := mailbox{careful: fixed}
	taken := 0
	taker := spawn(ctx, "taker", func(ctx context.Context) error {
		_, err := m.get(ctx)
		if err == nil {
			taken++
		}
		return err
	})
	put := func(context.Context) { m.put(1) }
	cancel := func(context.Context) { taker.Cancel(nil) }
	together(ctx, t, after(1, put), after(3, cancel))
	_ = taker.Wait(ctx)
	if taken+len(m.items) != 1 {
		t.Errorf("of one item, %d was taken, and %d are left", taken, len(m.items))
	}
}

func permitLost(ctx context.Context, t *looptest.T, fixed bool) {
	permits := lock.NewSemaphore(1)
	worker := spawn(ctx, "worker", func(ctx context.Context) error {
		if err := permits.Acquire(ctx); err != nil {
			return err
		}
		if fixed {
			defer permits.Release()
			return yield(ctx)
		}
		if err := yield(ctx); err != nil {
			return err
		}
		permits.Release()
		return nil
	})
	together(ctx, t, after(2, func(context.Context) { worker.Cancel(nil) }))
	_ = worker.Wait(ctx)
	must(t, permits.Acquire(ctx))
}

func shieldedWorkLost(ctx context.Context, t *looptest.T, fixed bool) {
	saving := false
	client := spawn(ctx, "client", func(ctx context.Context) error {
		save := spawn(ctx, "save", func(ctx context.Context) error {
			saving = true
			pauses(ctx, 5)
			return nil
		})
		err := task.Shield(save).Wait(ctx)
		if err != nil && fixed {
			must(t, save.Wait(ctx))
		}
		return err
	})
	abort := func(context.Context) {
		if !saving {
			client.Cancel(nil)
		}
	}
	together(ctx, t, after(1, abort))
	_ = client.Wait(ctx)
}

func spawnedIntoAbortedGroup(ctx context.Context, t *looptest.T, fixed bool) {
	flushed := false
	flush := func(context.Context) error {
		flushed = true
		return nil
	}
	_ = task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
		_ = g.Go(func(ctx context.Context) error {
			_ = yield(ctx)
			if fixed {
				return flush(ctx)
			}
			return g.Go(flush, task.Named("flush"))
		}, task.Named("worker"))
		return g.Go(func(ctx context.Context) error {
			pauses(ctx, 3)
			return errors.New("no space left")
		}, task.Named("other"))
	})
	if !flushed {
		t.Error("the group ended without a flush")
	}
}

func canceledTheWrongOne(ctx context.Context, t *looptest.T, fixed bool) {
	var current *task.Task[none]
	var jobs []*task.Task[none]
	dispatch := func(ctx context.Context) {
		for _, name := range []string{"first", "second"} {
			current = spawn(ctx, name, func(ctx context.Context) error {
				pauses(ctx, 2)
				return nil
			})
			jobs = append(jobs, current)
			_ = current.Wait(ctx)
		}
	}
	cancel := func(ctx context.Context) {
		if current == nil || current.Name() != "first" {
			return
		}
		chosen := current
		yield(ctx) // "Are you sure?"
		if !fixed {
			chosen = current
		}
		chosen.Cancel(nil)
	}
	together(ctx, t, dispatch, after(1, cancel))
	if jobs[1].Canceled() {
		t.Error("the second job was canceled in place of the first")
	}
}

func timerLeftArmed(ctx context.Context, t *looptest.T, fixed bool) {
	stopped := false
	work := func(ctx context.Context) {
		alarm := lowlevel.LoopOf(ctx).CallLater(time.Second, func() { t.Error("too slow") })
		if fixed {
			defer alarm.Cancel()
		}
		yield(ctx)
		if stopped {
			return
		}
		alarm.Cancel()
	}
	together(ctx, t, work, after(2, func(context.Context) { stopped = true }))
}

func errorNobodyTakes(ctx context.Context, t *looptest.T, fixed bool) {
	stopped := false
	work := func(ctx context.Context) {
		check := spawn(ctx, "check", func(context.Context) error { return errors.New("checksum differs") })
		if fixed {
			defer func() { _ = check.Wait(ctx) }()
		}
		yield(ctx)
		if stopped {
			return
		}
		_ = check.Wait(ctx)
	}
	together(ctx, t, work, after(2, func(context.Context) { stopped = true }))
}

func timeoutAgainstCompletion(ctx context.Context, t *looptest.T, fixed bool) {
	answered, gaveUp := false, false
	answer := func(ctx context.Context) {
		_ = task.Sleep(ctx, time.Second)
		answered = !fixed || !gaveUp
	}
	watch := func(ctx context.Context) {
		_ = task.Sleep(ctx, time.Second)
		gaveUp = !answered
	}
	together(ctx, t, answer, watch)
	if answered && gaveUp {
		t.Error("answered, and given up")
	}
}

func chargedTwice(ctx context.Context, t *looptest.T, fixed bool) {
	charged, known := 0, map[string]bool{}
	server := func(key string) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			_ = task.Sleep(ctx, time.Millisecond)
			if !fixed || !known[key] {
				charged++
			}
			known[key] = true
			return nil
		}
	}
	request := spawn(ctx, "request", server("order 1"))
	_, pending, err := task.Wait(ctx, time.Minute, task.AllCompleted, request)
	must(t, err)
	if len(pending) > 0 {
		must(t, spawn(ctx, "retry", server("order 1")).Wait(ctx))
		must(t, request.Wait(ctx))
	}
	if charged != 1 {
		t.Errorf("charged %d times", charged)
	}
}
