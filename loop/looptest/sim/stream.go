package sim

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest/internal/scene"
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

// A flow is one direction of a connection. It has the bytes that were sent and not received. The first of them have
// arrived. The others are in flight, in segments.
type flow struct {
	from, to *end
	link     *link
	bytes    ring
	arrived  int
	segments queue[segment]
	timer    loop.Handle // for the first segment
	credit   loop.Handle // for the moment when the sender learns that there is room
	fire     func()
	fireRoom func()
	armed    bool
	told     bool          // credit is armed
	waiting  bool          // in link.waiting
	lost     bool          // what waits must be sent again
	since    time.Duration // when waiting began
	blind    int           // bytes that were received, which the sender cannot know because of a cut
	ended    bool          // the sender has sent the end
	complete bool          // the end has arrived
	owed     bool          // something came to a kernel that could not answer
	starved  bool          // the receiver has found nothing
	stuffed  bool          // the sender has found too little room
}

// A segment is what one call of Send took, or a message of the kernels.
type segment struct {
	at   time.Duration // when it arrives, if no segment before it is late
	id   uint64        // in the record
	size int32
	kind segmentKind
}

type segmentKind uint8

const (
	data   segmentKind = iota // of size 0, it asks whether the peer still has the connection
	fin                       // the end of the flow
	rst                       // there is no such connection, or no more
	syn                       // asks for a connection
	synAck                    // the server agrees
	ack                       // the client has got that
)

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
	e.conn.release()
}

// finish makes the kernel forget e if it is closed and both directions are complete.
func (e *end) finish() {
	if e.closed && e.in.complete && e.out.complete {
		e.leave()
	}
}

