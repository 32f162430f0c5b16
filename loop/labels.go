package loop

import (
	"context"
	"runtime/pprof"
)

// How profiler labels stay with their body.
//
// Labels belong to a goroutine, and what runs on a stack is not one body: callbacks,
// machines and other bodies run on top of a body's frames, or after it, and goroutines
// that they start inherit the labels. No code can ask a goroutine for its labels. But a
// body that has labels by [pprof.Do] has a context with them, and hands that to the loop
// when it suspends, spawns, or enters a scope. From the first context with labels of its
// own on, the loop is labeled: it sets the labels of every step, and takes them off when
// the step is over. Until then labels cost nothing but a look at contexts that are not
// the task's own.
//
// What runs for no task has the labels of the context that was bound to the loop
// first, which is how a program's labels come to a loop: see [Loop.Bind].

// meet looks whether ctx has labels of its own.
func (l *Loop) meet(ctx context.Context) {
	switch ctx.(type) {
	case *ownContext, *scopeContext: // what they are made of was met before
		return
	}
	if !l.labeled && l.differs(ctx) {
		l.labeled = true
		l.attend()
	}
}

// differs reports whether ctx has labels that what runs for no task has not.
func (l *Loop) differs(ctx context.Context) bool {
	own := false
	pprof.ForLabels(ctx, func(key, value string) bool {
		base, ok := pprof.Label(l.base(), key)
		own = !ok || base != value
		return !own
	})
	return own
}

// base is the context whose labels are those of what runs for no task.
func (l *Loop) base() context.Context {
	if l.bound == nil {
		return context.Background()
	}
	return l.bound
}

// label gives the running goroutine the labels of ctx, which is t's, and in debug mode
// the label "task" with t's name.
func (t *Task) label(ctx context.Context) {
	switch l := t.env.loop; {
	case l.debug:
		pprof.SetGoroutineLabels(pprof.WithLabels(ctx, pprof.Labels("task", t.Name())))
		l.driverLabeled = l.driverLabeled || l.stacks.Active == &l.stacks.Driver
	case l.differs(ctx):
		pprof.SetGoroutineLabels(ctx)
		l.driverLabeled = l.driverLabeled || l.stacks.Active == &l.stacks.Driver
	default:
		l.unlabel()
	}
}

// unlabel takes the labels of a step off the running goroutine. The driver's goroutine,
// which is the program's, keeps its own unless the loop has set others.
func (l *Loop) unlabel() {
	if l.stacks.Active == &l.stacks.Driver {
		if !l.driverLabeled {
			return
		}
		l.driverLabeled = false
	}
	pprof.SetGoroutineLabels(l.base())
}

// relabel is label for the context of whichever task, if that is running.
func (l *Loop) relabel(ctx context.Context) {
	if t, _, _ := own(ctx); t != nil && t == l.current {
		t.label(ctx)
	}
}
