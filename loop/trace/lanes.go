package trace

import (
	"cmp"
	"slices"
	"time"

	"github.com/takt-go/takt/loop"
)

// lanes is a recording in the form that the exports draw: a lane for each task, with the spans of
// the task, one after another.
//
// Positions are indices of events. A span lasts from one event to another. A span that began before
// the oldest event has the position 0 as its beginning. A span that goes on after the newest event
// has len(events) as its end.
type lanes struct {
	events []Event
	tasks  []lane  // in the order of their IDs
	spans  []span  // in the order of their beginnings
	arrows []arrow // in the order of their ends
	idles  []span  // the idle times of the loop; their task is -1
	world  *worldView
}

// A lane is a task, and its state while makeLanes reads the events.
type lane struct {
	id      uint64
	name    string
	outcome Outcome // 0 while it has not ended
	err     string

	seen bool // an event about the task has been read
	open int  // index of the span that has not ended; -1 if none
	wake int  // the event that made the task ready, until its step begins; -1 if none
}

type spanKind uint8

const (
	stepSpan  spanKind = iota
	waitSpan           // from the suspension until the task is woken
	readySpan          // from the wake until the next step begins
)

// A span is a part of the life of a task, or an idle time of the loop.
type span struct {
	task     int // index of tasks
	kind     spanKind
	from, to int    // events
	began    bool   // it began at from; if false, it began before the recording
	ended    bool   // it ended at to; if false, it goes on after the recording
	what     string // of a step: how it ended; of other spans: the event that the task waits for
	on       uint64 // the ID of the awaited task; 0 for none
	sleep    bool   // the task waits for its timer
}

// An arrow leads from the event that made a task ready to the step that follows.
type arrow struct {
	by   int // index of tasks; -1 for a callback
	task int
	from int // a TaskWoken or TaskMade
	to   int // the StepBegan
}

// lanes returns the recording in the form that the exports draw.
func (r *Recorder) lanes() *lanes {
	events, world := r.withWorld()
	l := makeLanes(events)
	l.world = world
	return l
}

// makeLanes makes lanes from events, which are in order, the oldest first.
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

// findTasks makes a lane for every task that an event names.
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

// runs is called for a task that is running. If no event about the task has been read yet, its step
// began before the oldest event.
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

// end ends the open span of a task. If no event about the task has been read yet, end first adds a
// span of the given kind, which began before the oldest event. how becomes the text of the span,
// unless it is empty.
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

// add reads an event about a task.
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
		default: // the task is ready at once
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
