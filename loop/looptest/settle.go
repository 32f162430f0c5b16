package looptest

import (
	"context"
	"fmt"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Settle waits until every other task is suspended, and nothing but time or the outside
// could wake it. Time does not pass meanwhile. Several tasks may settle at once; they
// are woken together. The error is that of [lowlevel.Suspend]. testing/synctest: Wait.
func Settle(ctx context.Context) error {
	lowlevel.Current(ctx)
	w := newWait(ctx, func() string { return "the others to settle" })
	lowlevel.AtIdle(lowlevel.LoopOf(ctx), w)
	return w.Wait(ctx)
}

// A Sequencer forces an order upon the tasks of a test: each step waits for its number.
// The zero Sequencer is ready to use, by the tasks of one loop. (trio: Sequencer.)
type Sequencer struct {
	next    int
	waiting map[int]*wait
}

// Step waits until every smaller number, from 0, has been stepped to, and the task that
// did so last has come to suspend again. If the error is not nil (it is that of
// [lowlevel.Suspend]), the step was not made, and its number is to be used again. Step
// panics for a number that was used before, or is waited for.
func (s *Sequencer) Step(ctx context.Context, n int) error {
	lowlevel.Current(ctx)
	switch {
	case n < 0:
		panic(fmt.Sprintf("looptest: Step(%d) of a Sequencer; numbers begin with 0", n))
	case n < s.next:
		panic(fmt.Sprintf("looptest: Step(%d) of a Sequencer, which has come to %d already", n, s.next))
	case s.waiting[n] != nil:
		panic(fmt.Sprintf("looptest: Step(%d) of a Sequencer, for which another task waits", n))
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
	w := newWait(ctx, func() string { return fmt.Sprintf("step %d of a sequencer, which stands at %d", n, s.next) })
	s.waiting[n] = w
	defer delete(s.waiting, n)
	return w.Wait(ctx)
}

// A wait is a promise that is completed when it is run.
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
