package loop

import (
	"container/list"
	"context"
	"errors"

	"github.com/takt-go/takt/loop/internal/source"
)

// A watch observes a standard context. The end of the context cancels a task, or ends one
// suspension of a task. Package context cannot tell the loop of the end inside the call that ends
// the context. So the loop looks at all watches, in order of making, at the beginning of every
// turn. If code on the loop ends the context, the loop always notices that at the same place in the
// order of events. An end from another goroutine, such as that of a standard time limit, wakes the
// loop if it sleeps.
type watch struct {
	ctx  context.Context
	task *Task
	all  bool        // the end of ctx cancels the task; otherwise it ends one suspension
	seen bool        // the last See has found that ctx has ended
	stop func() bool // stops the AfterFunc that wakes the loop

	at *list.Element // in the loop's list; nil when the watch is over
}

// watches has the watches of a loop, in order of making. It is a source.
type watches struct {
	source.Nothing
	hub *source.Hub
	all *list.List // of *watch; nil before the first one
}

func (l *Loop) watchSuspension(ctx context.Context, t *Task) *watch {
	if l.clock.Jumps() && !l.warned {
		l.warnOfRealTime(ctx, t)
	}
	return l.addWatch(&watch{ctx: ctx, task: t})
}

// bindTask makes the end of ctx cancel the new task t. If ctx has ended already, t never runs.
func (l *Loop) bindTask(ctx context.Context, t *Task) {
	if ctx.Err() != nil {
		t.Cancel(context.Cause(ctx))
		return
	}
	t.withExtra().watch = l.addWatch(&watch{ctx: ctx, task: t, all: true})
}

func (l *Loop) addWatch(w *watch) *watch {
	w.stop = context.AfterFunc(w.ctx, l.outside.Nudge)
	l.watches.add(w)
	return w
}

// warnOfRealTime reports once that ctx has a time limit of package context. Such a limit counts real
// time. With a virtual clock, an hour can pass on the loop before the limit expires.
func (l *Loop) warnOfRealTime(ctx context.Context, t *Task) {
	limit, limited := ctx.Deadline()
	around, _ := ctx.Value(contextKey{}).(context.Context).Deadline()
	if limited && !limit.Equal(around) {
		l.warned = true
		l.report(Failure{Kind: RealTimeLimit, Task: t, Err: errors.New("loop: the task awaits under a context of context.WithTimeout or WithDeadline, which counts real time, but the clock is virtual; use task.Timeout")})
	}
}

// unwatch ends the watch w. If w is nil, or was ended before, nothing happens.
func (l *Loop) unwatch(w *watch) {
	if w == nil {
		return
	}
	w.stop()
	l.watches.remove(w)
}

// first returns the element of the first watch, or nil.
func (ws *watches) first() *list.Element {
	if ws.all == nil {
		return nil
	}
	return ws.all.Front()
}

func (ws *watches) add(w *watch) {
	if ws.all == nil {
		ws.all = list.New()
	}
	w.at = ws.all.PushBack(w)
	ws.hub.Watch(1)
}

func (ws *watches) remove(w *watch) {
	if w.at != nil {
		ws.all.Remove(w.at)
		w.at = nil
		ws.hub.Watch(-1)
	}
}

// See notes which contexts have ended.
func (ws *watches) See() {
	for at := ws.first(); at != nil; at = at.Next() {
		w := at.Value.(*watch)
		w.seen = w.ctx.Err() != nil
	}
}

// Take handles the contexts that See has found ended. Canceling a task may end more contexts, with
// a CanceledError as their cause. Take handles these contexts, too.
func (ws *watches) Take() {
	for at, next := ws.first(), (*list.Element)(nil); at != nil; at = next {
		next = at.Next()
		w := at.Value.(*watch)
		if w.ctx.Err() == nil {
			continue
		}
		cause := context.Cause(w.ctx)
		_, own := cause.(*CanceledError)
		if !w.seen && !own {
			continue // the AfterFunc of the context nudges the hub, so the next turn looks again
		}
		ws.remove(w)
		if w.all {
			w.task.Cancel(cause)
		} else if !own {
			// If own is true, the context ended because its task, or a scope in the task, was
			// canceled. Then the request reaches the task without this watch.
			w.task.interrupt(cause)
		}
	}
}

// Pending reports whether a context has ended. It asks each context, because a context calls its
// AfterFunc a little after it has ended.
func (ws *watches) Pending() bool {
	return ws.some(func(w *watch) bool { return w.ctx.Err() != nil })
}

// MayCome reports whether a context may end: it has a deadline, or a task awaits under it.
func (ws *watches) MayCome() bool {
	return ws.some(func(w *watch) bool {
		_, limited := w.ctx.Deadline()
		return limited || !w.all
	})
}

func (ws *watches) some(is func(*watch) bool) bool {
	for at := ws.first(); at != nil; at = at.Next() {
		if is(at.Value.(*watch)) {
			return true
		}
	}
	return false
}
