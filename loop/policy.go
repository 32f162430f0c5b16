package loop

import (
	"fmt"
	"slices"

	"github.com/takt-go/takt/loop/internal/ready"
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
	if l.pauses.realms > 0 {
		l.hold()
	}
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
		c := l.choices
		c.read(&l.ready)
		if len(c.tasks) < 2 && !timePasses {
			break
		}
		switch at := l.ask(timePasses); {
		case at == 0:
			return l.ready.Pop()
		case at > 0 && at < len(c.tasks):
			if l.mode == modeFor { // the head stays, and RunFor must look at its budget all the same
				l.turnEnd = l.ready.Head()
			}
			place := c.places[at]
			c.drop(at, at+1)
			return l.ready.Take(place)
		case at == len(c.tasks) && timePasses:
			l.clock.Wait(deadline, nil)
			l.fire(deadline)
		default:
			l.dropPolicy(fmt.Errorf("loop: the policy picked index %d of %d ready tasks; from now on the loop runs tasks first in, first out", at, len(c.tasks)))
		}
	}
	return l.ready.Pop()
}

// choices has the tasks in the ready queue, for the policy. A task leaves the queue only when pick takes
// it. So each entry is read once, and not at each choice point.
type choices struct {
	tasks  []*Task
	places []uint64 // their positions in the queue
	next   uint64   // the position of the first entry that was not read
}

// read reads the new entries, and drops the tasks that have left at the front of the queue.
func (c *choices) read(q *ready.Queue) {
	left := 0
	for left < len(c.places) && c.places[left] < q.Head() {
		left++
	}
	if left > 0 {
		c.drop(0, left)
	}
	for at := max(c.next, q.Head()); at != q.Tail(); at++ {
		if e, ok := q.At(at).(*entry); ok {
			c.tasks, c.places = append(c.tasks, (*Task)(e)), append(c.places, at)
		}
	}
	c.next = q.Tail()
}

// drop removes the tasks from index from up to to.
func (c *choices) drop(from, to int) {
	c.tasks, c.places = slices.Delete(c.tasks, from, to), slices.Delete(c.places, from, to)
}

// dropTaken drops the tasks that other code than pick has taken out of the queue.
func (c *choices) dropTaken(q *ready.Queue) {
	kept := 0
	for at, place := range c.places {
		if place >= q.Head() && q.At(place) != nil {
			c.tasks[kept], c.places[kept] = c.tasks[at], place
			kept++
		}
	}
	c.drop(kept, len(c.places))
}

// ask asks the policy. If the policy panics or calls Goexit, ask drops it and picks 0.
func (l *Loop) ask(timePasses bool) (at int) {
	returned := false
	defer l.guardPolicy(&returned)
	at = l.policy.Pick(l.choices.tasks, timePasses)
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
