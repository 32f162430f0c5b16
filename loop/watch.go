package loop

import (
	"context"
	"errors"

	"github.com/takt-go/takt/loop/internal/source"
)

// A watch observes a standard context. The end of the context cancels a task, or ends one
// suspension of a task. Package context cannot tell the loop of the end inside the call that ends
// the context. So the loop looks at all watches, in order of making, at the beginning of every
// turn. If code on the loop ends the context, the loop always notices that at the same place in the
// order of events. An end from another goroutine, such as that of a standard time limit, wakes the
// loop if it sleeps. This needs a context.AfterFunc, which the watch gets when the loop goes to sleep for the
// first time. A watch that is over before that has cost far less.
type watch struct {
	ctx  context.Context
	task *Task
	all  bool        // the end of ctx cancels the task; otherwise it ends one suspension
	seen bool        // the last See has found that ctx has ended
	on   bool        // in the loop's list: the watch is not over
	stop func() bool // stops the AfterFunc that wakes the loop; nil before the first sleep

	prev, next *watch
}

// watches has the watches of a loop, in order of making. It is a source.
//
// Invariant: from one watch on, no watch of the list has its AfterFunc, and all before it have.
type watches struct {
	source.Nothing
	hub         *source.Hub
	first, last *watch
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
	var w *watch
	if b := new(bounded); t.extra.CompareAndSwap(nil, &b.extra) {
		w = &b.watch
	} else {
		w = new(watch)
	}
	w.ctx, w.task, w.all = ctx, t, true
	t.withExtra().watch = l.addWatch(w)
}

// bounded is the extra of a task that is bounded by a context: one allocation holds both.
type bounded struct {
	extra
	watch watch
}

func (l *Loop) addWatch(w *watch) *watch {
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
	if w.stop != nil {
		w.stop()
	}
	l.watches.remove(w)
}

func (ws *watches) add(w *watch) {
	w.on, w.prev = true, ws.last
	if ws.last == nil {
		ws.first = w
	} else {
		ws.last.next = w
	}
	ws.last = w
	ws.hub.Watch(1)
}

func (ws *watches) remove(w *watch) {
	if !w.on {
		return
	}
	if w.prev == nil {
		ws.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		ws.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.on, w.prev, w.next = false, nil, nil
	ws.hub.Watch(-1)
}

// Sleep gives each new watch its AfterFunc. If the context has ended meanwhile, its AfterFunc wakes the loop
// at once.
func (ws *watches) Sleep() {
	w := ws.last
	for w != nil && w.stop == nil {
		w = w.prev
	}
	if w == nil {
		w = ws.first
	} else {
		w = w.next
	}
	for ; w != nil; w = w.next {
		w.stop = context.AfterFunc(w.ctx, ws.hub.Nudge)
	}
}

// See notes which contexts have ended.
func (ws *watches) See() {
	for w := ws.first; w != nil; w = w.next {
		w.seen = w.ctx.Err() != nil
	}
}

// Take handles the contexts that See has found ended. Canceling a task may end more contexts, with
// a CanceledError as their cause. Take handles these contexts, too.
func (ws *watches) Take() {
	for w, next := ws.first, (*watch)(nil); w != nil; w = next {
		next = w.next
		if w.ctx.Err() == nil {
			continue
		}
		cause := context.Cause(w.ctx)
		_, own := cause.(*CanceledError)
		if !w.seen && !own {
			ws.hub.Nudge() // the next turn looks again
			continue
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
	for w := ws.first; w != nil; w = w.next {
		if is(w) {
			return true
		}
	}
	return false
}
