package trace

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/takt-go/takt/loop"
)

// WritePerfetto writes what was kept in the Trace Event Format, as JSON. Open it with
// ui.perfetto.dev or chrome://tracing.
//
//   - Every task has a track, named after it, in order of creation; what concerns no
//     task is on the track of the loop.
//   - Steps are slices of category step. Between them are slices of category wait,
//     named after what the task waits for, and ready.
//   - Wakes are flow arrows of category wake, from the step or callback that wakes to
//     the step that follows, and spawns are such arrows of category spawn.
//   - Timers, cancellations, posts, and the making and end of tasks are instants.
//
// The format has no order but that of time, so every event is moved behind the one
// before, by 4 ns at least; with the real clock, that changes next to nothing. The
// exact time by the loop's clock is among the arguments of each slice and instant, as
// "at". Task n has tid n+1.
func (r *Recorder) WritePerfetto(w io.Writer) error {
	mustWrite("WritePerfetto", w)
	p := perfetto{lanes: makeLanes(r.Events())}
	p.spread()
	p.addNames()
	for _, s := range p.spans {
		p.addSpan(s)
	}
	for _, s := range p.idles {
		p.addSlice(s, "idle", "idle", perfettoArgs{})
	}
	for i, a := range p.arrows {
		p.addArrow(i+1, a)
	}
	for at, e := range p.events {
		p.addInstant(at, e)
	}
	// What encloses something else at the same time was added earlier.
	slices.SortStableFunc(p.out, func(a, b perfettoEvent) int { return cmp.Compare(a.Time.orNever(), b.Time.orNever()) })
	return p.write(w)
}

// perfetto makes the events of the format.
type perfetto struct {
	*lanes
	ts  []microseconds // when an event is shown; one more at the end
	out []perfettoEvent
}

// perfettoEvent is an event of the format, whose names the fields have.
type perfettoEvent struct {
	Phase    string        `json:"ph"`
	Name     string        `json:"name"`
	Category string        `json:"cat,omitempty"`
	PID      int           `json:"pid"`
	TID      uint64        `json:"tid"`
	Time     *microseconds `json:"ts,omitempty"`
	Dur      *microseconds `json:"dur,omitempty"`
	ID       int           `json:"id,omitempty"` // of a flow
	Bind     string        `json:"bp,omitempty"` // of the end of a flow
	Scope    string        `json:"s,omitempty"`  // of an instant
	Args     *perfettoArgs `json:"args,omitempty"`
}

type perfettoArgs struct {
	Name    string `json:"name,omitempty"`       // of a process or thread
	Sort    uint64 `json:"sort_index,omitempty"` // of a thread
	At      string `json:"at,omitempty"`         // exact, by the loop's clock
	Took    string `json:"took,omitempty"`
	For     string `json:"for,omitempty"`
	By      string `json:"by,omitempty"`
	Ended   string `json:"ended,omitempty"`
	Cut     string `json:"cut,omitempty"`
	Timer   uint64 `json:"timer,omitempty"`
	Due     string `json:"due,omitempty"`
	Outcome string `json:"outcome,omitempty"`
	Err     string `json:"err,omitempty"`
}

// microseconds are nanoseconds, which the format has as µs with a fraction.
type microseconds int64

func (m microseconds) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%d.%03d", m/1000, m%1000), nil
}

// orNever is what events are sorted by: metadata, which has no time, comes first.
func (m *microseconds) orNever() microseconds {
	if m == nil {
		return -1
	}
	return *m
}

const (
	perfettoPID  = 1
	perfettoLoop = 1 // the tid of the loop's track: the main thread's
	perfettoGap  = 4 // ns between one event and the next, at least
)

// spread finds out when each event is shown.
func (p *perfetto) spread() {
	now := microseconds(-perfettoGap)
	for _, e := range p.events {
		now = max(now+perfettoGap, microseconds(e.At))
		p.ts = append(p.ts, now)
	}
	p.ts = append(p.ts, now+perfettoGap)
}

// tid returns the track of a task, or of the loop if there is none.
func (p *perfetto) tid(task int) uint64 {
	if task < 0 {
		return perfettoLoop
	}
	return p.tasks[task].id + perfettoLoop
}

func (p *perfetto) add(e perfettoEvent, args perfettoArgs) {
	e.PID = perfettoPID
	if args != (perfettoArgs{}) {
		e.Args = &args
	}
	p.out = append(p.out, e)
}

// addNames names the tracks.
func (p *perfetto) addNames() {
	p.add(perfettoEvent{Phase: "M", Name: "process_name", TID: perfettoLoop}, perfettoArgs{Name: "takt"})
	p.addName(-1, "loop")
	for task, t := range p.tasks {
		p.addName(task, t.name)
	}
}

