package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest/internal/scene"
)

// A Link says how what one node sends comes to another one. A link has one direction.
//
// What is sent takes the time Latency, and up to Jitter more, which noise decides. If both are 0, it takes between
// 0.5 and 1.5 ms, and from a node to itself between 5 and 15 µs. So no two messages arrive at the same instant by chance.
//
// Loss, Duplicate and Reorder are probabilities, for each message. Each time is a choice of the schedule: "drop a→b",
// "duplicate a→b", "reorder a→b". A packet is lost, or comes twice, or is overtaken by later ones. On a connection the
// message is sent again, after 200 ms or more, and what follows it waits. Connections know no duplicates, and no
// other order.
//
// Bandwidth is in bytes per second. 0 stands for no limit. All that is sent over the link shares it.
type Link struct {
	Latency, Jitter          time.Duration
	Loss, Duplicate, Reorder float64
	Bandwidth                int64
}

const (
	defaultLatency  = 500 * time.Microsecond
	defaultJitter   = time.Millisecond
	loopbackLatency = 5 * time.Microsecond
	loopbackJitter  = 10 * time.Microsecond
)

// Times of the kernel.
const (
	resendDelay    = 200 * time.Millisecond // after which it sends again what was lost
	maxResendDelay = time.Second            // after a link has healed
	patience       = 2 * time.Minute        // for a peer that does not answer
)

// linkFaults are the probabilities of faults that a plan sets on all links, besides those of SetLink.
type linkFaults struct{ loss, duplicate, reorder float64 }

// A linkRule is a call of SetLink.
type linkRule struct {
	from, to *Node // nil for every node
	set      Link
}

// A link goes from one nic to another one.
type link struct {
	from, to *nic
	name     string // a→b
	back     *link  // the other direction
	Link
	noise   *rand.Rand
	cuts    int           // that the link is a part of
	held    bool          // by Hold
	free    time.Duration // when it has sent all, if its bandwidth is limited
	waiting []*flow       // that have something to deliver, and wait for the end of a cut or hold
	packets queue[flight] // in order of arrival
	last    time.Duration // when the last packet arrives that keeps the order
	timer   loop.Handle   // for the first packet
	fire    func()
}

// linkTo returns the link from n to another nic, or to n itself.
func (n *nic) linkTo(to *nic) *link {
	i := to.node.number - 1
	for len(n.links) <= i {
		n.links = append(n.links, nil)
	}
	if n.links[i] == nil {
		l := &link{from: n, to: to, name: n.node.name + "→" + to.node.name}
		n.links[i] = l
		l.fire = l.arrive
		l.set()
		for _, c := range n.net.cuts {
			if c.separates(n.node, to.node) {
				c.add(l)
			}
		}
		l.back = to.linkTo(n)
	}
	return n.links[i]
}

// set applies the rules of SetLink.
func (l *link) set() {
	l.Link = Link{}
	for _, r := range l.from.net.rules {
		if (r.from == nil || r.from == l.from.node) && (r.to == nil || r.to == l.to.node) && (l.from != l.to || r.from == r.to && r.to != nil) {
			l.Link = r.set
		}
	}
	if l.Latency == 0 && l.Jitter == 0 {
		l.Latency, l.Jitter = defaultLatency, defaultJitter
		if l.from == l.to {
			l.Latency, l.Jitter = loopbackLatency, loopbackJitter
		}
	}
}

// open reports whether what arrives now is delivered.
func (l *link) open() bool { return l.cuts == 0 && !l.held }

// rand returns the noise of the link.
func (l *link) rand() *rand.Rand {
	if l.noise == nil {
		l.noise = l.from.net.world.t.Rand("link " + l.name)
	}
	return l.noise
}

// upTo returns a time from 0 to max.
func (l *link) upTo(max time.Duration) time.Duration {
	if max <= 0 {
		return 0
	}
	return time.Duration(l.rand().Int64N(int64(max) + 1))
}

