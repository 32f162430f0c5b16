package trace

import (
	"cmp"
	"slices"
	"time"

	"github.com/takt-go/takt/loop"
)

// lanes is a recording as the exports draw it: tasks side by side, each with the
// spans of its life one after another.
//
// Wherever something is said to be at an event, that is an index of events. A span
// lasts from one event to another; one that was going on already when the oldest
// event was recorded begins at 0, one that goes on after the newest ends at
// len(events).
type lanes struct {
	events []Event
	tasks  []lane  // by ID
	spans  []span  // by their beginning
	arrows []arrow // by their end
	idles  []span  // of the loop, task is -1
}

// lane is a task.
type lane struct {
	id      uint64
	name    string
	outcome Outcome // 0 while it has not ended
	err     string

	seen bool
	open int // the span that it is in; -1 if none
	wake int // the event that has made it ready, until its step begins; -1 if none
}

type spanKind uint8

const (
	stepSpan  spanKind = iota
	waitSpan           // for something, from its suspension until it is woken
	readySpan          // from then until its step begins
)

// span is a time in the life of a task.
type span struct {
	task     int // index of tasks
	kind     spanKind
	from, to int    // events
	began    bool   // at from, else before
	ended    bool   // at to, else later
	what     string // waited for; how a step ended
	on       uint64 // the task that is waited for
	sleep    bool   // waits for its timer
}

// arrow leads from what has made a task ready to the step that follows.
type arrow struct {
	by   int // index of tasks; -1 for a callback
	task int
	from int // a TaskWoken or TaskMade
	to   int // the StepBegan
}

// makeLanes sorts events, oldest first, into lanes.
func makeLanes(events []Event) *lanes {
	l := &lanes{events: events}
	l.findTasks()
	idle := -1
	for at, e := range events {
		if idle >= 0 {
			l.idles[idle].to, l.idles[idle].ended = at, true
			idle = -1
		}
		if e.By != 0 && (at > 0 || e.By != e.Task) {
			l.runs(l.index(e.By))
		}
		if e.Kind == loop.Idle {
			idle = len(l.idles)
			l.idles = append(l.idles, span{task: -1, from: at, to: len(events), began: true})
		}
		if e.Task != 0 {
			l.add(at, e, l.index(e.Task))
		}
	}
	return l
}

// findTasks makes a lane for every task that an event is about.
func (l *lanes) findTasks() {
	known := make(map[uint64]*lane)
	see := func(id uint64) *lane {
		if id != 0 && known[id] == nil {
			known[id] = &lane{id: id, name: unnamed(id), open: -1, wake: -1}
		}
		return known[id]
	}
	for _, e := range l.events {
		see(e.By)
		if t := see(e.Task); t != nil {
			t.name = e.Name
			if e.Kind == loop.TaskDone {
				t.outcome, t.err = e.Outcome, e.Err
			}
		}
	}
	for _, t := range known {
		l.tasks = append(l.tasks, *t)
	}
	slices.SortFunc(l.tasks, func(a, b lane) int { return cmp.Compare(a.id, b.id) })
}

func (l *lanes) index(id uint64) int {
	at, _ := slices.BinarySearchFunc(l.tasks, id, func(t lane, id uint64) int { return cmp.Compare(t.id, id) })
	return at
}

// runs notes that a task is running: if nothing was heard of it yet, its step began
// before the oldest event.
func (l *lanes) runs(task int) {
	if !l.tasks[task].seen {
		l.open(span{task: task, kind: stepSpan})
	}
}

// open begins a span.
func (l *lanes) open(s span) {
	s.to = len(l.events)
	l.tasks[s.task].seen = true
	l.tasks[s.task].open = len(l.spans)
	l.spans = append(l.spans, s)
}

// end ends the span that the task is in. If nothing was heard of the task yet, that is
// one of the given kind, which began before the oldest event. how is what a span ended
// with, if it is not known from its beginning.
func (l *lanes) end(task, at int, kind spanKind, how string) {
	t := &l.tasks[task]
	if !t.seen && at > 0 {
		l.open(span{task: task, kind: kind})
	}
	t.seen = true
	if t.open < 0 {
		return
	}
	s := &l.spans[t.open]
	s.to, s.ended = at, true
	if how != "" {
		s.what = how
	}
	t.open = -1
}

// add takes in an event that concerns a task.
func (l *lanes) add(at int, e Event, task int) {
	t := &l.tasks[task]
	switch e.Kind {
	case loop.TaskMade:
		t.wake = at
		l.open(span{task: task, kind: readySpan, from: at, began: true, what: "its first step"})
	case loop.StepBegan:
		l.end(task, at, readySpan, "")
		if t.wake >= 0 {
			by := -1
			if id := l.events[t.wake].By; id != 0 {
				by = l.index(id)
			}
			l.arrows = append(l.arrows, arrow{by: by, task: task, from: t.wake, to: at})
			t.wake = -1
		}
		l.open(span{task: task, kind: stepSpan, from: at, began: true})
	case loop.TaskSuspended:
		s := span{task: task, kind: waitSpan, from: at, began: true, what: e.On, on: e.OnTask}
		how := " on " + e.On
		switch {
		case e.On != "":
		case e.Timer.Seq != 0:
			s.sleep, s.what = true, "sleep until "+time.Duration(e.Timer.Deadline).String()
			how = " to " + s.what
		default: // nobody has to wake it
			s.kind, s.what = readySpan, "its turn"
			how = " for a turn"
		}
		l.end(task, at, stepSpan, e.Kind.String()+how)
		l.open(s)
	case loop.TaskWoken:
		l.end(task, at, waitSpan, "")
		t.wake = at
		l.open(span{task: task, kind: readySpan, from: at, began: true, what: "its turn"})
	case loop.TaskDone:
		how := ""
		if t.open >= 0 && l.spans[t.open].kind == stepSpan || !t.seen {
			how = e.Outcome.String()
			if e.Err != "" {
				how += ": " + e.Err
			}
		}
		l.end(task, at, stepSpan, how)
	}
}
