package looptest

import (
	"context"
	"fmt"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Settle waits until all other tasks are suspended, and only the passing of time or an event from
// outside the loop can wake them. Time does not pass meanwhile. Several tasks may call Settle at
// the same time; they wake together. Settle returns the error of [lowlevel.Suspend]. In
// testing/synctest this function is called Wait.
func Settle(ctx context.Context) error {
	lowlevel.Current(ctx)
	w := newWait(ctx, func() string { return "the other tasks, until they settle" })
	lowlevel.AtIdle(lowlevel.LoopOf(ctx), w)
	return w.Wait(ctx)
}

// A Sequencer forces one order on the tasks of a test: each call of Step waits for its number. The
// zero Sequencer is ready to use, by the tasks of one loop. The type has the same name in trio.
type Sequencer struct {
	next    int
	waiting map[int]*wait
}

// Step waits until Step has returned nil for all numbers from 0 to n-1, and until the task that
// called Step(n-1) has suspended again or ended. Step returns the error of [lowlevel.Suspend]. If
// the error is not nil, step n was not made: call Step(n) again. Step panics if n is negative, if n
// was used before, or if another task already waits for n.
func (s *Sequencer) Step(ctx context.Context, n int) error {
	lowlevel.Current(ctx)
	switch {
	case n < 0:
		panic(fmt.Sprintf("looptest: Step(%d) of a Sequencer; numbers begin with 0", n))
	case n < s.next:
		panic(fmt.Sprintf("looptest: Step(%d) of a Sequencer, but the next step is %d; use each number once", n, s.next))
	case s.waiting[n] != nil:
		panic(fmt.Sprintf("looptest: Step(%d) of a Sequencer, but another task waits for this step; use each number once", n))
	}
	if n > s.next {
		if err := s.wait(ctx, n); err != nil {
			return err
		}
	}
	s.next = n + 1
	if w := s.waiting[s.next]; w != nil {
		w.Run()
	}
	return nil
}

func (s *Sequencer) wait(ctx context.Context, n int) error {
	if s.waiting == nil {
		s.waiting = map[int]*wait{}
	}
	w := newWait(ctx, func() string { return fmt.Sprintf("step %d of a sequencer (the next step is %d)", n, s.next) })
	s.waiting[n] = w
	defer delete(s.waiting, n)
	return w.Wait(ctx)
}

// A wait is a promise that Run completes.
type wait struct {
	future.Promise[struct{}]
	what func() string
}

func newWait(ctx context.Context, what func() string) *wait {
	w := &wait{what: what}
	w.Init(lowlevel.LoopOf(ctx), (*waitOwner)(w))
	return w
}

func (w *wait) Run() {
	if !w.Done() {
		w.Complete(struct{}{}, nil)
	}
}

type waitOwner wait

func (o *waitOwner) Cancel(cause error) bool {
	o.Complete(struct{}{}, &loop.CanceledError{Cause: cause})
	return true
}

func (o *waitOwner) Describe() (string, []loop.Awaitable) { return o.what(), nil }
