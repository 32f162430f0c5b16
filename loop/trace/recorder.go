package trace

import (
	"fmt"
	"math"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/oneline"
	"github.com/takt-go/takt/timer"
)

// A Recorder keeps the newest events of one loop, in a fixed amount of memory, and a hash of all
// events. Make it with [NewRecorder], and give its Observe method to [loop.WithObserver].
//
// An event costs some ten nanoseconds and no allocation, in addition to the time that the loop needs
// to read its clock. Three kinds of events may cost more, and may allocate. If a task awaits
// something that is not a task, the recorder asks the awaitable for its description. If a task ends
// with an error, or is canceled with a cause, the recorder asks the error or the cause for its text.
// If the recorder does not have a name or text yet, it copies it.
//
// A Recorder is not safe for use from other goroutines. Call its methods while the loop does not
// run, or in code of the loop, such as a function given to [loop.Loop.Post]. A Recorder keeps no
// task alive, but it keeps the loop alive.
type Recorder struct {
	ring  []record
	next  int    // where the next event goes in the ring
	seen  uint64 // events
	hash  hash
	texts texts
	loop  *loop.Loop // nil until the first event about a task
	world *scene     // nil if there is no simulated world
}

// A record is an event in the ring. It has no pointers, so that the garbage collector skips the ring.
type record struct {
	at       int64
	task, by uint64
	arg      uint64 // the timer's deadline, the ID of the awaited task, or the text of the task's error
	seq      uint64 // of the timer
	text     text   // the awaitable, the cause of a cancellation, or the name of a task that is done
	kind     loop.EventKind
	outcome  Outcome
	node     uint16 // of a task that is done; 0 if it belongs to no node of a simulated world
}

const recordSize = 48

const (
	minBudget = 64 * recordSize             // a smaller recording would not be useful
	maxBudget = min(1<<40, math.MaxInt/2+1) // 1 TB: the numbers of texts have 32 bits
)

// NewRecorder makes a recorder that uses budget bytes of memory: seven eighths for events, which take
// 48 bytes each, and one eighth for names and descriptions. With 1 MB (1 << 20) it keeps the newest
// 19,000 events. A simulated world (package looptest/sim) takes about half as much for its own events, if there is one.
// NewRecorder panics if budget is less than 3072, or more than 1 TB (1 GB if an int has 32 bits).
func NewRecorder(budget int) *Recorder {
	if budget < minBudget {
		panic(fmt.Sprintf("trace: NewRecorder(%d); the budget is in bytes, give it %d or more", budget, minBudget))
	}
	if budget > maxBudget {
		panic(fmt.Sprintf("trace: NewRecorder(%d); the budget is in bytes, give it %d or less, such as 1 << 20", budget, maxBudget))
	}
	return &Recorder{
		ring:  make([]record, budget/8*7/recordSize),
		texts: makeTexts(budget / 8),
	}
}

// Observe records e, unless e is the beginning of a turn. Give this method to [loop.WithObserver]. It
// panics if NewRecorder has not made r.
func (r *Recorder) Observe(e loop.Event) {
	if e.Kind == loop.TurnBegan {
		return
	}
	if r.next >= len(r.ring) { // costs nothing: it replaces the bounds check
		panic("trace: Observe of a Recorder that NewRecorder has not made; make it with NewRecorder")
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

// await records the awaitable of a suspended task.
func (r *Recorder) await(x *record, on loop.Awaitable) {
	if t := on.TaskOf(); t != nil {
		x.arg = t.ID()
		return
	}
	what, _ := on.Explain()
	x.text = r.intern(what)
}

// done records how a task has ended, and its last name. All events of the task get this name. It is
// stored in the record of its end, which stays in the ring longer than the task's other records.
func (r *Recorder) done(x *record, t *loop.Task) {
	x.arg = uint64(noText)
	if t.Named() {
		x.text = r.intern(t.Name())
	}
	x.node = r.world.of(t)
	outcome, err := outcomeOf(t)
	x.outcome = outcome
	if err != nil {
		x.arg = uint64(r.intern(errorText(err)))
	}
}

func (r *Recorder) intern(s string) text {
	if !r.texts.room(s) {
		r.texts.sweep(r.used, r.seen, uint64(len(r.ring)))
	}
	return r.texts.intern(s)
}

// used is an iterator over the texts of all records.
func (r *Recorder) used(yield func(text) bool) {
	for i := range r.ring {
		x := &r.ring[i]
		if !yield(x.text) || x.kind == loop.TaskDone && !yield(text(x.arg)) {
			return
		}
	}
}

// Events returns the kept events, the oldest first. An event has the present name of its task, or the
// last name if the task has ended, and not the name at the time of the event.
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

// kept is an iterator over the records in the ring, the oldest first.
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

// names returns the names of tasks by ID. A task that is not in the map has the default name.
func (r *Recorder) names() map[uint64]string {
	names := make(map[uint64]string)
	for x := range r.kept {
		if x.kind == loop.TaskDone && x.text != noText {
			names[x.task] = r.texts.get(x.text)
		}
	}
	if r.loop != nil {
		for t := range r.loop.Tasks() {
			names[t.ID()] = oneline.Cut(t.Name())
		}
	}
	return names
}

// Dropped returns the number of events that the recorder no longer keeps.
func (r *Recorder) Dropped() uint64 {
	return r.seen - min(r.seen, uint64(len(r.ring)))
}

// Hash returns a hash of all events, also of those that the recorder no longer keeps. The hash
// depends on the kinds of the events, their order, and the IDs of tasks and timers. Under a virtual
// clock it also depends on the times of the events and the deadlines of the timers. (Hash knows the
// kind of the clock only after the first event about a task.) With the real clock it does not
// depend on times, because these differ in each run. Names, descriptions, errors and the budget have
// no influence.
//
// Two runs of a deterministic program have the same hash. If the hashes differ, the runs differed.
// Compare only hashes from the same version of takt.
func (r *Recorder) Hash() uint64 {
	return r.hash.sum(r.loop != nil && r.loop.Clock().Jumps())
}
