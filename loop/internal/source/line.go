package source

import (
	"cmp"
	"container/heap"
	"reflect"
	"slices"
)

// lines hold the ports of a loop. Those of one channel and direction stand in a line, and
// only the first in the line, its head, is looked at.
//
// add and remove only make a note, because they run on the small stack of a task: the next
// poll looks up the lines. Invariants: a port that waits is in fresh, or in a line. Every
// head is in heads or in late, once, unless its line is in left. heads and late may also have
// ports that are gone; the next poll drops those.
type lines struct {
	hub    *Hub
	closed bool
	n      int // that are waiting
	pairs  int // of lines that are opposite to each other
	polls  uint64
	added  uint64
	busy   bool            // inside a poll
	fresh  []*Registration // added since the last poll
	left   []*line         // their heads are gone
	lines  map[channelEnd]*line
	heads  []*Registration // in order of adding
	spare  []*Registration // the slice that the last poll emptied
	late   lateHeads       // what became a head because the one before it has gone
}

// A line is the ports of one channel and direction, in order of adding.
type line struct {
	end         channelEnd
	unbuffered  bool
	noted       bool // it is in left
	first, last *Registration
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

// reset lets go of what ports that have gone have left behind.
func (q *lines) reset() {
	*q = lines{hub: q.hub, polls: q.polls, added: q.added, closed: q.closed}
}

// close lets go of the ports; none of them is waiting any more.
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

// remove takes p out of its line. What has gone is not held on to when no port is left.
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

// update does what add and remove have noted.
func (q *lines) update() {
	q.advance()
	for at, p := range q.fresh {
		q.fresh[at] = nil
		if !p.gone {
			q.admit(p)
		}
	}
	q.fresh = q.fresh[:0]
}

// advance is for the lines that have lost their heads: the first port that is left in such a
// line becomes its head.
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

// lateHeads is a heap by order of adding.
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

// maxHeads is for how many ports there is room when no port is left.
const maxHeads = 1024

// poll performs the operations that are possible, in order of adding. A head that has
// to wait meets the head of the opposite line if that was tried before it and waits too.
func (q *lines) poll() {
	q.update()
	q.busy = true
	q.polls++
	all, kept, left := q.heads, q.spare[:0], q.heads
	same := true               // no head has come or gone: kept would be a copy of all, and is not made
	var missed []*Registration // their place has passed when they became heads
	var trying *Registration
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
			q.reset()
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

// try performs the operation of p, which is a head, or lets p meet another one.
func (q *lines) try(p *Registration) {
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
	defer sender.Selected(reflect.Value{}, true) // also if an observer calls Goexit
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