// latency returns how long the next message takes.
func (l *link) latency() time.Duration { return l.Latency + l.upTo(l.Jitter) }

// departure returns when the last of size bytes has been sent.
func (l *link) departure(size int) time.Duration {
	now := l.from.net.now()
	if l.Bandwidth <= 0 {
		return now
	}
	l.free = max(l.free, now) + l.timeFor(size)
	return l.free
}

// timeFor returns how long the link takes to send size bytes.
func (l *link) timeFor(size int) time.Duration {
	if l.Bandwidth <= 0 {
		return 0
	}
	return time.Duration(float64(size) / float64(l.Bandwidth) * float64(time.Second))
}

// strikes reports whether a fault with probability p happens to a message. The schedule chooses.
func (l *link) strikes(what string, p, everywhere float64) bool {
	if p = 1 - (1-p)*(1-everywhere); p <= 0 || l.from == l.to {
		return false
	}
	what += " " + l.name
	if !l.from.net.world.t.Chance(what, p) {
		return false
	}
	l.from.net.world.fault(l.from.node.name, "%s", what)
	return true
}

func (l *link) dropped() bool { return l.strikes("drop", l.Loss, l.from.net.faults.loss) }

// opened is called when the link delivers again.
func (l *link) opened() {
	if !l.open() {
		return
	}
	waiting := l.waiting
	l.waiting = nil
	for _, f := range waiting {
		f.resume()
	}
	l.armPackets()
	l.review()
}

// review looks at the connections that use the link, in either direction.
func (l *link) review() {
	l.from.net.review(func(e *end) bool {
		return e.nic == l.from && e.peer.nic == l.to || e.nic == l.to && e.peer.nic == l.from
	})
}

// A cut keeps some links from delivering, until it heals.
type cut struct {
	net       *network
	id        uint64
	separates func(from, to *Node) bool
	links     []*link
}

// cut begins a cut. what is told in the report, and sides on the timeline page.
func (n *network) cut(what, sides string, separates func(from, to *Node) bool) *cut {
	n.ids++
	c := &cut{net: n, id: n.ids, separates: separates}
	n.cuts = append(n.cuts, c)
	n.world.fault("", "%s", what)
	n.world.tell(scene.Event{Kind: scene.Cut, ID: c.id, Text: sides})
	for _, from := range n.nics {
		if from == nil {
			continue
		}
		for _, l := range from.links {
			if l != nil && separates(from.node, l.to.node) {
				c.add(l)
			}
		}
	}
	for _, l := range c.links {
		l.review()
	}
	return c
}

func (c *cut) add(l *link) {
	l.cuts++
	c.links = append(c.links, l)
}

// heal ends the cut. A second call does nothing.
func (c *cut) heal() {
	i := slices.Index(c.net.cuts, c)
	if i < 0 {
		return
	}
	c.net.cuts = slices.Delete(c.net.cuts, i, i+1)
	c.net.world.tell(scene.Event{Kind: scene.Healed, ID: c.id})
	for _, l := range c.links {
		l.cuts--
	}
	for _, l := range c.links {
		l.opened()
	}
}

// partition cuts the links between nodes of different sides. With one side, it cuts this side from all other nodes.
func (n *network) partition(sides [][]string) *cut {
	side := map[*Node]int{}
	texts := make([]string, len(sides))
	for i, names := range sides {
		texts[i] = strings.Join(names, " ")
		for _, name := range names {
			node := n.world.mustFind("Partition", name)
			if _, twice := side[node]; twice {
				panic(fmt.Sprintf("sim: Partition with %s twice; each node is on one side", name))
			}
			side[node] = i + 1
		}
	}
	if len(sides) == 1 {
		texts = append(texts, "the others")
	}
	text := strings.Join(texts, " | ")
	return n.cut("partition "+text, text, func(from, to *Node) bool {
		a, b := side[from], side[to]
		return a != b && (a != 0 && b != 0 || len(sides) == 1)
	})
}

