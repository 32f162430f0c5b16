package trace

import "math/bits"

// hash is the running hash of a recorder. There are two: which of them counts is not
// known before an event has told which clock the loop lives by.
type hash struct {
	order uint64 // of kinds and IDs
	timed uint64 // of order and times
}

// Odd, and with about as many ones as zeros; the fractions of the golden ratio and of
// the square root of 2.
const (
	hashMul  = 0x9e3779b97f4a7c15
	hashMul2 = 0x6a09e667f3bcc909
)

// add mixes an event in. A word is added by exclusive or and spread by a
// multiplication; the rotation brings the high bits, which depend on everything, down
// to where the next multiplication spreads them.
func (h *hash) add(x *record) {
	s := h.order
	var deadline, on uint64 // arg is one or the other, or a text
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
