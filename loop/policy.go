package loop

import (
	"fmt"

	"github.com/takt-go/takt/timer"
)

// A policy decides which of several ready tasks runs next: see Policy in package lowlevel.
type policy interface {
	Pick(ready []*Task, timePasses bool) int
}

// withPolicy sets the policy.
func withPolicy(p policy, timePasses bool) Option {
	if p == nil {
		panic("loop: WithPolicy(nil); leave the option out for first in, first out")
	}
	return func(c *config) { c.policy, c.timePasses = p, timePasses }
}

// take removes the entry to run next from the ready queue.
func (l *Loop) take() Runnable {
	for l.policy != nil {
		if _, ok := l.ready.At(l.ready.Head()).(*entry); !ok {
			break
		}
		l.choices, l.places = l.choices[:0], l.places[:0]
		for at := l.ready.Head(); at != l.ready.Tail(); at++ {
			if e, ok := l.ready.At(at).(*entry); ok {
				l.choices, l.places = append(l.choices, (*Task)(e)), append(l.places, at)
			}
		}
		deadline, armed := l.timers.Earliest()
		timePasses := l.timePasses && armed && deadline != timer.Never && l.clock.Jumps()
		if len(l.choices) < 2 && !timePasses {
			break
		}
		switch at := l.ask(timePasses); {
		case at == 0:
			return l.ready.Pop()
		case at > 0 && at < len(l.choices):
			if l.mode == modeFor { // the head stays, and RunFor must look at its budget all the same
				l.turnEnd = l.ready.Head()
			}
			return l.ready.Take(l.places[at])
		case at == len(l.choices) && timePasses:
			l.clock.Wait(deadline, nil)
			l.fire(deadline)
		default:
			l.dropPolicy(fmt.Errorf("loop: the policy picked index %d of %d ready tasks; from now on the loop runs tasks first in, first out", at, len(l.choices)))
		}
	}
	return l.ready.Pop()
}

// ask asks the policy. If the policy panics or calls Goexit, ask drops it and picks 0.
func (l *Loop) ask(timePasses bool) (at int) {
	returned := false
	defer func() {
		if !returned {
			l.dropPolicy(recovered(recover(), nil))
		}
	}()
	at = l.policy.Pick(l.choices, timePasses)
	returned = true
	return at
}

func (l *Loop) dropPolicy(err error) {
	l.policy = nil
	l.reportSoon(Failure{Kind: PolicyFailed, Err: err})
}
