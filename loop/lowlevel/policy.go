package lowlevel

import "github.com/takt-go/takt/loop"

// A Policy decides which of several ready tasks runs next: at a choice point, where a
// task is next and two or more tasks are ready. Without a policy that is always the one
// that became ready first.
//
// With a policy all ready tasks are candidates, also those that a turn would leave for
// the next one. Callbacks are not: one that is at the front of the queue runs, so that
// callbacks keep their order among themselves. Everything else is as without; a policy
// that always picks 0 changes nothing. Package looptest makes policies.
type Policy interface {
	// Pick returns the index in ready of the task to run, where 0 became ready first.
	// If time may pass here (see [WithPolicy]), len(ready) lets it: the virtual clock
	// jumps to the next deadline, and Pick is asked again with what that has made
	// ready. ready is valid during the call only.
	Pick(ready []*loop.Task, timePasses bool) int
}

// WithPolicy sets the policy. With timePasses, the clock is a choice too, where timers
// are armed on a virtual clock: a timer may come due before what is ready has run. Then
// one ready task is enough for a choice point.
//
// A policy that panics, calls Goexit, or returns an index that is out of range is dropped, and reported
// ([loop.PolicyFailed]) before the next turn; from there on the order is first in, first out. A
// Goexit ends the driver besides, and no task.
//
// A policy costs a look at the whole ready queue at every choice point, and a switch more
// for each body that suspends.
func WithPolicy(p Policy, timePasses bool) loop.Option {
	return loop.Internals.WithPolicy(p, timePasses)
}
