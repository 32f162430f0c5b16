package sim

// A ring is a queue of bytes. Its memory grows and is used round and round.
type ring struct {
	memory []byte // its length is a power of two
	start  int    // of the bytes; they go on at the beginning of memory
	size   int
}

// put appends bytes of p, up to the size max, and returns how many.
func (r *ring) put(p []byte, max int) (n int) {
	n = min(len(p), max-r.size)
	if n <= 0 {
		return 0
	}
	r.grow(r.size + n)
	at := (r.start + r.size) & (len(r.memory) - 1)
	first := copy(r.memory[at:], p[:n])
	copy(r.memory, p[first:n])
	r.size += n
	return n
}

// take moves len(p) bytes into p. The ring has as many.
func (r *ring) take(p []byte) {
	first := copy(p, r.memory[r.start:])
	copy(p[first:], r.memory)
	r.skip(len(p))
}

// skip drops the first n bytes. The ring has as many.
func (r *ring) skip(n int) {
	if n > 0 {
		r.start = (r.start + n) & (len(r.memory) - 1)
		r.size -= n
	}
}

// grow makes room for size bytes in all.
func (r *ring) grow(size int) {
	if size <= len(r.memory) {
		return
	}
	length := max(256, 2*len(r.memory))
	for length < size {
		length *= 2
	}
	memory, n := make([]byte, length), r.size
	r.take(memory[:n])
	*r = ring{memory: memory, size: n}
}

// A queue is first in, first out. Taking an item costs no more if many follow.
type queue[T any] struct {
	items []T
	head  int
}

// waiting returns the items.
func (q *queue[T]) waiting() []T { return q.items[q.head:] }

func (q *queue[T]) len() int { return len(q.items) - q.head }

func (q *queue[T]) push(v T) { q.items = append(q.items, v) }

// pop takes the first item. There must be one.
func (q *queue[T]) pop() T {
	v := q.items[q.head]
	q.head++
	if q.head == len(q.items) {
		clear(q.items) // so that nothing is kept alive
		q.items, q.head = q.items[:0], 0
	} else if q.head >= 64 && q.head >= len(q.items)/2 {
		q.set(append(q.items[:0], q.waiting()...), 0)
	}
	return v
}

// keep drops all items but the first n.
func (q *queue[T]) keep(n int) { q.set(q.items[:q.head+n], q.head) }

// set replaces the items by others in the same memory.
func (q *queue[T]) set(items []T, head int) {
	clear(q.items[len(items):])
	q.items, q.head = items, head
}
