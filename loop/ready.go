package loop

// A Runnable is something the loop can run. The ready queue holds Runnables, so
// that waking a task costs one pointer and no closure. Run is called once for
// each time that the Runnable was scheduled, on the loop's goroutine, and must
// not block. One that is to be removed again is found by ==, so it is a pointer.
type Runnable interface{ Run() }

// Func is a plain function as a [Runnable]. The conversion does not allocate.
type Func func()

// Run calls f.
func (f Func) Run() { f() }

// ready is the queue of what runs next: a ring that grows, first in, first out.
//
// Every entry has a position, counted from the loop's beginning, that never
// changes; the entries between head and tail are in the ring. A position is thus
// all that a handle has to remember, and a canceled entry is a nil at its place.
type ready struct {
	buf        []Runnable // its length is a power of two, mask+1, or 0
	head, tail uint64
	full       uint64 // where tail cannot go beyond: head + len(buf)
	mask       uint64
}

func (q *ready) empty() bool { return q.head == q.tail }

// push puts r at the position tail, and fits in what the compiler inlines.
func (q *ready) push(r Runnable) {
	if q.tail == q.full {
		q.grow()
	}
	q.buf[q.tail&q.mask] = r
	q.tail++
}

// pop removes the oldest entry, which is nil if it was canceled.
func (q *ready) pop() Runnable {
	slot := &q.buf[q.head&q.mask]
	r := *slot
	*slot = nil
	q.head++
	q.full++
	return r
}

// at returns the entry at a position, nil if it was canceled.
func (q *ready) at(at uint64) Runnable { return q.buf[at&q.mask] }

// cancel empties the place at and returns what was waiting there, if anything.
func (q *ready) cancel(at uint64) Runnable {
	if at < q.head || at >= q.tail {
		return nil
	}
	slot := &q.buf[at&q.mask]
	r := *slot
	*slot = nil
	return r
}

// maxRested is how many entries the ring of an idle loop has room for in the end.
const maxRested = 8192

// shrink halves the ring, which is empty, if it is large: a loop in which once very
// much was ready at a time does not keep the room for that.
func (q *ready) shrink() {
	if len(q.buf) > maxRested {
		q.resize(len(q.buf) / 2)
	}
}

// grow is not inlined, so that push can be.
//
//go:noinline
func (q *ready) grow() { q.resize(max(64, 2*len(q.buf))) }

// resize makes the ring n long, which is a power of two, and enough for what is in it.
func (q *ready) resize(n int) {
	buf, mask := make([]Runnable, n), uint64(n-1)
	for at := q.head; at != q.tail; at++ {
		buf[at&mask] = q.at(at)
	}
	q.buf, q.mask, q.full = buf, mask, q.head+uint64(n)
}
