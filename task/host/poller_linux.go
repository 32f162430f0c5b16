package host

import (
	"os"
	"sync"
	"syscall"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A poller tells the sockets of a loop what has changed. It is an epoll instance. The loop's goroutine makes
// all system calls of the sockets and never waits in one: if a call finds the socket empty, or full, the socket
// is watched, and the poller calls it after the next change.
//
// One goroutine waits for the epoll instance as a whole, in the poller of Go's runtime, and wakes the loop. The
// loop then asks the epoll instance which sockets have changed. So a connection needs no goroutine, an idle
// connection costs nothing but memory, and many changes wake the loop once.
//
// Each loop has one poller while it has sockets.
type poller struct {
	loop    *loop.Loop
	file    *os.File // of the epoll instance
	fd      int
	raw     syscall.RawConn
	waker   *lowlevel.Waker
	sockets []watched // by key
	free    []int32   // keys that are not in use
	users   int       // sockets that were opened and not closed
	events  [64]syscall.EpollEvent
}

// watched is a place in the list of sockets. Its generation distinguishes events of its present socket from
// those of earlier ones.
type watched struct {
	socket     *descriptor
	generation int32
}

var pollers struct {
	sync.Mutex
	of map[*loop.Loop]*poller
}

// pollerOf returns the poller of l, for one more socket.
func pollerOf(l *loop.Loop) (*poller, error) {
	pollers.Lock()
	defer pollers.Unlock()
	p := pollers.of[l]
	if p == nil {
		var err error
		if p, err = newPoller(l); err != nil {
			return nil, err
		}
		if pollers.of == nil {
			pollers.of = map[*loop.Loop]*poller{}
		}
		pollers.of[l] = p
	}
	p.users++
	return p, nil
}

func newPoller(l *loop.Loop) (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // for os.NewFile
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("setnonblock", err)
	}
	p := &poller{loop: l, fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, err
	}
	p.waker = lowlevel.NewWaker(l, p, p.abandon)
	p.waker.Go(p.wait)
	return p, nil
}

// wait runs on a goroutine, until the epoll instance is closed.
func (p *poller) wait() {
	_ = p.raw.Read(func(uintptr) bool {
		p.waker.Wake()
		return false
	})
}

// Run is called on the loop after a change.
func (p *poller) Run() {
	for p.users > 0 {
		n, err := syscall.EpollWait(p.fd, p.events[:], 0)
		if err == syscall.EINTR {
			continue
		}
		for i := range max(n, 0) {
			event := &p.events[i]
			if at := p.sockets[event.Fd]; at.socket != nil && at.generation == event.Pad {
				at.socket.changed(event.Events)
			}
		}
		if n < len(p.events) {
			return
		}
	}
}

// watch watches a socket for events, in addition to those for which it is watched already. Then the poller also
// reports a change that has come before.
func (p *poller) watch(d *descriptor, events uint32) error {
	op := syscall.EPOLL_CTL_MOD
	switch {
	case d.events&events == events:
		return nil
	case d.events == 0:
		op = syscall.EPOLL_CTL_ADD
		d.key = p.newKey()
	}
	at := &p.sockets[d.key]
	event := syscall.EpollEvent{Events: d.events | events | edgeTriggered, Fd: d.key, Pad: at.generation}
	if err := syscall.EpollCtl(p.fd, op, d.fd, &event); err != nil {
		if d.events == 0 {
			p.free = append(p.free, d.key)
		}
		return os.NewSyscallError("epoll_ctl", err)
	}
	d.events |= events
	at.socket = d
	return nil
}

// edgeTriggered is EPOLLET. The constant of package syscall is negative.
const edgeTriggered = 1 << 31

func (p *poller) newKey() (key int32) {
	if last := len(p.free) - 1; last >= 0 {
		key = p.free[last]
		p.free = p.free[:last]
		return key
	}
	p.sockets = append(p.sockets, watched{})
	return int32(len(p.sockets) - 1)
}

// forget stops watching a socket that is going to be closed. Closing its descriptor takes it out of the epoll
// instance, unless stays is true: then the descriptor stays open for a while.
func (p *poller) forget(d *descriptor, stays bool) {
	if d.events != 0 {
		if stays {
			_ = syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_DEL, d.fd, nil)
		}
		p.sockets[d.key] = watched{generation: p.sockets[d.key].generation + 1}
		p.free = append(p.free, d.key)
	}
	if p.users--; p.users == 0 {
		p.remove()
		p.waker.Stop()
	}
}

func (p *poller) remove() {
	pollers.Lock()
	defer pollers.Unlock()
	delete(pollers.of, p.loop)
	_ = p.file.Close()
}

// abandon is called when the loop is closed.
func (p *poller) abandon() {
	p.remove()
	for _, w := range p.sockets {
		if w.socket != nil {
			w.socket.abandon()
		}
	}
}
