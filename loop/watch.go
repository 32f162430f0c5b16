package loop

import (
	"container/list"
	"context"
	"errors"

	"github.com/takt-go/takt/loop/internal/source"
)

// A watch is a standard context, derived from a task's, whose end concerns a
// task of the loop. Nothing in package context tells the loop of an end inside
// the call that ends it, so the loop looks at its watches, in order of making,
// at the beginning of every turn: an end that comes from the loop's own code is
// noticed at a place that is always the same. An end from elsewhere, such as a
// standard time limit, wakes the loop if it sleeps.
type watch struct {
	ctx  context.Context
	task *Task
	all  bool        // the end cancels the task; otherwise it ends one suspension
	seen bool        // to have ended, by the loop
	stop func() bool // of the wake-up

	at *list.Element // in the loop's list; nil when it is over
}

// watches are the watches of a loop, in order of making: a source.
type watches struct {
	source.Nothing
	hub *source.Hub
	all list.List // of *watch
}

func (l *Loop) watchSuspension(ctx context.Context, t *Task) *watch {
	if l.clock.Jumps() && !l.warned {
		l.warnOfRealTime(ctx, t)
	}
	return l.addWatch(&watch{ctx: ctx, task: t})
}

// bindTask cancels the new task t when ctx ends; if it has, t never runs.
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

// warnOfRealTime reports, once, that ctx has a time limit of package context's, which
// counts real time: with a virtual clock an hour can pass before it expires.
func (l *Loop) warnOfRealTime(ctx context.Context, t *Task) {
	limit, limited := ctx.Deadline()
	around, _ := ctx.Value(contextKey{}).(context.Context).Deadline()
	if limited && !limit.Equal(around) {
		l.warned = true
		l.report(Failure{Kind: RealTimeLimit, Task: t, Err: errors.New("loop: awaits under context.WithTimeout or WithDeadline, which count real time while the clock is virtual; use task.Timeout")})
	}
}

// unwatch ends a watch; one that has ended, or nil, is left alone.
func (l *Loop) unwatch(w *watch) {
	if w == nil {
		return
	}
	w.stop()
	l.watches.remove(w)
}

func (ws *watches) add(w *watch) {
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
	for at := ws.all.Front(); at != nil; at = at.Next() {
		w := at.Value.(*watch)
		w.seen = w.ctx.Err() != nil
	}
}

// Take acts upon the contexts that were seen to have ended, and upon those that
// this ends in turn: their cause is a cancellation by the loop.
func (ws *watches) Take() {
	for at, next := ws.all.Front(), (*list.Element)(nil); at != nil; at = next {
		next = at.Next()
		w := at.Value.(*watch)
		if w.ctx.Err() == nil {
			continue
		}
		cause := context.Cause(w.ctx)
		_, own := cause.(*CanceledError)
		if !w.seen && !own {
			continue // it has asked for another look
		}
		ws.remove(w)
		if w.all {
			w.task.Cancel(cause)
		} else if !own {
			// Where the context ended because its task, or a scope in it, was
			// canceled, the request is on its way already.
			w.task.interrupt(cause)
		}
	}
}

// Pending reports whether a context has ended. It looks, as what a context calls when it
// ends comes a little later.
func (ws *watches) Pending() bool {
	return ws.some(func(w *watch) bool { return w.ctx.Err() != nil })
}

// MayCome reports whether the end of a context is to be expected.
func (ws *watches) MayCome() bool {
	return ws.some(func(w *watch) bool {
		_, limited := w.ctx.Deadline()
		return limited || !w.all
	})
}

func (ws *watches) some(is func(*watch) bool) bool {
	for at := ws.all.Front(); at != nil; at = at.Next() {
		if is(at.Value.(*watch)) {
			return true
		}
	}
	return false
}
