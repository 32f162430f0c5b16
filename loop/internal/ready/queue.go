// Package ready has the ready queue. It knows nothing of the entries except that they can run.
package ready

import "math/bits"

// A Runnable is something that the loop can run: see package loop.
type Runnable interface{ Run() }

// Func is a plain function as a [Runnable]. The conversion does not allocate.
type Func func()

// Run calls f.
func (f Func) Run() { f() }

// A Queue is a first-in-first-out queue in a circular buffer that grows. The zero Queue is empty and
// ready to use.
//
// Every entry has a position, counted from the first entry ever. The position never changes. So a
// handle stores only the position:
//
//	            head          tail        full = head + len(buf)
//	             │             │           │
//	position  … 5│6   7   8   9│10  11  12 │
//	          ───┼─────────────┼───────────┤
//	buf[at&mask] │a   b   -   c│           │      - nil: this entry was taken out
//
// Invariants: head <= tail <= full; len(buf) is a power of two, or 0; buf has nil at each place
// that is not between head and tail, so that the queue keeps no entry in memory that it does not
// have any more.
type Queue struct {
	buf        []Runnable
	head, tail uint64
	full       uint64 // tail cannot grow beyond this position
	mask       uint64
	rested     uint64 // head at the last Shrink
	used       uint64 // entries between the last Shrink and the one before
}

// Empty reports whether the queue has no entries. An entry that was taken out counts as an entry.
func (q *Queue) Empty() bool { return q.head == q.tail }

// Len returns the number of entries. Entries that were taken out count, too.
func (q *Queue) Len() int { return int(q.tail - q.head) }

// Cap returns the number of entries that the buffer has room for.
func (q *Queue) Cap() int { return len(q.buf) }

// Head returns the position of the oldest entry.
func (q *Queue) Head() uint64 { return q.head }

// Tail returns the position that the next entry will get.
func (q *Queue) Tail() uint64 { return q.tail }

// Push adds r at the position Tail. The compiler inlines it.
func (q *Queue) Push(r Runnable) {
	if q.tail == q.full {
		q.grow()
	}
	q.buf[q.tail&q.mask] = r
	q.tail++
}

// Pop removes the oldest entry and returns it. It returns nil if the entry was taken out. The queue must
// not be empty.
func (q *Queue) Pop() Runnable {
	slot := &q.buf[q.head&q.mask]
	r := *slot
	*slot = nil
	q.head++
	q.full++
	return r
}

// At returns the entry at a position between Head and Tail. It returns nil if the entry was taken out.
func (q *Queue) At(at uint64) Runnable { return q.buf[at&q.mask] }

// Take takes out the entry at a position, and returns it. It returns nil if no entry is there any more.
// The entries behind it keep their positions.
func (q *Queue) Take(at uint64) Runnable {
	if at < q.head || at >= q.tail {
		return nil
	}
	slot := &q.buf[at&q.mask]
	r := *slot
	*slot = nil
	return r
}

// rested is the number of entries that an empty queue always keeps room for.
const rested = 8192

// Shrink gives back the room of an empty queue that the last two bursts of entries did not both use. A
// burst is what comes between two calls. If a loop calls Shrink whenever nothing is ready, it does not
// keep a large buffer after a single burst, and it does keep one for bursts that come again and again.
func (q *Queue) Shrink() {
	used := q.head - q.rested
	if len(q.buf) > rested {
		if room := roomFor(max(rested, int(min(used, q.used)))); room < len(q.buf) {
			q.resize(room)
		}
	}
	q.rested, q.used = q.head, used
}

// Reset removes all entries. The next entry gets the position 0, as in a new queue. The queue keeps its
// buffer, unless the buffer is large.
func (q *Queue) Reset() {
	for at := q.head; at != q.tail; at++ {
		q.buf[at&q.mask] = nil
	}
	*q = Queue{buf: q.buf, full: uint64(len(q.buf)), mask: q.mask}
	if len(q.buf) > rested {
		*q = Queue{}
	}
}

// Reserve makes room for n more entries, so that the buffer grows once for all of them.
func (q *Queue) Reserve(n int) {
	if need := q.Len() + n; need > len(q.buf) {
		q.resize(roomFor(max(64, need)))
	}
}

// roomFor returns the least power of two that is not less than n.
func roomFor(n int) int { return 1 << bits.Len(uint(n-1)) }

// grow is not inlined, so that the compiler can inline Push.
//
//go:noinline
func (q *Queue) grow() { q.resize(max(64, 2*len(q.buf))) }

// resize gives the queue room for n entries. n is a power of two, and not less than Len.
func (q *Queue) resize(n int) {
	buf, mask := make([]Runnable, n), uint64(n-1)
	for at := q.head; at != q.tail; at++ {
		buf[at&mask] = q.At(at)
	}
	q.buf, q.mask, q.full = buf, mask, q.head+uint64(n)
}
