package sim

import (
	"net"
	"slices"
	"time"

	"github.com/takt-go/takt/task/host"
)

const (
	backlog  = 128         // connections that a listener holds until the program accepts them
	askDelay = time.Second // after which a client asks again if a listener is full
)

// An acceptor is a listener: a host.Acceptor, and what the kernel has of it.
type acceptor struct {
	machine *machine
	at      place
	asked   int         // requests that are not complete
	queue   queue[*end] // connections that the program has not accepted
	closed  bool
	empty   bool // the program has found none
	ready   func()
}

// listenerAt returns the listener for a place of n, or nil.
func (n *nic) listenerAt(to place) *acceptor {
	for _, a := range n.listeners {
		if a.at.port == to.port && a.at.covers(to.ip) {
			return a
		}
	}
	return nil
}

// come takes a connection that is complete.
func (a *acceptor) come(e *end) {
	if a.closed {
		e.abort()
		return
	}
	e.established, e.listener = true, nil
	a.asked--
	a.queue.push(e)
	if a.empty {
		a.empty = false
		a.ready()
	}
}

// Start is a method of host.Acceptor.
func (a *acceptor) Start(ready func()) { a.ready = ready }

// Accept is a method of host.Acceptor.
func (a *acceptor) Accept() (host.Transport, error) {
	if !a.machine.up() {
		return nil, errOff
	}
	if a.queue.len() == 0 {
		a.empty = true
		return nil, nil
	}
	return a.queue.pop(), nil
}

// Close is a method of host.Acceptor.
func (a *acceptor) Close() error {
	if a.machine.up() {
		a.shut()
	}
	return nil
}

// shut closes the listener. The connections that wait are reset.
func (a *acceptor) shut() {
	n := a.at.nic
	if i := slices.Index(n.listeners, a); i >= 0 {
		n.listeners = slices.Delete(n.listeners, i, i+1)
	}
	a.closed = true
	for a.queue.len() > 0 {
		a.queue.pop().abort()
	}
}

// Addr is a method of host.Acceptor.
func (a *acceptor) Addr() net.Addr { return a.at.tcp() }