// oneWay cuts the link from one node to another one.
func (n *network) oneWay(from, to *Node) *cut {
	name := n.nicOf(from).linkTo(n.nicOf(to)).name
	return n.cut("cut "+name, name, func(a, b *Node) bool { return a == from && b == to })
}

// heal ends all cuts and holds.
func (n *network) heal() {
	for len(n.cuts) > 0 {
		n.cuts[0].heal()
	}
	n.eachLink(nil, nil, (*link).release)
}

// eachLink calls do for the links between two nodes that have been in use; nil stands for every node.
func (n *network) eachLink(from, to *Node, do func(*link)) {
	for _, c := range n.nics {
		if c == nil || from != nil && c.node != from {
			continue
		}
		for _, l := range c.links {
			if l != nil && (to == nil || l.to.node == to) {
				do(l)
			}
		}
	}
}

func (l *link) release() {
	if l.held {
		l.held = false
		l.opened()
	}
}

// Partition cuts the network between groups of nodes: nothing that a node of one side sends reaches a node of another
// side, until Heal. Nodes that are on no side keep all their links. If there is one side only, it is cut from all
// other nodes.
//
// What is in flight when a link is cut, and would arrive while it is cut, is lost. Packets are gone. A connection sends
// again what was lost, and goes on some time after Heal, up to a second. But if a connection is cut for 2 minutes, its
// ends time out, with [syscall.ETIMEDOUT].
//
// Partition panics if a name is not that of a node, or if it is on two sides. Several partitions and cuts add up.
func (w *World) Partition(sides ...[]string) { w.net.partition(sides) }

// Cut cuts the link from one node to another one, until Heal. The other direction still works, but a connection
// needs both: its ends get no acknowledgements, and in the end they time out. In everything else Cut is like Partition.
func (w *World) Cut(from, to string) {
	w.net.oneWay(w.mustFind("Cut", from), w.mustFind("Cut", to))
}

// Hold keeps back what one node sends to another one, until Release or Heal. Nothing is lost, and nothing times out.
func (w *World) Hold(from, to string) {
	l := w.linkOf("Hold", from, to)
	l.held = true
	w.fault("", "hold %s", l.name)
}

// Release lets what Hold has kept back go on, in its order.
func (w *World) Release(from, to string) { w.linkOf("Release", from, to).release() }

func (w *World) linkOf(method, from, to string) *link {
	return w.net.nicOf(w.mustFind(method, from)).linkTo(w.net.nicOf(w.mustFind(method, to)))
}

// Heal ends all partitions, cuts and holds.
func (w *World) Heal() { w.net.heal() }

// SetLink sets the link from one node to another one, for what is sent from now on. An empty name stands for every
// node, also for those that are made later. The link from a node to itself changes only if both names are given.
// SetLink panics if a value is negative, or if a probability is more than 1.
func (w *World) SetLink(from, to string, l Link) {
	if l.Latency < 0 || l.Jitter < 0 || l.Bandwidth < 0 || !probabilities(l.Loss, l.Duplicate, l.Reorder) {
		panic(fmt.Sprintf("sim: SetLink(%q, %q, %+v); give times and a bandwidth of 0 or more, and probabilities from 0 to 1", from, to, l))
	}
	r := linkRule{set: l}
	if from != "" {
		r.from = w.mustFind("SetLink", from)
	}
	if to != "" {
		r.to = w.mustFind("SetLink", to)
	}
	w.net.rules = append(w.net.rules, r)
	w.net.eachLink(r.from, r.to, (*link).set)
}

func probabilities(all ...float64) bool {
	return !slices.ContainsFunc(all, func(p float64) bool { return !(p >= 0 && p <= 1) })
}

// mustFind returns the node with this name.
func (w *World) mustFind(method, name string) *Node {
	n := w.find(name)
	if n == nil {
		panic(fmt.Sprintf("sim: %s of %q, which is the name of no node", method, name))
	}
	return n
}
