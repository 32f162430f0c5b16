// Package ready has the queue of what runs next. It knows nothing of what runs.
package ready

// A Runnable is something the loop can run: see package loop.
type Runnable interface{ Run() }

// Func is a plain function as a [Runnable]. The conversion does not allocate.
type Func func()

// Run calls f.
func (f Func) Run() { f() }

// A Queue is a queue in a circular buffer that grows. The zero Queue is empty and ready.
//
// Every entry has a position, counted from the first entry ever. It never changes, so a
// position is all that a handle has to remember:
//
//	            head          tail        full = head + len(buf)
//	             │             │           │
//	position  … 5│6   7   8   9│10  11  12 │
//	          ───┼─────────────┼───────────┤
//	buf[at&mask] │a   b   -   c│           │      - was taken out: a nil
//
// Invariants: head <= tail <= full; len(buf) is a power of two, or 0; what is in buf outside
// of head and tail is nil, so that the queue holds on to nothing.
type Queue struct {
	buf        []Runnable
	head, tail uint64
	full       uint64 // where tail cannot go beyond
	mask       uint64
}

// Empty reports whether there is no entry, not even one that was taken out.
func (q *Queue) Empty() bool { return q.head == q.tail }

// Len is the number of entries, those that were taken out included.
func (q *Queue) Len() int { return int(q.tail - q.head) }

// Cap is for how many entries there is room.
func (q *Queue) Cap() int { return len(q.buf) }

// Head is the position of the oldest entry.
func (q *Queue) Head() uint64 { return q.head }

// Tail is the position that the next entry gets.
func (q *Queue) Tail() uint64 { return q.tail }

// Push puts r at the position Tail. The compiler inlines it.
func (q *Queue) Push(r Runnable) {
	if q.tail == q.full {
		q.grow()
	}
	q.buf[q.tail&q.mask] = r
	q.tail++
}

// Pop removes the oldest entry, which is nil if it was taken out. The queue must not be
// empty.
func (q *Queue) Pop() Runnable {
	slot := &q.buf[q.head&q.mask]
	r := *slot
	*slot = nil
	q.head++
	q.full++
	return r
}

// At returns the entry at a position from Head to Tail, which is nil if it was taken out.
func (q *Queue) At(at uint64) Runnable { return q.buf[at&q.mask] }

// Take takes out the entry at a position and returns it. It returns nil if there is none
// any more.
func (q *Queue) Take(at uint64) Runnable {
	if at < q.head || at >= q.tail {
		return nil
	}
	slot := &q.buf[at&q.mask]
	r := *slot
	*slot = nil
	return r
}

// rested is for how many entries an empty queue keeps room in the end.
const rested = 8192

// Shrink halves the room of an empty queue, if it is large. A loop that calls it whenever
// nothing is ready does not keep the room for a single burst.
func (q *Queue) Shrink() {
	if len(q.buf) > rested {
		q.resize(len(q.buf) / 2)
	}
}

// grow is not inlined, so that Push can be.
//
//go:noinline
func (q *Queue) grow() { q.resize(max(64, 2*len(q.buf))) }

// resize gives the queue room for n entries: a power of two, and not less than it has.
func (q *Queue) resize(n int) {
	buf, mask := make([]Runnable, n), uint64(n-1)
	for at := q.head; at != q.tail; at++ {
		buf[at&mask] = q.At(at)
	}
	q.buf, q.mask, q.full = buf, mask, q.head+uint64(n)
}
