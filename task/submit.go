package task

import (
	"context"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A Submission is a body that [Submit] has handed to a loop, and later its result. All methods are
// safe from any goroutine, and may be called any number of times.
type Submission[T any] struct{ remote[T] }

// Submit hands body to l, which runs it as a task. Submit does not wait for that. It is safe from
// any goroutine. It returns a handle. The handle can wait for the result, and can cancel the task:
//
//	v, err := task.Submit(ctx, l, body).Wait(ctx)
//
// A goroutine must drive l, now or later. With a virtual clock, Run returns when nothing is left to do,
// perhaps before Submit is called: call release := l.Hold() before Run, and release() in the first
// line of body. The task starts in the turn of l after the current one.
// The bodies that one goroutine submits start in the order in which it submits them.
//
// The task inherits the values of ctx. If ctx ends, the task is canceled, with context.Cause(ctx)
// as the cause. If ctx has ended already, body never runs. If the task must live longer than a
// request, give Submit context.WithoutCancel of the request's context.
//
// If no Wait returns the error of the task, the loop reports the error, as it does for every task
// ([loop.ErrorUnretrieved]), even if the program has dropped the handle. A late Wait still returns
// the error. But if the loop keeps few errors ([loop.WithUnretrievedLimit]), it may have reported
// the error before.
//
// Submit panics if ctx, body or l is nil, or if ctx belongs to a loop. In a body, use [Go] for the
// same loop, [Call] for another loop, or give Submit a context that [loop.Outside] makes. asyncio:
// run_coroutine_threadsafe.
func Submit[T any](ctx context.Context, l *loop.Loop, body func(context.Context) (T, error), opts ...Option) *Submission[T] {
	if ctx == nil || body == nil || l == nil {
		panic("task: Submit with a nil context, a nil body or a nil loop; give it all three, for example context.Background()")
	}
	if _, ok := loop.FromContext(ctx); ok {
		panic("task: Submit with the context of a loop; use Go, or Call for another loop, or hand loop.Outside(ctx) to Submit")
	}
	s := &Submission[T]{remote[T]{ctx: ctx, body: body, opts: opts, done: make(chan struct{})}}
	if err := s.start(l); err != nil {
		s.settle(nil, err)
	}
	return s
}

// Done returns a channel. It is closed when the task has ended, when the task cannot be made, or
// when the loop is closed. From then on, Wait does not block.
func (s *Submission[T]) Done() <-chan struct{} {
	s.mustBeMade("Done")
	return s.done
}

// Wait blocks the calling goroutine until the task has ended, and returns its result. If body
// panics, the error is a *[PanicError]. If the task was canceled because the context of Submit has
// ended, the error is the cause of that context. If the loop is closed first, the error is
// [loop.ErrClosed]. If the loop has refused the body because of its limit of posts, the error is
// [loop.ErrFull].
//
// If ctx ends first, Wait returns context.Cause(ctx), and the task goes on. To cancel the task, use
// [Submission.Cancel], or end the context of Submit. If the result is there and ctx has ended, Wait
// returns the result.
//
// With a virtual clock, do not call Wait between [loop.Loop.Hold] and its release if body sleeps:
// the virtual time stands still until the release, so the sleep does not end.
//
// Wait panics if ctx is nil or belongs to a loop. It also panics if it is called in a body or a
// callback, with any ctx: it would block the loop of that body or callback, and would block it for
// ever if that loop runs the task. Use [Go] there, or [Call] for another loop. To recognize such a
// call, the first Wait of a goroutine walks its stack, which costs a microsecond or more. (It does
// not recognize a body that calls Wait in an iter.Pull coroutine of its own: see [lowlevel.Inside].)
func (s *Submission[T]) Wait(ctx context.Context) (v T, err error) {
	s.mustBeMade("Wait")
	if ctx == nil {
		panic("task: Wait of a Submission with a nil context; give it one, for example context.Background()")
	}
	if _, ok := loop.FromContext(ctx); ok || lowlevel.Inside() {
		panic("task: Wait of a Submission in a body or callback would block its loop, for ever if that loop runs the task; use Go there, or Call for another loop")
	}
	switch ended := ctx.Done(); {
	case s.wait():
	case ended == nil:
		<-s.done // costs less than a select
	default:
		select {
		case <-s.done:
		case <-ended:
			if !s.leave() {
				return v, context.Cause(ctx)
			}
		}
	}
	s.take()
	return s.v, s.err
}

// Cancel asks the task to end, as [Task.Cancel] does, in the next turn of the loop. It does not
// wait for the end. If the task has ended, or the loop is closed, Cancel does nothing. If the task
// has not started, body never runs. cause may be nil.
func (s *Submission[T]) Cancel(cause error) {
	s.mustBeMade("Cancel")
	lowlevel.Deliver(s.loop(), func() {
		if s.made && !s.task.Done() { // Cancel of a task that is done would take its error
			s.task.Cancel(cause)
		}
	})
}

func (s *Submission[T]) mustBeMade(what string) {
	if s == nil || s.done == nil {
		panic("task: " + what + " of a Submission that Submit has not made; use the Submission that Submit returns")
	}
}
