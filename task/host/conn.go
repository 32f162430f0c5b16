package host

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// A Conn is a connection: a stream of bytes in each direction. It is a [net.Conn]. Dial of a [Network], Accept
// of a [Listener] and [Pipe] make connections.
//
// # Tasks
//
// Read and Write suspend the running task of the loop that the Conn belongs to. So code that knows nothing of
// tasks works in a task unchanged: package bufio, encoding/json, net/textproto, crypto/tls and so on. Read and
// Write panic if no task is running, as in a callback, and if another goroutine calls them. The other methods
// never suspend: tasks and callbacks may call them, and also the host while the loop is not running. Another
// goroutine uses Post of the loop: l.Post(func() { _ = c.Close() }). On another goroutine all methods panic,
// except LocalAddr and RemoteAddr. So code that uses a connection on goroutines of its own cannot use a Conn:
// for example the Server of net/http, and HandshakeContext of crypto/tls with a context that can end.
//
// Read and Write suspend if they must wait. Besides, they suspend for one turn after the task has moved some hundred KiB,
// or made some hundred calls, in one and the same turn. So a peer that sends, or reads, without a pause does not keep
// the other tasks waiting.
//
// A connection that carries packets ("udp", "ip" and "unixgram"), and one of "unixpacket", keeps messages apart. Each Write
// sends one message, whole or not at all, and each Read returns one. What is longer than the slice of the Read is lost, as
// with package net. Write of an empty slice sends nothing, and Read skips an empty packet. (An empty message of
// "unixpacket" is the end.)
//
// One task may read while another task writes. If several tasks read, they get bytes in the order in which
// they called Read. If several tasks write, the bytes of each Write stay together, in the order of the calls.
//
// # Cancellation
//
// If the task is canceled while it waits, Read and Write return the cancellation itself, a
// [*loop.CanceledError]. Nothing is lost:
//
//   - A canceled Read has taken no bytes. The next Read returns them.
//   - A canceled Write returns how many bytes it has accepted. The peer gets these bytes, and no others of
//     this call. Then the next Write that waits begins. So after a cancellation in the middle, the stream has
//     the beginning of a message, and then the next Write follows. A task that wants to complete the message
//     writes the rest before any other task writes. Otherwise, close the connection.
//
// The same holds for deadlines. If no message may be cut, one task does all the writing, and the other tasks
// hand it their messages by a queue: canceling them does not cancel it.
//
// Code above the Conn may keep the error of a Read, and return it again and again: encoding/json and crypto/tls do
// so after a cancellation. (crypto/tls goes on after a read deadline.) A [Reader] goes on after every error.
//
// Read and Write have no context. They wait under the context of the running task. So they end when the task
// is canceled: by [loop.Task.Cancel], by task.Timeout, by a group, or by the end of a standard context with
// which the task was spawned. They know nothing of a standard context that the body has derived from the
// task's context, for example by [context.WithTimeout]. [Conn.ReadContext] and [Conn.WriteContext] wait under
// such a context. So do the methods of a [Reader].
//
// # Errors
//
// The errors are those of package net: [io.EOF] when the peer has ended its direction and all bytes are read,
// and otherwise a [*net.OpError]. It wraps [net.ErrClosed] after Close, [os.ErrDeadlineExceeded] after a
// deadline, [syscall.EPIPE] for a Write after CloseWrite, or the error of the transport. After io.EOF, and
// after an error of the transport, each later call returns the same. (A connection that carries packets, such as
// UDP, goes on after an error.) After a cancellation or a deadline the Conn can be used as before.
//
// # Costs
//
// Read and Write allocate nothing. If several tasks wait in Read, or several in Write, each of them costs one
// allocation, except the first. A Conn that no task uses costs a turn of the loop nothing.
type Conn struct {
	loop      *loop.Loop
	home      context.Context // of the realm that the Conn belongs to, or of the loop
	network   string
	transport Transport
	lowest    Transport // below all TLS. It has the addresses, and never changes, so any goroutine may ask it
	in, out   side
	closed    bool
	ended     bool   // CloseWrite was called
	sendable  func() // called before a task that writes is woken; nil without TLS
}

