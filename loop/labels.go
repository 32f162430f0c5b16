package loop

import (
	"context"
	"runtime/pprof"
)

// How profiler labels stay with their body.
//
// Labels belong to a goroutine. But the goroutine of a stack does not run one body only: callbacks,
// machines and other bodies run on top of a body's frames, or after the body. Goroutines that these
// callbacks and bodies start inherit the labels. Go has no function that returns the labels of a
// goroutine.
//
// A body that has labels by [pprof.Do] has a context with these labels. The body hands this context
// to the loop when it suspends, spawns, or enters a scope. When the loop meets the first context
// that has labels of its own, the loop becomes labeled: from then on it sets the labels in every
// step, and removes them at the end of the step. Before that, the only cost of labels is a look at
// each context that is not a task's own.
//
// Callbacks and other code that runs for no task have the labels of the context that was bound to the
// loop first. In this way a loop gets the labels of the program: see [Loop.Bind].

// meet makes the loop labeled if ctx has labels of its own.
func (l *Loop) meet(ctx context.Context) {
	switch ctx.(type) {
	case *ownContext, *scopeContext: // the loop has met their outer contexts before
		return
	}
	if !l.labeled && l.differs(ctx) {
		l.labeled = true
		l.attend()
	}
}

// differs reports whether ctx has a label that the base context does not have.
func (l *Loop) differs(ctx context.Context) bool {
	own := false
	pprof.ForLabels(ctx, func(key, value string) bool {
		base, ok := pprof.Label(l.base(), key)
		own = !ok || base != value
		return !own
	})
	return own
}

// base returns a context. Code that runs for no task has the labels of this context.
func (l *Loop) base() context.Context {
	if l.bound == nil {
		return context.Background()
	}
	return l.bound
}

// label gives the running goroutine the labels of ctx, a context of t. In debug mode it also sets the
// label "task", to the name of t.
func (t *Task) label(ctx context.Context) {
	switch l := t.env.loop; {
	case l.debug:
		pprof.SetGoroutineLabels(t.debugLabels(ctx))
		l.driverLabeled = l.driverLabeled || l.stacks.Active == &l.stacks.Driver
	case l.differs(ctx):
		pprof.SetGoroutineLabels(ctx)
		l.driverLabeled = l.driverLabeled || l.stacks.Active == &l.stacks.Driver
	default:
		l.unlabel()
	}
}

// debugLabels returns a context with the labels of ctx and the label "task". It keeps that of the task's own
// context for the next step, since making a set of labels costs half a microsecond or more.
func (t *Task) debugLabels(ctx context.Context) context.Context {
	x := t.extra.Load()
	d, name := x.debug, x.name.Load()
	_, own := ctx.(*ownContext)
	if own && d.labels != nil && d.labeled == name {
		return d.labels
	}
	labels := pprof.WithLabels(ctx, pprof.Labels("task", t.Name()))
	if own {
		d.labels, d.labeled = labels, name
	}
	return labels
}

// unlabel removes the labels of a step from the running goroutine. The goroutine of the driver belongs
// to the program. It keeps its own labels if the loop has set no others.
func (l *Loop) unlabel() {
	if l.stacks.Active == &l.stacks.Driver {
		if !l.driverLabeled {
			return
		}
		l.driverLabeled = false
	}
	pprof.SetGoroutineLabels(l.base())
}

// relabel calls label if ctx belongs to the running task.
func (l *Loop) relabel(ctx context.Context) {
	if t, _, _ := own(ctx); t != nil && t == l.current {
		t.label(ctx)
	}
}
