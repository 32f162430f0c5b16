package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/takt-go/takt/loop/internal/world"
)

// A flight is a packet on a link.
type flight struct {
	at       time.Duration // when it arrives
	id       uint64        // in the record
	from, to place
	data     []byte
	refused  bool // it tells the socket at to that there is no socket at from
}

// sendPacket sends a packet over the link.
func (l *link) sendPacket(f flight) {
	n := l.from.net
	if n.world.record != nil && !f.refused {
		n.ids++
		f.id = n.ids
		l.tellPacket(world.Sent, f)
	}
	f.at = l.departure(len(f.data)) + l.latency()
	if l.dropped() {
		l.tellPacket(world.Lost, f)
		return
	}
	twin := l.strikes("duplicate", l.Duplicate, n.faults.duplicate)
	if l.strikes("reorder", l.Reorder, n.faults.reorder) {
		f.at += l.Latency + l.upTo(4*(l.Latency+l.Jitter)) // later ones overtake it
	} else {
		f.at = max(f.at, l.last)
		l.last = f.at
	}
	l.fly(f)
	if twin {
		f.id = 0
		f.at += l.upTo(l.Latency + l.Jitter)
		l.fly(f)
	}
}

// fly puts a packet on its way.
func (l *link) fly(f flight) {
	l.packets.push(f)
	all := l.packets.waiting()
	i := len(all) - 1
	for ; i > 0 && all[i-1].at > f.at; i-- {
		all[i] = all[i-1]
	}
	all[i] = f
	if i == 0 {
		l.armPackets()
	}
}

// armPackets arms the timer for the first packet.
func (l *link) armPackets() {
	l.timer.Cancel()
	if l.packets.len() > 0 && l.held == 0 {
		n := l.from.net
		l.timer = n.world.loop.CallLater(l.packets.waiting()[0].at-n.now(), l.fire)
	}
}

// arrive is called when the first packet arrives.
func (l *link) arrive() {
	if l.held != 0 {
		return // until Release
	}
	defer l.armPackets() // deferred, as an observer may call Goexit
	for now := l.from.net.now(); l.packets.len() > 0 && l.packets.waiting()[0].at <= now; {
		l.deliver(l.packets.pop())
	}
}

// deliver gives a packet that has arrived to its socket.
func (l *link) deliver(f flight) {
	if l.cuts > 0 || !l.to.powered {
		l.tellPacket(world.Lost, f)
		return
	}
	s := l.to.socketAt(f.to, f.from)
	switch {
	case s == nil:
		l.tellPacket(world.Lost, f)
		if !f.refused {
			l.back.sendPacket(flight{from: f.to, to: f.from, refused: true})
		}
	case f.refused && s.peer.nic == nil: // only a dialed socket learns of it
	case s.come(f):
		l.tellPacket(world.Arrived, f)
	default:
		l.tellPacket(world.Lost, f)
	}
}

// lose removes the packets that which chooses, and returns how many.
func (l *link) lose(which func() bool) int {
	before := l.packets.len()
	l.packets.set(append(l.packets.items[:0], slices.DeleteFunc(l.packets.waiting(), func(f flight) bool {
		gone := which()
		if gone {
			l.tellPacket(world.Lost, f)
		}
		return gone
	})...), 0)
	l.armPackets()
	return before - l.packets.len()
}

// tellPacket records what happens to a packet.
func (l *link) tellPacket(k world.Kind, f flight) { l.tell(k, f.id, "udp", len(f.data)) }

// tell records what happens to a message. It has no id if it is not recorded.
func (l *link) tell(k world.Kind, id uint64, network string, size int) {
	if id == 0 {
		return
	}
	node, peer := l.from.node.name, l.to.node.name
	if k == world.Arrived {
		node, peer = peer, node
	}
	l.from.net.world.tell(world.Event{Kind: k, Node: node, Peer: peer, ID: id, Text: fmt.Sprintf("%s, %d bytes", network, size)})
}
