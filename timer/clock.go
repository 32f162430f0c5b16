package timer

import (
	"math"
	"time"
)

// Never is a deadline that never comes: for every [Clock], Now < Never.
const Never = math.MaxInt64

// Clock tells the time, in nanoseconds since its start, and waits until a deadline. [System]
// and [Virtual] are clocks.
type Clock interface {
	// Start returns the time at which Now was 0. Every call returns the same time.
	// Start().Add(time.Duration(ns)) is the time.Time of the instant ns. Start is safe
	// from any goroutine.
	Start() time.Time

	// Now returns the nanoseconds of monotonic time since Start. The result is >= 0 and
	// < Never, and never less than an earlier result. Now is safe from any goroutine.
	Now() int64

	// Wait returns when Now() >= deadline (in nanoseconds since Start), or when it
	// receives a value from wake. It receives at most one value. If the deadline has
	// passed when Wait is called, it returns at once and receives nothing. Otherwise, if
	// wake has a value already, Wait receives it and returns at once.
	//
	// Wait does not tell why it has returned: ask Now. A value that was sent too late
	// stays in wake and ends the next Wait. So after each Wait, the caller must look at
	// two things: the items that are due, and the work that came with the wake-up.
	//
	// If the deadline is Never, only wake can end Wait. Wait(Never, nil) could never
	// return, so it panics. If wake is closed, it always has a value.
	//
	// Only one goroutine at a time may call Wait.
	Wait(deadline int64, wake <-chan struct{})

	// Jumps reports whether Wait moves the clock instead of spending real time. Every
	// call returns the same.
	Jumps() bool
}

// mustEnd panics if a Wait with these arguments could not return.
func mustEnd(deadline int64, wake <-chan struct{}) {
	if deadline == Never && wake == nil {
		panic("timer: Wait(Never, nil) cannot return; give it a deadline or a wake channel")
	}
}
