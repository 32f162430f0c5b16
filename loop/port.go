package loop

import (
	"cmp"
	"container/heap"
	"reflect"
	"slices"
)

// A Port is an operation on a channel that a task waits for. The loop tries its
// ports, in order of adding, at the beginning of every turn, and selects among them
// while it sleeps: so it is always the loop that sends or receives, and a port that
// is removed has not done so behind anybody's back. Of the ports of one channel and
// direction only the first is tried.
type Port interface {
	// Try performs the operation if that is possible now, and reports whether. If it
	// panics, the port is over, and the panic goes to the error handler.
	Try() bool
	// Case is the operation, for [reflect.Select]. The channel and the direction are
	// always the same.
	Case() reflect.SelectCase
	// Selected is told that the operation was performed, with what it received.
	Selected(v reflect.Value, ok bool)
}

// ports are the ports of a loop. Those of one channel and direction stand in a line, and
// only the first in the line, its head, is looked at.
//
// Invariants: every head is in heads or in late, once. Besides there can be ports that were
// removed, or performed, since the last poll; the next poll drops them.
type ports struct {
	n     int // in all lines
	pairs int // of lines that are opposite to each other
	added uint64
	polls uint64
	lines map[channelEnd]*line
	heads []*waitingPort // in order of adding
	spare []*waitingPort // the slice that the last poll emptied
	late  lateHeads      // what became a head because the one before it has gone
}

// A waitingPort is a Port that was added.
type waitingPort struct {
	Port
	line       *line // nil once it was performed or removed
	prev, next *waitingPort
	number     uint64 // counts the ports by order of adding
	tried      uint64 // in which poll it was tried last, and has to wait
}

// A line is the ports of one channel and direction, in order of adding.
type line struct {
	end         channelEnd
	unbuffered  bool
	first, last *waitingPort
	opposite    *line // of the same channel; nil if nobody waits there
}

type channelEnd struct {
	channel uintptr
	dir     reflect.SelectDir
}

func (e channelEnd) other() channelEnd {
	if e.dir == reflect.SelectSend {
		return channelEnd{e.channel, reflect.SelectRecv}
	}
	return channelEnd{e.channel, reflect.SelectSend}
}

// A PortHandle stands for a port that was added. The zero PortHandle stands for none.
type PortHandle struct {
	loop *Loop
	port *waitingPort
}

// AddPort adds p until its operation is performed or the handle removes it. Ports of one
// channel are served in the order in which they were added, and two of the same loop, one
// that sends and one that receives, meet. With a virtual clock only what the loop's own
// tasks do to a channel, or a goroutine that is announced by [Loop.Hold], is sure to be
// noticed before time jumps.
//
// Each channel and direction that is waited for costs one Try in every turn, however many
// ports there are. An idle loop that has to wait selects among the channels, which costs
// some hundred nanoseconds for each, and a goroutine for each thousand.
func (l *Loop) AddPort(p Port) PortHandle {
	l.check("AddPort")
	if p == nil || p.Case().Chan.Kind() != reflect.Chan {
		panic("loop: AddPort of no port, or of one whose Case has no channel; task.Recv and task.Send make ports")
	}
	return PortHandle{l, l.ports.add(p)}
}

// Remove takes the port back, and reports whether that prevented its operation: false
// means that it was performed, or removed before, or that the loop is closed. It costs
// O(1).
func (h PortHandle) Remove() bool {
	if h.port == nil || h.port.line == nil || h.loop.closed {
		return false
	}
	h.loop.ports.remove(h.port)
	return true
}

func (q *ports) add(p Port) *waitingPort {
	c := p.Case()
	end := channelEnd{c.Chan.Pointer(), c.Dir}
	s := q.lines[end]
	if s == nil {
		s = &line{end: end, unbuffered: c.Chan.Cap() == 0, opposite: q.lines[end.other()]}
		if s.opposite != nil {
			s.opposite.opposite = s
			q.pairs++
		}
		if q.lines == nil {
			q.lines = map[channelEnd]*line{}
		}
		q.lines[end] = s
	}
	q.n++
	q.added++
	w := &waitingPort{Port: p, line: s, prev: s.last, number: q.added}
	s.last = w
	if w.prev != nil {
		w.prev.next = w
		return w
	}
	s.first = w
	q.heads = append(q.heads, w)
	return w
}

// remove takes p out of its line. The port behind a head becomes one.
func (q *ports) remove(p *waitingPort) {
	s := p.line
	p.line = nil
	q.n--
	if p.next == nil {
		s.last = p.prev
	} else {
		p.next.prev = p.prev
	}
	if p.prev != nil {
		p.prev.next = p.next
		return
	}
	s.first = p.next
	if s.first != nil {
		heap.Push(&q.late, s.first)
		return
	}
	delete(q.lines, s.end)
	if s.opposite != nil {
		s.opposite.opposite = nil
		q.pairs--
	}
	if q.n == 0 {
		q.drop()
	}
}

// maxHeads is for how many heads there is room when no port is left.
const maxHeads = 1024

// drop lets go of the ports that were removed, where no other is left.
func (q *ports) drop() {
	if cap(q.heads) > maxHeads {
		*q = ports{added: q.added, polls: q.polls}
		return
	}
	clear(q.heads)
	clear(q.late)
	q.heads, q.late = q.heads[:0], q.late[:0]
}