func (p *perfetto) addName(task int, name string) {
	tid := p.tid(task)
	p.add(perfettoEvent{Phase: "M", Name: "thread_name", TID: tid}, perfettoArgs{Name: name})
	p.add(perfettoEvent{Phase: "M", Name: "thread_sort_index", TID: tid}, perfettoArgs{Sort: tid})
}

func (p *perfetto) addSpan(s span) {
	switch s.kind {
	case stepSpan:
		p.addSlice(s, "step", "step", perfettoArgs{Ended: s.what})
	case readySpan:
		p.addSlice(s, "ready", "ready", perfettoArgs{For: s.what})
	case waitSpan:
		name := s.what
		switch {
		case s.sleep:
			name = "sleep"
		case name == "":
			name = "wait" // it began before the recording
		}
		p.addSlice(s, "wait", name, perfettoArgs{For: s.what})
	}
}

func (p *perfetto) addSlice(s span, category, name string, args perfettoArgs) {
	from, to := p.ts[s.from], p.ts[s.to]
	dur := to - from
	args.At = exact(p.at(s.from))
	switch {
	case s.began && s.ended:
		args.Took = (p.at(s.to) - p.at(s.from)).String()
	case s.began:
		args.Cut = "goes on after the recording"
	case s.ended:
		args.Cut = "began before the recording"
	default:
		args.Cut = "began before the recording, and goes on after it"
	}
	p.add(perfettoEvent{Phase: "X", Name: name, Category: category, TID: p.tid(s.task), Time: &from, Dur: &dur}, args)
}

// addArrow adds a flow. Both ends are 1 ns inside of slices, for them to be bound to
// these.
func (p *perfetto) addArrow(id int, a arrow) {
	name := "wake"
	if p.events[a.from].Kind == loop.TaskMade {
		name = "spawn"
	}
	from, to := p.ts[a.from]+1, p.ts[a.to]+1
	if a.by < 0 {
		p.addSlice(span{task: -1, from: a.from, to: a.from + 1, began: true, ended: true}, "callback", name+"s "+p.tasks[a.task].name, perfettoArgs{})
	}
	p.add(perfettoEvent{Phase: "s", Name: name, Category: name, TID: p.tid(a.by), Time: &from, ID: id}, perfettoArgs{})
	p.add(perfettoEvent{Phase: "f", Name: name, Category: name, TID: p.tid(a.task), Time: &to, ID: id, Bind: "e"}, perfettoArgs{})
}

func (p *perfetto) addInstant(at int, e Event) {
	args := perfettoArgs{At: exact(e.At)}
	if e.By != 0 && e.By != e.Task {
		args.By = p.tasks[p.index(e.By)].name
	}
	switch e.Kind {
	case loop.TimerArmed, loop.TimerFired, loop.TimerCanceled:
		args.Timer, args.Due = e.Timer.Seq, exact(time.Duration(e.Timer.Deadline))
	case loop.TaskDone:
		args.Outcome, args.Err = e.Outcome.String(), e.Err
	case loop.CancelAsked:
		args.Err = e.Err
	case loop.TaskMade, loop.Posted:
	default: // shown as slices and flows
		return
	}
	task := -1
	if e.Task != 0 {
		task = p.index(e.Task)
	}
	p.add(perfettoEvent{Phase: "i", Name: e.Kind.String(), Category: "event", TID: p.tid(task), Time: &p.ts[at], Scope: "t"}, args)
}

// at is the time of an event; that after the newest one is the same as of that one.
func (p *perfetto) at(event int) time.Duration {
	return p.events[min(event, len(p.events)-1)].At
}

// exact is a time in seconds, to the nanosecond.
func exact(at time.Duration) string {
	return fmt.Sprintf("%d.%09ds", at/time.Second, at%time.Second)
}

// write writes an event per line.
func (p *perfetto) write(w io.Writer) error {
	out := bufio.NewWriter(w)
	_, _ = out.WriteString(`{"displayTimeUnit": "ns", "traceEvents": [`)
	var line bytes.Buffer
	json := json.NewEncoder(&line)
	json.SetEscapeHTML(false)
	for i := range p.out {
		line.Reset()
		if err := json.Encode(&p.out[i]); err != nil {
			return err
		}
		sep := ",\n"
		if i == 0 {
			sep = "\n"
		}
		_, _ = out.WriteString(sep)
		_, _ = out.Write(bytes.TrimSpace(line.Bytes()))
	}
	_, _ = out.WriteString("\n]}\n")
	return out.Flush()
}
