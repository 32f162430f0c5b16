package host

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/takt-go/takt/loop"
)

// A descriptor is what sockets for streams and for packets have in common.
type descriptor struct {
	conn     pollable
	fd       int
	poller   *poller
	readable func()
	writable func()
	key      int32  // in the list of the poller
	events   uint32 // for which the poller watches; 0 if it does not
	empty    bool   // the last call found nothing, and nothing has come since then
	full     bool   // the last call found no room, and there has been none since then
	over     bool   // nothing more comes, or there is an error
	closed   bool
}

// pollable is what the sockets of package net have in common.
type pollable interface {
	syscall.Conn
	io.Closer
	LocalAddr() net.Addr
	SetReadDeadline(time.Time) error
}

func (d *descriptor) init(l *loop.Loop, conn pollable) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	if err := raw.Control(func(fd uintptr) { d.fd = int(fd) }); err != nil {
		return err
	}
	d.conn = conn
	d.poller, err = pollerOf(l)
	return err
}

func (d *descriptor) Start(readable, writable func()) { d.readable, d.writable = readable, writable }

// changed is called on the loop after a change.
func (d *descriptor) changed(events uint32) {
	if events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		d.over = true
	}
	if d.empty {
		d.empty = false
		d.readable()
	}
	if d.full && events&(syscall.EPOLLOUT|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		d.full = false
		d.writable()
	}
}

const (
	watchInput = syscall.EPOLLIN | syscall.EPOLLRDHUP
	watchRoom  = syscall.EPOLLOUT
)

// drained is called when a call has found nothing. (The poller reports a change that has come since then.)
func (d *descriptor) drained() error {
	err := d.poller.watch(d, watchInput)
	d.empty = err == nil
	return err
}

// stuffed is called when a call has found no room. Few sockets ever do, so only those are watched for room.
func (d *descriptor) stuffed() error {
	err := d.poller.watch(d, watchInput|watchRoom)
	d.full = err == nil
	return err
}

// release is called before the socket is closed.
func (d *descriptor) release(stays bool) {
	d.closed = true
	d.poller.forget(d, stays)
}

func (d *descriptor) abandon() {
	d.closed = true
	_ = d.conn.Close()
}

func (d *descriptor) LocalAddr() net.Addr { return d.conn.LocalAddr() }

// A socket is a Transport over a socket of the operating system. What has come stays in the kernel until a
// task reads it.
type socket struct {
	descriptor
	net     net.Conn
	tcp     bool
	packets bool  // each call moves one packet, which may be empty
	ended   error // of Receive
}

// newSocket returns a Transport over conn, which has come from package net.
func newSocket(l *loop.Loop, conn net.Conn) (Transport, error) {
	c, ok := conn.(pollable)
	if !ok {
		return newPump(l, conn), nil
	}
	s := &socket{net: conn}
	switch c := conn.(type) {
	case *net.TCPConn:
		s.tcp = true
	case *net.UDPConn, *net.IPConn:
		s.packets = true
	case *net.UnixConn:
		s.packets = c.LocalAddr().Network() == "unixgram"
	}
	if err := s.init(l, c); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *socket) Receive(p []byte) (int, error) {
	for s.ended == nil && !s.empty && len(p) > 0 {
		n, err := syscall.Read(s.fd, p)
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			s.ended = s.drained()
		case err != nil:
			s.ended = os.NewSyscallError("read", err)
		case n > 0:
			if s.tcp && n < len(p) && !s.over && s.events != 0 {
				s.empty = true // there was no more, and the next change will be told
			}
			return n, nil
		case !s.packets:
			s.ended = io.EOF
		}
	}
	return 0, s.ended
}

func (s *socket) Send(p []byte) (n int, err error) {
	for !s.full && (n < len(p) || s.packets) {
		m, err := syscall.Write(s.fd, p[n:])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			if err := s.stuffed(); err != nil {
				return n, err
			}
		case err != nil:
			return n, os.NewSyscallError("write", err)
		default:
			if n += m; s.packets {
				return n, nil
			}
		}
	}
	return n, nil
}

func (s *socket) CloseWrite() error {
	if c, ok := s.net.(interface{ CloseWrite() error }); ok {
		return inner(c.CloseWrite())
	}
	return syscall.ENOTSUP
}

// Close closes the socket. If there is unread input, the kernel would reset the connection, and the peer
// would lose what it has not read yet. In this case Close only ends the direction to the peer, and leaves
// the rest to a goroutine, which reads until the peer closes too.
func (s *socket) Close() error {
	if !s.unread() {
		s.release(false)
		return inner(s.net.Close())
	}
	_ = s.CloseWrite()
	s.poller.waker.Go(func() { linger(s.net) })
	s.release(true)
	return nil
}

// unread reports whether the input has not ended, and something has come that was not read.
func (s *socket) unread() bool {
	var b [1]byte
	for s.ended == nil && !s.packets {
		if n, err := syscall.Read(s.fd, b[:]); err != syscall.EINTR {
			return n > 0
		}
	}
	return false
}

func (s *socket) RemoteAddr() net.Addr { return s.net.RemoteAddr() }