// lateHeads is a heap by order of adding.
type lateHeads []*waitingPort

func (h lateHeads) Len() int           { return len(h) }
func (h lateHeads) Less(i, j int) bool { return h[i].number < h[j].number }
func (h lateHeads) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *lateHeads) Push(p any)        { *h = append(*h, p.(*waitingPort)) }

func (h *lateHeads) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return p
}

// pollPorts performs the operations that are possible, in order of adding. A head that has
// to wait meets the head of the opposite line if that was tried before it and waits too.
func (l *Loop) pollPorts() {
	q := &l.ports
	q.polls++
	all, kept := q.heads, q.spare[:0]
	q.heads, q.spare = nil, nil
	left := all
	var missed []*waitingPort // their place has passed when they became heads
	var trying *waitingPort
	defer func() { // also where Try or Selected does not return, as an observer calls Goexit
		if trying != nil && trying.line != nil {
			q.remove(trying)
		}
		kept = append(kept, left...)
		kept = append(kept, q.heads...) // added meanwhile
		clear(all)
		q.heads, q.spare = kept, all[:0]
		for _, p := range missed {
			heap.Push(&q.late, p)
		}
	}()
	at := uint64(0)
	for len(left) > 0 || len(q.late) > 0 {
		var p *waitingPort
		if len(left) == 0 || len(q.late) > 0 && q.late[0].number < left[0].number {
			p = heap.Pop(&q.late).(*waitingPort)
		} else {
			p, left = left[0], left[1:]
		}
		switch {
		case p.line == nil: // it was removed
		case p.number < at:
			missed = append(missed, p)
		default:
			at = p.number
			kept = append(kept, p)
			trying = p
			q.try(p)
			trying = nil
			if p.line == nil {
				kept = kept[:len(kept)-1]
			}
		}
	}
}

// try performs the operation of p, which is a head, or lets p meet another one.
func (q *ports) try(p *waitingPort) {
	switch {
	case p.Try():
		if p.line != nil { // else Try itself has removed it
			q.remove(p)
		}
	case q.pairs > 0 && p.line != nil:
		p.tried = q.polls
		q.meet(p)
	}
}

// meet performs the operation of p, which has to wait, together with that of the opposite
// head, if that has to wait too.
func (q *ports) meet(p *waitingPort) {
	s := p.line
	if !s.unbuffered || s.opposite == nil || s.opposite.first.tried != q.polls {
		return
	}
	sender, receiver := p, s.opposite.first
	if s.end.dir == reflect.SelectRecv {
		sender, receiver = receiver, sender
	}
	q.remove(sender)
	q.remove(receiver)
	defer sender.Selected(reflect.Value{}, true) // also if an observer calls Goexit
	receiver.Selected(sender.Case().Send, true)
}

// inOrder returns the heads, in order of adding.
func (q *ports) inOrder() []*waitingPort {
	q.heads = slices.DeleteFunc(q.heads, func(p *waitingPort) bool { return p.line == nil })
	if len(q.late) > 0 {
		for _, p := range q.late {
			if p.line != nil {
				q.heads = append(q.heads, p)
			}
		}
		q.late = nil
		slices.SortFunc(q.heads, func(a, b *waitingPort) int { return cmp.Compare(a.number, b.number) })
	}
	return q.heads
}

// maxCases is how many ports one goroutine selects among; reflect allows 65536.
const maxCases = 1024

type selected struct {
	port *waitingPort // nil: none
	v    reflect.Value
	ok   bool
}

// selectPorts lets goroutines select among the ports, the first of each channel and
// direction, and wake the loop, until collect is called, which takes in what they did.
func (l *Loop) selectPorts() (collect func()) {
	stop := make(chan struct{})
	var results []chan selected
	for chunk := range slices.Chunk(l.ports.inOrder(), maxCases) {
		result := make(chan selected, 1)
		results = append(results, result)
		cases := make([]reflect.SelectCase, 1, len(chunk)+1)
		cases[0] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(stop)}
		for _, p := range chunk {
			cases = append(cases, p.Case())
		}
		go func() {
			s, stopped := selectOne(chunk, cases)
			result <- s
			if !stopped {
				l.nudge()
			}
		}()
	}
	return func() {
		close(stop)
		l.collect(results)
	}
}

// collect takes in what the goroutines of selectPorts did.
func (l *Loop) collect(results []chan selected) {
	defer func() {
		if len(results) > 0 { // an observer has called Goexit
			l.collect(results)
		}
	}()
	for len(results) > 0 {
		s := <-results[0]
		results = results[1:]
		if s.port != nil {
			l.ports.remove(s.port)
			s.port.Selected(s.v, s.ok)
		}
	}
}

// selectOne selects among cases: to stop, and those of the ports.
func selectOne(ports []*waitingPort, cases []reflect.SelectCase) (s selected, stopped bool) {
	defer func() {
		if recover() != nil {
			s, stopped = selected{}, false // a send on a closed channel: the next Try finds out which
		}
	}()
	at, v, ok := reflect.Select(cases)
	if at == 0 {
		return selected{}, true
	}
	return selected{port: ports[at-1], v: v, ok: ok}, false
}
