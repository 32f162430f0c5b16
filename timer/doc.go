// Package timer keeps deadlines in order and says what time it is.
//
// It has two halves that know nothing of each other. A [Queue] holds items
// armed to fire at a deadline. A [Clock] tells the time and waits for it: the
// machine's ([System]) or a made-up one that jumps ([Virtual]). An event loop
// puts them together:
//
//	for {
//		for it, ok := q.PopDue(c.Now()); ok; it, ok = q.PopDue(c.Now()) {
//			it.Value()
//		}
//		deadline, _ := q.Earliest() // Never if the queue is empty
//		c.Wait(deadline, wake)
//	}
//
// # Terms
//
// Time is an int64: the nanoseconds of monotonic time since the start of one
// clock. It is an instant and not a duration; instants of different clocks do
// not compare. An instant may be negative (before the start), and [Never],
// the largest, is the one that does not come. Now < Never always holds, so a
// clock runs for 292 years at most.
//
// A deadline is the instant at which something is to happen. It is due when
// deadline <= now, so a deadline equal to now is due, and one in the past is
// due at once.
//
// An item is armed from the call of [Queue.Arm] until it is fired (returned
// by [Queue.PopDue]) or canceled ([Queue.Cancel]). It ends in one of the two
// ways, once, and is never armed again: arming the same value anew makes a
// new item with a new [Key].
//
//	            PopDue
//	         +---------> fired
//	Arm --> armed
//	         +---------> canceled
//	            Cancel
//
// # Order
//
// Items fire by (deadline, sequence): the earlier deadline first, and among
// equal deadlines the one that was armed first. The order is total, no two
// items of a queue have the same key, and nothing else (the time at which
// PopDue is called, the values, what was canceled in between) changes it.
//
// # Goroutines
//
// A Queue has no lock and belongs to one goroutine at a time. A Clock's Now
// and Start are for any goroutine; its Wait is for one goroutine at a time.
// The package starts no goroutine of its own.
package timer
