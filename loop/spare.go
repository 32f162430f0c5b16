package loop

import (
	"sync/atomic"

	"github.com/takt-go/takt/loop/internal/coro"
	"github.com/takt-go/takt/loop/internal/ready"
	"github.com/takt-go/takt/timer"
)

// A spare holds what a closed loop leaves for the next one: see Spare in package lowlevel.
//
// It holds only memory that no program can reach, and stacks that run nothing. Handles, tasks, futures and
// posts refer to their Loop. No two loops share a Loop, and a closed Loop refuses everything.
type spare struct {
	used    atomic.Bool // by a loop that is not closed
	stacks  coro.Stacks[seat]
	ready   ready.Queue
	timers  *timer.Queue[Runnable] // nil: none
	due     []dueTimer
	lives   []*live
	keys    []*timer.Key
	choices *choices // nil: none
}

func newSpare() *spare {
	s := new(spare)
	s.End()
	return s
}

// End ends the stacks.
func (s *spare) End() {
	if s.used.Load() {
		panic("loop: End of a Spare that a loop uses; close the loop first")
	}
	s.stacks.End()
	s.stacks.Init(maxFree, nil)
}

// withSpare makes the loop use s.
func withSpare(s *spare) Option {
	return func(c *config) { c.spare = s }
}

// takeSpare takes what the spare has.
func (l *Loop) takeSpare() {
	s := l.spare
	if !s.used.CompareAndSwap(false, true) {
		panic("loop: New with a Spare that another loop uses; close that loop first, or give each loop a Spare of its own")
	}
	l.stacks.Adopt(&s.stacks)
	l.ready, s.ready = s.ready, ready.Queue{}
	l.timers, s.timers = s.timers, nil
	l.due, s.due = s.due, nil
	l.lives, s.lives = s.lives, nil
	l.keys, s.keys = s.keys, nil
	l.choices, s.choices = s.choices, nil
}

// leaveSpare leaves the loop's stacks and its memory to the spare. It leaves no stacks if the loop has set
// profiler labels, because nothing tells which labels the goroutines of the stacks had before.
func (l *Loop) leaveSpare() {
	s := l.spare
	if !l.labeled {
		s.stacks.Adopt(&l.stacks)
	}
	l.ready.Reset()
	l.timers.Reset()
	if c := l.choices; c != nil {
		c.drop(0, len(c.tasks))
		c.next = 0
	}
	s.ready, s.timers, s.due = l.ready, l.timers, l.due[:0]
	s.lives, s.keys, s.choices = l.lives, l.keys, l.choices
	l.choices = nil
	s.used.Store(false)
}
