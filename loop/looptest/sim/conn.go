package sim

import (
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
)

// window is how many bytes each direction of a connection holds, in flight and not yet read.
const window = 64 << 10

// lingerLimit is how long a closed connection takes what comes, if its program closed it with bytes that it had not read.
const lingerLimit = 5 * time.Second

// A conn is a connection: two ends, and a flow from each end to the other one.
type conn struct {
	ends  [2]end // of the client, and of the server
	flows [2]flow
	place int // in network.conns
}

// An end is one end of a connection: a host.Transport, and what the kernel has of it.
//
//	          SYN        SYN-ACK
//	client: ───────▶ dialing ───────▶ established ──▶ gone
//	server: ───────▶ asked   ───────▶ established ──▶ gone
//	          SYN              ACK
//
// An end is gone if its kernel knows nothing of it any more: after a crash, a reset, or a time-out, or when it is closed
// and both directions are complete.
type end struct {
	nic           *nic
	machine       *machine
	peer          *end
	conn          *conn
	in, out       *flow
	local, remote *net.TCPAddr
	to            place // of the peer, for the client
	dial          *dialing
	listener      *acceptor // of the server, until it accepts the connection

	established bool
	gone        bool
	closed      bool          // by the program
	lingers     time.Duration // until when a closed end discards what comes; after that it answers by a reset
	began       time.Duration // of the dial
	failure     syscall.Errno // why it is gone
	receiveErr  error         // of Receive
	reported    bool          // the program knows of the failure
	watch       loop.Handle   // for the end of its patience
	watched     bool
	readable    func()
	writable    func()
}

// newConn makes a connection, and returns the end of the client.
func newConn(m *machine, from, to place) *end {
	c := new(conn)
	client, server := &c.ends[0], &c.ends[1]
	there, back := &c.flows[0], &c.flows[1]
	*client = end{nic: from.nic, machine: m, peer: server, conn: c, in: back, out: there, local: from.tcp(), remote: to.tcp(), to: to}
	*server = end{gone: true, nic: to.nic, peer: client, conn: c, in: there, out: back, local: client.remote, remote: client.local}
	there.from, there.to, there.link = client, server, from.nic.linkTo(to.nic)
	back.from, back.to, back.link = server, client, there.link.back
	there.fire, back.fire = there.arrive, back.arrive
	n := from.nic.net
	c.place = len(n.conns)
	n.conns = append(n.conns, c)
	return client
}

// release forgets the connection if nothing of it is left.
func (c *conn) release() {
	n := c.ends[0].nic.net
	if c.place < 0 || !c.ends[0].gone || !c.ends[1].gone || c.flows[0].busy() || c.flows[1].busy() {
		return
	}
	last := len(n.conns) - 1
	n.conns[c.place] = n.conns[last]
	n.conns[c.place].place = c.place
	n.conns[last] = nil
	n.conns, c.place = n.conns[:last], -1
}

// A dialing is what Dial awaits.
type dialing struct {
	future.Promise[struct{}]
	end *end
}

func (d *dialing) Cancel(cause error) bool {
	d.Complete(struct{}{}, &loop.CanceledError{Cause: cause})
	return true
}

func (d *dialing) Describe() (string, []loop.Awaitable) {
	return fmt.Sprintf("the answer of %v, which it dials", d.end.remote), nil
}

func (d *dialing) done() {
	if !d.Done() {
		d.Complete(struct{}{}, nil)
	}
}

// open sends the request for a connection.
func (e *end) open() {
	e.began = e.nic.net.now()
	e.join()
	e.out.push(syn, 0)
}

// giveUp ends a dial that its task does not wait for any more.
func (e *end) giveUp() {
	switch {
	case e.gone:
	case e.established:
		_ = e.Close()
	default:
		e.out.drop(0)
		if e.peer.listener != nil {
			e.out.push(rst, 0)
		}
		e.leave()
	}
}

// join puts e among the ends of its nic.
func (e *end) join() {
	e.nic.ends = append(e.nic.ends, e)
	e.review()
}

// leave makes the kernel forget e.
func (e *end) leave() {
	if e.gone {
		return
	}
	e.gone = true
	e.unwatch()
	e.out.credit.Cancel()
	if i := slices.Index(e.nic.ends, e); i >= 0 {
		e.nic.ends = slices.Delete(e.nic.ends, i, i+1)
	}
	if a := e.listener; a != nil && !e.established {
		a.asked--
		e.listener = nil
	}
	if sure := e.out.sure(); sure < e.out.segments.len() { // nothing is sent again
		e.out.drop(sure)
		e.peer.review()
	}
	if e.peer.gone && e.in.hopeless() {
		e.in.drop(0)
	}
	e.conn.release()
}

