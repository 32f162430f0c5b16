package trace

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/oneline"
	"github.com/takt-go/takt/loop/internal/world"
	"github.com/takt-go/takt/loop/lowlevel"
)

func init() {
	world.Recorder = func(rec any) func(world.Event) { return rec.(*Recorder).see }
}

// A scene is what a recorder keeps of a simulated world, in addition to the events of the loop. Its memory is bounded:
// it takes about half as much as the recorder's budget, if there are enough events in the world.
type scene struct {
	rare   worldRing // faults, incarnations, cuts, pauses
	often  worldRing // messages and logs
	texts  texts
	seen   uint64
	nodes  []string                   // by number; nodes[0] stands for none
	number map[string]int             // of a node
	realms map[context.Context]uint16 // the node of each realm, by its context
}

// A happening is an event of the world. It has no pointers, as a record.
type happening struct {
	at         int64
	after      uint64 // how many events of the loop came before
	seq        uint64 // of all events of the world
	id         uint64
	text       text
	node, peer uint16
	kind       world.Kind
}

// A worldRing keeps the newest happenings.
type worldRing struct {
	all  []happening
	most int
	next int // where the next one goes, when the ring is full
}

func (r *worldRing) add(h happening) {
	if len(r.all) < r.most {
		r.all = append(r.all, h)
		return
	}
	r.all[r.next] = h
	r.next = (r.next + 1) % r.most
}

// mostNodes is how many nodes, and how many incarnations, a recorder tells apart.
const mostNodes = math.MaxUint16

// see records an event of the world.
func (r *Recorder) see(e world.Event) {
	s := r.world
	if s == nil {
		s = &scene{
			rare: worldRing{most: max(64, len(r.ring)/8)}, often: worldRing{most: max(64, len(r.ring)/4)},
			texts: makeTexts(r.texts.budget), nodes: []string{""}, number: map[string]int{"": 0}, realms: map[context.Context]uint16{},
		}
		r.world = s
	}
	h := happening{at: int64(e.At), after: r.seen, seq: s.seen, id: e.ID, node: s.nodeOf(e.Node), peer: s.nodeOf(e.Peer), kind: e.Kind}
	s.seen++
	if e.Realm != nil && len(s.realms) < mostNodes {
		s.realms[e.Realm] = h.node
	}
	if !s.texts.room(e.Text) {
		s.texts.sweep(s.used, s.seen, uint64(s.often.most))
	}
	h.text = s.texts.intern(e.Text)
	switch e.Kind {
	case world.Log, world.Sent, world.Arrived, world.Lost:
		s.often.add(h)
	default:
		s.rare.add(h)
	}
}

// nodeOf returns the number of the node with a name.
func (s *scene) nodeOf(name string) uint16 {
	n, ok := s.number[name]
	if !ok && len(s.nodes) < mostNodes {
		n = len(s.nodes)
		s.nodes = append(s.nodes, oneline.Cut(name))
		s.number[name] = n
	}
	return uint16(n)
}

// used is an iterator over the texts of all happenings.
func (s *scene) used(yield func(text) bool) {
	for _, ring := range [][]happening{s.rare.all, s.often.all} {
		for i := range ring {
			if !yield(ring[i].text) {
				return
			}
		}
	}
}

// kept returns all happenings, the oldest first.
func (s *scene) kept() []happening {
	all := slices.Concat(s.rare.all, s.often.all)
	slices.SortFunc(all, func(a, b happening) int { return cmp.Compare(a.seq, b.seq) })
	return all
}

// of returns the number of the node of a task. s may be nil.
func (s *scene) of(t *loop.Task) uint16 {
	if s == nil {
		return 0
	}
	return s.realms[lowlevel.RealmContext(t.Context())]
}

// inWorld is the kind of an event of the world among the events of a lanes.
const inWorld = loop.EventKind(math.MaxUint8)

// A worldView is a recording of a world in the form that the exports draw. Positions are indices of the events of a
// lanes, as in the lanes.
type worldView struct {
	nodes    []string
	tasks    map[uint64]int // the index of the node of a task, by the ID of the task
	spans    []worldSpan
	messages []message
	marks    []worldMark
}

type worldSpanKind uint8

const (
	upSpan worldSpanKind = iota // an incarnation
	pausedSpan
	cutSpan // of the network
)

// A worldSpan is an incarnation or a pause of a node, or a cut.
type worldSpan struct {
	node     int // index of nodes; -1 for a cut
	kind     worldSpanKind
	from, to int
	began    bool
	ended    bool
	what     string
}

// A message goes from one node to another.
type message struct {
	from, to      int // indices of nodes
	sent, arrived int
	how           messageState
	what          string
}

type messageState uint8

const (
	hasArrived messageState = iota
	isLost
	inFlight // it has not arrived when the recording ends
)

// A worldMark is a fault or a log.
type worldMark struct {
	node  int // index of nodes; -1 for none
	at    int
	fault bool
	what  string
}

