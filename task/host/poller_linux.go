package host

import (
	"os"
	"sync"
	"syscall"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A poller tells the sockets of a loop what has changed. It is an epoll instance. The loop's goroutine makes
// all system calls of the sockets, and never waits in one: if a call finds the socket empty, or full, the
// poller tells the socket about the next change.
//
// The loop asks the epoll instance in each turn while many sockets change. Otherwise the loop hands this over
// to a goroutine:
//
//	asking ──▶ armed     few sockets have changed: the loop sends to armed
//	       ◀──           the goroutine has found changes: it calls Wake
//
// While armed, the goroutine waits in the poller of Go's runtime, in which the epoll instance is one
// descriptor. So a connection needs no goroutine, an idle connection costs nothing but memory, and while the
// loop is busy the changes wake nothing.
//
// Each loop has one poller while it has sockets.
type poller struct {
	loop    *loop.Loop
	file    *os.File // the epoll instance
	fd      int
	raw     syscall.RawConn
	waker   *lowlevel.Waker
	sockets []place // by key
	free    []int32 // keys that are not in use
	closed  bool
	armed   chan struct{}

	// While armed, these belong to the goroutine.
	events [128]syscall.EpollEvent
	found  int // how many of events are new
}

// A place is one in the list of sockets. Its generation distinguishes the events of its socket from those of
// earlier ones.
type place struct {
	socket     *descriptor
	generation int32
}

// busy is how many sockets must change in a turn, so that the loop asks again in the next turn.
const busy = 4

var pollers struct {
	sync.Mutex
	of map[*loop.Loop]*poller
}

// pollerOf returns the poller of l.
func pollerOf(l *loop.Loop) (*poller, error) {
	pollers.Lock()
	defer pollers.Unlock()
	if p := pollers.of[l]; p != nil {
		return p, nil
	}
	p, err := newPoller(l)
	if err != nil {
		return nil, err
	}
	if pollers.of == nil {
		pollers.of = map[*loop.Loop]*poller{}
	}
	pollers.of[l] = p
	return p, nil
}

func newPoller(l *loop.Loop) (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // os.NewFile wants that
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("setnonblock", err)
	}
	p := &poller{loop: l, fd: fd, file: os.NewFile(uintptr(fd), "epoll"), armed: make(chan struct{}, 1)}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, err
	}
	p.waker = lowlevel.NewWaker(l, p, p.abandon)
	p.armed <- struct{}{}
	p.waker.Go(p.wait)
	return p, nil
}

// wait runs on the goroutine.
func (p *poller) wait() {
	ask := func(uintptr) bool { // called when the wait begins, and after each change
		p.ask()
		return p.found > 0
	}
	for range p.armed {
		_ = p.raw.Read(ask) // fails if the poller is closed
		p.waker.Wake()
	}
}

// ask takes the changes from the epoll instance.
func (p *poller) ask() {
	n, err := syscall.EpollWait(p.fd, p.events[:], 0)
	for err == syscall.EINTR {
		n, err = syscall.EpollWait(p.fd, p.events[:], 0)
	}
	p.found = max(n, 0)
}

// Run runs on the loop, when the goroutine has found changes, and in each turn while the loop asks.
func (p *poller) Run() {
	if p.closed {
		return
	}
	if p.found == 0 {
		p.ask()
	}
	n := p.found
	p.found = 0
	defer p.goOn(n)
	p.tell(p.events[:n])
}

// tell tells the sockets their events, and also the other sockets if an observer calls Goexit. A socket may close
// itself, or others.
func (p *poller) tell(events []syscall.EpollEvent) {
	defer func() {
		if len(events) > 0 {
			p.tell(events)
		}
	}()
	for len(events) > 0 {
		event := &events[0]
		events = events[1:]
		if at := p.sockets[event.Fd]; at.socket != nil && at.generation == event.Pad {
			at.socket.changed(event.Events)
		}
	}
}

// goOn asks for the next events, after n.
func (p *poller) goOn(n int) {
	switch {
	case p.closed: // the last socket has closed itself
	case n >= busy:
		lowlevel.Schedule(p.loop, p)
	default:
		p.armed <- struct{}{}
	}
}

// add adds a socket.
func (p *poller) add(d *descriptor) {
	if last := len(p.free) - 1; last >= 0 {
		d.key = p.free[last]
		p.free = p.free[:last]
	} else {
		d.key = int32(len(p.sockets))
		p.sockets = append(p.sockets, place{})
	}
	p.sockets[d.key].socket = d
	d.poller = p
}

// watch asks for events of a socket, in addition to those for which it was asked before. The epoll instance also
// has a change that has come before.
func (p *poller) watch(d *descriptor, events uint32) error {
	if d.events&events == events {
		return nil
	}
	op := syscall.EPOLL_CTL_MOD
	if d.events == 0 {
		op = syscall.EPOLL_CTL_ADD
	}
	event := syscall.EpollEvent{Events: d.events | events | edgeTriggered, Fd: d.key, Pad: p.sockets[d.key].generation}
	if err := syscall.EpollCtl(p.fd, op, d.fd, &event); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	d.events |= events
	return nil
}

// edgeTriggered is EPOLLET. The constant of package syscall is negative.
const edgeTriggered = 1 << 31

// remove removes a socket. Its descriptor is going to be closed, or to be used by other code.
func (p *poller) remove(d *descriptor) {
	if p.closed {
		return
	}
	if d.events != 0 {
		_ = syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_DEL, d.fd, nil)
	}
	p.sockets[d.key] = place{generation: p.sockets[d.key].generation + 1}
	p.free = append(p.free, d.key)
	p.closeIfUnused()
}

func (p *poller) closeIfUnused() {
	if len(p.free) == len(p.sockets) {
		p.waker.Stop()
		p.close()
	}
}

// abandon is called when the loop is closed.
func (p *poller) abandon() {
	p.close()
	for _, at := range p.sockets {
		if at.socket != nil {
			_ = at.socket.abandon()
		}
	}
}

func (p *poller) close() {
	pollers.Lock()
	defer pollers.Unlock()
	delete(pollers.of, p.loop)
	p.closed = true
	close(p.armed)
	_ = p.file.Close()
}
