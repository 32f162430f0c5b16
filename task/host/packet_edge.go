//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package host

import (
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/takt-go/takt/loop"
)

// A packetSocket is a PacketTransport over a socket of the operating system.
type packetSocket struct {
	edge
	local   net.Addr
	inet4   bool // a socket for IPv4, and not for both versions of IP
	receive func(fd uintptr)
	send    func(fd uintptr)
	p       []byte // the arguments and results of the call that is being made
	n       int
	address syscall.Sockaddr
	err     error
}

// newPacketSocket returns a PacketTransport over conn, which has come from package net.
func newPacketSocket(l *loop.Loop, conn net.PacketConn) (PacketTransport, error) {
	c, ok := conn.(pollable)
	_, raw := conn.(*net.IPConn) // its packets come with a header that package net removes
	if !ok || raw {
		return newPacketPump(l, conn), nil
	}
	s := &packetSocket{local: conn.LocalAddr()}
	if err := s.init(l, c); err != nil {
		return nil, err
	}
	if err := s.raw.Control(func(fd uintptr) {
		address, err := syscall.Getsockname(int(fd))
		_, s.inet4 = address.(*syscall.SockaddrInet4)
		s.err = err
	}); err != nil || s.err != nil {
		s.waker.Stop()
		return nil, os.NewSyscallError("getsockname", s.err)
	}
	s.receive = func(fd uintptr) { s.n, s.address, s.err = syscall.Recvfrom(int(fd), s.p, 0) }
	s.send = func(fd uintptr) { s.err = syscall.Sendto(int(fd), s.p, 0, s.address) }
	return s, nil
}

func (s *packetSocket) ReceiveFrom(p []byte) (n int, from net.Addr, ok bool, err error) {
	s.p = p
	ok = s.try(&s.in, s.receive, &s.err)
	s.p = nil
	if !ok {
		return 0, nil, false, nil
	}
	if s.err != nil {
		return 0, nil, true, os.NewSyscallError("recvfrom", s.err)
	}
	return s.n, s.from(s.address), true, nil
}

func (s *packetSocket) SendTo(p []byte, to net.Addr) (ok bool, err error) {
	if s.address, err = s.to(to); err != nil {
		return true, err
	}
	s.p = p
	ok = s.try(&s.out, s.send, &s.err)
	s.p = nil
	if !ok {
		return false, nil
	}
	return true, os.NewSyscallError("sendto", s.err)
}

func (s *packetSocket) Close() error {
	s.closed = true
	defer s.waker.Stop()
	return inner(s.conn.Close())
}

func (s *packetSocket) LocalAddr() net.Addr { return s.local }

// from converts the sender of a packet. It returns nil for a Unix socket without a name.
func (s *packetSocket) from(address syscall.Sockaddr) net.Addr {
	switch a := address.(type) {
	case *syscall.SockaddrInet4:
		return &net.UDPAddr{IP: append(net.IP(nil), a.Addr[:]...), Port: a.Port}
	case *syscall.SockaddrInet6:
		return &net.UDPAddr{IP: append(net.IP(nil), a.Addr[:]...), Port: a.Port, Zone: zoneName(int(a.ZoneId))}
	case *syscall.SockaddrUnix:
		if a.Name != "" {
			return &net.UnixAddr{Name: a.Name, Net: s.local.Network()}
		}
	}
	return nil
}

// to converts an address to which a packet is sent. Its errors are those of package net.
func (s *packetSocket) to(address net.Addr) (syscall.Sockaddr, error) {
	switch a := address.(type) {
	case *net.UDPAddr:
		if _, is := s.local.(*net.UDPAddr); !is || a == nil {
			break
		}
		return s.inet(a)
	case *net.UnixAddr:
		if _, is := s.local.(*net.UnixAddr); !is || a == nil {
			break
		}
		if a.Net != s.local.Network() {
			return nil, syscall.EAFNOSUPPORT
		}
		return &syscall.SockaddrUnix{Name: a.Name}, nil
	}
	return nil, syscall.EINVAL
}

func (s *packetSocket) inet(a *net.UDPAddr) (syscall.Sockaddr, error) {
	ip := a.IP
	if len(ip) == 0 {
		ip = net.IPv4zero
		if !s.inet4 {
			ip = net.IPv6zero
		}
	}
	if s.inet4 {
		to := &syscall.SockaddrInet4{Port: a.Port}
		if copy(to.Addr[:], ip.To4()) == 0 {
			return nil, &net.AddrError{Err: "non-IPv4 address", Addr: ip.String()}
		}
		return to, nil
	}
	if ip.Equal(net.IPv4zero) {
		ip = net.IPv6zero
	}
	to := &syscall.SockaddrInet6{Port: a.Port, ZoneId: uint32(zoneNumber(a.Zone))}
	if copy(to.Addr[:], ip.To16()) == 0 {
		return nil, &net.AddrError{Err: "non-IPv6 address", Addr: ip.String()}
	}
	return to, nil
}

func zoneName(number int) string {
	if number == 0 {
		return ""
	}
	if i, err := net.InterfaceByIndex(number); err == nil {
		return i.Name
	}
	return strconv.Itoa(number)
}

func zoneNumber(name string) int {
	if name == "" {
		return 0
	}
	if i, err := net.InterfaceByName(name); err == nil {
		return i.Index
	}
	number, _ := strconv.Atoi(name)
	return number
}
