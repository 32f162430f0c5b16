package loop_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// reportsThreadHeld makes an error handler that counts ThreadHeld failures. Any other failure fails the
// test.
func reportsThreadHeld(t *testing.T, times *int) loop.Option {
	return loop.WithErrorHandler(func(f loop.Failure) {
		if f.Kind == loop.ThreadHeld {
			*times++
		} else if f.Kind != loop.SlowStep {
			t.Errorf("%v: %v", f.Kind, f.Err)
		}
	})
}

// A task that is to start at once is queued if its maker has locked the thread. Otherwise the next step
// of the task ends the process.
func TestEagerTaskUnderALockOfTheThread(t *testing.T) {
	if runtime.GOARCH == "wasm" {
		return // there is one thread, and it cannot be locked
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
				t.Errorf("in a callback: ThreadHeld was reported %d times", held)
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
				t.Errorf("ThreadHeld was reported %d times", held)
			}
		})
	}
}

// In debug mode the loop finds the lock also if a stack is free. Without that, the step would end the
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
		t.Errorf("ThreadHeld was reported %d times", held)
	}
}

// The loop finds the lock also if the option of one task, and not the factory, starts the task at once.
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
		t.Errorf("ThreadHeld was reported %d times", held)
	}
}

// If the driver has locked its thread, first steps run at once.
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
				t.Errorf("ThreadHeld was reported %d times", held)
			}
		})
	}
}

// The loop finds the lock also if the first task that starts at once is made when the loop is already
// running.
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
		t.Errorf("ThreadHeld was reported %d times", held)
	}
}
