package future

import (
	"reflect"
	"slices"
)

// A line holds many waiters in the order in which they were added, with room for those that come. It
// grows by a part at a time, so it copies no waiter, and has never much more room than it needs.
//
// The first removals search all waiters, and the next one makes an index. From then on a removal
// leaves a zero in its part, a hole. When there are more holes than waiters, the waiters move together,
// and the next removal makes another index. So adding and removing a waiter costs O(1) on average.
type line[T comparable] struct {
	parts    [][]T
	last     int         // the next waiter joins this part if it has room; the parts behind it are empty
	n        int         // the number of waiters
	holes    int         // 0 without an index
	index    map[T]place // nil if there is none
	searches uint8       // removals that have searched all waiters
}

// A place is the first place of a waiter, and the number of its other places.
type place struct{ part, at, others int32 }

const (
	few       = 32  // the largest number of waiters that are always searched one by one
	searches  = 16  // so many searches through many waiters cost less than an index
	firstPart = 127 // together with a header of the allocator, a part fits a size class
	laterPart = 511
)

// add puts w behind all other waiters.
func (q *line[T]) add(w T) {
	if q.last == len(q.parts) || len(q.parts[q.last]) == cap(q.parts[q.last]) {
		q.extend()
	}
	part := &q.parts[q.last]
	*part = append(*part, w)
	q.n++
	if q.index != nil {
		q.note(w, q.last, len(*part)-1)
	}
}

// extend makes room for one more waiter.
func (q *line[T]) extend() {
	room := firstPart
	if len(q.parts) > 0 {
		room = laterPart
	}
	if q.last < len(q.parts) {
		q.last++
	}
	if q.last == len(q.parts) {
		q.parts = append(q.parts, make([]T, 0, room))
	}
}

// note notes in the index that w is at a place. A waiter that is not comparable cannot be removed, so
// it is not noted.
func (q *line[T]) note(w T, part, at int) {
	if !canCompare(w) {
		return
	}
	if p, again := q.index[w]; again {
		p.others++
		q.index[w] = p
		return
	}
	q.index[w] = place{part: int32(part), at: int32(at)}
}

// canCompare reports whether == can compare w. It allocates nothing for a pointer.
func canCompare(w any) bool {
	return reflect.TypeOf(w).Kind() == reflect.Pointer || reflect.ValueOf(w).Comparable()
}

// remove removes w from its first place, and reports whether it had one.
func (q *line[T]) remove(w T) bool {
	if q.n == 0 {
		return false
	}
	if q.index == nil {
		if q.n <= few || q.searches < searches {
			return q.search(w)
		}
		q.makeIndex()
	}
	p, found := q.index[w]
	if !found {
		return false
	}
	delete(q.index, w)
	var hole T
	q.parts[p.part][p.at] = hole
	q.n, q.holes = q.n-1, q.holes+1
	if p.others > 0 {
		q.index[w] = q.next(w, p)
	}
	if q.holes > q.n {
		q.pack()
	}
	return true
}

// search is remove without an index.
func (q *line[T]) search(w T) bool {
	if q.n > few {
		q.searches++
	}
	for i, part := range q.parts {
		if at := slices.Index(part, w); at >= 0 {
			q.parts[i] = slices.Delete(part, at, at+1)
			if q.n--; q.n == 0 {
				*q = line[T]{}
			}
			return true
		}
	}
	return false
}

// next returns the place of w behind p.
func (q *line[T]) next(w T, p place) place {
	from := p.at + 1
	for i, part := range q.parts[p.part:] {
		if at := slices.Index(part[from:], w); at >= 0 {
			return place{p.part + int32(i), from + int32(at), p.others - 1}
		}
		from = 0
	}
	panic("future: the index of the waiters is wrong")
}

// pack moves the waiters together, and drops the index.
func (q *line[T]) pack() {
	packed := line[T]{searches: q.searches}
	var hole T
	for _, part := range q.parts {
		for _, w := range part {
			if w != hole {
				packed.add(w)
			}
		}
	}
	*q = packed
}

func (q *line[T]) makeIndex() {
	q.index = make(map[T]place, q.n)
	for i, part := range q.parts {
		for at, w := range part {
			q.note(w, i, at)
		}
	}
}

// empty removes all waiters, and keeps the room for them.
func (q *line[T]) empty() {
	for i, part := range q.parts {
		clear(part)
		q.parts[i] = part[:0]
	}
	*q = line[T]{parts: q.parts}
}
