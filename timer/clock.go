package timer

import (
	"math"
	"time"
)

// Never is a deadline that does not come: for every [Clock], Now < Never.
const Never = math.MaxInt64

// Clock tells the time, in nanoseconds since it was started, and waits for it.
// [System] and [Virtual] are clocks.
type Clock interface {
	// Start returns the instant at which Now was 0. It is the same in every
	// call. Start().Add(time.Duration(ns)) is the instant ns as package time has
	// it. Safe from any goroutine.
	Start() time.Time

	// Now returns the nanoseconds of monotonic time since Start. It is >= 0 and
	// < Never, and never less than what was seen before. Safe from any
	// goroutine.
	Now() int64

	// Wait returns once Now() >= deadline (in nanoseconds since Start) or a
	// value came from wake, whichever is first. It consumes the value that it
	// returns for, and no other. If the deadline has passed when Wait is called,
	// it returns at once and leaves wake alone. Otherwise a value that is already
	// in wake is first.
	//
	// Wait does not say why it returned: ask Now. A value of wake that came too
	// late stays there and ends the next Wait, so after a return a caller must
	// look at both what is due and what the wakers left for it.
	//
	// With the deadline Never, only wake ends it. A nil wake never does, so
	// Wait(Never, nil), which could only hang, panics. A closed wake has a value
	// at all times.
	//
	// Wait is for one goroutine at a time.
	Wait(deadline int64, wake <-chan struct{})

	// Jumps reports whether Wait moves time instead of spending it. It is the
	// same in every call.
	Jumps() bool
}

// mustEnd panics if a Wait with these arguments could not return.
func mustEnd(deadline int64, wake <-chan struct{}) {
	if deadline == Never && wake == nil {
		panic("timer: Wait(Never, nil) can not return; give it a deadline or a wake channel")
	}
}
