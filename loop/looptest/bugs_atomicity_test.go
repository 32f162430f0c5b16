package looptest_test

import (
	"context"
	"slices"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task/lock"
)

// Bugs in which an await stands between steps that must not be separated.

func lostUpdate(ctx context.Context, t *looptest.T, fixed bool) {
	balance := 0
	var mu lock.Mutex
	deposit := func(ctx context.Context) {
		if fixed {
			must(t, mu.Lock(ctx))
			defer mu.Unlock()
		}
		before := balance
		yield(ctx)
		balance = before + 1
	}
	together(ctx, t, deposit, after(2, deposit))
	if balance != 2 {
		t.Errorf("two deposits of 1 make a balance of %d", balance)
	}
}

func checkThenAct(ctx context.Context, t *looptest.T, fixed bool) {
	stock := 1
	buy := func(ctx context.Context) {
		switch {
		case stock == 0:
		case fixed: // takes the piece before the await
			stock--
			yield(ctx) // payment
		default:
			yield(ctx)
			stock--
		}
	}
	together(ctx, t, buy, after(2, buy))
	if stock < 0 {
		t.Errorf("%d in stock", stock)
	}
}

func initialisedTwice(ctx context.Context, t *looptest.T, fixed bool) {
	connected, dialed := false, 0
	var mu lock.Mutex
	connection := func(ctx context.Context) {
		if connected {
			return
		}
		if fixed {
			must(t, mu.Lock(ctx))
			defer mu.Unlock()
			if connected {
				return
			}
		}
		yield(ctx)
		connected = true
		dialed++
	}
	together(ctx, t, connection, after(2, connection), after(2, connection))
	if dialed != 1 {
		t.Errorf("dialed %d times", dialed)
	}
}

func doubleClose(ctx context.Context, t *looptest.T, fixed bool) {
	done, closed := make(chan none), false
	shutDown := func(ctx context.Context) {
		if closed {
			return
		}
		closed = fixed
		yield(ctx) // flushes
		closed = true
		close(done)
	}
	together(ctx, t, shutDown, after(2, shutDown))
}

func staleRead(ctx context.Context, t *looptest.T, fixed bool) {
	quota, used := 10, 0
	use := func(ctx context.Context) {
		limit := quota
		yield(ctx)
		if fixed {
			limit = quota
		}
		if used+8 <= limit {
			used += 8
		}
	}
	shrink := func(context.Context) {
		if used <= 5 {
			quota = 5
		}
	}
	together(ctx, t, use, after(2, shrink))
	if used > quota {
		t.Errorf("%d used of %d", used, quota)
	}
}

func tornPair(ctx context.Context, t *looptest.T, fixed bool) {
	credit, debit := 0, 0
	var mu lock.Mutex
	book := func(ctx context.Context) {
		must(t, mu.Lock(ctx))
		defer mu.Unlock()
		credit++
		yield(ctx)
		debit++
	}
	audit := func(ctx context.Context) {
		if fixed {
			must(t, mu.Lock(ctx))
			defer mu.Unlock()
		}
		if credit != debit {
			t.Errorf("credit %d, debit %d", credit, debit)
		}
	}
	together(ctx, t, book, after(2, audit))
}

func iteratorInvalidation(ctx context.Context, t *looptest.T, fixed bool) {
	sessions := []string{"ann", "bob", "cid"}
	greeted := 0
	greet := func(ctx context.Context) {
		all := &sessions
		if fixed {
			own := slices.Clone(sessions)
			all = &own
		}
		for i := range len(*all) {
			yield(ctx)
			greeted += len((*all)[i])
		}
	}
	leave := func(context.Context) { sessions = sessions[:len(sessions)-1] }
	together(ctx, t, greet, after(4, leave))
}

func aba(ctx context.Context, t *looptest.T, fixed bool) {
	type node struct {
		next  *node
		freed bool
	}
	version := 0
	top := &node{next: &node{next: &node{}}}
	pop := func(ctx context.Context, between part) *node {
		for top != nil {
			head, seen := top, version
			next := head.next
			between(ctx)
			if top == head && (!fixed || version == seen) { // compare and swap
				top = next
				version++
				return head
			}
		}
		return nil
	}
	push := func(n *node) {
		n.next, top = top, n
		version++
	}
	slow := func(ctx context.Context) { pop(ctx, func(ctx context.Context) { yield(ctx) }) }
	reuse := func(ctx context.Context) {
		atOnce := func(context.Context) {}
		one, two := pop(ctx, atOnce), pop(ctx, atOnce)
		two.freed = true
		push(one)
	}
	together(ctx, t, slow, after(2, reuse))
	for n := top; n != nil; n = n.next {
		if n.freed {
			t.Error("a node that was freed is on the stack")
		}
	}
}

func resurrection(ctx context.Context, t *looptest.T, fixed bool) {
	references, freed := 1, false
	release := func(ctx context.Context) {
		if references--; references > 0 {
			return
		}
		yield(ctx)
		if !fixed || references == 0 {
			freed = true
		}
	}
	use := func(ctx context.Context) {
		if freed {
			return
		}
		references++
		yield(ctx)
		if freed {
			t.Error("freed while in use")
		}
		references--
	}
	together(ctx, t, release, after(2, use))
}

func repliesOutOfOrder(ctx context.Context, t *looptest.T, fixed bool) {
	asked, shown := "", ""
	search := func(text string) part {
		return func(ctx context.Context) {
			asked = text
			pauses(ctx, 2) // the server
			if !fixed || asked == text {
				shown = text
			}
		}
	}
	together(ctx, t, search("g"), after(1, search("go")))
	if shown != asked {
		t.Errorf("asked for %q last, and shown is %q", asked, shown)
	}
}
