package sim

import (
	"context"
	"fmt"
	"iter"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/host"
)

// A network connects the machines of a world.
//
// Each node has a nic. From each nic to each other one there is a link, which delays and loses what is sent. A
// connection has two ends and two flows, and each flow goes over a link. The kernel of a machine is simulated here, too:
// it keeps a connection of a program that has ended until the peer has got all, and it answers what comes for a connection
// that it does not know. So a nic has power as long as its machine, and longer than the program.
//
// Everything happens in calls of programs, and in timers of the world. The order of what happens at one instant is
// the order in which the timers were armed.
type network struct {
	world  *World
	nics   []*nic     // by the number of their nodes
	conns  []*conn    // of which something is left
	rules  []linkRule // of SetLink
	cuts   []*cut     // that have not healed
	faults linkFaults // on all links
	ids    uint64     // of messages and cuts
}

func newNetwork(w *World) *network { return &network{world: w} }

// A nic is the network card of a node, with the kernel that serves it.
type nic struct {
	net       *network
	node      *Node
	ip        net.IP
	powered   bool
	links     []*link // to the nics, by number; nil until something is sent
	listeners []*acceptor
	sockets   []*packetSocket
	ends      []*end // of connections, in use or in the care of the kernel
	nextPort  int
}

func (n *network) nicOf(node *Node) *nic {
	for len(n.nics) < node.number {
		n.nics = append(n.nics, nil)
	}
	at := &n.nics[node.number-1]
	if *at == nil {
		*at = &nic{net: n, node: node, ip: addressOf(node.number), nextPort: firstFreePort}
	}
	return *at
}

// attach returns the network as m sees it. m is a new machine, so the nic of the node has power again.
func (n *network) attach(m *machine) host.Network {
	c := n.nicOf(m.node)
	if !c.powered {
		c.powered = true
		n.review(func(e *end) bool { return e.peer.nic == c })
	}
	return port{c, m}
}

// powerOff cuts the connections of m, which has crashed. What is in flight from m arrives or not, as the schedule chooses.
func (n *network) powerOff(m *machine) {
	c := n.nicOf(m.node)
	c.powered = false
	for _, a := range c.listeners {
		a.closed = true
	}
	n.loseInFlight(c)
	for _, s := range c.sockets {
		s.credit.Cancel()
	}
	c.listeners, c.sockets = nil, nil
	for len(c.ends) > 0 {
		c.ends[len(c.ends)-1].crash()
	}
	n.review(func(e *end) bool { return e.peer.nic == c })
}

// exit closes the connections and listeners of m as the operating system does.
func (n *network) exit(m *machine) {
	c := n.nicOf(m.node)
	for len(c.listeners) > 0 {
		c.listeners[0].shut()
	}
	for len(c.sockets) > 0 {
		c.sockets[0].shut()
	}
	for _, e := range slices.Clone(c.ends) {
		e.exit()
	}
}

// end drops everything that is in flight, and its timers: the world has ended.
func (n *network) end() {
	for _, c := range n.conns {
		for i := range c.ends {
			c.ends[i].watch.Cancel()
			c.flows[i].timer.Cancel()
			c.flows[i].credit.Cancel()
		}
	}
	for _, c := range n.nics {
		if c == nil {
			continue
		}
		for _, s := range c.sockets {
			s.credit.Cancel()
		}
		for _, l := range c.links {
			if l != nil {
				l.timer.Cancel()
			}
		}
	}
}

// setFaults sets the faults of all links.
func (n *network) setFaults(f linkFaults) {
	n.faults = f
	if !n.world.ended {
		n.eachLink(nil, nil, (*link).changed)
	}
}

// review looks at connections again after a link or a nic has changed: those that can go on do so, and those that cannot
// wait for the end of their patience. of selects their ends.
func (n *network) review(of func(e *end) bool) {
	for _, c := range n.nics {
		if c == nil {
			continue
		}
		for _, e := range slices.Clone(c.ends) {
			if of(e) {
				e.review()
			}
		}
	}
}

