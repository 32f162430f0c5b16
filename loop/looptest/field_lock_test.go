package looptest_test

import (
	"context"
	"slices"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/queue"
)

// Bugs with a lock for several readers or one writer.

// A readWriteLock is fair: a reader that comes after a waiting writer waits behind this writer.
type readWriteLock struct {
	readers int
	writing bool
	line    []*lockTurn
	wake    bool // a writer that gives up lets the readers behind it in
}

type lockTurn struct {
	write bool
	done  *future.Future[none]
}

// lock takes the lock for a reader or for the writer.
func (l *readWriteLock) lock(ctx context.Context, write bool) error {
	turn := &lockTurn{write, future.New[none](ctx)}
	l.line = append(l.line, turn)
	l.letIn()
	err := turn.done.Wait(ctx)
	if err == nil {
		return nil
	}
	at := slices.Index(l.line, turn)
	if at < 0 { // the lock and the cancellation came together
		l.unlock(write)
		return err
	}
	l.line = slices.Delete(l.line, at, at+1)
	if l.wake {
		l.letIn()
	}
	return err
}

func (l *readWriteLock) unlock(write bool) {
	if write {
		l.writing = false
	} else {
		l.readers--
	}
	l.letIn()
}

// letIn lets those at the head of the line in that may have the lock now.
func (l *readWriteLock) letIn() {
	for len(l.line) > 0 {
		first := l.line[0]
		if l.writing || first.write && l.readers > 0 || first.done.SetResult(none{}) != nil {
			return
		}
		if l.line = l.line[1:]; first.write {
			l.writing = true
		} else {
			l.readers++
		}
	}
}

// A request held the read lock of the settings, and called code that took the read lock again. A reload
// asked for the write lock between the two. The reload waited for the request, and the second read lock
// waited behind the reload.
func readLockTwice(ctx context.Context, t *looptest.T, fixed bool) {
	l := readWriteLock{wake: true}
	language := "en"
	translate := func(ctx context.Context) string {
		if !fixed { // the correct callers hold the lock
			must(t, l.lock(ctx, false))
			defer l.unlock(false)
		}
		pauses(ctx, 1)
		return language
	}
	page := func(ctx context.Context) {
		must(t, l.lock(ctx, false))
		defer l.unlock(false)
		pauses(ctx, 1)
		translate(ctx)
	}
	status := func(ctx context.Context) {
		must(t, l.lock(ctx, false))
		defer l.unlock(false)
		pauses(ctx, 2)
	}
	reload := func(ctx context.Context) {
		must(t, l.lock(ctx, true))
		defer l.unlock(true)
		pauses(ctx, 1)
		language = "de"
	}
	monitor := func(ctx context.Context) {
		for range 3 {
			status(ctx)
			pauses(ctx, 7)
		}
	}
	visitor := func(ctx context.Context) {
		for range 2 {
			page(ctx)
			pauses(ctx, 9)
		}
	}
	together(ctx, t, monitor, after(4, visitor), after(13, reload), after(29, reload))
}

// A writer waited for the lock, and readers waited behind it. The writer reached its time limit and left
// the line. Nothing let the readers in, although only another reader held the lock. That reader waited
// for data from one of them.
func writerGaveUp(ctx context.Context, t *looptest.T, fixed bool) {
	l := readWriteLock{wake: fixed}
	chunks := queue.New[int](1)
	load := func(ctx context.Context) {
		for chunk := range 3 {
			must(t, l.lock(ctx, false))
			pauses(ctx, 1) // reads a page of the file
			l.unlock(false)
			must(t, chunks.Put(ctx, chunk))
			pauses(ctx, 1)
		}
		chunks.Shutdown(false)
	}
	send := func(ctx context.Context) {
		must(t, l.lock(ctx, false))
		defer l.unlock(false)
		for _, err := range chunks.All(ctx) {
			must(t, err)
			pauses(ctx, 1) // the network
		}
	}
	rotate := func(ctx context.Context) {
		_ = task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			if err := l.lock(ctx, true); err != nil {
				return err
			}
			defer l.unlock(true)
			pauses(ctx, 2)
			return nil
		})
	}
	together(ctx, t, send, load, after(20, rotate))
}
