package sim

import (
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/takt-go/takt/loop"
)

const (
	maxPacket  = 65507     // bytes
	packetRoom = 208 << 10 // bytes of packets that a socket holds in each direction
	packetCost = 256       // bytes that each packet takes besides
)

// A packetSocket is a socket for packets: a host.PacketTransport, and what the kernel has of it.
type packetSocket struct {
	machine  *machine
	at       place
	peer     place // of a dialed socket; its nic is nil otherwise
	packets  queue[packet]
	size     int  // of the packets
	refused  bool // the kernel of the peer has no socket at its address
	starved  bool
	stuffed  bool
	credit   loop.Handle
	readable func()
	writable func()
}

// A packet has come to a socket.
type packet struct {
	from place
	data []byte
}

func (p port) newSocket(at, peer place) *packetSocket {
	s := &packetSocket{machine: p.machine, at: at, peer: peer}
	p.nic.sockets = append(p.nic.sockets, s)
	return s
}

// socketAt returns the socket that gets a packet, or nil.
func (n *nic) socketAt(to, from place) *packetSocket {
	for _, s := range n.sockets {
		if s.at.port == to.port && s.at.covers(to.ip) && (s.peer.nic == nil || s.peer.port == from.port && s.peer.ip.Equal(from.ip)) {
			return s
		}
	}
	return nil
}

// Start is a method of host.PacketTransport.
func (s *packetSocket) Start(readable, writable func()) { s.readable, s.writable = readable, writable }

// ReceiveFrom is a method of host.PacketTransport.
func (s *packetSocket) ReceiveFrom(p []byte) (n int, from net.Addr, ok bool, err error) {
	first, ok, err := s.next("recvfrom")
	if !ok || err != nil {
		return 0, nil, ok, err
	}
	return copy(p, first.data), first.from.udp(), true, nil
}

func (s *packetSocket) next(call string) (first packet, ok bool, err error) {
	switch {
	case !s.machine.up():
		return packet{}, true, errOff
	case s.refused:
		s.refused = false
		return packet{}, true, os.NewSyscallError(call, syscall.ECONNREFUSED)
	case s.packets.len() == 0:
		s.starved = true
		return packet{}, false, nil
	}
	first = s.packets.pop()
	s.size -= len(first.data) + packetCost
	return first, true, nil
}

// SendTo is a method of host.PacketTransport.
func (s *packetSocket) SendTo(p []byte, to net.Addr) (ok bool, err error) {
	a, is := to.(*net.UDPAddr)
	if !is || a == nil {
		return true, syscall.EINVAL
	}
	ip := a.IP.To4()
	switch {
	case len(a.IP) == 0:
		ip = loopback
	case ip == nil:
		return true, &net.AddrError{Err: "non-IPv4 address", Addr: a.IP.String()}
	}
	there, errno := s.at.nic.at(ip)
	switch { // in the order of the checks of package net and of Linux
	case a.Port < 0 || a.Port > 65535:
		errno = syscall.EINVAL
	case len(p) > 65535:
		errno = syscall.EMSGSIZE
	case a.Port == 0:
		errno = syscall.EINVAL
	}
	if errno != 0 {
		return true, os.NewSyscallError("sendto", errno)
	}
	if there.ip.IsUnspecified() {
		there.ip = loopback
	}
	there.port = a.Port
	return s.send(p, there, "sendto")
}

// send sends a packet.
func (s *packetSocket) send(p []byte, to place, call string) (ok bool, err error) {
	if !s.machine.up() {
		return true, errOff
	}
	if len(p) > maxPacket {
		return true, os.NewSyscallError(call, syscall.EMSGSIZE)
	}
	l := s.at.nic.linkTo(to.nic)
	n := s.at.nic.net
	if full := l.free - n.now() - l.timeFor(packetRoom); l.Bandwidth > 0 && full > 0 {
		if !s.stuffed {
			s.stuffed = true
			s.credit = n.world.loop.CallLater(full, s.roomy)
		}
		return false, nil
	}
	from := s.at
	if from.ip.IsUnspecified() {
		from.ip = s.at.nic.source(to)
	}
	l.sendPacket(flight{from: from, to: to, data: append([]byte(nil), p...)})
	return true, nil
}

func (s *packetSocket) roomy() {
	s.stuffed = false
	s.writable()
}

// come takes a packet that has arrived. If there is no room, the packet is lost, and come returns false.
func (s *packetSocket) come(f flight) bool {
	if f.refused {
		s.refused = true
	} else {
		if s.size+len(f.data)+packetCost > packetRoom {
			return false
		}
		s.packets.push(packet{f.from, f.data})
		s.size += len(f.data) + packetCost
	}
	if s.starved {
		s.starved = false
		defer s.readable() // deferred, as an observer may call Goexit
	}
	return true
}

// Close is a method of host.PacketTransport.
func (s *packetSocket) Close() error {
	if s.machine.up() {
		s.shut()
	}
	return nil
}

func (s *packetSocket) shut() {
	n := s.at.nic
	if i := slices.Index(n.sockets, s); i >= 0 {
		n.sockets = slices.Delete(n.sockets, i, i+1)
	}
	s.credit.Cancel()
}

// LocalAddr is a method of host.PacketTransport.
func (s *packetSocket) LocalAddr() net.Addr { return s.at.udp() }

// A dialedSocket is a host.Transport that moves packets.
type dialedSocket struct{ *packetSocket }

func (s dialedSocket) Receive(p []byte) (int, error) {
	for len(p) > 0 {
		first, ok, err := s.next("read")
		if !ok || err != nil {
			return 0, err
		}
		if len(first.data) > 0 { // a stream has no empty packets
			return copy(p, first.data), nil
		}
	}
	return 0, nil
}

func (s dialedSocket) Send(p []byte) (int, error) {
	if s.refused && len(p) <= maxPacket {
		s.refused = false
		return 0, os.NewSyscallError("write", syscall.ECONNREFUSED)
	}
	ok, err := s.send(p, s.peer, "write")
	if !ok || err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s dialedSocket) CloseWrite() error    { return nil }
func (s dialedSocket) RemoteAddr() net.Addr { return s.peer.udp() }
