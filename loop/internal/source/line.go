package source

import (
	"cmp"
	"container/heap"
	"reflect"
	"slices"
)

// lines holds the ports of a loop. The ports of one channel and direction stand in a line. Only the
// first port of a line, its head, is tried.
//
// add and remove only record the change, because they run on the small stack of a task. The next
// poll updates the lines.
//
// Invariants: A port that waits is in fresh, or in a line. Every head is once in heads or in late,
// unless its line is in left. heads and late may also have ports that are gone. The next poll drops
// such ports.
type lines struct {
	hub    *Hub
	closed bool
	n      int // how many ports wait
	pairs  int // how many pairs of opposite lines there are
	polls  uint64
	added  uint64
	busy   bool            // inside a poll
	fresh  []*Registration // added since the last poll
	left   []*line         // lines that have lost their heads
	lines  map[channelEnd]*line
	heads  []*Registration // of the lines, in order of adding
	spare  []*Registration // the slice that the last poll emptied
	late   lateHeads       // ports that became heads because the previous heads have gone
}

// A line is the ports of one channel and direction, in order of adding.
type line struct {
	end         channelEnd
	unbuffered  bool
	noted       bool // the line is in left
	first, last *Registration
	opposite    *line // same channel, other direction; nil if there is none
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

// reset drops the memory that removed ports have used.
func (q *lines) reset() {
	*q = lines{hub: q.hub, polls: q.polls, added: q.added, closed: q.closed}
}

// close drops all ports. None of them waits any more.
func (q *lines) close() {
	q.hub.Watch(-q.n)
	q.closed = true
	q.reset()
}

func (q *lines) add(p Port) *Registration {
	q.n++
	q.hub.Watch(1)
	q.added++
	w := &Registration{Port: p, in: q, number: q.added}
	q.fresh = append(q.fresh, w)
	return w
}

// remove takes p out of its line. If no port is left, it drops the memory of the removed ports.
func (q *lines) remove(p *Registration) {
	p.gone = true
	q.n--
	q.hub.Watch(-1)
	s := p.line
	switch {
	case q.n == 0 && !q.busy:
		q.reset()
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

// update makes the changes that add and remove have recorded.
func (q *lines) update() {
	q.advance()
	var admitting *Registration
	at := 0
	defer func() { // also if the Case of a port panics: then that port goes, and the others stay
		left := copy(q.fresh, q.fresh[at:])
		clear(q.fresh[left:])
		q.fresh = q.fresh[:left]
		if admitting != nil {
			q.remove(admitting)
		}
	}()
	for at < len(q.fresh) {
		admitting = q.fresh[at]
		at++
		if !admitting.gone {
			q.admit(admitting)
		}
		admitting = nil
	}
}

// advance gives each line that has lost its head a new one: the first port that is left in the line. It
// deletes the line if no port is left.
func (q *lines) advance() {
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
func (q *lines) admit(p *Registration) {
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

// lateHeads is a heap, in order of adding.
type lateHeads []*Registration

func (h lateHeads) Len() int           { return len(h) }
func (h lateHeads) Less(i, j int) bool { return h[i].number < h[j].number }
func (h lateHeads) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *lateHeads) Push(p any)        { *h = append(*h, p.(*Registration)) }

func (h *lateHeads) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return p
}

// maxHeads is the number of ports that lines keeps room for when no port is left.
const maxHeads = 1024

// poll tries all heads, in order of adding, and so performs the operations that are possible. If two
// heads of opposite lines must both wait, poll performs their operations together.
func (q *lines) poll() {
	q.update()
	q.busy = true
	q.polls++
	all, kept, left := q.heads, q.spare[:0], q.heads
	same := true               // no head has come or gone, so all needs no copy in kept
	var missed []*Registration // became heads too late for their place in the order; the next poll tries them
	var trying *Registration
	defer func() { // deferred, as Try or Selected may not return: an observer may call Goexit
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
			q.reset()
		default:
			clear(q.heads)
			q.heads = q.heads[:0]
		}
	}()
	at := uint64(0)
	for len(left) > 0 && len(q.late) == 0 && !left[0].gone { // usually the loop below has nothing to do
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
		var p *Registration
		if len(left) == 0 || len(q.late) > 0 && q.late[0].number < left[0].number {
			p = heap.Pop(&q.late).(*Registration)
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

// try tries p, a head. If p must wait, try calls meet.
func (q *lines) try(p *Registration) {
	switch {
	case p.Try():
		if !p.gone { // otherwise Try itself has removed p
			q.remove(p)
		}
	case q.pairs > 0 && !p.gone:
		q.advance() // Try may have removed others
		p.tried = q.polls
		q.meet(p)
	}
}

// meet performs the operation of p together with that of the opposite head, if both had to wait in this
// poll.
func (q *lines) meet(p *Registration) {
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
	defer sender.Selected(reflect.Value{}, true) // deferred, as an observer may call Goexit
	receiver.Selected(sender.Case().Send, true)
}

// inOrder returns the heads, in order of adding.
func (q *lines) inOrder() []*Registration {
	q.update()
	q.heads = slices.DeleteFunc(q.heads, func(p *Registration) bool { return p.gone })
	if len(q.late) > 0 {
		for _, p := range q.late {
			if !p.gone {
				q.heads = append(q.heads, p)
			}
		}
		q.late = nil
		slices.SortFunc(q.heads, func(a, b *Registration) int { return cmp.Compare(a.number, b.number) })
	}
	return q.heads
}
