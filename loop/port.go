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
// is removed has not done so unnoticed. Of the ports of one channel and
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
// To add and to remove a port only notes that, on the small stack of a task: the next poll
// looks up the lines. Invariants: a port that is waiting is in fresh, or in a line. Every
// head is in heads or in late, once, unless its line is in left. Besides there can be ports
// that have gone; the next poll drops them.
type ports struct {
	n     int // that are waiting
	pairs int // of lines that are opposite to each other
	polls uint64
	added uint64
	busy  bool           // inside a poll
	fresh []*waitingPort // added since the last poll
	left  []*line        // whose head has gone
	lines map[channelEnd]*line
	heads []*waitingPort // in order of adding
	spare []*waitingPort // the slice that the last poll emptied
	late  lateHeads      // what became a head because the one before it has gone
}

// A waitingPort is a Port that was added.
type waitingPort struct {
	Port
	line       *line // nil while it is fresh
	prev, next *waitingPort
	number     uint64 // counts the ports by order of adding
	tried      uint64 // in which poll it was tried last, and has to wait
	gone       bool   // it was performed or removed
}

// A line is the ports of one channel and direction, in order of adding.
type line struct {
	end         channelEnd
	unbuffered  bool
	noted       bool // it is in left
	first, last *waitingPort
	opposite    *line // of the same channel; nil if no port is there
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
// far more for each than a Try does, and a goroutine for each thousand.
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
	if h.port == nil || h.port.gone || h.loop.closed {
		return false
	}
	h.loop.CheckGoroutine("PortHandle.Remove")
	h.loop.ports.remove(h.port)
	return true
}

func (q *ports) add(p Port) *waitingPort {
	q.n++
	q.added++
	w := &waitingPort{Port: p, number: q.added}
	q.fresh = append(q.fresh, w)
	return w
}

// remove takes p out of its line. What has gone is not held on to when no port is left.
func (q *ports) remove(p *waitingPort) {
	p.gone = true
	q.n--
	s := p.line
	switch {
	case q.n == 0 && !q.busy:
		*q = ports{polls: q.polls, added: q.added}
		return
	case s == nil:
		return
	}
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
	if !s.noted {
		s.noted = true
		q.left = append(q.left, s)
	}
}

// update does what add and remove have noted.
func (q *ports) update() {
	q.advance()
	for at, p := range q.fresh {
		q.fresh[at] = nil
		if !p.gone {
			q.admit(p)
		}
	}
	q.fresh = q.fresh[:0]
}

// advance makes the first ports of the lines whose heads have gone heads.
func (q *ports) advance() {
	for at, s := range q.left {
		q.left[at] = nil
		s.noted = false
		if s.first != nil {
			heap.Push(&q.late, s.first)
			continue
		}
		delete(q.lines, s.end)
		if s.opposite != nil {
			s.opposite.opposite = nil
			q.pairs--
		}
	}
	q.left = q.left[:0]
}

// admit puts p at the end of its line.
func (q *ports) admit(p *waitingPort) {
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
	p.line, p.prev = s, s.last
	s.last = p
	if p.prev != nil {
		p.prev.next = p
		return
	}
	s.first = p
	q.heads = append(q.heads, p)
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

// maxHeads is for how many ports there is room when no port is left.
const maxHeads = 1024

// pollPorts performs the operations that are possible, in order of adding. A head that has
// to wait meets the head of the opposite line if that was tried before it and waits too.
func (l *Loop) pollPorts() {
	q := &l.ports
	q.update()
	q.busy = true
	q.polls++
	all, kept, left := q.heads, q.spare[:0], q.heads
	same := true              // no head has come or gone: kept would be a copy of all, and is not made
	var missed []*waitingPort // their place has passed when they became heads
	var trying *waitingPort
	defer func() { // also where Try or Selected does not return, as an observer calls Goexit
		if trying != nil && !trying.gone {
			q.remove(trying)
		}
		q.busy = false
		if !same {
			kept = append(kept, left...)
			clear(all)
			q.heads, q.spare = kept, all[:0]
		}
		for _, p := range missed {
			heap.Push(&q.late, p)
		}
		switch {
		case q.n > 0:
		case max(cap(q.fresh), cap(all), cap(kept)) > maxHeads:
			*q = ports{polls: q.polls, added: q.added}
		default:
			clear(q.heads)
			q.heads = q.heads[:0]
		}
	}()
	at := uint64(0)
	for len(left) > 0 && len(q.late) == 0 && !left[0].gone { // most often this is all
		trying, left = left[0], left[1:]
		at = trying.number
		q.try(trying)
		if len(q.left) > 0 {
			q.advance()
		}
	}
	trying = nil
	if len(left) > 0 || len(q.late) > 0 {
		same = false
		kept = append(kept, all[:len(all)-len(left)]...)
	}
	for len(left) > 0 || len(q.late) > 0 {
		var p *waitingPort
		if len(left) == 0 || len(q.late) > 0 && q.late[0].number < left[0].number {
			p = heap.Pop(&q.late).(*waitingPort)
		} else {
			p, left = left[0], left[1:]
		}
		switch {
		case p.gone:
		case p.number < at:
			missed = append(missed, p)
		default:
			at = p.number
			kept = append(kept, p)
			trying = p
			q.try(p)
			trying = nil
			if len(q.left) > 0 {
				q.advance()
			}
		}
	}
}

// try performs the operation of p, which is a head, or lets p meet another one.
func (q *ports) try(p *waitingPort) {
	switch {
	case p.Try():
		if !p.gone { // else Try itself has removed it
			q.remove(p)
		}
	case q.pairs > 0 && !p.gone:
		q.advance() // Try may have removed others
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
	q.update()
	q.heads = slices.DeleteFunc(q.heads, func(p *waitingPort) bool { return p.gone })
	if len(q.late) > 0 {
		for _, p := range q.late {
			if !p.gone {
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
			l.runGuarded(Func(func() { s.port.Selected(s.v, s.ok) }))
		}
	}
}

// selectOne selects among cases: to stop, and those of the ports.
func selectOne(ports []*waitingPort, cases []reflect.SelectCase) (s selected, stopped bool) {
	defer func() { _ = recover() }() // a send on a closed channel: the next Try finds out which
	at, v, ok := reflect.Select(cases)
	if at == 0 {
		return selected{}, true
	}
	return selected{port: ports[at-1], v: v, ok: ok}, false
}
