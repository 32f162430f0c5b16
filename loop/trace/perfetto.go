package trace

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
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
	p := perfetto{lanes: makeLanes(r.Events())}
	p.spread()
	p.addMetadata()
	for _, s := range p.spans {
		p.addSpan(s)
	}
	for id, a := range p.arrows {
		p.addArrow(id+1, a)
	}
	for _, s := range p.idles {
		p.add(perfettoEvent{Phase: "X", Name: "idle", Category: "idle", ts: p.ts[s.from], Dur: p.dur(s), Args: p.at(s.from)})
	}
	for at := range p.events {
		p.addInstant(at)
	}
	slices.SortStableFunc(p.out, func(a, b perfettoEvent) int {
		if a.Phase == "M" || b.Phase == "M" { // come first, in their order
			return strings.Compare(b.Phase[:1], "M") * 0
		}
		return 0
	})
	return p.write(w)
}

// perfettoEvent is one of the format. The fields have the format's names and order.
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
	Args     any           `json:"args,omitempty"`
	ts       int64
}

// microseconds are nanoseconds, which the format has as µs with a fraction.
type microseconds int64

func (m microseconds) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%d.%03d", m/1000, m%1000), nil
}
