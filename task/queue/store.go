package queue

// A store keeps the items of a queue, in the order in which it gives them back.
type store[T any] interface {
	put(v T)
	get() T
	len() int
}

// fifo is a ring that grows.
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

// priority is a binary heap. (container/heap would box every item.)
type priority[T any] struct {
	less func(a, b T) bool
	heap []ranked[T]
	seq  uint64
}

// ranked is an item with its place in the order of putting.
type ranked[T any] struct {
	v   T
	seq uint64
}

func (s *priority[T]) len() int { return len(s.heap) }

func (s *priority[T]) before(a, b int) bool {
	x, y := &s.heap[a], &s.heap[b]
	if s.less(x.v, y.v) {
		return true
	}
	return !s.less(y.v, x.v) && x.seq < y.seq
}

func (s *priority[T]) swap(a, b int) { s.heap[a], s.heap[b] = s.heap[b], s.heap[a] }

func (s *priority[T]) put(v T) {
	s.seq++
	s.heap = append(s.heap, ranked[T]{v, s.seq})
	for at := len(s.heap) - 1; at > 0; {
		parent := (at - 1) / 2
		if !s.before(at, parent) {
			return
		}
		s.swap(at, parent)
		at = parent
	}
}

func (s *priority[T]) get() T {
	v := s.heap[0].v
	last := len(s.heap) - 1
	s.swap(0, last)
	s.heap[last] = ranked[T]{}
	s.heap = s.heap[:last]
	for at := 0; ; {
		least := at
		for child := 2*at + 1; child <= 2*at+2 && child < last; child++ {
			if s.before(child, least) {
				least = child
			}
		}
		if least == at {
			return v
		}
		s.swap(at, least)
		at = least
	}
}
