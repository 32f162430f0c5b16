package waiter

import (
	"context"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A line holds Waiters of two kinds. The first kind is for a task that waits in a function, such as
// Lock: the task takes the Waiter out of the line when it goes on. The second kind is for a
// promise, whose future any number of tasks may await, or none. So the promise itself acts when its
// Waiter is set.

// Promised makes a Waiter for a promise. When the Waiter is set or canceled, it runs turn. If
// inline is true, it runs turn inside that call. Otherwise it schedules turn, as it would schedule
// a task.
func Promised(l *loop.Loop, of Describer, turn loop.Runnable, inline bool) Waiter {
	return Waiter{loop: l, of: of, task: turn, promised: true, inline: inline}
}

// orphaned reports whether w is the waiter of a promise whose loop was closed: no code can await
// this promise any more. (When Close ends a task, the task takes its Waiter out of the line. Close
// knows nothing of promises.)
func (w *Waiter) orphaned() bool { return w.promised && w.loop.Closed() }

// dropOrphans removes the promises of a closed loop from the line.
func (l *List) dropOrphans() {
	for w := range l.All() {
		if w.orphaned() {
			w.Leave()
		}
	}
}

// A Giver gives a lock, or the like, to the first waiter in a line.
type Giver interface {
	Describer
	// Give gives the lock to t, the task that has called Ask. t is nil if no task has called Ask.
	Give(t *loop.Task)
}

// Ask puts a promise at the end of the line, and returns its future. When Set reaches the promise,
// it calls from.Give, and then completes the promise. Canceling the future takes the promise out of
// the line.
func (l *List) Ask(ctx context.Context, from Giver) *future.Future[struct{}] {
	in := lowlevel.LoopOf(ctx)
	a := &asking{from: from, by: in.Current()}
	a.place = Promised(in, from, a, true)
	l.Join(&a.place)
	a.Init(in, (*askingOwner)(a))
	return &a.Future
}

// asking is a promise in a line. It is done when its place is set or canceled.
type asking struct {
	future.Promise[struct{}]
	place Waiter
	from  Giver
	by    *loop.Task
}

// Run runs when the place is set or canceled.
func (a *asking) Run() {
	a.place.Leave()
	if a.place.Succeeded() {
		a.from.Give(a.by)
	}
	a.Complete(struct{}{}, a.place.err)
}

type askingOwner asking

func (o *askingOwner) Cancel(cause error) bool { return o.place.Cancel(cause) }

func (o *askingOwner) Describe() (string, []loop.Awaitable) { return o.from.Describe() }

// Given returns a future that is done, with v or err. Use it in place of Ask if there is no need to
// wait.
func Given[T any](ctx context.Context, v T, err error) *future.Future[T] {
	f := future.New[T](ctx)
	if err != nil {
		_ = f.SetError(err)
	} else {
		_ = f.SetResult(v)
	}
	return f
}
