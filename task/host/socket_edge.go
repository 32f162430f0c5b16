//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package host

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/takt-go/takt/loop"
)

// An edge connects the descriptor of a socket with the loop. The loop's goroutine makes all system calls,
// and never waits in one. If a call finds the socket empty (or full), a goroutine waits for the next
// change, in the poller of Go's runtime, and wakes the loop. So the input stays in the buffer of the
// kernel until a task reads it, and the task's own slice is the first place that it is copied to.
//
// The poller tells each change once. So each direction has a flag, ready, which says whether a call may
// succeed:
//
//	ready ──▶ not ready   before the call
//	      ◀──             after the call, unless it has found the socket empty (or full)
//	      ◀──             at a change; then the goroutine also wakes the loop
//
// A change during the call sets the flag again, so none is lost.
//
// The goroutine waits inside RawConn.Read (or Write), which holds the lock for reading of the descriptor all
// the time. Therefore the calls of the loop use RawConn.Control, which needs no such lock.
type edge struct {
	conn     pollable
	raw      syscall.RawConn
	waker    *waker
	in, out  direction
	closed   bool        // only the loop's goroutine uses it
	lingers  atomic.Bool // Close has left the rest to the goroutine that waits for input
	readable func()
	writable func()
}

// pollable is what the sockets of package net have in common.
type pollable interface {
	syscall.Conn
	io.Closer
	SetReadDeadline(time.Time) error
}

// A direction is one of the two directions of a socket.
type direction struct {
	ready atomic.Bool
	armed bool        // a goroutine waits for changes; only the loop's goroutine uses it
	ended atomic.Bool // that goroutine does not wait any more
}

func (e *edge) init(l *loop.Loop, conn pollable) (err error) {
	if e.raw, err = conn.SyscallConn(); err != nil {
		return err
	}
	e.conn = conn
	e.in.ready.Store(true)
	e.out.ready.Store(true)
	e.waker = newWaker(l, e, e.abandon)
	return nil
}

func (e *edge) Start(readable, writable func()) { e.readable, e.writable = readable, writable }

// Run is called on the loop after a change.
func (e *edge) Run() {
	if e.closed {
		return
	}
	if e.in.ready.Load() {
		e.readable()
	}
	if e.out.armed {
		if e.out.ended.Load() {
			e.out.armed = false
		}
		if !e.closed {
			e.writable()
		}
	}
}

// try calls call, which makes a system call on the descriptor and leaves its error in *failed, unless the
// direction is known to be empty (or full). It reports whether the call has been made and could be made.
func (e *edge) try(s *direction, call func(fd uintptr), failed *error) bool {
	if !s.ready.Load() {
		return false
	}
	s.ready.Store(false)
	for {
		if err := e.raw.Control(call); err != nil {
			*failed = inner(err)
		}
		switch *failed {
		case syscall.EINTR:
		case syscall.EAGAIN:
			e.arm(s)
			return false
		default:
			s.ready.Store(true)
			return true
		}
	}
}

// arm makes sure that a goroutine waits for the next change.
func (e *edge) arm(s *direction) {
	if s.armed {
		return
	}
	s.armed = true
	s.ended.Store(false)
	if s == &e.in {
		e.waker.Go(e.awaitInput)
	} else {
		e.waker.Go(e.awaitRoom)
	}
}

// awaitInput waits for input until the socket is closed.
func (e *edge) awaitInput() {
	_ = e.raw.Read(e.inputCame)
	if e.lingers.Load() {
		_ = e.conn.SetReadDeadline(time.Now().Add(lingerLimit))
		_ = e.raw.Read(discard)
		_ = e.conn.Close()
	}
}

// inputCame is called when the goroutine begins to wait, because a change before that is not told, and
// after each change.
func (e *edge) inputCame(uintptr) bool {
	if !e.in.ready.Swap(true) {
		e.waker.Wake()
	}
	return false
}

// awaitRoom waits until the socket has room again. Few connections need that often, so the goroutine
// then ends.
func (e *edge) awaitRoom() {
	waited := false
	_ = e.raw.Write(func(uintptr) bool {
		ends := waited
		waited = true
		if ends {
			e.out.ended.Store(true)
		}
		e.out.ready.Store(true)
		e.waker.Wake()
		return ends
	})
}

