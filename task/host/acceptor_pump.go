package host

import (
	"net"
	"sync"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// acceptAhead is how many connections a pumpAcceptor takes from the operating system in advance.
const acceptAhead = 16

// A pumpAcceptor is an Acceptor over a listener of package net. A goroutine accepts, up to acceptAhead
// connections in advance. The goroutine starts with the first call of Accept.
//
// After an error, such as too many open files, the goroutine pauses until the error was taken and Accept is
// called again. So it does not spin: the program decides how soon it tries again.
type pumpAcceptor struct {
	loop  *loop.Loop
	ln    net.Listener
	waker *lowlevel.Waker
	ready func()
	going bool // the goroutine was started; only the loop's goroutine uses it

	mu     sync.Mutex
	resume sync.Cond // closed, room in the queue, or the end of a pause
	queue  []net.Conn
	err    error // comes after the queue
	paused bool
	closed bool
}

func newPumpAcceptor(l *loop.Loop, ln net.Listener) *pumpAcceptor {
	a := &pumpAcceptor{loop: l, ln: ln}
	a.resume.L = &a.mu
	a.waker = lowlevel.NewWaker(l, lowlevel.Func(func() { a.ready() }), func() { _ = a.close() })
	return a
}

func (a *pumpAcceptor) Start(ready func()) { a.ready = ready }

// accept runs on the goroutine.
func (a *pumpAcceptor) accept() {
	for a.mayAccept() {
		conn, err := a.ln.Accept()
		a.put(conn, err)
		a.waker.Wake()
	}
}

// mayAccept waits until the goroutine may accept. It reports false when the acceptor is closed.
func (a *pumpAcceptor) mayAccept() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.closed && (a.paused || len(a.queue) >= acceptAhead) {
		a.resume.Wait()
	}
	return !a.closed
}

func (a *pumpAcceptor) put(conn net.Conn, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err != nil:
		a.err, a.paused = inner(err), true
	case a.closed:
		_ = conn.Close()
	default:
		a.queue = append(a.queue, conn)
	}
}

func (a *pumpAcceptor) Accept() (Transport, error) {
	conn, err := a.take()
	if conn == nil {
		if !a.going {
			a.going = true
			a.waker.Go(a.accept)
		}
		return nil, err
	}
	return newPump(a.loop, conn), nil
}

func (a *pumpAcceptor) take() (net.Conn, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case len(a.queue) > 0:
		conn := a.queue[0]
		a.queue[0] = nil
		a.queue = a.queue[1:]
		if len(a.queue) == acceptAhead-1 {
			a.resume.Signal()
		}
		return conn, nil
	case a.err != nil:
		err := a.err
		a.err = nil
		return nil, err
	case a.paused:
		a.paused = false
		a.resume.Signal()
	}
	return nil, nil
}

func (a *pumpAcceptor) Close() error {
	defer a.waker.Stop()
	return inner(a.close())
}

// close stops the goroutine. When it has returned, the operating system refuses connections to the address.
func (a *pumpAcceptor) close() error {
	a.mu.Lock()
	a.closed = true
	queue := a.queue
	a.queue = nil
	a.resume.Signal()
	a.mu.Unlock()
	for _, conn := range queue {
		_ = conn.Close()
	}
	return a.ln.Close()
}

func (a *pumpAcceptor) Addr() net.Addr { return a.ln.Addr() }
