package task

import (
	"context"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A Submission is a body that [Submit] has handed to a loop, and what became of it. All methods are
// safe from any goroutine, and may be called any number of times.
type Submission[T any] struct {
	remote[T]
	loop *loop.Loop
	done chan struct{}
}

// Submit hands body to l, which runs it as a task, and returns at once. It is safe from any
// goroutine. The handle that it returns waits for the result, or cancels the task:
//
//	v, err := task.Submit(ctx, l, body).Wait(ctx)
//
// l must be running, now or later. The task starts in the turn after the one that l is running.
// Bodies that one goroutine submits start in the order in which it submits them.
//
// The task inherits the values of ctx. If ctx ends, the task is canceled with context.Cause(ctx) as
// the cause; if it has ended before, body never runs. A program that wants the task to outlive a
// request gives it context.WithoutCancel of the request's context.
//
// An error that no Wait returns is reported by the loop as that of every task is
// ([loop.ErrorUnretrieved]), also if no code keeps the handle. A Wait that comes late takes the error
// then, so with a limit of few errors ([loop.WithUnretrievedLimit]) the loop may have reported it before.
//
// Submit panics if ctx, body or l is nil, and if ctx belongs to a loop: there [Go] runs a body on the
// same loop, [Call] awaits one on another loop, and [loop.Outside] makes a context for Submit.
// asyncio: run_coroutine_threadsafe.
func Submit[T any](ctx context.Context, l *loop.Loop, body func(context.Context) (T, error), opts ...Option) *Submission[T] {
	if ctx == nil || body == nil || l == nil {
		panic("task: Submit with a nil context, a nil body or a nil loop; give it all three, for example context.Background()")
	}
	if _, ok := loop.FromContext(ctx); ok {
		panic("task: Submit with the context of a loop; use Go, or Call for another loop, or hand loop.Outside(ctx) to Submit")
	}
	s := &Submission[T]{loop: l, done: make(chan struct{})}
	if err := s.start(ctx, l, body, opts, func() { close(s.done) }); err != nil {
		s.settle(nil, err)
	}
	return s
}

// Done returns a channel that is closed when the result is there: the task has ended, or l is closed, so
// that a Wait does not block.
func (s *Submission[T]) Done() <-chan struct{} {
	s.mustBeMade("Done")
	return s.done
}

// Wait blocks the calling goroutine until the task has ended, and returns its result. A panic of body is
// returned, as a *[PanicError]. Where the task was canceled because the context of Submit has ended, the
// error is the cause of that. If the loop is closed first, it is [loop.ErrClosed], and if the loop
// has refused the body because of a limit of posts, [loop.ErrFull].
//
// If ctx ends first, Wait returns context.Cause(ctx), and the task goes on: [Submission.Cancel], or the end
// of Submit's context, cancels it. Where both have come, Wait returns the result.
//
// Under a virtual clock do not Hold across a Wait for a body that sleeps: time stands still while
// something is held. Wait panics if ctx is nil or belongs to a loop, and, whatever ctx is, where it is
// called in a body or callback: it would block that loop, and for ever if it is the loop that runs
// the task. Use [Go], or [Call] for another loop. (A body on a coroutine of its own, made by
// iter.Pull, is not recognized: see [lowlevel.Inside].) It costs a walk of the caller's stack.
func (s *Submission[T]) Wait(ctx context.Context) (v T, err error) {
	s.mustBeMade("Wait")
	if ctx == nil {
		panic("task: Wait of a Submission with a nil context; context.Background() will do")
	}
	if _, ok := loop.FromContext(ctx); ok || lowlevel.Inside() {
		panic("task: Wait of a Submission in a body or callback would block its loop, for ever if that is the loop of the task; use Go there, and Call for another loop")
	}
	s.wait()
	select {
	case <-s.done:
	case <-ctx.Done():
	}
	if !s.leave() {
		return v, context.Cause(ctx)
	}
	s.take(s.loop)
	return s.v, s.err
}

// Cancel asks the task to end, as [Task.Cancel] does, in the next turn of the loop, and does not wait for
// that. If the task has ended, or the loop is closed, it does nothing. If the task has not started,
// body never runs. cause may be nil.
func (s *Submission[T]) Cancel(cause error) {
	s.mustBeMade("Cancel")
	lowlevel.Deliver(s.loop, func() {
		if t := s.task; t != nil && !t.Done() { // else Cancel would take its error
			t.Cancel(cause)
		}
	})
}

func (s *Submission[T]) mustBeMade(what string) {
	if s == nil || s.done == nil {
		panic("task: " + what + " of a Submission that Submit has not made")
	}
}
