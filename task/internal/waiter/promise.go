package waiter

import (
	"context"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// What stands in a line for a task that waits in a function is a Waiter, and the task leaves
// the line when it goes on. A promise that stands in line has a Waiter, too. Nothing can
// be told of the tasks that await the promise, so it acts by itself when its turn comes.

// Promised makes a Waiter of a promise. When the waiter is set or canceled, it runs turn:
// inside that call, or else in the next turn, where a task would go on.
func Promised(l *loop.Loop, of Describer, turn loop.Runnable, inline bool) Waiter {
	return Waiter{loop: l, of: of, task: turn, promised: true, inline: inline}
}

// orphaned reports whether w is that of a promise that no code can await any more, as its loop was
// closed. (A task leaves the line when Close ends it. Nothing tells a promise.)
func (w *Waiter) orphaned() bool { return w.promised && w.loop.Closed() }

// dropOrphans takes the promises that are left over from a loop that was closed out of the line.
func (l *List) dropOrphans() {
	for w := range l.All() {
		if w.orphaned() {
			w.Leave()
		}
	}
}

// A Giver has what is given to the first in a line.
type Giver interface {
	Describer
	// Give gives it. t, which may be nil, is the task that asked for it.
	Give(t *loop.Task)
}

// Ask puts a promise at the end of the line. The promise is done when its turn comes, inside
// the call that sets it, and the Giver has given by then. Canceling it takes it out of the line.
func (l *List) Ask(ctx context.Context, from Giver) *future.Future[struct{}] {
	in := lowlevel.LoopOf(ctx)
	a := &asking{from: from, by: in.Current()}
	a.place = Promised(in, from, a, true)
	l.Join(&a.place)
	a.Init(in, (*askingOwner)(a))
	return &a.Future
}

// asking is a promise that stands in a line, and is done when its turn comes.
type asking struct {
	future.Promise[struct{}]
	place Waiter
	from  Giver
	by    *loop.Task
}

// Run is called once the place is set or canceled.
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

// Given is a future of what an Ask would wait for, if there is no need to wait.
func Given[T any](ctx context.Context, v T, err error) *future.Future[T] {
	f := future.New[T](ctx)
	if err != nil {
		_ = f.SetError(err)
	} else {
		_ = f.SetResult(v)
	}
	return f
}
