package sim

import (
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Node number n has the address 10.0.0.n, and those from 256 on 10.0.1.0 and so on. On each node 127.0.0.1 is the
// node itself.

var loopback = net.IPv4(127, 0, 0, 1).To4()

func addressOf(number int) net.IP {
	return net.IPv4(10, byte(number>>16), byte(number>>8), byte(number)).To4()
}

// A place is the address of one end, and the nic that has it.
type place struct {
	nic  *nic
	ip   net.IP // 0.0.0.0 stands for all addresses of the nic
	port int
}

func (p place) tcp() *net.TCPAddr { return &net.TCPAddr{IP: p.ip, Port: p.port} }
func (p place) udp() *net.UDPAddr { return &net.UDPAddr{IP: p.ip, Port: p.port} }

// of returns the address for errors of a network: a *net.TCPAddr or a *net.UDPAddr.
func (p place) of(network string) net.Addr {
	if isPackets(network) {
		return p.udp()
	}
	return p.tcp()
}

func isPackets(network string) bool { return network == "udp" || network == "udp4" }

// covers reports whether something that listens at p gets what is sent to ip. Both belong to the same nic.
func (p place) covers(ip net.IP) bool { return p.ip.IsUnspecified() || p.ip.Equal(ip) }

// resolve returns the place that an address means on this machine. call is the system call that fails if there is no
// such place. The errors are those of package net.
func (p port) resolve(op, call, network, address string) (place, error) {
	fail := func(err error) (place, error) { return place{}, &net.OpError{Op: op, Net: network, Err: err} }
	switch network {
	case "tcp", "tcp4", "udp", "udp4":
	case "tcp6", "udp6", "unix", "unixgram", "unixpacket":
		return fail(fmt.Errorf("sim: the network %s is not simulated; use tcp or udp", network))
	default:
		return fail(net.UnknownNetworkError(network))
	}
	if address == "" && op == "dial" {
		return fail(errors.New("missing address"))
	}
	host, service := "", ""
	if address != "" {
		var err error
		if host, service, err = net.SplitHostPort(address); err != nil {
			return fail(err)
		}
	}
	number, err := portNumber(network, service)
	if err != nil {
		return fail(err)
	}
	to, errno := p.nic.lookup(host)
	to.port = number
	switch {
	case to.ip == nil:
		return fail(&net.DNSError{Err: "no such host", Name: host, IsNotFound: true})
	case op == "listen" && (to.nic != p.nic || errno != 0):
		errno = syscall.EADDRNOTAVAIL
	case op == "dial" && to.ip.IsUnspecified():
		to.ip = loopback
	}
	if errno != 0 {
		return place{}, &net.OpError{Op: op, Net: network, Addr: to.of(network), Err: os.NewSyscallError(call, errno)}
	}
	return to, nil
}

// lookup returns the place that the name or the address of a host means for n. The ip is nil if there is no such
// name. errno says why no nic has the address.
func (n *nic) lookup(host string) (to place, errno syscall.Errno) {
	switch host = strings.ToLower(host); host {
	case "", "::":
		return place{nic: n, ip: net.IPv4zero.To4()}, 0
	case "localhost":
		return place{nic: n, ip: loopback}, 0
	}
	ip := net.ParseIP(host)
	if ip == nil {
		if node := n.net.world.find(host); node != nil {
			there := n.net.nicOf(node)
			return place{nic: there, ip: there.ip}, 0
		}
		return place{}, 0
	}
	if ip.To4() == nil {
		return place{ip: ip}, syscall.ENETUNREACH
	}
	return n.at(ip.To4())
}

// at returns the place that an address of IPv4 means for n.
func (n *nic) at(ip net.IP) (to place, errno syscall.Errno) {
	switch {
	case ip.IsUnspecified(), ip.IsLoopback():
		return place{nic: n, ip: ip}, 0
	case ip[0] != 10:
		return place{ip: ip}, syscall.ENETUNREACH
	}
	number := int(ip[1])<<16 | int(ip[2])<<8 | int(ip[3])
	if number < 1 || number > len(n.net.world.nodes) {
		return place{ip: ip}, syscall.EHOSTUNREACH
	}
	return place{nic: n.net.nicOf(n.net.world.nodes[number-1]), ip: ip}, 0
}

func portNumber(network, service string) (int, error) {
	if service == "" {
		return 0, nil
	}
	number, err := strconv.Atoi(service)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return 0, &net.DNSError{Err: "unknown port", Name: network + "/" + service, IsNotFound: true}
	case err != nil || number < 0 || number > 65535:
		return 0, &net.AddrError{Err: "invalid port", Addr: service}
	}
	return number, nil
}

// The operating system picks free ports from this range.
const (
	firstFreePort = 32768
	lastFreePort  = 60999
)

// freePort picks a port that none of the places has. It tries each one once, and returns 0 if all are taken.
func (n *nic) freePort(taken iter.Seq[place]) int {
	const all = lastFreePort - firstFreePort + 1
	var used [(all + 63) / 64]uint64
	for at := range taken {
		if i := at.port - firstFreePort; i >= 0 && i < all {
			used[i/64] |= 1 << (i % 64)
		}
	}
	for range all {
		port := n.nextPort
		if n.nextPort++; n.nextPort > lastFreePort {
			n.nextPort = firstFreePort
		}
		if i := port - firstFreePort; used[i/64]&(1<<(i%64)) == 0 {
			return port
		}
	}
	return 0
}

// claim makes at a place for something that listens: it picks a port if none is given, and fails if the address is in
// use, or if there is no free port.
func (n *nic) claim(network string, at place, taken iter.Seq[place]) (place, error) {
	used := false
	if at.port == 0 {
		at.port = n.freePort(taken)
		used = at.port == 0
	} else {
		for other := range taken {
			used = used || other.overlaps(at)
		}
	}
	if used {
		return at, &net.OpError{Op: "listen", Net: network, Addr: at.of(network), Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	return at, nil
}

// listening has the places of the listeners.
func (n *nic) listening(yield func(place) bool) {
	for _, a := range n.listeners {
		if !yield(a.at) {
			return
		}
	}
}

// bound has the places of the sockets for packets.
func (n *nic) bound(yield func(place) bool) {
	for _, s := range n.sockets {
		if !yield(s.at) {
			return
		}
	}
}

// connected returns the places from which an address is connected with to.
func (n *nic) connected(from net.IP, to place) iter.Seq[place] {
	return func(yield func(place) bool) {
		for _, e := range n.ends {
			if e.remote.Port == to.port && e.remote.IP.Equal(to.ip) && e.local.IP.Equal(from) && !yield(place{n, from, e.local.Port}) {
				return
			}
		}
	}
}

// overlaps reports whether p and o, which belong to the same nic, have an address and a port in common.
func (p place) overlaps(o place) bool {
	return p.port == o.port && (p.covers(o.ip) || o.covers(p.ip))
}

// offError is the error of a call by a program on a machine that is off.
func offError(op, network string) error {
	return &net.OpError{Op: op, Net: network, Err: errOff}
}
