package host

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/takt-go/takt/loop"
)

// A descriptor is what all kinds of sockets have in common.
type descriptor struct {
	fd       int // -1 after abandon: the operating system gives the number to the next file that is opened
	poller   *poller
	key      int32  // in the list of the poller
	events   uint32 // that the poller watches
	empty    bool   // the last call has found nothing, and nothing has come since then
	full     bool   // the last call has found no room, and there has been none since then
	careful  bool   // a short read may have left something: there is an end, an error, or urgent data
	readable func()
	writable func()
	owner    io.Closer // closes the descriptor, if it is not ours
}

func (d *descriptor) Start(readable, writable func()) { d.readable, d.writable = readable, writable }

// changed is called on the loop after a change.
func (d *descriptor) changed(events uint32) {
	if events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR|syscall.EPOLLPRI) != 0 {
		d.careful = true
	}
	if d.full && events&(syscall.EPOLLOUT|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		d.full = false
		defer d.writable() // deferred, as an observer may call Goexit
	}
	if d.empty {
		d.empty = false
		d.readable()
	}
}

const (
	watchInput = syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLPRI
	watchRoom  = syscall.EPOLLOUT
)

// drained is called when a call has found nothing.
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

func (d *descriptor) close() error {
	if d.fd < 0 { // Close of the loop was first
		return net.ErrClosed
	}
	d.poller.remove(d)
	return d.abandon()
}

// abandon closes the descriptor without its poller.
func (d *descriptor) abandon() error {
	fd := d.fd
	d.fd = -1
	if d.owner != nil {
		return inner(d.owner.Close())
	}
	return os.NewSyscallError("close", syscall.Close(fd))
}

// borrow makes d use the descriptor of a socket of package net, which stays its owner.
func (d *descriptor) borrow(l *loop.Loop, of syscall.Conn) error {
	return d.take(l, of, func(fd uintptr) (int, error) { return int(fd), nil })
}

// adopt takes over the socket of conn, which has come from package net, and closes conn. It duplicates
// the descriptor: that of conn is in the poller of Go's runtime, which would look at each change too.
func (d *descriptor) adopt(l *loop.Loop, conn io.Closer) error {
	err := d.take(l, conn.(syscall.Conn), func(fd uintptr) (int, error) {
		copied, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
		if errno != 0 {
			return 0, os.NewSyscallError("fcntl", errno)
		}
		return int(copied), nil
	})
	if err != nil {
		return err
	}
	return inner(conn.Close())
}

func (d *descriptor) take(l *loop.Loop, of syscall.Conn, take func(fd uintptr) (int, error)) error {
	p, err := pollerOf(l)
	if err != nil {
		return err
	}
	defer p.closeIfUnused()
	raw, err := of.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(fd uintptr) { d.fd, err = take(fd) })
	if controlErr != nil {
		return inner(controlErr)
	}
	if err == nil {
		p.add(d)
	}
	return err
}

// A socket is a Transport over a socket of the operating system. What has come stays in the kernel until a
// task reads it.
type socket struct {
	descriptor
	kind   socketKind
	local  net.Addr
	remote net.Addr
	ended  error // of Receive
}

type socketKind uint8

const (
	streamSocket  socketKind = iota
	tcpSocket                // a stream of which a short read has taken all
	messageSocket            // each call moves one message, and an empty one stands for the end
	packetsSocket            // each call moves one packet
)

// newSocket returns a Transport over conn, which has come from package net. If that fails, the caller closes
// conn.
func newSocket(l *loop.Loop, conn net.Conn) (Transport, error) {
	s := &socket{local: conn.LocalAddr(), remote: conn.RemoteAddr()}
	switch conn.(type) {
	case *net.TCPConn:
		s.kind = tcpSocket
	case *net.UDPConn:
		s.kind = packetsSocket
	case *net.UnixConn:
		switch s.local.Network() {
		case "unixpacket":
			s.kind = messageSocket
		case "unixgram":
			s.kind = packetsSocket
		}
	default: // package net changes what a *net.IPConn reads
		return newPump(l, conn), nil
	}
	if err := s.adopt(l, conn); err != nil {
		return nil, err
	}
	if s.kind == tcpSocket && protocolOf(s.fd) == protocolMPTCP {
		s.kind = streamSocket
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
		case s.kind >= messageSocket && err != nil: // such as the news that nobody is at the address yet; messages may follow
			return 0, os.NewSyscallError("read", err)
		case err != nil:
			s.ended = os.NewSyscallError("read", err)
		case n > 0:
			if s.kind == tcpSocket && n < len(p) && !s.careful && s.events != 0 {
				s.empty = true // there was no more, and the poller tells the next change
			}
			return n, nil
		case s.kind != packetsSocket:
			s.ended = io.EOF
		}
	}
	return 0, s.ended
}

func (s *socket) Send(p []byte) (n int, err error) {
	for n < len(p) && !s.full {
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
			n += m
		}
	}
	return n, nil
}

func (s *socket) CloseWrite() error {
	if s.fd < 0 {
		return net.ErrClosed
	}
	return os.NewSyscallError("shutdown", syscall.Shutdown(s.fd, syscall.SHUT_WR))
}

// Close closes the socket. If there is unread input, the kernel would reset the connection, and the peer
// would lose what it has not read yet. In this case Close only ends the direction to the peer, and leaves
// the rest to a goroutine, which reads until the peer closes too.
func (s *socket) Close() error {
	if s.kind == packetsSocket || !s.unread() || s.CloseWrite() != nil {
		return s.close()
	}
	s.leave(func(conn *os.File) { linger(conn) })
	return nil
}

// closeAfter closes the socket when the peer has made room for the last bytes, within lingerLimit.
func (s *socket) closeAfter(last []byte) error {
	if s.fd < 0 {
		return net.ErrClosed
	}
	s.leave(func(conn *os.File) {
		_ = conn.SetWriteDeadline(time.Now().Add(lingerLimit))
		if _, err := conn.Write(last); err == nil && s.unread() && s.CloseWrite() == nil {
			linger(conn)
		}
		_ = conn.Close()
	})
	return nil
}

// leave leaves the socket to f, on a goroutine.
func (s *socket) leave(f func(*os.File)) {
	s.poller.waker.Go(func() { f(os.NewFile(uintptr(s.fd), "socket")) })
	s.poller.remove(&s.descriptor)
}

// unread reports whether the input has not ended, and something has come that was not read.
func (s *socket) unread() bool {
	var b [1]byte
	for s.ended == nil {
		if n, err := syscall.Read(s.fd, b[:]); err != syscall.EINTR {
			return n > 0
		}
	}
	return false
}

func (s *socket) LocalAddr() net.Addr  { return s.local }
func (s *socket) RemoteAddr() net.Addr { return s.remote }
