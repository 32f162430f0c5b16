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

// WritePerfetto writes the kept events in the Trace Event Format, as JSON. Open the file with
// ui.perfetto.dev or chrome://tracing.
//
//   - Each task has a track with its name. The tracks are in the order in which the tasks were
//     made. Events without a task are on the track of the loop.
//   - Steps are slices of the category step. Between steps there are slices of the category wait,
//     each with the description of the awaitable as its name, and slices of the category ready.
//   - Wakes are flow arrows of the category wake, from the step or callback that wakes the task to
//     the step that follows. Spawns are flow arrows of the category spawn.
//   - Timers, cancellations, posts, and the making and the end of tasks are instants.
//   - Each node of a simulated world (package looptest/sim) is a process with the tracks of its tasks. One more track
//     has its incarnations, and faults and logs as instants. Messages are not written.
//
// The format orders events by time only. So WritePerfetto moves each event to at least 4 ns after
// the event before it, which keeps their order. With the real clock this changes the times very
// little. Each slice and instant has the exact time on the loop's clock as its argument "at". The
// task with the ID n has the tid n+1.
//
// WritePerfetto returns the error of w. It panics if w is nil.
func (r *Recorder) WritePerfetto(w io.Writer) error {
	mustWrite("WritePerfetto", w)
	p := perfetto{lanes: r.lanes()}
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
	if p.world != nil {
		p.addWorld()
	}
	// The sort is stable: of two events with the same time, the enclosing one was added first.
	slices.SortStableFunc(p.out, func(a, b perfettoEvent) int { return cmp.Compare(a.Time.orZero(), b.Time.orZero()) })
	return p.write(w)
}

// A perfetto makes the events of the format from lanes.
type perfetto struct {
	*lanes
	ts  []microseconds // the shown time of each event, and of the end of the recording
	out []perfettoEvent
}

// A perfettoEvent is an event of the format. The JSON names of the fields are those of the format.
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
	At      string `json:"at,omitempty"`         // the exact time on the loop's clock
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

// microseconds is a time in nanoseconds. The format writes it in µs, with three decimals. It is never negative. It
// has room for more than a Duration, because spread moves events to later times.
type microseconds uint64

func (m microseconds) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%d.%03d", m/1000, m%1000), nil
}

// orZero returns the key to sort by. Metadata has no time. It was added first, and stays first.
func (m *microseconds) orZero() microseconds {
	if m == nil {
		return 0
	}
	return *m
}

const (
	perfettoPID  = 1
	perfettoLoop = 1 // the tid of the loop's track, which is that of the main thread
	perfettoGap  = 4 // least time between two events, in ns
)

// spread computes the shown time of each event.
func (p *perfetto) spread() {
	next := microseconds(0) // the earliest time for the next event
	for _, e := range p.events {
		now := max(next, microseconds(max(e.At, 0)))
		p.ts = append(p.ts, now)
		next = now + perfettoGap
	}
	p.ts = append(p.ts, next)
}

// tid returns the track of a task, or that of the loop if task is negative.
func (p *perfetto) tid(task int) uint64 {
	if task < 0 {
		return perfettoLoop
	}
	return p.tasks[task].id + perfettoLoop
}

// pid returns the process of a task: that of its node in a simulated world, or else that of the loop.
func (p *perfetto) pid(task int) int {
	if task >= 0 && p.world != nil {
		if node, ok := p.world.tasks[p.tasks[task].id]; ok {
			return nodePID(node)
		}
	}
	return perfettoPID
}

func nodePID(node int) int { return perfettoPID + 1 + node }

func (p *perfetto) add(e perfettoEvent, args perfettoArgs) {
	if e.PID == 0 {
		e.PID = perfettoPID
	}
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
	if p.world == nil {
		return
	}
	for node, name := range p.world.nodes {
		of := perfettoEvent{Phase: "M", Name: "process_name", PID: nodePID(node), TID: p.nodeTID()}
		p.add(of, perfettoArgs{Name: "node " + name})
		of.Name = "thread_name"
		p.add(of, perfettoArgs{Name: "node"})
	}
}

