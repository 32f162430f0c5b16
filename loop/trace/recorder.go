package trace

import (
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/timer"
)

// A Recorder keeps the newest events of one loop, in a fixed amount of memory, and a
// hash of all events. Make one with [NewRecorder], and give its Observe to
// [loop.WithObserver].
//
// An event costs some ten nanoseconds and no allocation, apart from what the loop
// spends on reading its clock. Exceptions: what a task awaits is asked for its
// description unless it is a task, and that may allocate; so may an error's text, that
// of a cancellation's cause included; and what is new among names and texts is copied.
//
// A Recorder is not safe for use from other goroutines than the loop's. Ask it when
// the loop does not run, or from inside, by [loop.Loop.Post]. It does not hold on to
// tasks, only to the loop.
type Recorder struct {
	ring  []record
	next  int    // where the next event goes in the ring
	seen  uint64 // events
	hash  hash
	texts texts
	loop  *loop.Loop // once an event has told
}

// record is an event in the ring. It has no pointers, for the collector to skip it.
type record struct {
	at       int64
	task, by uint64
	arg      uint64 // the timer's deadline; the task awaited; the text of the error that it ended with
	seq      uint64 // of the timer
	text     text   // what is awaited; the name of a task that is done
	kind     loop.EventKind
	outcome  Outcome
}

const recordSize = 48

// minBudget is the smallest budget; less would not show anything.
const minBudget = 64 * recordSize

// NewRecorder makes a recorder that uses budget bytes of memory: seven eighths for
// events, of 48 bytes each, the rest for names and descriptions. With 1 MB it keeps
// the newest 19,000 events. It panics if budget is less than 3072.
func NewRecorder(budget int) *Recorder {
	if budget < minBudget {
		panic(fmt.Sprintf("trace: NewRecorder(%d); the budget is in bytes, give it %d or more", budget, minBudget))
	}
	return &Recorder{
		ring:  make([]record, budget/8*7/recordSize),
		texts: makeTexts(budget / 8),
	}
}

// Observe records e, unless it is the beginning of a turn. It is to be given to
// [loop.WithObserver].
func (r *Recorder) Observe(e loop.Event) {
	if e.Kind == loop.TurnBegan {
		return
	}
	if r.next >= len(r.ring) { // which costs nothing, as the index would be checked
		panic("trace: Observe of a Recorder that NewRecorder has not made")
	}
	x := &r.ring[r.next]
	*x = record{at: int64(e.At), kind: e.Kind, arg: uint64(e.Timer.Deadline), seq: e.Timer.Seq}
	if r.next++; r.next == len(r.ring) {
		r.next = 0
	}
	r.seen++
	if e.By != nil {
		x.by = e.By.ID()
	}
	if e.Task != nil {
		x.task = e.Task.ID()
		if r.loop == nil {
			r.loop = e.Task.Loop()
		}
	}
	switch e.Kind {
	case loop.TaskSuspended:
		if e.On != nil {
			r.await(x, e.On)
		}
	case loop.CancelAsked:
		if e.Cause != nil {
			x.text = r.intern(errorText(e.Cause))
		}
	case loop.TaskDone:
		r.done(x, e.Task)
	}
	r.hash.add(x)
}

// await notes what a task is suspended on.
func (r *Recorder) await(x *record, on loop.Awaitable) {
	if t := on.TaskOf(); t != nil {
		x.arg = t.ID()
		return
	}
	what, _ := on.Explain()
	x.text = r.intern(what)
}

// done notes how a task has ended, and the name that it had in the end: only now it
// is certain, and whatever else is in the ring about the task leaves it earlier.
func (r *Recorder) done(x *record, t *loop.Task) {
	x.arg = uint64(noText)
	if t.Named() {
		x.text = r.intern(t.Name())
	}
	outcome, err := outcomeOf(t)
	x.outcome = outcome
	if err != nil {
		x.arg = uint64(r.intern(errorText(err)))
	}
}

func (r *Recorder) intern(s string) text {
	if !r.texts.room(s) {
		r.texts.sweep(r.ring, r.seen)
	}
	return r.texts.intern(s)
}

// Events returns the events that were kept, oldest first. Tasks that have not ended
// have the names that they have now.
func (r *Recorder) Events() []Event {
	names := r.names()
	name := func(id uint64) string {
		if id == 0 {
			return ""
		}
		if name, ok := names[id]; ok {
			return name
		}
		return unnamed(id)
	}
	events := make([]Event, 0, min(r.seen, uint64(len(r.ring))))
	for x := range r.kept {
		e := Event{Kind: x.kind, At: time.Duration(x.at), Task: x.task, Name: name(x.task), By: x.by, Outcome: x.outcome}
		switch {
		case x.kind == loop.TaskDone:
			e.Err = r.texts.get(text(x.arg))
		case x.kind == loop.CancelAsked:
			e.Err = r.texts.get(x.text)
		case x.kind == loop.TaskSuspended && x.text != noText:
			e.On = r.texts.get(x.text)
		case x.kind == loop.TaskSuspended && x.seq == 0 && x.arg != 0:
			e.OnTask = x.arg
			e.On = fmt.Sprintf("task %q", name(x.arg))
		default:
			e.Timer = timer.Key{Deadline: int64(x.arg), Seq: x.seq}
		}
		events = append(events, e)
	}
	return events
}

// kept is an iterator over the records that are in the ring, oldest first.
func (r *Recorder) kept(yield func(*record) bool) {
	older, newer := r.ring[r.next:], r.ring[:r.next]
	if r.seen < uint64(len(r.ring)) {
		older = nil
	}
	for _, part := range [][]record{older, newer} {
		for i := range part {
			if !yield(&part[i]) {
				return
			}
		}
	}
}

// names returns the names of the tasks that are not simply called after their ID.
func (r *Recorder) names() map[uint64]string {
	names := make(map[uint64]string)
	for x := range r.kept {
		if x.kind == loop.TaskDone && x.text != noText {
			names[x.task] = r.texts.get(x.text)
		}
	}
	if r.loop != nil {
		for t := range r.loop.Tasks() {
			names[t.ID()] = cut(t.Name())
		}
	}
	return names
}

// Dropped returns how many events there were that are not kept any more.
func (r *Recorder) Dropped() uint64 {
	return r.seen - min(r.seen, uint64(len(r.ring)))
}

// Hash returns a hash of all events, those that are not kept any more included: of
// their kinds and order, and the IDs of tasks and timers. Under a virtual clock it is
// also one of their times and of the timers' deadlines, from the first task on; with
// the real clock, whose times are never the same, it is not. Names, descriptions and
// errors do not count, nor does the budget.
//
// Two runs of a deterministic program have the same hash; if the hashes differ, the
// runs did. It is comparable between runs of one version of takt.
func (r *Recorder) Hash() uint64 {
	return r.hash.sum(r.loop != nil && r.loop.Clock().Jumps())
}
