package looptest

import (
	"context"
	"fmt"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
)

// settled returns a future that is done when nothing is ready.
func settled(ctx context.Context) *future.Future[struct{}] {
	f := future.New[struct{}](ctx)
	loop.FromContext(ctx).AtIdle(loop.Func(func() {
		if !f.Done() {
			_ = f.SetResult(struct{}{})
		}
	}))
	return f
}

// A Sequencer forces an order upon the tasks of a test: each waits for its number. The
// zero Sequencer is ready to use. (trio: Sequencer.)
type Sequencer struct {
	next    int
	waiting map[int]*future.Future[struct{}]
}

// Step waits until every smaller number, from 0, has been stepped to, and the task that
// did so has come to suspend again. It panics if the number was used before.
func (s *Sequencer) Step(ctx context.Context, n int) error {
	if s.waiting == nil {
		s.waiting = map[int]*future.Future[struct{}]{}
	}
	if n < s.next || s.waiting[n] != nil {
		panic(fmt.Sprintf("looptest: Step(%d) of a Sequencer twice", n))
	}
	if n > s.next {
		f := future.New[struct{}](ctx)
		s.waiting[n] = f
		_, err := f.Await(ctx)
		delete(s.waiting, n)
		if err != nil {
			return err
		}
	}
	s.next = n + 1
	if f := s.waiting[s.next]; f != nil {
		return f.SetResult(struct{}{})
	}
	return nil
}