// broken reports whether e waits for its peer in vain, as things are.
func (e *end) broken() bool {
	if e.in.complete && e.out.complete {
		return false
	}
	return e.out.link.cuts > 0 || e.in.link.cuts > 0 || !e.peer.nic.powered || e.peer.gone && (e.established || e.dial == nil)
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
	if !e.out.link.open() || !e.in.link.open() {
		return
	}
	if f := e.out; f.blind > 0 {
		f.blind = 0
		f.tellSender()
	}
	if f := e.out; f.owed && e.peer.nic.powered {
		f.owed = false
		again := data // which is answered by a reset
		if e.dial != nil && !e.established {
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
	if e.gone || !e.broken() {
		return
	}
	errno := syscall.ETIMEDOUT
	if e.peer.gone && e.peer.nic.powered && e.out.link.cuts == 0 && e.in.link.cuts == 0 {
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
	if e.dial != nil && !e.established {
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
	case e.dial != nil && !e.established:
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

// Start is a method of host.Transport.
func (e *end) Start(readable, writable func()) { e.readable, e.writable = readable, writable }

// Receive is a method of host.Transport.
func (e *end) Receive(p []byte) (int, error) {
	f := e.in
	if n := min(len(p), f.arrived); n > 0 {
		if !e.machine.up() {
			return 0, errOff
		}
		f.bytes.take(p[:n])
		f.receive(n)
		return n, nil
	}
	switch {
	case len(p) == 0:
		return 0, nil
	case !e.machine.up():
		return 0, errOff
	case f.complete:
		return 0, io.EOF
	case e.failure != 0:
		if e.receiveErr == nil {
			e.receiveErr = os.NewSyscallError("read", e.failure)
			e.reported = true
		}
		return 0, e.receiveErr
	}
	f.starved = true
	return 0, nil
}

// errOff is the error of a connection of a program whose machine is off.
var errOff = os.NewSyscallError("socket", syscall.ENETDOWN)

// receive counts n bytes that the receiver has taken from those that have arrived.
func (f *flow) receive(n int) {
	f.arrived -= n
	if !f.to.out.link.open() {
		f.blind += n
	} else if f.stuffed {
		f.tellSender()
	}
}

// Send is a method of host.Transport.
func (e *end) Send(p []byte) (int, error) {
	f := e.out
	switch {
	case !e.machine.up():
		return 0, errOff
	case e.failure != 0:
		errno := e.failure
		if e.reported || e.in.complete { // the operating system tells each failure once
			errno = syscall.EPIPE
		}
		e.reported = true
		return 0, os.NewSyscallError("write", errno)
	case f.ended:
		return 0, os.NewSyscallError("write", syscall.EPIPE)
	}
	n := f.bytes.put(p, window-f.blind)
	f.stuffed = n < len(p)
	if n > 0 {
		f.push(data, n)
	}
	return n, nil
}

// CloseWrite is a method of host.Transport.
func (e *end) CloseWrite() error {
	if !e.machine.up() || e.gone || e.out.ended {
		return nil
	}
	e.out.ended = true
	e.out.push(fin, 0)
	return nil
}

// Close is a method of host.Transport. If there is input that was not read, it is discarded for a while, as on the real
// machine, so that the peer gets what was written.
func (e *end) Close() error {
	if e.machine.up() {
		e.shut(e.nic.net.now() + lingerLimit)
	}
	return nil
}

func (e *end) LocalAddr() net.Addr  { return e.local }
func (e *end) RemoteAddr() net.Addr { return e.remote }

// push sends a segment.
func (f *flow) push(k segmentKind, size int) {
	f.pushAt(f.link.departure(size)+f.link.latency(), k, size)
}

func (f *flow) pushAt(at time.Duration, k segmentKind, size int) {
	n := f.from.nic.net
	for again, times := resendDelay, 0; times < 6 && f.link.dropped(); times++ {
		at += again
		again *= 2
	}
	s := segment{at: at, size: int32(size), kind: k}
	if n.world.record != nil && size > 0 {
		n.ids++
		s.id = n.ids
		f.tell(scene.Sent, s)
	}
	f.segments.push(s)
	f.arm()
}

// tell records what happens to a segment.
func (f *flow) tell(k scene.Kind, s segment) {
	if s.id == 0 {
		return
	}
	node, peer := f.from.nic.node.name, f.to.nic.node.name
	if k == scene.Arrived {
		node, peer = peer, node
	}
	f.from.nic.net.world.tell(scene.Event{Kind: k, Node: node, Peer: peer, ID: s.id, Text: fmt.Sprintf("tcp, %d bytes", s.size)})
}

func (f *flow) busy() bool { return f.segments.len() > 0 }

// inFlight returns how many segments may still arrive at another machine, and matter there, if the sender crashes.
func (f *flow) inFlight() int {
	if f.link.cuts > 0 || !f.from.established || f.to.gone || f.to.closed || f.link.from == f.link.to {
		return 0
	}
	return f.segments.len()
}

// arm arms the timer for the first segment.
func (f *flow) arm() {
	if f.busy() && !f.armed && !f.waiting {
		n := f.from.nic.net
		f.armed = true
		f.timer = n.world.loop.CallLater(f.segments.waiting()[0].at-n.now(), f.fire)
	}
}

// arrive is called when the first segment arrives.
func (f *flow) arrive() {
	f.armed = false
	now := f.from.nic.net.now()
	if !f.link.open() {
		f.wait(now)
		return
	}
	defer f.settle(f.arrived) // deferred, as an observer may call Goexit
	for f.busy() && f.segments.waiting()[0].at <= now {
		s := f.segments.pop()
		if f.tell(scene.Arrived, s); !f.accept(s) {
			return
		}
	}
}

// settle is called when segments have arrived. Before them, so many bytes had arrived and were not read.
func (f *flow) settle(before int) {
	f.arm()
	if f.to.gone {
		f.to.conn.release()
	}
	if f.arrived > before || f.complete {
		f.tellReceiver()
	}
}

// wait puts the flow among those that go on when the link delivers again. If the sender is gone, nothing is sent again.
func (f *flow) wait(now time.Duration) {
	cut := f.link.cuts > 0
	if cut && f.from.gone {
		f.drop(0)
		f.to.review()
		return
	}
	f.waiting, f.lost, f.since = true, cut, now
	f.link.waiting = append(f.link.waiting, f)
}

// resume is called when the link delivers again.
func (f *flow) resume() {
	if !f.waiting {
		return
	}
	f.waiting = false
	if f.lost {
		now := f.from.nic.net.now()
		f.segments.waiting()[0].at = now + f.link.upTo(min(now-f.since, maxResendDelay)) + f.link.latency()
	}
	f.arm()
}

// drop removes the segments that are in flight, except the first ones.
func (f *flow) drop(keep int) {
	segments := f.segments.waiting()
	keep = min(keep, len(segments))
	for _, s := range segments[keep:] {
		f.bytes.size -= int(s.size)
		f.tell(scene.Lost, s)
	}
	f.segments.keep(keep)
	if keep == 0 {
		f.timer.Cancel()
		f.armed, f.waiting = false, false
	}
}

// accept takes a segment that has arrived. It returns false if the flow has ended with it.
func (f *flow) accept(s segment) bool {
	e := f.to
	switch {
	case s.kind == rst:
		f.drop(0)
		e.reset()
		return false
	case s.kind == syn:
		f.request()
		return true
	case e.gone:
		f.answer()
		return true
	}
	switch s.kind {
	case synAck:
		if !e.established {
			e.established = true
			e.out.push(ack, 0)
			e.dial.done()
		}
	case ack:
		if a := e.listener; a != nil {
			a.come(e)
		}
	case data:
		f.arrived += int(s.size)
		if e.closed && s.size > 0 {
			f.discard()
			if f.from.nic.net.now() >= e.lingers {
				e.abort()
			}
		}
	case fin:
		f.complete = true
		f.from.finish()
		e.finish()
	}
	return true
}

// discard takes all that has arrived.
func (f *flow) discard() {
	f.bytes.skip(f.arrived)
	f.receive(f.arrived)
}

// answer is called when something has come to a kernel that does not have this end. It says so, if it has power.
func (f *flow) answer() {
	f.owed = true
	if f.to.nic.powered {
		f.to.out.push(rst, 0)
	}
}

// request is called when a client asks for a connection.
func (f *flow) request() {
	client, server := f.from, f.to
	if !server.gone {
		return // it has asked before
	}
	if !server.nic.powered {
		f.owed = true
		return
	}
	a := server.nic.listenerAt(client.to)
	switch {
	case a == nil:
		server.out.push(rst, 0)
	case a.asked+a.queue.len() < backlog:
		server.gone, server.machine, server.listener = false, a.machine, a
		a.asked++
		server.join()
		server.out.push(synAck, 0)
	case f.from.nic.net.now()-client.began < patience:
		f.pushAt(f.from.nic.net.now()+askDelay, syn, 0)
	default:
		client.fail(syscall.ETIMEDOUT)
	}
}

// reset is called when the peer has said that it does not have the connection.
func (e *end) reset() {
	switch {
	case e.gone:
		e.conn.release()
	case e.dial != nil && !e.established:
		e.fail(syscall.ECONNREFUSED)
	case e.established && !e.closed:
		e.fail(syscall.ECONNRESET)
	default:
		e.out.drop(0)
		e.leave()
	}
}

// tellReceiver wakes the receiver if it has found nothing before.
func (f *flow) tellReceiver() {
	if f.starved {
		f.starved = false
		f.to.readable()
	}
}

// tellSender wakes the sender, which has found too little room before, when it learns that there is room.
func (f *flow) tellSender() {
	if f.told || f.from.gone {
		return
	}
	if f.fireRoom == nil {
		f.fireRoom = func() {
			f.told = false
			if f.stuffed {
				f.stuffed = false
				f.from.writable()
			}
		}
	}
	f.told = true
	f.credit = f.from.nic.net.world.loop.CallLater(f.to.out.link.latency(), f.fireRoom)
}
