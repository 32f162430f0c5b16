// Package timer has a queue of timers and the clocks that drive it.
//
// This is the core of an event loop, on a clock that jumps from deadline to deadline:
//
//	q, c := timer.New[func()](), timer.NewVirtual()
//
//	tick := func() { fmt.Println("tick at", time.Duration(c.Now())) }
//	q.Arm(int64(2*time.Hour), tick)
//	q.Arm(int64(time.Hour), func() {
//		tick()
//		q.Arm(c.Now()+int64(time.Minute), tick)
//	})
//
//	for q.Len() > 0 {
//		deadline, _ := q.Earliest()
//		c.Wait(deadline, nil)
//		for it, ok := q.PopDue(c.Now()); ok; it, ok = q.PopDue(c.Now()) {
//			it.Value()
//		}
//	}
//
// It prints a tick at 1h0m0s, 1h1m0s and 2h0m0s, and takes no real time.
//
// The package has two independent parts. A [Queue] holds items, and each fires at its
// deadline. A [Clock] tells the time and waits: [System] is the machine's clock, and
// [Virtual] is a clock that jumps.
//
// # Terms
//
// An instant is an int64: the nanoseconds of monotonic time since the start of one clock.
// It is not a duration. Instants of different clocks cannot be compared. An instant may be
// negative: it is then before the start of the clock. [Never] is the largest instant, and
// it never comes: Now < Never always holds. So a clock runs for 292 years at most.
//
// A deadline is the instant at which an item fires. It is due when deadline <= now. So a
// deadline equal to now is due, and a deadline in the past is due at once.
//
// An item is armed from the call of [Queue.Arm] until it fires, which means that
// [Queue.PopDue] returns it, or until it is canceled ([Queue.Cancel]). An item fires or is
// canceled once. It is never armed again: if you arm the same value again, that is a new
// item with a new [Key].
//
//	            PopDue
//	         +---------> fired
//	Arm --> armed
//	         +---------> canceled
//	            Cancel
//
// # Order
//
// Items fire in the order of (deadline, sequence): the earlier deadline first, and among
// equal deadlines the item that was armed first. The order is total, because no two items
// of a queue have the same key. Nothing else changes it: not the time at which PopDue is
// called, not the values, and not the items that were canceled.
//
// # Goroutines
//
// A Queue has no lock: only one goroutine at a time may use it. Now and Start of a Clock may
// be called from any goroutine, and Wait from one goroutine at a time. The package starts no
// goroutines.
package timer