// A side has what a Conn keeps for one direction.
//
// The tasks that wait are in a line. The first of them has the turn: it alone uses the transport. When it is
// done, it leaves the line and wakes the next one. A task that comes while others are in the line waits behind
// them, also if the first one was woken and has not gone on yet.
type side struct {
	conn     *Conn
	op       string
	of       waiter.Describer
	line     waiter.List
	own      waiter.Waiter // for the first task in the line, so that it costs no allocation
	taken    bool          // own is in use
	spent    int           // since a task has waited, or since a turn: see mustRest
	turn     uint64        // in which spent began, if it has begun again
	deadline deadline
}

// NewConn makes a Conn of a transport. The Conn belongs to the loop of ctx, and its deadlines go by the clock of the
// realm of ctx (see [lowlevel.Realm]), if there is one. network is the name of the network in errors, such as "tcp". If
// package net has packets or messages on a network of that name, Send of t gets each message whole. Programs get
// connections from a [Network]. NewConn is for programs that have a Transport of their own. It panics if ctx belongs to no
// loop, or if t is nil.
func NewConn(ctx context.Context, network string, t Transport) *Conn {
	if t == nil {
		panic("host: NewConn with a nil Transport; give it the Transport that moves the bytes")
	}
	c := new(Conn)
	c.init(ctx, network, t)
	t.Start(c.in.wakeFirst, c.writable)
	return c
}

func (c *Conn) init(ctx context.Context, network string, t Transport) {
	c.loop, c.home = lowlevel.LoopOf(ctx), lowlevel.RealmContext(ctx)
	c.network, c.transport, c.lowest = network, t, t
	c.in = side{conn: c, op: "read", of: (*incoming)(c)}
	c.out = side{conn: c, op: "write", of: (*room)(c)}
}

// Read reads bytes that have come into p. If none have come, it suspends the running task until some come. It
// returns as soon as it has at least one byte. If p is empty, Read returns at once. Conn describes its errors,
// the order of several tasks, and what a cancellation does.
func (c *Conn) Read(p []byte) (int, error) {
	c.mustBeMade("Read")
	return c.read(lowlevel.Running(c.loop, "Conn.Read").Context(), p)
}

// Write writes all of p. It suspends the running task while there is no room for more: the peer does not read,
// and the buffers on the way are full. When Write returns, the bytes are on their way, but the peer may not
// have them. If p is empty, Write returns at once. If the error is not nil, n bytes are on their way, and no
// others of p. Conn describes the errors, the order of several tasks, and what a cancellation does.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.mustBeMade("Write")
	return c.write(lowlevel.Running(c.loop, "Conn.Write").Context(), p)
}

// ReadContext is Read that waits under ctx. If it need not wait, it does not look at ctx. If ctx ends
// while it waits, it returns [context.Cause] of ctx. It panics if ctx does not belong to the running task.
func (c *Conn) ReadContext(ctx context.Context, p []byte) (int, error) {
	c.mustSuit(ctx, "ReadContext")
	return c.read(ctx, p)
}

// WriteContext is Write that waits under ctx, in the way of ReadContext.
func (c *Conn) WriteContext(ctx context.Context, p []byte) (n int, err error) {
	c.mustSuit(ctx, "WriteContext")
	return c.write(ctx, p)
}

// CloseWrite ends the direction to the peer: the peer reads the bytes that were written, and then io.EOF. Later
// calls of Write, and those that wait, fail with [syscall.EPIPE]. The Conn can still read. CloseWrite does not
// suspend.
func (c *Conn) CloseWrite() error {
	c.mustBeMade("CloseWrite")
	lowlevel.CheckHere(c.loop, "Conn.CloseWrite")
	switch {
	case c.closed:
		return c.opError("close", net.ErrClosed)
	case c.ended:
		return nil
	}
	c.ended = true
	defer c.out.wakeAll()
	return c.opError("close", c.transport.CloseWrite())
}