// finish makes the kernel forget e if it is closed and both directions are complete.
func (e *end) finish() {
	if e.closed && e.in.complete && e.out.complete {
		e.leave()
	}
}

// dials reports whether e is that of a client that has no answer yet.
func (e *end) dials() bool { return e.dial != nil && !e.established }

// cutOff reports whether what e or its peer sends is lost.
func (e *end) cutOff() bool {
	return e.out.link.cuts > 0 || e.in.link.cuts > 0 || e.out.hopeless() || e.in.hopeless()
}

// broken reports whether e waits for its peer in vain, as things are.
func (e *end) broken() bool {
	if e.in.complete && e.out.complete {
		return false
	}
	return e.cutOff() || !e.peer.nic.powered || e.peer.gone && !e.dials()
}

// review is called when a link of e, or its peer, has changed.
func (e *end) review() {
	if e.gone {
		return
	}
	if !e.broken() {
		e.unwatch()
	} else if !e.watched {
		e.watched = true
		e.watch = e.nic.net.world.loop.CallLater(patience, e.expire)
	}
	if !e.out.link.open() || !e.in.link.open() || e.cutOff() {
		return
	}
	if f := e.out; f.blind > 0 {
		f.blind = 0
		f.tellSender()
	}
	if f := e.out; f.owed && e.peer.nic.powered {
		f.owed = false
		again := data // which is answered by a reset
		if e.dials() {
			again = syn
		}
		f.pushAt(e.nic.net.now()+resendDelay+f.link.upTo(maxResendDelay-resendDelay), again, 0)
	}
}

func (e *end) unwatch() {
	if e.watched {
		e.watch.Cancel()
		e.watched = false
	}
}

// expire is called when e has not heard from its peer for too long.
func (e *end) expire() {
	e.watched = false
	if e.gone || !e.broken() && !e.dials() { // the end that a client asks may have given up before it
		return
	}
	errno := syscall.ETIMEDOUT
	if e.peer.gone && e.peer.nic.powered && !e.cutOff() && !e.dials() {
		errno = syscall.ECONNRESET
	}
	e.fail(errno)
}

// fail ends the connection for e. What has arrived can still be read. The peer is not told.
func (e *end) fail(errno syscall.Errno) {
	if e.gone {
		return
	}
	e.failure = errno
	e.out.drop(0)
	e.leave()
	if e.dials() {
		e.dial.done()
		return
	}
	if e.closed || !e.established {
		return
	}
	defer e.in.tellReceiver() // deferred, as an observer may call Goexit
	if e.out.stuffed && e.writable != nil {
		e.out.stuffed = false
		e.writable()
	}
}

// crash ends e with its machine.
func (e *end) crash() {
	in := e.in
	in.bytes.skip(in.arrived)
	in.arrived = 0
	if in.stuffed {
		in.tellSender()
	}
	if !e.established {
		e.out.drop(0)
		in.owed = true // the kernel of a client asks again
	}
	e.leave()
	e.peer.review()
}

// exit does what the operating system does with the connections of a program that has ended.
func (e *end) exit() {
	switch {
	case e.gone:
	case e.dials():
		e.giveUp()
	case !e.established: // the listener is closed, and has refused it
	case e.closed:
		e.lingers = 0
	case e.in.arrived > 0:
		e.abort()
	default:
		e.shut(0)
	}
}

// abort sends a reset and forgets the connection.
func (e *end) abort() {
	if !e.gone {
		e.out.push(rst, 0)
		e.leave()
	}
}

// shut closes e for its program. Until linger it discards what comes.
func (e *end) shut(linger time.Duration) {
	if e.gone || e.closed {
		return
	}
	e.closed = true
	if e.in.arrived > 0 {
		e.lingers = linger
		e.in.discard()
	}
	if !e.out.ended {
		e.out.ended = true
		e.out.push(fin, 0)
	}
	e.finish()
}

// reset is called when the peer has said that it does not have the connection.
func (e *end) reset() {
	switch {
	case e.gone:
		e.conn.release()
	case e.dials():
		e.fail(syscall.ECONNREFUSED)
	case e.established && !e.closed:
		e.fail(syscall.ECONNRESET)
	default:
		e.out.drop(0)
		e.leave()
	}
}
