package looptest_test

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/queue"
)

// Bugs of leases, and of work that moves from one owner to another.

// A server removed an expired lease in two steps: first the keys, then the lease itself. A client that
// renewed the lease between the steps was told that the lease lives. Its keys were gone.
func renewedWhileRevoked(ctx context.Context, t *looptest.T, fixed bool) {
	type lease struct {
		until    time.Duration
		keys     int
		revoking bool
	}
	const ttl = 10 * time.Second
	granted := &lease{until: ttl, keys: 2}
	stopped := false
	expire := func(ctx context.Context) {
		for granted != nil && !stopped {
			l := granted
			if left := l.until - elapsed(ctx); left > 0 {
				must(t, task.Sleep(ctx, left))
				continue
			}
			l.revoking = true
			for l.keys > 0 {
				l.keys--
				pauses(ctx, 1) // writes to the disk
			}
			granted = nil
		}
	}
	renew := func(ctx context.Context) bool {
		pauses(ctx, 1) // the network
		if granted == nil || fixed && granted.revoking {
			return false
		}
		granted.until = elapsed(ctx) + ttl
		if granted.keys < 2 {
			t.Errorf("the lease is renewed, and %d of its 2 keys are left", granted.keys)
		}
		return true
	}
	client := func(ctx context.Context) {
		defer func() { stopped = true }()
		for range 3 {
			must(t, task.Sleep(ctx, 7*time.Second))
			if !renew(ctx) {
				return
			}
		}
	}
	together(ctx, t, expire, client)
}

// A lock in a store ended by itself after some time, in case its holder was lost. A slow holder released
// the lock after this time, and deleted it from the store. By then it was the lock of another holder. So
// a third one got it, too.
func lockOfAnotherReleased(ctx context.Context, t *looptest.T, fixed bool) {
	const ttl = 5 * time.Second
	holder, until := "", time.Duration(0) // the store
	valid := map[string]time.Duration{}   // until when a holder may rely on the lock
	tryLock := func(ctx context.Context, name string) bool {
		now := elapsed(ctx)
		if holder != "" && now < until {
			return false
		}
		for _, other := range []string{"A", "B", "C"} {
			if now < valid[other] {
				t.Errorf("%s gets the lock, which %s holds", name, other)
			}
		}
		holder, until = name, now+ttl
		valid[name] = until
		return true
	}
	job := func(name string, start time.Duration) part {
		return func(ctx context.Context) {
			must(t, task.Sleep(ctx, start))
			for !tryLock(ctx, name) {
				must(t, task.Sleep(ctx, time.Second))
			}
			must(t, task.Sleep(ctx, 4*time.Second)) // the work
			valid[name] = 0
			if !fixed || holder == name {
				holder = ""
			}
		}
	}
	together(ctx, t, job("A", 0), job("B", 1500*time.Millisecond), job("C", 2700*time.Millisecond))
}

// A consumer read messages of a partition and committed its position after the work on each. The
// partition moved to another consumer, which went on from the committed position. Then the first
// consumer finished its work and committed, too. The position went back, and messages came twice.
func committedAfterTheMove(ctx context.Context, t *looptest.T, fixed bool) {
	const end = 6
	committed, generation := 0, 0
	commit := func(position, by int) {
		if fixed && by != generation {
			return // the partition has moved
		}
		if position < committed {
			t.Errorf("the position goes back from %d to %d", committed, position)
		}
		committed = position
	}
	consumer := func(ctx context.Context, own int) {
		for position := committed; position < end && generation == own; position++ {
			pauses(ctx, 2) // the work
			commit(position+1, own)
			pauses(ctx, 1)
		}
	}
	assigned := []*queue.Queue[int]{queue.New[int](0), queue.New[int](0)}
	member := func(own int) part {
		return func(ctx context.Context) {
			for generation, err := range assigned[own].All(ctx) {
				must(t, err)
				consumer(ctx, generation)
			}
		}
	}
	coordinator := func(ctx context.Context) {
		for move := range 3 {
			generation = move
			must(t, assigned[move%2].Put(ctx, generation))
			pauses(ctx, 10)
		}
		for _, a := range assigned {
			a.Shutdown(false)
		}
	}
	together(ctx, t, coordinator, member(0), member(1))
}
