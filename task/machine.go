package task

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A Machine is the body of a task that has no stack. It is a state machine: its fields hold the
// data that an ordinary body keeps in local variables. A suspended machine takes a few hundred
// bytes and no goroutine. Everything else (cancellation, gathers, groups, limits) is the same for
// both kinds of bodies.
//
// Resume runs the machine from its last suspension to its next one. It returns a [Suspension],
// which says when the loop calls Resume again: [On] waits for a future or task, [For] sleeps, and
// [Turn] waits for one turn. If Resume returns [End], the machine has ended, and the first result
// is the result of the task. If Resume returns an error, the task ends with that error, whatever
// the Suspension is.
//
// The parameter err is the error that an await would have returned in an ordinary body. It is nil
// in the first call. Later it is the error of the awaited future if that future has failed, or a
// cancellation, which Resume may handle or return. To get the value of the awaited future, call its
// Result. Waiting for a future that is done does not suspend: the loop calls Resume again at once.
//
// Resume must not await with ctx; that panics. It may make tasks, cancel tasks and complete
// futures.
type Machine[T any] interface {
	Resume(ctx context.Context, err error) (T, Suspension, error)
}

// A MachineFunc is a function that is a [Machine]. It keeps its state in captured variables.
type MachineFunc[T any] func(ctx context.Context, err error) (T, Suspension, error)

// Resume calls f.
func (f MachineFunc[T]) Resume(ctx context.Context, err error) (T, Suspension, error) {
	return f(ctx, err)
}

// A Suspension describes the event that a [Machine] waits for. [On], [For], [Turn] and [End] make
// one.
type Suspension = loop.Suspension

// On waits until a future or task is done. It allocates nothing. It panics if a is nil.
func On(a loop.Awaitable) Suspension {
	if a == nil {
		panic("task: On(nil); give it a future or task, or use Turn to wait for one turn")
	}
	return loop.Internals.On(a)
}

// For waits until d has passed by the loop's clock. If d <= 0, it waits for one turn.
func For(d time.Duration) Suspension { return loop.Internals.Sleep(d) }

// Turn waits for one turn.
func Turn() Suspension { return loop.Internals.Turn() }

// End waits for nothing: the machine has ended.
func End() Suspension { return Suspension{} }

// GoMachine is [Go] for a [Machine]: it makes a task that has no stack. The compiler finds T and M from
// m. If M is a pointer or a function, the task takes no further memory for m.
func GoMachine[T any, M Machine[T]](ctx context.Context, m M, opts ...Option) *Task[T] {
	mustBeMachine[T](m)
	t, o := new(Task[T]), chosen(opts)
	t.promise().InitOutcome(&t.strand)
	lowlevel.Spawn(ctx, &t.strand, lowlevel.Stackless, stackless[T, M]{m}, t, o.name, o.start)
	return t
}

func mustBeMachine[T any](m Machine[T]) {
	if f, ok := m.(MachineFunc[T]); m == nil || ok && f == nil {
		panic("task: GoMachine of a nil machine; give it one to run")
	}
}

// stackless is the body of a task that is a machine. If M is a pointer or a function, an interface
// holds a stackless without an allocation.
type stackless[T any, M Machine[T]] struct{ m M }

// Step implements [lowlevel.Body].
func (b stackless[T, M]) Step(t *loop.Task, err error) loop.Suspension {
	v, s, err := b.m.Resume(t.Context(), err)
	if err != nil {
		s = End()
	}
	if s.Ended() {
		finish(taskOf[T](t), v, err)
	}
	return s
}

// Fail implements [lowlevel.Body].
func (b stackless[T, M]) Fail(t *loop.Task, err error) { fail[T](t, err) }
