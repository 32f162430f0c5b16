package sim

import (
	"slices"
	"syscall"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/world"
)

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
	owed     bool          // something has come to a kernel that does not have the end, and is sent again if no reset comes
	starved  bool          // the receiver has found nothing
	stuffed  bool          // the sender has found too little room
}

// A segment is what one call of Send took, or a message of the kernels.
type segment struct {
	at   time.Duration // when it arrives, if no segment before it is late
	id   uint64        // in the record
	size int32
	kind segmentKind
	late bool // it was lost, and arrives because the sender sends it again
	lost bool // it was lost as often as that happens: it arrives only if the link does not lose everything any more
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

// receive counts n bytes that the receiver has taken from those that have arrived.
func (f *flow) receive(n int) {
	f.arrived -= n
	if !f.to.out.link.open() {
		f.blind += n
	} else if f.stuffed {
		f.tellSender()
	}
}

// push sends a segment.
func (f *flow) push(k segmentKind, size int) {
	f.pushAt(f.link.departure(size)+f.link.latency(), k, size)
}

func (f *flow) pushAt(at time.Duration, k segmentKind, size int) {
	n := f.from.nic.net
	s := segment{at: at, size: int32(size), kind: k}
	times := 0
	for ; times < mostLosses && f.link.dropped(); times++ {
		s.at += resendDelay << times
		s.late = true
	}
	if times == mostLosses && f.link.losesAll() {
		s.at = at + resendDelay
		s.lost = true
	}
	if n.world.record != nil && size > 0 {
		n.ids++
		s.id = n.ids
		f.tell(world.Sent, s)
	}
	f.segments.push(s)
	f.arm()
}

// tell records what happens to a segment.
func (f *flow) tell(k world.Kind, s segment) { f.link.tell(k, s.id, "tcp", int(s.size)) }

func (f *flow) busy() bool { return f.segments.len() > 0 }

// inFlight returns how many segments may still arrive at another machine, and matter there, if the sender crashes.
func (f *flow) inFlight() int {
	if f.link.cuts > 0 || !f.from.established || f.to.gone || f.to.closed || f.link.from == f.link.to {
		return 0
	}
	return f.sure()
}

// sure returns how many segments arrive if nothing is sent again.
func (f *flow) sure() int {
	all := f.segments.waiting()
	if f.waiting && f.lost {
		return 0
	}
	if i := slices.IndexFunc(all, func(s segment) bool { return s.late }); i >= 0 {
		return i
	}
	return len(all)
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
	if !f.link.open() || f.hopeless() {
		f.wait(now)
		return
	}
	defer f.settle(f.arrived) // deferred, as an observer may call Goexit
	for f.busy() && f.segments.waiting()[0].at <= now && !f.hopeless() {
		s := f.segments.pop()
		how := world.Arrived
		if f.to.gone {
			how = world.Lost
		}
		f.tell(how, s)
		if !f.accept(s) {
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
		f.to.conn.release()
		return
	}
	f.waiting, f.lost, f.since = true, cut || f.hopeless(), now
	f.link.waiting = append(f.link.waiting, f)
	if f.hopeless() {
		f.to.review()
		f.from.review()
	}
}

// hopeless reports whether the first segment is lost each time that it is sent.
func (f *flow) hopeless() bool {
	return f.busy() && f.segments.waiting()[0].lost && f.link.losesAll()
}

// resume is called when the link delivers again.
func (f *flow) resume() {
	if !f.waiting {
		return
	}
	f.waiting = false
	if f.lost {
		now := f.from.nic.net.now()
		all := f.segments.waiting()
		for i := range all {
			all[i].late, all[i].lost = true, false
		}
		all[0].at = now + f.link.upTo(min(now-f.since, maxResendDelay)) + f.link.latency()
	}
	f.arm()
}

// drop removes the segments that are in flight, except the first ones.
func (f *flow) drop(keep int) {
	segments := f.segments.waiting()
	keep = min(keep, len(segments))
	for _, s := range segments[keep:] {
		f.bytes.size -= int(s.size)
		f.tell(world.Lost, s)
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

// answer is called when something has come to a kernel that does not have this end. If it has power, it answers by a
// reset. Until the sender has that, it owes what it has sent.
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
		f.answer()
		return
	}
	a := server.nic.listenerAt(client.to)
	switch {
	case a == nil:
		f.answer()
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
