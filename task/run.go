package task

import (
	"context"
	"errors"
	"reflect"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Run makes a loop, runs main on it as a task named main, and returns the result of main. It is
// for the top of a program or a test: the loop lives only inside the call.
//
// When main has ended, Run cancels every unfinished task, in order of creation, and waits until
// these tasks have ended. If one of them fails, Run reports its error to the error handler. Then it
// closes the loop: see [loop.Loop.Close].
//
// main inherits the values of ctx. When ctx ends, Run cancels main, with context.Cause(ctx) as the
// cause. For example, Ctrl-C cancels main if ctx and stop come from signal.NotifyContext. If the
// program also calls context.AfterFunc(ctx, stop), a second Ctrl-C ends the program, even if main
// is still cleaning up. If main lets this cancellation through, the error of Run matches
// [future.ErrCanceled] and the cause. If main lets another cancellation through, the error does not
// match that cancellation's cause.
//
// If main panics, Run panics with a *[PanicError]. The panic of another task becomes an error of
// that task, which main may return. A runtime.Goexit in any task, for example by t.FailNow, unwinds
// every body, and then ends the goroutine that called Run.
//
// If nothing can wake the unfinished tasks, Run returns a [*loop.DeadlockError]; [loop.Loop.Run]
// says exactly when. This may happen after main has ended, while Run waits for the other tasks.
// Then Run returns the value of main, and joins the error of main and the DeadlockError by
// [errors.Join]. If main has panicked, Run panics, and reports the DeadlockError to the error
// handler.
//
// If a task stops the loop before main has ended, Run cancels main and the other tasks, reports
// their failures to the error handler, and returns an error: the loop was stopped before main
// ended.
//
// Run panics if ctx belongs to a loop. asyncio: run.
func Run[T any](ctx context.Context, main func(context.Context) (T, error), opts ...loop.Option) (T, error) {
	if ctx == nil || main == nil {
		panic("task: Run with a nil context or a nil main; give it context.Background() and a function to run")
	}
	if _, ok := loop.FromContext(ctx); ok {
		panic("task: Run inside a task would hold up the task's loop; call main(ctx), use Go, or call Run with loop.Outside(ctx) on another goroutine")
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
		_ = t.Err() // takes the error, since Run returns it
	}
	if err == nil {
		if !byItself {
			err = errors.New("task: the loop was stopped before main ended")
		}
		err = join(err, Shutdown(l))
	}
	if !t.Done() {
		var zero T
		return zero, err // Close reports the failure of main
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

// join is [errors.Join], but returns a single error unchanged.
func join(first, second error) error {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return errors.Join(first, second)
}

// cutOff is the error of Run if main was canceled because the context of Run ended. The error also
// matches the cause, since the caller of Run made that context.
type cutOff struct{ canceled, cause error }

func (e *cutOff) Error() string   { return e.canceled.Error() }
func (e *cutOff) Unwrap() []error { return []error{e.canceled, e.cause} }

// endedBy reports whether err is a cancellation that was requested because ctx ended.
func endedBy(ctx context.Context, err error) bool {
	var e *loop.CanceledError
	if ctx.Err() == nil || !errors.As(err, &e) {
		return false
	}
	cause := context.Cause(ctx)
	kind := reflect.TypeOf(cause)
	return reflect.TypeOf(e.Cause) == kind && (!kind.Comparable() || e.Cause == cause)
}

// Shutdown ends the tasks of a loop, as [Run] does at the end of a program. It is for hosts that
// drive a loop themselves. Call [loop.Loop.Close] after it.
//
// Shutdown cancels every unfinished task of l, in order of creation, and runs the loop until these
// tasks have ended. If one of them fails, Shutdown reports its error to the error handler, as a
// [loop.ShutdownFailed], even if Shutdown itself returns an error. If a task is made meanwhile,
// Shutdown does not cancel it: Close will end it. If a task calls Stop, Shutdown nevertheless goes
// on.
//
// The error is the error of [loop.Loop.Run]. Shutdown panics if l is nil, running or closed.
func Shutdown(l *loop.Loop) error {
	if l == nil || l.Running() || l.Closed() {
		panic("task: Shutdown of a loop that is nil, running or closed; call it after the loop's Run has returned, and call Close after it")
	}
	return shutdown(l, func() bool { return false })
}

// shutdown is Shutdown, until giveUp reports true: l is stopped then.
func shutdown(l *loop.Loop, giveUp func() bool) error {
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
	for !over && err == nil && !giveUp() {
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
