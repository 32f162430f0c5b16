package host

import (
	"context"
	"fmt"
	"math"
	"net"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// A Listener accepts connections. Listen of a [Network] makes Listeners. A Listener belongs to a loop: its
// tasks and callbacks use it, and no other goroutine.
type Listener struct {
	home     context.Context // of the realm that the Listener belongs to, or of the loop
	network  string
	acceptor Acceptor
	line     waiter.List // the first task in the line has the turn: it alone uses the acceptor
	closed   bool
}

// NewListener makes a Listener of an acceptor. The Listener belongs to the loop of ctx. The connections that it
// accepts belong to the realm of ctx, if there is one: see [NewConn]. network is the name of
// the network in errors, such as "tcp". Programs get listeners from a [Network]. NewListener is for programs
// with an Acceptor of their own. It panics if ctx belongs to no loop, or if a is nil.
func NewListener(ctx context.Context, network string, a Acceptor) *Listener {
	if a == nil {
		panic("host: NewListener with a nil Acceptor; give it the Acceptor that has the connections")
	}
	ln := &Listener{home: lowlevel.RealmContext(ctx), network: network, acceptor: a}
	a.Start(ln.wakeFirst)
	return ln
}

// Accept suspends the running task until a connection has come, and returns it. If one has come already, Accept
// suspends for one turn, so that a flood of connections does not keep the other tasks waiting. Tasks get
// connections in the order in which they called Accept.
//
// If the task is canceled, or ctx ends, Accept returns the reason, and takes no connection: the next Accept
// gets it. After Close, Accept returns an error that wraps [net.ErrClosed]. Other errors, such as too many open
// files, are of type *[net.OpError], too. They need not last: the program may call Accept again, but after a pause, or
// else it keeps the loop busy.
//
// Accept panics if ctx does not belong to the running task, or if that task belongs to another loop than the
// Listener.
func (ln *Listener) Accept(ctx context.Context) (*Conn, error) {
	ln.mustBeMade("Accept")
	if t := lowlevel.Current(ctx); t.Loop() != lowlevel.LoopOf(ln.home) {
		panic(fmt.Sprintf("host: Listener.Accept in %v, but the Listener belongs to another loop; call Listen with a context of this loop", t))
	}
	w := waiter.New(ctx, (*connections)(ln))
	ln.line.Join(w) // before it suspends, so that the order is that of the calls
	defer ln.leave(w)
	if ln.line.First() == w { // otherwise other tasks come first
		if err := lowlevel.Yield(ctx); err != nil {
			return nil, err
		}
		if c, err := ln.take(); c != nil || err != nil {
			return c, err
		}
	}
	for {
		w.Rearm()
		if err := w.Wait(ctx); err != nil {
			return nil, err
		}
		if ln.line.First() == w || ln.closed {
			if c, err := ln.take(); c != nil || err != nil {
				return c, err
			}
		}
	}
}

// take takes a connection from the acceptor. It returns nil and nil if none has come.
func (ln *Listener) take() (*Conn, error) {
	if ln.closed {
		return nil, ln.opError("accept", net.ErrClosed)
	}
	t, err := ln.acceptor.Accept()
	if t == nil || err != nil {
		return nil, ln.opError("accept", err)
	}
	return NewConn(ln.home, ln.network, t), nil
}

// leave takes the running task out of the line. The next task gets the turn.
func (ln *Listener) leave(w *waiter.Waiter) {
	w.Cancel(nil) // if the task did not go on in the usual way, nothing may wake it any more
	w.Leave()
	ln.wakeFirst()
}

// wakeFirst wakes the first task in the line. The acceptor calls it, possibly in vain.
func (ln *Listener) wakeFirst() {
	if w := ln.line.First(); w != nil {
		w.Set()
	}
}

// Close refuses later connections. Calls of Accept that wait, and later ones, return an error that wraps
// [net.ErrClosed]. Connections that were accepted stay open. Those that have come and were not accepted are
// closed. Close does not suspend. A second Close returns an error and changes nothing.
func (ln *Listener) Close() error {
	ln.mustBeMade("Close")
	lowlevel.CheckHere(lowlevel.LoopOf(ln.home), "Listener.Close")
	if ln.closed {
		return ln.opError("close", net.ErrClosed)
	}
	ln.closed = true
	defer ln.line.Set(math.MaxInt) // deferred, as an observer may call Goexit
	return ln.opError("close", ln.acceptor.Close())
}

// Addr returns the address at which the Listener listens.
func (ln *Listener) Addr() net.Addr {
	ln.mustBeMade("Addr")
	return ln.acceptor.Addr()
}

// mustBeMade panics if ln is nil or the zero Listener.
func (ln *Listener) mustBeMade(method string) {
	if ln == nil || ln.home == nil {
		panic("host: " + method + " of a Listener that is nil or the zero Listener; Listen of a Network makes listeners")
	}
}

// opError makes an error of package net. It returns nil if err is nil.
func (ln *Listener) opError(op string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: ln.network, Addr: ln.Addr(), Err: err}
}

// connections describes the event for which a task waits in Accept.
type connections Listener

func (ln *connections) Describe() (string, []loop.Awaitable) {
	return fmt.Sprintf("a connection to %v", (*Listener)(ln).Addr()), nil
}