// nodeTID returns the track of each node for its incarnations and faults. No task has it.
func (p *perfetto) nodeTID() uint64 {
	if n := len(p.tasks); n > 0 {
		return p.tid(n-1) + 1
	}
	return perfettoLoop + 1
}

// addWorld adds what has happened in a simulated world, except for the messages.
func (p *perfetto) addWorld() {
	for _, s := range p.world.spans {
		if s.kind == cutSpan { // cuts overlap, which slices of a track must not
			p.add(perfettoEvent{Phase: "i", Name: "cut " + s.what, Category: "world", TID: perfettoLoop, Time: &p.ts[s.from], Scope: "g"}, perfettoArgs{At: exact(p.at(s.from))})
			continue
		}
		from, dur := p.ts[s.from], p.ts[s.to]-p.ts[s.from]
		p.add(perfettoEvent{Phase: "X", Name: s.what, Category: "world", PID: nodePID(s.node), TID: p.nodeTID(), Time: &from, Dur: &dur}, perfettoArgs{At: exact(p.at(s.from))})
	}
	for _, m := range p.world.marks {
		e := perfettoEvent{Phase: "i", Name: m.what, Category: "log", TID: perfettoLoop, Time: &p.ts[m.at], Scope: "t"}
		if m.node >= 0 {
			e.PID, e.TID = nodePID(m.node), p.nodeTID()
		}
		if m.fault {
			e.Category, e.Scope = "fault", "g"
		}
		p.add(e, perfettoArgs{At: exact(p.at(m.at))})
	}
}

func (p *perfetto) addName(task int, name string) {
	pid, tid := p.pid(task), p.tid(task)
	p.add(perfettoEvent{Phase: "M", Name: "thread_name", PID: pid, TID: tid}, perfettoArgs{Name: name})
	p.add(perfettoEvent{Phase: "M", Name: "thread_sort_index", PID: pid, TID: tid}, perfettoArgs{Sort: tid})
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
			name = "wait" // the wait began before the recording
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
	p.add(perfettoEvent{Phase: "X", Name: name, Category: category, PID: p.pid(s.task), TID: p.tid(s.task), Time: &from, Dur: &dur}, args)
}

// addArrow adds a flow. Both ends are 1 ns inside of slices: this binds the flow to the slices.
func (p *perfetto) addArrow(id int, a arrow) {
	name := "wake"
	if p.events[a.from].Kind == loop.TaskMade {
		name = "spawn"
	}
	from, to := p.ts[a.from]+1, p.ts[a.to]+1
	if a.by < 0 {
		p.addSlice(span{task: -1, from: a.from, to: a.from + 1, began: true, ended: true}, "callback", name+"s "+p.tasks[a.task].name, perfettoArgs{})
	}
	p.add(perfettoEvent{Phase: "s", Name: name, Category: name, PID: p.pid(a.by), TID: p.tid(a.by), Time: &from, ID: id}, perfettoArgs{})
	p.add(perfettoEvent{Phase: "f", Name: name, Category: name, PID: p.pid(a.task), TID: p.tid(a.task), Time: &to, ID: id, Bind: "e"}, perfettoArgs{})
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
	default: // other events are shown as slices and flows
		return
	}
	task := -1
	if e.Task != 0 {
		task = p.index(e.Task)
	}
	p.add(perfettoEvent{Phase: "i", Name: e.Kind.String(), Category: "event", PID: p.pid(task), TID: p.tid(task), Time: &p.ts[at], Scope: "t"}, args)
}

// at returns the time of an event. The end of the recording has the time of the newest event.
func (p *perfetto) at(event int) time.Duration {
	return p.events[min(event, len(p.events)-1)].At
}

// exact formats a time in seconds, with nine decimals.
func exact(at time.Duration) string {
	sign, n := "", uint64(at)
	if at < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%09ds", sign, n/1e9, n%1e9)
}

// write writes one event in each line.
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
