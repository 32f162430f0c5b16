package trace

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/takt-go/takt/loop"
)

// WriteTimeline writes the kept events as one HTML page. The page needs no network, no server and no
// other file. It works in browsers from 2023 and later.
//
// Each task has a lane, with its steps, its waits, and arrows from the steps that woke it. One table
// lists the slowest steps, and another one the longest waits. The page can zoom and search by name. It
// is light or dark. All functions can be used by keyboard: the key ? lists the keys. The horizontal
// axis is the time on the loop's clock, or the order of events. On a virtual clock many events have
// the same time; the order shows them one after another.
//
// Each node of a simulated world (package looptest/sim) has a lane too, above the lanes of its tasks. It shows the
// incarnations and pauses of the node, messages as arrows between nodes, logs, and faults. Partitions are bands over all lanes.
// One table lists the faults. The tasks of a node can be hidden.
//
// The page contains all kept events, and needs 20 to 50 bytes for each. It stays quick with up to 5,000
// tasks and 100,000 events.
//
// WriteTimeline returns the error of w. It panics if w is nil.
func (r *Recorder) WriteTimeline(w io.Writer) error {
	mustWrite("WriteTimeline", w)
	l := r.lanes()
	data, err := json.Marshal(l.page(r.loop != nil && r.loop.Clock().Jumps()))
	if err != nil {
		return err
	}
	return timelinePage.Execute(w, map[string]any{
		"Title":      "takt timeline",
		"Summary":    l.summary(r),
		"Data":       template.JS(data), // json.Marshal escapes what could end the script
		"Style":      template.CSS(timelineStyle),
		"StyleHash":  sourceHash(timelineStyle),
		"Script":     template.JS(timelineScript),
		"ScriptHash": sourceHash(timelineScript),
	})
}

var (
	//go:embed page/timeline.html
	timelineHTML string
	//go:embed page/timeline.css
	timelineStyle string
	//go:embed page/timeline.js
	timelineScript string

	timelinePage = template.Must(template.New("timeline").Parse(timelineHTML))
)

// sourceHash returns the hash of a style or script for the page's Content-Security-Policy, which
// allows only sources with these hashes.
func sourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// summary describes the recording in one line.
func (l *lanes) summary(r *Recorder) string {
	steps := 0
	for _, s := range l.spans {
		if s.kind == stepSpan {
			steps++
		}
	}
	parts := []string{count(len(l.tasks), "task"), count(steps, "step"), count(int(r.seen-r.Dropped()), "event")}
	if w := l.world; w != nil {
		parts = append([]string{count(w.programs(), "node")}, append(parts, count(len(w.messages), "message"), count(w.faults(), "fault"))...)
	}
	if n := len(l.events); n > 0 {
		parts = append(parts, (l.events[n-1].At - l.events[0].At).String())
	}
	if n := r.Dropped(); n > 0 {
		parts = append(parts, count(int(n), "earlier event")+" not kept")
	}
	return strings.Join(append(parts, fmt.Sprintf("hash %016x", r.Hash())), ", ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// timelineData is the data for the page's script. A comment in the script describes each field.
type timelineData struct {
	Virtual bool     `json:"virtual"`
	At      []int64  `json:"at"`
	Tasks   [][4]any `json:"tasks"`
	Spans   [][6]int `json:"spans"`
	Arrows  [][4]int `json:"arrows"`
	Idles   [][2]int `json:"idles"`
	Marks   [][3]int `json:"marks"`
	Texts   []string `json:"texts"`

	World *worldData `json:"world,omitempty"`
}

// worldData is the part about a simulated world.
type worldData struct {
	Nodes    []string `json:"nodes"`
	Of       []int    `json:"of"`
	Spans    [][6]int `json:"spans"`
	Messages [][6]int `json:"messages"`
	Marks    [][4]int `json:"marks"`
}

const sleepSpan = readySpan + 1 // in the script, a sleep is a kind of span

// page returns the data for the page.
func (l *lanes) page(virtual bool) timelineData {
	d := timelineData{
		Virtual: virtual,
		At:      []int64{}, Tasks: [][4]any{}, Spans: [][6]int{}, Arrows: [][4]int{}, Idles: [][2]int{}, Marks: [][3]int{},
	}
	known := make(map[string]int)
	text := func(s string) int {
		at, ok := known[s]
		if !ok {
			at = len(d.Texts)
			known[s] = at
			d.Texts = append(d.Texts, s)
		}
		return at
	}
	text("")
	last := int64(0)
	for at, e := range l.events {
		d.At = append(d.At, int64(e.At)-last)
		last = int64(e.At)
		if e.Kind == loop.CancelAsked {
			d.Marks = append(d.Marks, [3]int{l.index(e.Task), at, text("cancel")})
		}
	}
	for _, t := range l.tasks {
		outcome := ""
		if t.outcome != 0 {
			outcome = t.outcome.String()
		}
		d.Tasks = append(d.Tasks, [4]any{t.id, t.name, outcome, t.err})
	}
	for _, s := range l.spans {
		kind := s.kind
		if s.sleep {
			kind = sleepSpan
		}
		d.Spans = append(d.Spans, [6]int{s.task, int(kind), s.from, s.to, flags(s.began, s.ended), text(s.what)})
	}
	for _, a := range l.arrows {
		d.Arrows = append(d.Arrows, [4]int{a.by, a.task, a.from, a.to})
	}
	for _, s := range l.idles {
		d.Idles = append(d.Idles, [2]int{s.from, s.to})
	}
	if l.world != nil {
		d.World = l.world.page(l.tasks, text)
	}
	return d
}

// flags returns the flags of a span.
func flags(began, ended bool) (flags int) {
	if began {
		flags |= 1
	}
	if ended {
		flags |= 2
	}
	return flags
}

// page returns the data for the page. text returns the index of a text.
func (v *worldView) page(tasks []lane, text func(string) int) *worldData {
	d := &worldData{Nodes: v.nodes, Of: []int{}, Spans: [][6]int{}, Messages: [][6]int{}, Marks: [][4]int{}}
	for _, t := range tasks {
		node, ok := v.tasks[t.id]
		if !ok {
			node = -1
		}
		d.Of = append(d.Of, node)
	}
	for i := range v.spans {
		s := &v.spans[i]
		d.Spans = append(d.Spans, [6]int{s.node, int(s.kind), s.from, s.to, flags(s.began, s.ended), text(s.what)})
	}
	for _, m := range v.messages {
		d.Messages = append(d.Messages, [6]int{m.from, m.to, m.sent, m.arrived, int(m.how), text(m.what)})
	}
	for _, m := range v.marks {
		fault := 0
		if m.fault {
			fault = 1
		}
		d.Marks = append(d.Marks, [4]int{m.node, m.at, fault, text(m.what)})
	}
	return d
}
