package trace

import (
	"context"
	rtrace "runtime/trace"

	"github.com/takt-go/takt/loop"
)

// Runtime returns an observer that shows a loop in Go's own execution tracer, package runtime/trace.
// Each task is a trace task with the same name, and a child of the trace task of the task that made
// it. Each step is a region with the name step in this trace task. Suspensions, the ends of tasks, wakes and cancellations
// are log messages. go tool trace shows them under User-defined tasks and User-defined regions.
//
// While the tracer is off, an event costs a nanosecond or two. A task that was made before the tracer
// was started appears with its next event. Give each observer to one loop only.
func Runtime() func(loop.Event) {
	r := runtimeTracer{tasks: make(map[uint64]*runtimeTask)}
	return r.observe
}

// A runtimeTracer keeps the open tasks and regions of the execution tracer.
type runtimeTracer struct {
	tasks map[uint64]*runtimeTask
}

type runtimeTask struct {
	ctx    context.Context
	task   *rtrace.Task
	region *rtrace.Region // the step that has not ended; a region must end on its goroutine, as a step does
}

func (r *runtimeTracer) observe(e loop.Event) {
	if !rtrace.IsEnabled() && len(r.tasks) == 0 {
		return
	}
	if e.Task == nil {
		return
	}
	id := e.Task.ID()
	t := r.tasks[id]
	if t == nil {
		if !rtrace.IsEnabled() || e.Kind == loop.TaskDone {
			return
		}
		t = r.begin(e)
		r.tasks[id] = t
	}
	switch e.Kind {
	case loop.StepBegan:
		t.region = rtrace.StartRegion(t.ctx, "step")
	case loop.TaskSuspended:
		if rtrace.IsEnabled() {
			rtrace.Log(t.ctx, "suspended", suspendedOn(e))
		}
		t.endStep()
	case loop.TaskDone:
		if rtrace.IsEnabled() {
			outcome, _ := outcomeOf(e.Task)
			rtrace.Log(t.ctx, "done", outcome.String())
		}
		t.endStep()
		t.task.End()
		delete(r.tasks, id)
	case loop.TaskWoken, loop.CancelAsked:
		if rtrace.IsEnabled() {
			by := "callback"
			if e.By != nil {
				by = e.By.Name()
			}
			rtrace.Log(t.ctx, e.Kind.String(), "by "+by)
		}
	}
}

// begin makes the trace task for the task of e.
func (r *runtimeTracer) begin(e loop.Event) *runtimeTask {
	parent := context.Background()
	if e.Kind == loop.TaskMade && e.By != nil {
		if by := r.tasks[e.By.ID()]; by != nil {
			parent = by.ctx
		}
	}
	t := new(runtimeTask)
	t.ctx, t.task = rtrace.NewTask(parent, e.Task.Name())
	return t
}

// endStep ends the region of a step. It is called on the goroutine on which the step began.
func (t *runtimeTask) endStep() {
	if t.region != nil {
		t.region.End()
		t.region = nil
	}
}

// suspendedOn describes the event that a suspended task waits for.
func suspendedOn(e loop.Event) string {
	switch {
	case e.On != nil:
		what, _ := e.On.Explain()
		return "on " + what
	case e.Timer.Seq != 0:
		return "to sleep"
	}
	return "for a turn"
}
