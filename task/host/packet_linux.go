package host

import (
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/takt-go/takt/loop"
)

// A packetSocket is a PacketTransport over a socket of the operating system. Packets wait in the kernel.
type packetSocket struct {
	descriptor
	local net.Addr
	inet4 bool // a socket for IPv4, and not for both versions of IP
}

// newPacketSocket returns a PacketTransport over conn, which has come from package net. If that fails, the caller
// closes conn.
func newPacketSocket(l *loop.Loop, conn net.PacketConn) (PacketTransport, error) {
	if _, ok := conn.(*net.IPConn); ok { // package net changes what it reads
		return newPacketPump(l, conn), nil
	}
	s := &packetSocket{local: conn.LocalAddr()}
	if err := s.adopt(l, conn); err != nil {
		return nil, err
	}
	address, _ := syscall.Getsockname(s.fd)
	_, s.inet4 = address.(*syscall.SockaddrInet4)
	return s, nil
}

func (s *packetSocket) ReceiveFrom(p []byte) (n int, from net.Addr, ok bool, err error) {
	for !s.empty {
		n, address, err := syscall.Recvfrom(s.fd, p, 0)
		switch err {
		case nil:
			return n, s.from(address), true, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			if err := s.drained(); err != nil {
				return 0, nil, true, err
			}
		default:
			return 0, nil, true, os.NewSyscallError("recvfrom", err)
		}
	}
	return 0, nil, false, nil
}

func (s *packetSocket) SendTo(p []byte, to net.Addr) (ok bool, err error) {
	address, err := s.to(to)
	if err != nil {
		return true, err
	}
	for !s.full {
		switch err := syscall.Sendto(s.fd, p, 0, address); err {
		case nil:
			return true, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			if err := s.stuffed(); err != nil {
				return true, err
			}
		default:
			return true, os.NewSyscallError("sendto", err)
		}
	}
	return false, nil
}

func (s *packetSocket) Close() error { return s.close() }

func (s *packetSocket) LocalAddr() net.Addr { return s.local }

// from converts the sender of a packet. It returns nil for a Unix socket without a name.
func (s *packetSocket) from(address syscall.Sockaddr) net.Addr {
	if a, ok := address.(*syscall.SockaddrUnix); ok {
		if a.Name == "" {
			return nil
		}
		return &net.UnixAddr{Name: a.Name, Net: s.local.Network()}
	}
	if ip, port, zone, ok := internetAddr(address); ok {
		return &net.UDPAddr{IP: ip, Port: port, Zone: zone}
	}
	return nil
}

func internetAddr(address syscall.Sockaddr) (ip net.IP, port int, zone string, ok bool) {
	switch a := address.(type) {
	case *syscall.SockaddrInet4:
		return append(ip, a.Addr[:]...), a.Port, "", true
	case *syscall.SockaddrInet6:
		return append(ip, a.Addr[:]...), a.Port, zoneName(int(a.ZoneId)), true
	}
	return nil, 0, "", false
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