// Close closes the connection. Later calls of its methods, and those that wait, fail with [net.ErrClosed]. The
// bytes that were written are still delivered in the background, as far as the peer takes them within a limit
// of the transport. (On the network of the machine this is so unless the peer sends more after Close: then the
// operating system may reset the connection, as with package net. To be sure, call CloseWrite, and read until
// io.EOF.) Close does not suspend, so it also works in a deferred call of a task that is canceled, or that is
// unwound by Close of the loop. A second Close returns an error and changes nothing.
func (c *Conn) Close() error {
	c.mustBeMade("Close")
	lowlevel.CheckHere(c.loop, "Conn.Close")
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	c.closed = true
	defer c.out.wakeAll() // deferred, as an observer may call Goexit
	defer c.in.wakeAll()
	return c.opError("close", c.transport.Close())
}

// LocalAddr returns the address of this end.
func (c *Conn) LocalAddr() net.Addr {
	c.mustBeMade("LocalAddr")
	return c.lowest.LocalAddr()
}

// RemoteAddr returns the address of the peer.
func (c *Conn) RemoteAddr() net.Addr {
	c.mustBeMade("RemoteAddr")
	return c.lowest.RemoteAddr()
}

func (c *Conn) read(ctx context.Context, p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, c.in.refusal(false)
	}
	rests := c.in.mustRest()
	if c.in.line.First() == nil && !rests {
		if n, err = c.receive(p); n > 0 || err != nil {
			return n, err
		}
	}
	w := c.in.join(ctx)
	defer c.in.leave(w)
	for n == 0 && err == nil {
		if err = c.in.pause(ctx, w, rests); err == nil {
			n, err = c.receive(p)
		}
		rests = false
	}
	return n, err
}

// receive takes bytes from the transport. If n is 0 and err is nil, none have come.
func (c *Conn) receive(p []byte) (n int, err error) {
	if err := c.in.refusal(true); err != nil {
		return 0, err
	}
	n, err = c.transport.Receive(p)
	c.in.spend(n)
	switch {
	case n > 0:
		return n, nil // the transport returns the same error again
	case err == io.EOF:
		return 0, io.EOF
	}
	return 0, c.opError("read", err)
}

func (c *Conn) write(ctx context.Context, p []byte) (n int, err error) {
	rests := c.out.mustRest()
	if c.out.line.First() == nil && !rests || len(p) == 0 {
		if n, rests, err = c.send(p); n == len(p) || err != nil {
			return n, err
		}
	}
	w := c.out.join(ctx)
	defer c.out.leave(w)
	for n < len(p) && err == nil {
		if err = c.out.pause(ctx, w, rests); err == nil {
			var more int
			more, rests, err = c.send(p[n:])
			n += more
		}
	}
	return n, err
}

// send gives bytes to the transport, as many as there is room for, but not more than a burst. A message is not cut, however
// long it is. all reports whether the transport has taken all that it was given.
func (c *Conn) send(p []byte) (n int, all bool, err error) {
	if err := c.out.refusal(true); err != nil || len(p) == 0 {
		return 0, false, err
	}
	if len(p) > burst && c.home.Err() == nil && !hasMessages(c.network) { // a task that is unwound cannot rest
		p = p[:burst]
	}
	n, err = c.transport.Send(p)
	c.out.spend(n)
	return n, n == len(p), c.opError("write", err)
}

// hasMessages reports whether the connections of a network, such as "udp4" or "ip4:icmp", move messages, and not a stream
// of bytes.
func hasMessages(network string) bool {
	network, _, _ = strings.Cut(network, ":")
	switch network {
	case "udp", "udp4", "udp6", "ip", "ip4", "ip6", "unixgram", "unixpacket":
		return true
	}
	return false
}

// refusal returns the error of a call that cannot go on, whatever the transport has: the connection is closed,
// or, if timed is true, the deadline has passed.
func (s *side) refusal(timed bool) error {
	c := s.conn
	switch {
	case c.closed:
		return c.opError(s.op, net.ErrClosed)
	case c.ended && s == &c.out:
		return c.opError(s.op, os.NewSyscallError(s.op, syscall.EPIPE))
	case timed && s.deadline.set && s.deadline.passed(c):
		return c.opError(s.op, os.ErrDeadlineExceeded)
	}
	return nil
}

