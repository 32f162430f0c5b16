package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/takt-go/takt/loop/internal/world"
)

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
	n.world.tell(world.Event{Kind: world.Cut, ID: c.id, Text: sides})
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
	c.net.world.tell(world.Event{Kind: world.Healed, ID: c.id})
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

// hold keeps back what is sent over the link. node is the node that the report tells it of.
func (l *link) hold(node string) {
	n := l.from.net
	l.holds++
	n.world.fault(node, "hold %s", l.name)
	if l.held == 0 {
		n.ids++
		l.held = n.ids
		n.world.tell(world.Event{Kind: world.Cut, ID: l.held, Text: "hold " + l.name})
	}
}

func (l *link) release() {
	if l.held != 0 {
		l.from.net.world.tell(world.Event{Kind: world.Healed, ID: l.held, Text: "release " + l.name})
		l.held = 0
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
func (w *World) Partition(sides ...[]string) {
	if w.acts("Partition") {
		w.net.partition(sides)
	}
}

// Cut cuts the link from one node to another one, until Heal. The other direction still works, but a connection
// needs both: its ends get no acknowledgements, and in the end they time out. In everything else Cut is like Partition.
func (w *World) Cut(from, to string) {
	if w.acts("Cut") {
		w.net.oneWay(w.mustFind("Cut", from), w.mustFind("Cut", to))
	}
}

// Hold keeps back what one node sends to another one, until Release or Heal. Nothing is lost, and nothing times out. If a
// [Plan] holds the link already, the end of that fault no longer releases it.
func (w *World) Hold(from, to string) {
	if w.acts("Hold") {
		w.linkOf("Hold", from, to).hold("")
	}
}

// Release lets what Hold has kept back go on, in its order.
func (w *World) Release(from, to string) {
	if w.acts("Release") {
		w.linkOf("Release", from, to).release()
	}
}

func (w *World) linkOf(method, from, to string) *link {
	return w.net.nicOf(w.mustFind(method, from)).linkTo(w.net.nicOf(w.mustFind(method, to)))
}

// Heal ends all partitions, cuts and holds.
func (w *World) Heal() {
	if w.acts("Heal") {
		w.net.heal()
	}
}
