package queue

// A store keeps the items of a queue and determines their order.
type store[T any] interface {
	put(v T)
	get() T
	len() int
	drop() // drops all items
}

// fifo is a ring buffer that grows.
type fifo[T any] struct {
	buf        []T // its length is a power of two
	head, tail uint
}

func (s *fifo[T]) len() int { return int(s.tail - s.head) }

func (s *fifo[T]) put(v T) {
	if s.tail-s.head == uint(len(s.buf)) {
		bigger := make([]T, max(8, 2*len(s.buf)))
		for at := s.head; at != s.tail; at++ {
			bigger[at&uint(len(bigger)-1)] = s.buf[at&uint(len(s.buf)-1)]
		}
		s.buf = bigger
	}
	s.buf[s.tail&uint(len(s.buf)-1)] = v
	s.tail++
}

func (s *fifo[T]) get() T {
	var zero T
	slot := &s.buf[s.head&uint(len(s.buf)-1)]
	v := *slot
	*slot = zero
	s.head++
	return v
}

func (s *fifo[T]) drop() { *s = fifo[T]{} }

// lifo is a stack.
type lifo[T any] struct{ items []T }

func (s *lifo[T]) len() int { return len(s.items) }
func (s *lifo[T]) put(v T)  { s.items = append(s.items, v) }

func (s *lifo[T]) get() T {
	var zero T
	last := len(s.items) - 1
	v := s.items[last]
	s.items[last] = zero
	s.items = s.items[:last]
	return v
}

func (s *lifo[T]) drop() { s.items = nil }

// priority is a binary heap. (container/heap would box every item.) put and get make all
// their calls of less before they change anything, because less may panic or call Goexit.
type priority[T any] struct {
	less func(a, b T) bool
	heap []ranked[T]
	seq  uint64

	notPut, notGot func() // called if put or get does not return, because less has panicked or called Goexit
}

// ranked is an item and its number in the order in which the items were put.
type ranked[T any] struct {
	v   T
	seq uint64
}

func (s *priority[T]) len() int { return len(s.heap) }

func (s *priority[T]) before(x, y *ranked[T]) bool {
	if s.less(x.v, y.v) {
		return true
	}
	return !s.less(y.v, x.v) && x.seq < y.seq
}

func (s *priority[T]) put(v T) {
	item := ranked[T]{v, s.seq + 1}
	steps := s.rise(&item)
	s.seq++
	s.heap = append(s.heap, item)
	at := len(s.heap) - 1
	for range steps {
		parent := (at - 1) / 2
		s.heap[at] = s.heap[parent]
		at = parent
	}
	s.heap[at] = item
}

// rise returns how many levels item rises from the end of the heap.
func (s *priority[T]) rise(item *ranked[T]) (steps int) {
	found := false
	defer func() {
		if !found {
			s.notPut()
		}
	}()
	for at := len(s.heap); at > 0 && s.before(item, &s.heap[(at-1)/2]); steps++ {
		at = (at - 1) / 2
	}
	found = true
	return steps
}

func (s *priority[T]) get() T {
	path, steps := s.fall()
	v := s.heap[0].v
	last := len(s.heap) - 1
	item := s.heap[last]
	s.heap[last] = ranked[T]{}
	s.heap = s.heap[:last]
	if last == 0 {
		return v
	}
	at := 0
	for range steps {
		child := 2*at + 1 + int(path&1)
		path >>= 1
		s.heap[at] = s.heap[child]
		at = child
	}
	s.heap[at] = item
	return v
}

// fall returns the path on which the last item sinks when it replaces the first item: one
// bit for each step, beginning with the lowest bit. A set bit means a step to the right
// child.
func (s *priority[T]) fall() (path uint64, steps int) {
	found := false
	defer func() {
		if !found {
			s.notGot()
		}
	}()
	last := len(s.heap) - 1
	for at := 0; ; steps++ {
		least, next := &s.heap[last], at
		for child := 2*at + 1; child <= 2*at+2 && child < last; child++ {
			if s.before(&s.heap[child], least) {
				least, next = &s.heap[child], child
			}
		}
		if next == at {
			found = true
			return path, steps
		}
		path |= uint64(next-2*at-1) << steps
		at = next
	}
}

func (s *priority[T]) drop() { s.heap = nil }
