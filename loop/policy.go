package loop

import (
	"fmt"

	"github.com/takt-go/takt/timer"
)

// A policy decides which of several ready tasks runs next: see Policy in package lowlevel.
type policy interface {
	Pick(ready []*Task, timePasses bool) int
}

// A follower is told of every task and step: see Follower in package lowlevel.
type follower interface {
	Made(t, by *Task)
	Next(t *Task)
}

// withPolicy sets the policy.
func withPolicy(p policy, timePasses bool) Option {
	if p == nil {
		panic("loop: WithPolicy(nil); leave the option out for first in, first out")
	}
	return func(c *config) { c.policy, c.timePasses = p, timePasses }
}

// withFollower sets the follower.
func withFollower(f follower) Option {
	if f == nil {
		panic("loop: WithFollower(nil); leave the option out for none")
	}
	return func(c *config) { c.follower = f }
}

// take removes the entry to run next from the ready queue. It returns nil if the entry was canceled.
func (l *Loop) take() Runnable {
	r := l.pick()
	if l.follower != nil && r != nil {
		e, _ := r.(*entry)
		l.tellNext((*Task)(e))
	}
	return r
}

// pick removes the entry that the policy picks, if there is a choice, and the first one otherwise.
func (l *Loop) pick() Runnable {
	for l.policy != nil {
		if _, ok := l.ready.At(l.ready.Head()).(*entry); !ok {
			break
		}
		deadline, timePasses := int64(timer.Never), false
		if l.timePasses {
			deadline, _ = l.timers.Earliest()
			timePasses = deadline != timer.Never && l.clock.Jumps()
		}
		if !timePasses && l.ready.Len() == 1 {
			break
		}
		choices := l.choices[:0]
		for at := l.ready.Head(); at != l.ready.Tail(); at++ {
			if e, ok := l.ready.At(at).(*entry); ok {
				choices = append(choices, (*Task)(e))
			}
		}
		l.choices = choices
		if len(choices) < 2 && !timePasses {
			break
		}
		switch at := l.ask(timePasses); {
		case at == 0:
			return l.ready.Pop()
		case at > 0 && at < len(l.choices):
			if l.mode == modeFor { // the head stays, and RunFor must look at its budget all the same
				l.turnEnd = l.ready.Head()
			}
			return l.ready.Take(l.placeOf(at))
		case at == len(l.choices) && timePasses:
			l.clock.Wait(deadline, nil)
			l.fire(deadline)
		default:
			l.dropPolicy(fmt.Errorf("loop: the policy picked index %d of %d ready tasks; from now on the loop runs tasks first in, first out", at, len(l.choices)))
		}
	}
	return l.ready.Pop()
}

// placeOf returns the position of choice n in the ready queue.
func (l *Loop) placeOf(n int) uint64 {
	for at := l.ready.Head(); ; at++ {
		if _, ok := l.ready.At(at).(*entry); ok {
			if n == 0 {
				return at
			}
			n--
		}
	}
}

// ask asks the policy. If the policy panics or calls Goexit, ask drops it and picks 0.
func (l *Loop) ask(timePasses bool) (at int) {
	returned := false
	defer l.guardPolicy(&returned)
	at = l.policy.Pick(l.choices, timePasses)
	returned = true
	return at
}

// tellNext tells the follower that t runs next, or a callback if t is nil.
func (l *Loop) tellNext(t *Task) {
	returned := false
	defer l.guardPolicy(&returned)
	l.follower.Next(t)
	returned = true
}

// tellMade tells the follower that the running task has made t.
//
//go:noinline
func (l *Loop) tellMade(t *Task) {
	returned := false
	defer l.guardPolicy(&returned)
	l.follower.Made(t, l.current)
	returned = true
}

// guardPolicy is deferred around calls of the policy. If the policy panics or calls Goexit, guardPolicy
// drops it.
func (l *Loop) guardPolicy(returned *bool) {
	if !*returned {
		l.dropPolicy(recovered(recover(), nil))
	}
}

func (l *Loop) dropPolicy(err error) {
	l.policy, l.follower = nil, nil
	l.reportSoon(Failure{Kind: PolicyFailed, Err: err})
}
