package trace

import "math/bits"

// hash is the running hash of a recorder. It computes two hashes, with and without times: the
// recorder learns the kind of the loop's clock only from its first event about a task.
type hash struct {
	order uint64 // hash of kinds and IDs
	timed uint64 // hash of order and times
}

// The multipliers are odd, and have about as many ones as zeros. They are the fractions of the golden
// ratio and of the square root of 2.
const (
	hashMul  = 0x9e3779b97f4a7c15
	hashMul2 = 0x6a09e667f3bcc909
)

// add adds an event to the hash. It adds a word by exclusive or, and spreads it by a multiplication.
// The high bits of the product depend on all bits; the rotation moves them down, where the next
// multiplication spreads them.
func (h *hash) add(x *record) {
	s := h.order
	var deadline, on uint64 // arg is one of these, or a text, which does not count
	switch {
	case x.seq != 0:
		deadline = x.arg
	case x.outcome == 0:
		on = x.arg
	}
	s = spread(s ^ (uint64(x.kind) | uint64(x.outcome)<<8 | x.by<<16))
	s = spread(s ^ x.task)
	s = spread(s ^ x.seq ^ bits.RotateLeft64(on, 32))
	h.order = s
	h.timed = spread(spread(h.timed^s^uint64(x.at)) ^ deadline)
}

func spread(s uint64) uint64 { return bits.RotateLeft64(s*hashMul, 29) * hashMul2 }

// sum returns the hash so far.
func (h *hash) sum(timed bool) uint64 {
	s := h.order
	if timed {
		s = h.timed
	}
	s ^= s >> 32
	s *= hashMul
	return s ^ s>>29
}
