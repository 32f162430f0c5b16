package task

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A Machine is a task's body without a stack: a state machine that keeps in its
// own fields what an ordinary body keeps on its stack. While it is suspended it
// costs a few hundred bytes and no goroutine. Everything else (cancellation,
// gather, groups, limits) is the same for both kinds.
//
// Resume runs the body from where it stopped to its next suspension, and returns
// what it waits for: [On], [For] or [Turn]. With [End] in its place the first
// result is that of the task, and an error that is not nil ends it in any case.
//
// err is what an await at the place of the suspension would have returned: nil
// at the first call, the error of an awaited future that failed, or a
// cancellation, which Resume may handle or return. The value of an awaited future
// is there to be read with Result. Waiting for what is done does not suspend:
// Resume is called again at once.
//
// Resume must not await with ctx; that panics. It may spawn, cancel and complete.
type Machine[T any] interface {
	Resume(ctx context.Context, err error) (T, Suspension, error)
}

// MachineFunc is a function as a [Machine]; its state is in what it closes over.
type MachineFunc[T any] func(ctx context.Context, err error) (T, Suspension, error)

// Resume calls f.
func (f MachineFunc[T]) Resume(ctx context.Context, err error) (T, Suspension, error) {
	return f(ctx, err)
}

// A Suspension is what a [Machine] waits for.
type Suspension = loop.Suspension

// On waits for a future or task. It allocates nothing.
func On(a loop.Awaitable) Suspension {
	if a == nil {
		panic("task: On(nil) waits for nothing; give it a future or task, or use Turn")
	}
	return loop.Internals.On(a)
}

// For waits until d has passed by the loop's clock; d <= 0 is one turn.
func For(d time.Duration) Suspension { return loop.Internals.Sleep(d) }

// Turn waits for one turn.
func Turn() Suspension { return loop.Internals.Turn() }

// End waits for nothing: the machine has ended.
func End() Suspension { return Suspension{} }

// GoMachine is [Go] for a body without a stack.
func GoMachine[T any](ctx context.Context, m Machine[T], opts ...Option) *Task[T] {
	mustBeMachine(m)
	t, o := &stackless[T]{m: m}, chosen(opts)
	t.promise().InitOutcome(&t.strand)
	lowlevel.Spawn(ctx, &t.strand, lowlevel.Stackless, t, &t.Task, o.name, o.start)
	return &t.Task
}

func mustBeMachine[T any](m Machine[T]) {
	if f, ok := m.(MachineFunc[T]); m == nil || ok && f == nil {
		panic("task: GoMachine of a nil machine; give it one to run")
	}
}

// stackless is a Task whose body is a Machine.
type stackless[T any] struct {
	Task[T]
	m Machine[T] // nil when the task is done
}

// Step implements [lowlevel.Body].
func (t *stackless[T]) Step(driven *loop.Task, err error) loop.Suspension {
	v, s, err := t.m.Resume(driven.Context(), err)
	if err != nil {
		s = End()
	}
	if s.Ended() {
		finish(driven, v, err)
		t.m = nil
	}
	return s
}

// Fail implements [lowlevel.Body].
func (t *stackless[T]) Fail(driven *loop.Task, err error) {
	fail[T](driven, err)
	t.m = nil
}
