package host

import (
	"net"
	"os"
	"syscall"
	"time"

	"github.com/takt-go/takt/loop"
)

// An acceptor is an Acceptor over a listening socket of the operating system. Connections wait in the kernel.
type acceptor struct {
	descriptor
	ln     net.Listener
	config net.KeepAliveConfig
	mptcp  bool // package net has made a socket for Multipath TCP
}

// newAcceptor returns an Acceptor over ln, which has come from package net. If that fails, the caller closes ln.
func newAcceptor(l *loop.Loop, ln net.Listener, config net.ListenConfig) (Acceptor, error) {
	a := &acceptor{ln: ln, config: keepAlive(config)}
	if err := a.borrow(l, ln.(syscall.Conn)); err != nil {
		return nil, err
	}
	a.owner = ln
	a.mptcp = protocolOf(a.fd) == protocolMPTCP
	return a, nil
}

func (a *acceptor) Start(ready func()) { a.descriptor.Start(ready, func() {}) }

func (a *acceptor) Accept() (Transport, error) {
	for !a.empty {
		fd, remote, err := syscall.Accept4(a.fd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		switch err {
		case nil:
			return a.accepted(fd, remote), nil
		case syscall.EINTR, syscall.ECONNABORTED: // the peer has given up already
		case syscall.EAGAIN:
			if err := a.drained(); err != nil {
				return nil, err
			}
		default:
			return nil, os.NewSyscallError("accept4", err)
		}
	}
	return nil, nil
}

func (a *acceptor) accepted(fd int, remote syscall.Sockaddr) *socket {
	local, _ := syscall.Getsockname(fd)
	network := a.ln.Addr().Network()
	s := &socket{local: streamAddr(local, network), remote: streamAddr(remote, network)}
	switch network {
	case "tcp":
		if !a.mptcp || protocolOf(fd) != protocolMPTCP {
			s.kind = tcpSocket
		}
		setOptions(fd, a.config)
	case "unixpacket":
		s.kind = messageSocket
	}
	s.fd = fd
	a.poller.add(&s.descriptor)
	return s
}

// Close closes the listener. From then on the operating system refuses connections to the address.
func (a *acceptor) Close() error { return a.close() }

func (a *acceptor) Addr() net.Addr { return a.ln.Addr() }

const (
	optionProtocol = 38  // SO_PROTOCOL
	protocolMPTCP  = 262 // IPPROTO_MPTCP
)

func protocolOf(fd int) int {
	protocol, _ := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, optionProtocol)
	return protocol
}

// streamAddr converts an address of a stream, as package net does.
func streamAddr(address syscall.Sockaddr, network string) net.Addr {
	if a, ok := address.(*syscall.SockaddrUnix); ok {
		return &net.UnixAddr{Name: a.Name, Net: network}
	}
	if ip, port, zone, ok := internetAddr(address); ok {
		return &net.TCPAddr{IP: ip, Port: port, Zone: zone}
	}
	return nil
}

// keepAlive returns what package net makes of a net.ListenConfig.
func keepAlive(c net.ListenConfig) net.KeepAliveConfig {
	if !c.KeepAliveConfig.Enable && c.KeepAlive >= 0 {
		return net.KeepAliveConfig{Enable: true, Idle: c.KeepAlive}
	}
	return c.KeepAliveConfig
}

// setOptions sets the options that package net sets for an accepted TCP connection, with its defaults.
func setOptions(fd int, c net.KeepAliveConfig) {
	set := func(level, option, value int) { _ = syscall.SetsockoptInt(fd, level, option, value) }
	set(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if !c.Enable {
		return
	}
	set(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1)
	setUnlessNegative := func(option, value, standard int) {
		if value == 0 {
			value = standard
		}
		if value > 0 {
			set(syscall.IPPROTO_TCP, option, value)
		}
	}
	setUnlessNegative(syscall.TCP_KEEPIDLE, seconds(c.Idle), 15)
	setUnlessNegative(syscall.TCP_KEEPINTVL, seconds(c.Interval), 15)
	setUnlessNegative(syscall.TCP_KEEPCNT, c.Count, 9)
}

// seconds rounds up. It returns -1 for a negative time.
func seconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	return int((d + time.Second - 1) / time.Second)
}
