package looptest_test

import (
	"context"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task/lock"
)

// Bugs of programs that store data, with more tasks.

// A request took a connection from a pool for its transaction. In the transaction it called code that
// took a second connection. Under load each connection was held by a request that waited for its second
// one, and no request went on.
func transactionInTransaction(ctx context.Context, t *looptest.T, fixed bool) {
	pool := lock.NewBounded(3)
	statement := func(ctx context.Context) {
		must(t, pool.Acquire(ctx))
		pauses(ctx, 1)
		pool.Release()
	}
	transfer := func(ctx context.Context) {
		must(t, pool.Acquire(ctx))
		pauses(ctx, 2) // two statements of the transaction
		if fixed {
			pauses(ctx, 1) // the audit record is a part of the transaction
		} else {
			statement(ctx) // the audit record
		}
		pauses(ctx, 1) // commits
		pool.Release()
	}
	client := func(ctx context.Context) {
		for range 2 {
			statement(ctx)
			transfer(ctx)
			pauses(ctx, 3)
		}
	}
	together(ctx, t, client, after(4, client), after(8, client), after(12, client))
}

// A consumer handled several messages at the same time, and committed the position after each. A later
// message was done first, and its position was committed. Then the process ended. The next process went
// on from that position, and so no process handled the earlier message to its end.
func committedPastAGap(ctx context.Context, t *looptest.T, fixed bool) {
	const messages = 9
	var handled [messages]bool
	committed := 0
	for life := range 2 {
		killed := false
		next := committed
		worker := func(ctx context.Context) {
			for next < messages {
				message := next
				next++
				pauses(ctx, 2) // writes to the database
				if killed {
					return
				}
				handled[message] = true
				if !fixed {
					committed = max(committed, message+1)
				}
				for fixed && committed < messages && handled[committed] {
					committed++
				}
				pauses(ctx, 1)
			}
		}
		kill := func(context.Context) { killed = life == 0 }
		together(ctx, t, worker, worker, worker, after(7, kill))
	}
	for message, done := range handled {
		if !done {
			t.Errorf("message %d was not handled", message)
		}
	}
}

// A database collected new samples of a series in memory. A flag protected the series from removal until
// the samples were committed. Two appenders used the same series. The commit of one cleared the flag of
// both. The series was removed, and then the other appender committed a sample to a series that no query
// finds.
func protectionOfAnotherCleared(ctx context.Context, t *looptest.T, fixed bool) {
	type series struct{ samples, pending int }
	names := []string{"up", "load"}
	head := map[string]*series{}
	committed, stored := 0, 0
	add := func(ctx context.Context, name string) {
		s := head[name]
		if s == nil {
			s = &series{}
			head[name] = s
		}
		if fixed {
			s.pending++
		} else {
			s.pending = 1
		}
		pauses(ctx, 2) // the rest of the samples, the log
		s.samples++
		committed++
		if fixed {
			s.pending--
		} else {
			s.pending = 0
		}
	}
	scrape := func(ctx context.Context) {
		for range 2 {
			for _, name := range names {
				add(ctx, name)
				pauses(ctx, 1)
			}
			pauses(ctx, 6)
		}
	}
	evaluate := func(ctx context.Context) {
		for range 3 {
			add(ctx, names[0])
			pauses(ctx, 6)
		}
	}
	compact := func(ctx context.Context) {
		for range 2 {
			for _, name := range names {
				s := head[name]
				if s == nil {
					continue
				}
				stored += s.samples // writes a block
				s.samples = 0
				if s.pending == 0 {
					delete(head, name)
				}
				pauses(ctx, 1)
			}
			pauses(ctx, 10)
		}
	}
	together(ctx, t, scrape, after(4, evaluate), after(9, compact))
	for _, name := range names {
		if s := head[name]; s != nil {
			stored += s.samples
		}
	}
	if stored != committed {
		t.Errorf("%d samples were committed, and a query finds %d", committed, stored)
	}
}
