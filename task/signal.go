package task

import (
	"context"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
)

// A signal is a future of nobody's but the one that waits for it, so that
// canceling the waiter cancels the signal and nothing else. Running it, as a
// waiter of something else or as a timer's callback, sets it. on says what it
// stands for, and what it is called, to those who ask what a task awaits.
type signal struct {
	future.Future[struct{}]
	what string
	on   func() []loop.Awaitable
}

func newSignal(ctx context.Context, what string, on func() []loop.Awaitable) *signal {
	s := &signal{what: what, on: on}
	future.Own(&s.Future, loop.FromContext(ctx), (*signalOwner)(s))
	return s
}

// Run sets the signal, if it is still waited for.
func (s *signal) Run() {
	if !s.Done() {
		future.Complete(&s.Future, (*signalOwner)(s), struct{}{}, nil)
	}
}

type signalOwner signal

func (o *signalOwner) Cancel(cause error) bool {
	future.Complete(&o.Future, o, struct{}{}, &loop.CanceledError{Cause: cause})
	return true
}

func (o *signalOwner) Task() *loop.Task { return nil }

func (o *signalOwner) Describe() loop.Explanation {
	return loop.Explanation{What: o.what, On: o.on()}
}

// pendingOf returns those of the awaitables that are not done.
func pendingOf[A loop.Awaitable](of []A) func() []loop.Awaitable {
	return func() []loop.Awaitable {
		var all []loop.Awaitable
		for _, a := range of {
			if !a.Done() {
				all = append(all, a)
			}
		}
		return all
	}
}
