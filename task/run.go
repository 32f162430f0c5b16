package task

import (
	"context"
	"errors"
	"reflect"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Run makes a loop, runs main on it as a task named main, and returns its result.
// It is for the top of a program or a test; the loop lives only inside the call.
//
// When main ends, in whichever way, every task that is left is canceled, in order
// of creation, and awaited; what fails then goes to the error handler. Then the
// loop is closed: see [loop.Loop.Close].
//
// When ctx ends, main is canceled, with context.Cause(ctx) as the cause: with
// signal.NotifyContext, that is what Ctrl-C does; with context.AfterFunc(ctx, stop) besides,
// a second Ctrl-C ends the program, however long the rest takes. If main lets the
// cancellation through, the error matches [future.ErrCanceled] and the cause; if main lets
// another cancellation through, it does not match the cause. Values of ctx are inherited by
// main.
//
// A panic in main's own body goes on in Run, as a *[PanicError]; the panic of another
// task is an error that main may return. Run panics if ctx belongs to a loop. A runtime.Goexit, hence
// t.FailNow, in any task ends the goroutine that called Run, once every body has
// been unwound. Where every task waits for something that can no longer come, Run
// returns a [*loop.DeadlockError]; see [loop.Loop.Run] for when. If that happens when
// main has ended, while the others are awaited, Run returns main's value, and both errors
// as [errors.Join] makes them one; where main has panicked, the panic goes on, and the
// deadlock goes to the error handler. If a task stops the loop before main has ended, main
// is canceled as the others are, its failure goes to the error handler as theirs do, and
// Run returns an error that says so. asyncio: run.
func Run[T any](ctx context.Context, main func(context.Context) (T, error), opts ...loop.Option) (T, error) {
	if ctx == nil || main == nil {
		panic("task: Run with a nil context or of a nil main; context.Background() will do for the first")
	}
	if _, ok := loop.FromContext(ctx); ok {
		panic("task: Run inside a task would hold its loop up; call main(ctx) or use Go, or Run with loop.Outside(ctx) on another goroutine")
	}
	l := loop.New(opts...)
	defer l.Close()
	returned := false
	t := Go(l.Bind(ctx), func(ctx context.Context) (v T, err error) {
		v, err = main(ctx)
		returned = true
		return v, err
	}, Named("main"))
	t.OnDone(l.Stop)
	err := l.Run()
	byItself := t.Done()
	if byItself {
		_ = t.Err() // taken: Run hands it on
	}
	if err == nil {
		if !byItself {
			err = errors.New("task: the loop was stopped before main ended")
		}
		err = join(err, Shutdown(l))
	}
	if !t.Done() {
		var zero T
		return zero, err // Close reports what becomes of main
	}
	v, failure := t.Result()
	if p, ok := failure.(*PanicError); ok && !returned {
		if err != nil {
			lowlevel.Report(l, loop.Failure{Kind: loop.ShutdownFailed, Err: err})
		}
		p.Again()
	}
	if !byItself {
		return v, err // Shutdown has reported the failure
	}
	if t.Canceled() && endedBy(ctx, failure) {
		failure = &cutOff{failure, context.Cause(ctx)}
	}
	return v, join(failure, err)
}

// join is [errors.Join] that leaves a single error as it is.
func join(first, second error) error {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return errors.Join(first, second)
}

// cutOff is the error of a main that was canceled because Run's context ended. To
// the caller of Run, whose context that is, it is the cause as well.
type cutOff struct{ canceled, cause error }

func (e *cutOff) Error() string   { return e.canceled.Error() }
func (e *cutOff) Unwrap() []error { return []error{e.canceled, e.cause} }

// endedBy reports whether the cancellation err was asked for because ctx ended.
func endedBy(ctx context.Context, err error) bool {
	var e *loop.CanceledError
	if ctx.Err() == nil || !errors.As(err, &e) {
		return false
	}
	cause := context.Cause(ctx)
	kind := reflect.TypeOf(cause)
	return reflect.TypeOf(e.Cause) == kind && (!kind.Comparable() || e.Cause == cause)
}

// Shutdown is how [Run] ends a program, for hosts that drive a loop themselves:
// it cancels every unfinished task of l, in order of creation, runs the loop until
// they have ended, and hands the errors of those that fail to the error handler,
// as [loop.ShutdownFailed], also where it returns an error. Tasks spawned in the meantime are left to
// [loop.Loop.Close], which is the next thing to call. The error is that of
// [loop.Loop.Run]. A Stop by one of the tasks does not cut it short. It panics if the
// loop is running or closed.
func Shutdown(l *loop.Loop) error {
	if l == nil || l.Running() || l.Closed() {
		panic("task: Shutdown of a loop that is nil, running or closed; call it when Run has returned, and Close after it")
	}
	var left []future.Awaitable[any]
	var tasks []*loop.Task
	for t := range l.Tasks() {
		tasks = append(tasks, t)
		left = append(left, future.Untyped(t.Outcome().(future.Any)))
	}
	if len(tasks) == 0 {
		return nil
	}
	lowlevel.Sweep(l, func() {
		for _, t := range tasks {
			t.Cancel(nil)
		}
	})

	over := false
	Collect(left...).OnDone(func() {
		over = true
		l.Stop()
	})
	var err error
	for !over && err == nil {
		err = l.Run()
	}
	for i, f := range left {
		if !f.Done() {
			continue
		}
		if failure := f.Err(); failure != nil && !f.Canceled() {
			lowlevel.Report(l, loop.Failure{Kind: loop.ShutdownFailed, Task: tasks[i], Err: failure})
		}
	}
	return err
}