// abandon is called when the loop is closed.
func (e *edge) abandon() {
	e.closed = true
	_ = e.conn.Close()
}

var scratch = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// discard reads what has come, and reports whether no more can come.
func discard(fd uintptr) bool {
	p := scratch.Get().(*[16 << 10]byte)
	defer scratch.Put(p)
	for {
		n, err := syscall.Read(int(fd), p[:])
		switch {
		case err == syscall.EINTR, n > 0:
		default:
			return err != syscall.EAGAIN
		}
	}
}

// A socket is a Transport over a socket of the operating system.
type socket struct {
	edge
	stream   interface{ CloseWrite() error }
	local    net.Addr
	remote   net.Addr
	packets  bool // each call moves one packet, which may be empty
	receive  func(fd uintptr)
	send     func(fd uintptr)
	p        []byte // the arguments and results of the call that is being made
	n        int
	err      error
	ended    error // of Receive
	finished bool  // the input has ended: nothing is unread
}

// newSocket returns a Transport over conn, which has come from package net.
func newSocket(l *loop.Loop, conn net.Conn) (Transport, error) {
	c, ok := conn.(pollable)
	if !ok {
		return newPump(l, conn), nil
	}
	s := &socket{local: conn.LocalAddr(), remote: conn.RemoteAddr()}
	s.stream, _ = conn.(interface{ CloseWrite() error })
	switch c := conn.(type) {
	case *net.UDPConn, *net.IPConn:
		s.packets = true
	case *net.UnixConn:
		s.packets = c.LocalAddr().Network() == "unixgram"
	}
	s.receive = func(fd uintptr) { s.n, s.err = syscall.Read(int(fd), s.p) }
	s.send = func(fd uintptr) { s.n, s.err = syscall.Write(int(fd), s.p) }
	if err := s.init(l, c); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *socket) Receive(p []byte) (int, error) {
	for s.ended == nil && len(p) > 0 {
		s.p = p
		called := s.try(&s.in, s.receive, &s.err)
		s.p = nil
		switch {
		case !called:
			return 0, nil
		case s.err != nil:
			s.ended = os.NewSyscallError("read", s.err)
		case s.n > 0:
			return s.n, nil
		case !s.packets:
			s.ended = io.EOF
		}
	}
	return 0, s.ended
}

func (s *socket) Send(p []byte) (n int, err error) {
	for n < len(p) || s.packets {
		s.p = p[n:]
		called := s.try(&s.out, s.send, &s.err)
		s.p = nil
		if !called {
			return n, nil
		}
		if s.err != nil {
			return n, os.NewSyscallError("write", s.err)
		}
		n += s.n
		if s.packets {
			break
		}
	}
	return n, nil
}

func (s *socket) CloseWrite() error {
	if s.stream == nil {
		return syscall.ENOTSUP
	}
	return inner(s.stream.CloseWrite())
}

// Close closes the socket. If there is unread input, the kernel would reset the connection, and the peer
// would lose what it has not read yet. In this case Close only ends the direction to the peer, and leaves
// the rest to a goroutine, which reads until the peer closes too.
func (s *socket) Close() error {
	s.closed = true
	defer s.waker.Stop()
	if s.ended != nil || s.stream == nil || !s.unread() {
		return inner(s.conn.Close())
	}
	_ = s.stream.CloseWrite()
	s.lingers.Store(true)
	if s.in.armed {
		return s.conn.SetReadDeadline(time.Unix(1, 0)) // ends the wait of the goroutine
	}
	s.arm(&s.in)
	return nil
}

// unread reports whether the input has not ended, and something has come that was not read.
func (s *socket) unread() bool {
	var b [1]byte
	unread := false
	_ = s.raw.Control(func(fd uintptr) {
		for {
			n, err := syscall.Read(int(fd), b[:])
			if err != syscall.EINTR {
				unread = n > 0
				return
			}
		}
	})
	return unread
}

func (s *socket) LocalAddr() net.Addr  { return s.local }
func (s *socket) RemoteAddr() net.Addr { return s.remote }