// loseInFlight decides what arrives of all that is on its way from a machine that has crashed. It is one choice of the
// schedule.
func (n *network) loseInFlight(from *nic) {
	all := 0
	for _, e := range from.ends {
		all += e.out.inFlight()
	}
	for _, l := range from.links {
		if l != nil && l.cuts == 0 && l.from != l.to {
			all += l.packets.len()
		}
	}
	if all == 0 {
		return
	}
	site := n.world.siteOf("in flight from " + from.node.name)
	how := n.world.t.Choose(site, 4)
	if how == 0 {
		return
	}
	mixed := n.world.t.Rand(fmt.Sprintf("%s, variant %d", site, how))
	lost := 0
	for _, e := range from.ends {
		keep, flying := 0, e.out.inFlight()
		if flying == 0 {
			continue
		}
		if how > 1 {
			keep = mixed.IntN(flying + 1)
		}
		lost += flying - keep
		e.out.drop(keep)
	}
	for _, l := range from.links {
		if l != nil && l.cuts == 0 && l.from != l.to {
			lost += l.lose(func() bool { return how == 1 || mixed.IntN(2) == 0 })
		}
	}
	if n.world.record != nil {
		n.world.fault(from.node.name, "%d of %d messages in flight from %s lost", lost, all, from.node.name)
	}
}

// now is the time since the start of the loop's clock.
func (n *network) now() time.Duration { return n.world.loop.Elapsed() }

// A port is the network of one machine.
type port struct {
	nic     *nic
	machine *machine
}

// Dial takes a round trip for tcp, and one turn for udp.
func (p port) Dial(ctx context.Context, network, address string) (*host.Conn, error) {
	lowlevel.Current(ctx)
	if !p.machine.up() {
		return nil, offError("dial", network)
	}
	to, err := p.resolve("dial", "connect", network, address)
	from := place{nic: p.nic, ip: p.nic.source(to)}
	if err == nil && !isPackets(network) {
		if from.port = p.nic.freePort(p.nic.connected(from.ip, to)); from.port > 0 {
			return p.connect(ctx, network, from, to)
		}
		err = connectError(network, to, syscall.EADDRNOTAVAIL)
	}
	if err := lowlevel.Yield(ctx); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	if from.port = p.nic.freePort(p.nic.bound); from.port == 0 {
		return nil, connectError(network, to, syscall.EAGAIN)
	}
	return host.NewConn(ctx, network, dialedSocket{p.newSocket(from, to)}), nil
}

// connectError is the error of a Dial.
func connectError(network string, to place, errno syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: network, Addr: to.of(network), Err: os.NewSyscallError("connect", errno)}
}

// source returns the address of this end of a connection to a place.
func (n *nic) source(to place) net.IP {
	if to.ip.IsLoopback() {
		return to.ip
	}
	return n.ip
}

func (p port) Listen(ctx context.Context, network, address string) (*host.Listener, error) {
	at, err := p.listen(ctx, network, address, false, p.nic.listening)
	if err != nil {
		return nil, err
	}
	a := &acceptor{machine: p.machine, at: at}
	p.nic.listeners = append(p.nic.listeners, a)
	return host.NewListener(ctx, network, a), nil
}

func (p port) ListenPacket(ctx context.Context, network, address string) (*host.PacketConn, error) {
	at, err := p.listen(ctx, network, address, true, p.nic.bound)
	if err != nil {
		return nil, err
	}
	return host.NewPacketConn(ctx, network, p.newSocket(at, place{})), nil
}

// listen claims a place on a network for packets, or for connections. It takes one turn.
func (p port) listen(ctx context.Context, network, address string, packets bool, taken iter.Seq[place]) (place, error) {
	if err := lowlevel.Yield(ctx); err != nil {
		return place{}, err
	}
	if !p.machine.up() {
		return place{}, offError("listen", network)
	}
	at, err := p.resolve("listen", "bind", network, address)
	switch {
	case err != nil:
		return place{}, err
	case isPackets(network) != packets:
		return place{}, &net.OpError{Op: "listen", Net: network, Addr: at.of(network), Err: &net.AddrError{Err: "unexpected address type", Addr: address}}
	}
	return p.nic.claim(network, at, taken)
}

// connect opens a connection. It suspends the running task until the kernel of the peer has answered.
func (p port) connect(ctx context.Context, network string, from, to place) (*host.Conn, error) {
	e := newConn(p.machine, from, to)
	d := &dialing{end: e}
	d.Init(p.nic.net.world.loop, d)
	e.dial = d
	e.open()
	opened := false
	defer func() {
		if !opened && p.machine.up() {
			e.giveUp()
		}
	}()
	if err := d.Wait(ctx); err != nil {
		return nil, err
	}
	if e.failure != 0 {
		return nil, connectError(network, to, e.failure)
	}
	opened = true
	return host.NewConn(ctx, network, e), nil
}
