package loop_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// reportsThreadHeld makes the error handler count, and expect nothing else.
func reportsThreadHeld(t *testing.T, times *int) loop.Option {
	return loop.WithErrorHandler(func(f loop.Failure) {
		if f.Kind == loop.ThreadHeld {
			*times++
		} else if f.Kind != loop.SlowStep {
			t.Errorf("%v: %v", f.Kind, f.Err)
		}
	})
}

// A task that is to start at once is queued where its maker holds its thread for a moment.
// Otherwise the next step of the task ends the process.
func TestEagerTaskUnderALockOfTheThread(t *testing.T) {
	if runtime.GOARCH == "wasm" {
		return // there is one thread, and no lock of it
	}
	for name, opts := range map[string][]loop.Option{"plain": nil, "debug": {loop.WithDebug()}} {
		t.Run(name, func(t *testing.T) {
			held := 0
			l := newLoop(t, append(opts, reportsThreadHeld(t, &held), loop.WithTaskFactory((*loop.Task).StepNow))...)
			var log looptest.Journal
			body := func(who string) func(context.Context) error {
				return func(ctx context.Context) error { log.Add("%s", who); return task.Yield(ctx) }
			}
			l.CallSoon(func() {
				runtime.LockOSThread()
				spawn(l.Context(), "", body("of a callback"))
				runtime.UnlockOSThread()
			})
			run(t, l)
			log.Want(t, "of a callback")
			if held != 1 {
				t.Errorf("a callback: told %d times", held)
			}
		})
		t.Run(name+", body", func(t *testing.T) {
			held := 0
			l := newLoop(t, append(opts, reportsThreadHeld(t, &held), loop.WithTaskFactory((*loop.Task).StepNow))...)
			var log looptest.Journal
			spawn(l.Context(), "maker", func(ctx context.Context) error {
				runtime.LockOSThread()
				child := spawn(ctx, "child", func(ctx context.Context) error { log.Add("child"); return task.Yield(ctx) })
				script(ctx, "machine", func(context.Context, error) (task.Suspension, error) { log.Add("machine"); return task.Turn(), nil })
				log.Add("maker")
				runtime.UnlockOSThread()
				err := child.Wait(ctx)
				log.Add("maker, when it is done")
				spawn(ctx, "without a lock", func(ctx context.Context) error { log.Add("at once"); return task.Yield(ctx) })
				log.Add("after")
				return err
			})
			run(t, l)
			log.Want(t, "machine", "maker", "child", "maker, when it is done", "at once", "after")
			if held != 1 {
				t.Errorf("told %d times", held)
			}
		})
	}
}

// In debug mode that is found also where a stack is free, and the step would end the
// process at once.
func TestEagerTaskUnderALockWithAFreeStack(t *testing.T) {
	if runtime.GOARCH == "wasm" {
		return
	}
	held := 0
	l := newLoop(t, loop.WithDebug(), reportsThreadHeld(t, &held), loop.WithTaskFactory((*loop.Task).StepNow))
	spawn(l.Context(), "leaves its stack", task.Yield)
	run(t, l)
	l.CallSoon(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		spawn(l.Context(), "", task.Yield)
	})
	run(t, l)
	if held != 1 {
		t.Errorf("told %d times", held)
	}
}

// That a task is made to start at once counts as much as a factory that starts all so.
func TestTaskAtOnceUnderALockOfTheThread(t *testing.T) {
	if runtime.GOARCH == "wasm" {
		return
	}
	held := 0
	l := newLoop(t, reportsThreadHeld(t, &held))
	atOnce := func(ctx context.Context) {
		task.Go(ctx, func(ctx context.Context) (none, error) { return none{}, task.Yield(ctx) }, task.Eager())
	}
	l.CallSoon(func() { atOnce(l.Context()) })
	run(t, l)
	spawn(l.Context(), "maker", func(ctx context.Context) error {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		atOnce(ctx)
		return nil
	})
	run(t, l)
	if held != 1 {
		t.Errorf("told %d times", held)
	}
}

// A driver that has locked its thread has first steps made at once.
func TestEagerTasksOfALockedDriver(t *testing.T) {
	for _, opts := range [][]loop.Option{nil, {loop.WithDebug()}} {
		inGoroutine(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			held := 0
			l := loop.New(append(opts, reportsThreadHeld(t, &held), loop.WithTaskFactory((*loop.Task).StepNow))...)
			defer l.Close()
			var log looptest.Journal
			spawn(l.Context(), "maker", func(ctx context.Context) error {
				child := spawn(ctx, "child", func(ctx context.Context) error { log.Add("child"); return task.Yield(ctx) })
				log.Add("maker")
				return child.Wait(ctx)
			})
			l.RunUntilIdle()
			log.Want(t, "child", "maker")
			if held != 0 {
				t.Errorf("told %d times", held)
			}
		})
	}
}

// It is found out also where the first task that is to start at once is made while the loop
// runs already.
func TestEagerOptionUnderALockOfTheThread(t *testing.T) {
	if runtime.GOARCH == "wasm" {
		return
	}
	held := 0
	l := newLoop(t, reportsThreadHeld(t, &held))
	spawn(l.Context(), "maker", func(ctx context.Context) error {
		runtime.LockOSThread()
		child := task.Go(ctx, func(ctx context.Context) (none, error) { return none{}, task.Yield(ctx) }, task.Eager())
		runtime.UnlockOSThread()
		return child.Wait(ctx)
	})
	run(t, l)
	if held != 1 {
		t.Errorf("told %d times", held)
	}
}