// opError makes an error of package net. It returns nil if err is nil.
func (c *Conn) opError(op string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: c.network, Source: c.lowest.LocalAddr(), Addr: c.lowest.RemoteAddr(), Err: err}
}

// join puts the running task at the end of the line.
func (s *side) join(ctx context.Context) *waiter.Waiter {
	w := &s.own
	if s.taken {
		w = waiter.New(ctx, s.of)
	} else {
		s.taken = true
		*w = *waiter.New(ctx, s.of)
	}
	s.line.Join(w)
	if s.line.Len() == 1 {
		s.arm()
	}
	return w
}

// leave takes the running task out of the line. The next task gets the turn.
func (s *side) leave(w *waiter.Waiter) {
	w.Leave()
	if w == &s.own {
		s.taken = false
	}
	if s.line.Len() == 0 {
		s.disarm()
	}
	s.wakeFirst()
}

// A task that need not wait rests for one turn after it has moved a burst, and up to another one, in one turn. Otherwise
// a peer that is as fast as the task could keep the loop busy for ever.
const (
	burst    = 256 << 10 // bytes
	callCost = 4 << 10   // a call takes as much time as so many bytes
)

// spend counts a call that has moved n bytes.
func (s *side) spend(n int) { s.spent += n + callCost }

// mustRest reports whether the running task must rest before it uses the transport. (A task that is unwound cannot.) If others are in the line, it must wait for them anyway.
func (s *side) mustRest() bool {
	if s.spent < burst || s.line.First() != nil || s.conn.home.Err() != nil {
		return false
	}
	if turn := s.conn.loop.Stats().Turns; turn != s.turn {
		s.turn, s.spent = turn, 0
		return false
	}
	return true
}

// pause suspends the running task: for one turn if it rests, and otherwise until it is woken and has the turn.
func (s *side) pause(ctx context.Context, w *waiter.Waiter, rests bool) error {
	s.spent = 0
	if rests {
		return lowlevel.Yield(ctx)
	}
	for {
		w.Rearm()
		if err := w.Wait(ctx); err != nil || s.line.First() == w {
			return err
		}
	}
}

// wakeFirst wakes the first task in the line. The transport calls it, possibly in vain.
func (s *side) wakeFirst() {
	if w := s.line.First(); w != nil {
		w.Set()
	}
}

// writable is called when the transport may take more.
func (c *Conn) writable() {
	if c.sendable != nil {
		c.sendable()
	}
	c.out.wakeFirst()
}

// wakeAll wakes all tasks in the line, because no call can go on any more. They go on in order, so that each
// of them has the turn when the one before it has left.
func (s *side) wakeAll() { s.line.Set(math.MaxInt) }

// mustBeMade panics if c is nil or the zero Conn.
func (c *Conn) mustBeMade(method string) {
	if c == nil || c.loop == nil {
		panic("host: " + method + " of a Conn that is nil or the zero Conn; Dial, Accept and Pipe make connections")
	}
}

// mustSuit panics if ctx does not belong to the running task, or the task belongs to another loop.
func (c *Conn) mustSuit(ctx context.Context, method string) {
	c.mustBeMade(method)
	if t := lowlevel.Current(ctx); t.Loop() != c.loop {
		panic(fmt.Sprintf("host: Conn.%s in %v, but the Conn belongs to another loop; make the connection with a context of this loop", method, t))
	}
}

// These types describe, in deadlock reports and graphs, the event for which a task waits at a Conn.
type (
	incoming Conn
	room     Conn
)

func (c *incoming) Describe() (string, []loop.Awaitable) {
	return fmt.Sprintf("bytes on the %s connection to %v", c.network, c.lowest.RemoteAddr()), nil
}

func (c *room) Describe() (string, []loop.Awaitable) {
	return fmt.Sprintf("room for bytes on the %s connection to %v", c.network, c.lowest.RemoteAddr()), nil
}
