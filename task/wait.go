package task

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Until says when [Wait] returns.
type Until uint8

const (
	AllCompleted   Until = iota // when all are done
	FirstCompleted              // when at least one is done
	FirstError                  // when one has failed (a canceled task has not), or all are done
)

// of returns the words that describe the wait for n awaitables, for reports.
func (u Until) of(n int) string {
	return fmt.Sprintf([...]string{"all of %d", "the first of %d", "all of %d or an error"}[u], n)
}

// mustBeHere panics unless ctx belongs to the running task, and every awaitable belongs to the
// task's loop.
func mustBeHere[A loop.Awaitable](ctx context.Context, of []A) {
	l := lowlevel.Current(ctx).Loop()
	mustBeGiven(of)
	for at, a := range of {
		if own := a.Loop(); own != nil && own != l {
			panic(fmt.Sprintf("task: argument %d belongs to another loop than the running task; hand results between loops with Post", at+1))
		}
	}
}

// addWaiter adds the waiter r to a: when a is done, r is scheduled. An awaitable without a loop is
// done: it is a gather of nothing, or a shield of such a gather. For such an awaitable, addWaiter
// schedules r on l, the loop of the running task.
func addWaiter(l *loop.Loop, a loop.Awaitable, r loop.Runnable) {
	if a.Loop() == nil && a.Done() {
		lowlevel.Schedule(l, r)
		return
	}
	a.AddWaiter(r)
}

// Wait waits for tasks and futures, the awaitables, until the condition named by until holds, or
// until limit has passed. It returns two slices: the awaitables that are done, and the awaitables
// that are pending, both in the order of the arguments. If an awaitable is given twice, it counts
// once and is returned once.
//
// Wait cancels nothing, and does not take the errors of the awaitables: if no other code awaits
// a task that has failed, or calls its Result or Err, the loop reports the error. If limit passes,
// Wait returns no error; the slice pending shows that not all are done. An error means that the
// waiting itself failed: the running task was canceled, or ctx has ended. Then both slices are nil,
// and the awaitables are unchanged.
//
// Wait suspends for at least one turn, even if all awaitables are done. It returns an error if it
// gets no awaitables or an unknown until. It panics if ctx does not belong to the running task, or
// if an awaitable is nil or belongs to another loop. asyncio: wait.
func Wait[A future.Any](ctx context.Context, limit time.Duration, until Until, of ...A) (done, pending []A, err error) {
	if len(of) == 0 {
		return nil, nil, errors.New("task: Wait for nothing; give it at least one task or future")
	}
	if until > FirstError {
		return nil, nil, fmt.Errorf("task: Wait(Until(%d)); use AllCompleted, FirstCompleted or FirstError", until)
	}
	mustBeHere(ctx, of)
	of = unique(of)
	w := &waiting{signal: newSignal(ctx, until.of(len(of)), pendingOf(of)), until: until, left: len(of)}
	if limit != NoLimit {
		w.limit = lowlevel.CallLater(ctx, limit, w.signal.Run)
	}
	each := make([]waited, len(of))
	for at, a := range of {
		each[at] = waited{w, a}
		addWaiter(w.Loop(), a, &each[at])
	}
	defer func() { // runs even if a Goexit ends the waiting
		w.limit.Cancel()
		for at, a := range of {
			a.RemoveWaiter(&each[at])
		}
	}()
	if err := w.Wait(ctx); err != nil {
		return nil, nil, err
	}
	for _, a := range of {
		if a.Done() {
			done = append(done, a)
		} else {
			pending = append(pending, a)
		}
	}
	return done, pending, nil
}

type waiting struct {
	*signal
	until Until
	left  int
	limit loop.Handle
}

// waited is the waiter of one awaitable.
type waited struct {
	in *waiting
	of future.Any
}

func (w *waited) Run() {
	w.in.left--
	if w.in.left <= 0 || w.in.until == FirstCompleted || w.in.until == FirstError && future.Failed(w.of) {
		w.in.limit.Cancel()
		w.in.signal.Run()
	}
}