// withWorld returns the kept events of the loop, and among them those of the world, and what the latter mean. It is
// nil if there is no world.
func (r *Recorder) withWorld() ([]Event, *worldView) {
	events := r.Events()
	if r.world == nil {
		return events, nil
	}
	v := &worldView{nodes: r.world.nodes[1:], tasks: r.nodesOfTasks()}
	b := worldBuilder{worldView: v, scene: r.world, sent: map[uint64]int{}, up: map[uint16]int{}, paused: map[uint16]int{}, cuts: map[uint64]int{}}
	var all []Event
	number := r.Dropped() // of the event of the loop that comes next
	next := 0
	for _, h := range r.world.kept() {
		for ; next < len(events) && number < h.after; number++ {
			all = append(all, events[next])
			next++
		}
		early := h.after < number // the recorder no longer keeps the events of the loop beside it
		b.add(h, len(all), early)
		if !early {
			all = append(all, Event{Kind: inWorld, At: time.Duration(h.at)})
		}
	}
	all = append(all, events[next:]...)
	b.end(len(all))
	return all, v
}

// nodesOfTasks returns the index of the node of each task that belongs to one.
func (r *Recorder) nodesOfTasks() map[uint64]int {
	nodes := map[uint64]int{}
	for x := range r.kept {
		if x.kind == loop.TaskDone && x.node != 0 {
			nodes[x.task] = int(x.node) - 1
		}
	}
	if r.loop != nil {
		for t := range r.loop.Tasks() {
			if node := r.world.of(t); node != 0 {
				nodes[t.ID()] = int(node) - 1
			}
		}
	}
	return nodes
}

// A worldBuilder builds a worldView from happenings.
type worldBuilder struct {
	*worldView
	scene *scene
	sent  map[uint64]int // indices of messages in flight, by ID
	// Indices of the spans that have not ended:
	up, paused map[uint16]int // by node
	cuts       map[uint64]int // by ID
}

// add adds a happening at a position. early says that it came before the oldest event.
func (b *worldBuilder) add(h happening, at int, early bool) {
	what, node := b.scene.texts.get(h.text), int(h.node)-1
	open := func(kind worldSpanKind, node int, what string) int {
		b.spans = append(b.spans, worldSpan{node: node, kind: kind, from: at, began: !early, what: what})
		return len(b.spans) - 1
	}
	switch h.kind {
	case world.Began:
		b.close(b.up, h.node, at, "")
		b.up[h.node] = open(upSpan, node, "incarnation "+what)
	case world.Ended:
		if !early && !slices.ContainsFunc(b.spans, func(s worldSpan) bool { return s.node == node && s.kind == upSpan }) { // it began before the recording
			b.spans = append(b.spans, worldSpan{node: node, kind: upSpan, what: "an incarnation"})
			b.up[h.node] = len(b.spans) - 1
		}
		b.close(b.paused, h.node, at, "")
		b.close(b.up, h.node, at, ", then "+what)
	case world.Paused:
		b.paused[h.node] = open(pausedSpan, node, "paused")
	case world.Resumed:
		b.close(b.paused, h.node, at, "")
	case world.Cut:
		b.cuts[h.id] = open(cutSpan, -1, what)
	case world.Healed:
		if i, ok := b.cuts[h.id]; ok {
			b.spans[i].to, b.spans[i].ended = at, true
			delete(b.cuts, h.id)
		}
	}
	if early {
		return
	}
	switch h.kind {
	case world.Fault, world.Log:
		b.marks = append(b.marks, worldMark{node, at, h.kind == world.Fault, what})
	case world.Sent:
		b.sent[h.id] = len(b.messages)
		b.messages = append(b.messages, message{from: node, to: int(h.peer) - 1, sent: at, how: inFlight, what: what})
	case world.Arrived, world.Lost:
		if i, ok := b.sent[h.id]; ok {
			m := &b.messages[i]
			m.arrived, m.how = at, hasArrived
			if h.kind == world.Lost {
				m.how = isLost
			}
			delete(b.sent, h.id)
		}
	}
}

// close ends the open span of a node, if there is one.
func (b *worldBuilder) close(open map[uint16]int, node uint16, at int, how string) {
	if i, ok := open[node]; ok {
		s := &b.spans[i]
		s.to, s.ended = at, true
		s.what += how
		delete(open, node)
	}
}

// end gives the spans and messages that go on after the recording the position of its end, and drops those that ended before the
// recording.
func (b *worldBuilder) end(at int) {
	for i := range b.spans {
		if !b.spans[i].ended {
			b.spans[i].to = at
		}
	}
	b.spans = slices.DeleteFunc(b.spans, func(s worldSpan) bool { return s.to == 0 })
	for _, i := range b.sent {
		b.messages[i].arrived = at
	}
}

// programs returns how many nodes have run a program. Other nodes are machines of the test itself.
func (v *worldView) programs() int {
	ran := map[int]bool{}
	for _, s := range v.spans {
		if s.kind == upSpan {
			ran[s.node] = true
		}
	}
	return len(ran)
}

// faults returns the number of faults.
func (v *worldView) faults() (n int) {
	for _, m := range v.marks {
		if m.fault {
			n++
		}
	}
	return n
}
