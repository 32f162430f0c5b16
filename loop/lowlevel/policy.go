package lowlevel

import "github.com/takt-go/takt/loop"

// A Policy decides which ready task runs next. The loop asks it at each choice point: when a task
// is at the front of the ready queue, and two or more tasks are ready. Without a policy, the task
// that became ready first runs.
//
// With a policy, all ready tasks are candidates, also tasks that became ready during the turn and
// would otherwise wait for the next one. Callbacks are not candidates: a callback at the front of
// the queue runs, so callbacks keep their order. With a policy that always picks 0, the order is
// the same as without a policy. Package looptest makes policies.
type Policy interface {
	// Pick returns the index in ready of the task to run. The task at index 0 became ready first.
	// If timePasses is true (see [WithPolicy]), Pick may also return len(ready). Then the virtual
	// clock jumps to the next deadline, the due timers become ready, and the loop asks again. Pick
	// must not change ready, and must not keep it after it returns.
	Pick(ready []*loop.Task, timePasses bool) int
}

// WithPolicy sets the policy of a loop. If timePasses is true and timers are armed on a virtual
// clock, the policy may also let time pass: a timer comes due before the ready tasks have run. Then
// one ready task is enough for a choice point.
//
// If a method of the policy panics or calls Goexit, or Pick returns an index that is out of range, the
// loop drops the policy, and reports that before the next turn ([loop.PolicyFailed]). From then on the
// order is first in, first out. A Goexit also ends the driver, but no task, with the exception below.
//
// A policy has a cost: the loop keeps a list of the tasks in the ready queue, and makes one more
// switch for each body that suspends. The loop saves this switch if it has a [Follower] and a [Spare],
// and no observer: then it calls the policy and the follower on the stack of the body that suspends. If
// one of them calls Goexit there, the task of this body may end too, as if its body had called Goexit.
func WithPolicy(p Policy, timePasses bool) loop.Option {
	return loop.Internals.WithPolicy(p, timePasses)
}

// A Follower is told of every task and of every step. It costs less than an observer, and it is
// not told of other events.
type Follower interface {
	// Made tells that a task was made: t, by the task by. by is nil if a callback or the host made t. t
	// has not taken a step. The call comes inside the function that makes the task, so Made must not
	// change the loop.
	Made(t, by *loop.Task)
	// Next tells which entry of the ready queue runs next: t is the task, or nil for a callback. A timer
	// that fires is a callback. At a choice point of a policy the call comes after Pick. The first step
	// of an eager task is not in the ready queue, so Next does not tell of it.
	Next(t *loop.Task)
}

// WithFollower sets the follower of a loop. The loop calls it between two steps, so it may look at all
// that the steps share. If a method of the follower panics or calls Goexit, the loop drops follower
// and policy, as [WithPolicy] says. It costs what a policy costs, except the list of ready tasks.
func WithFollower(f Follower) loop.Option { return loop.Internals.WithFollower(f) }
