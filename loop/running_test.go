package loop_test

import (
	"context"
	"iter"
	"testing"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// inEveryMode runs test with a loop in each mode that has stacks of its own kind.
func inEveryMode(t *testing.T, test func(t *testing.T, opts ...loop.Option)) {
	t.Run("plain", func(t *testing.T) { test(t) })
	t.Run("eager", func(t *testing.T) { test(t, loop.WithTaskFactory(factory.Eager)) })
	t.Run("debug", func(t *testing.T) { test(t, loop.WithDebug()) })
	t.Run("with the stacks of an earlier loop", func(t *testing.T) {
		spare := new(lowlevel.Spare)
		t.Cleanup(spare.End)
		l := loop.New(lowlevel.WithSpare(spare))
		for range 5 {
			task.Go(l.Context(), func(ctx context.Context) (none, error) { return none{}, task.Yield(ctx) })
		}
		l.RunUntilIdle()
		l.Close()
		test(t, lowlevel.WithSpare(spare))
	})
}

// Running returns the task in which it is called, at any depth, also while the body is unwound.
func TestRunningInATask(t *testing.T) {
	inEveryMode(t, func(t *testing.T, opts ...loop.Option) {
		l := newLoop(t, opts...)
		calls := 0
		var body func(ctx context.Context, depth int) error
		body = func(ctx context.Context, depth int) (err error) {
			me := lowlevel.Current(ctx)
			same := func() {
				calls++
				if got := lowlevel.Running(l, "Test"); got != me {
					t.Errorf("Running in %v returns %v", me, got)
				}
			}
			same()
			if depth > 0 {
				child := task.Go(ctx, func(ctx context.Context) (none, error) { return none{}, body(ctx, depth-1) })
				same()
				defer same()
				_ = child.Wait(ctx)
			}
			defer same()
			for range iter.Seq[int](func(yield func(int) bool) { yield(1) }) {
				next, stop := iter.Pull(func(yield func(int) bool) { same(); yield(1) })
				next()
				stop()
			}
			return task.Sleep(ctx, task.NoLimit)
		}
		task.Go(l.Context(), func(ctx context.Context) (none, error) { return none{}, body(ctx, 3) })
		l.RunUntilIdle()
		l.Close()
		if want := 4*2 + 3*2 + 4; calls != want {
			t.Errorf("%d calls, want %d", calls, want)
		}
	})
}

// Another goroutine may drive the loop each time, and close it. Stackless bodies run on that goroutine.
func TestRunningWithSeveralDrivers(t *testing.T) {
	inEveryMode(t, func(t *testing.T, opts ...loop.Option) {
		l := newLoop(t, opts...)
		calls := 0
		task.GoMachine(l.Context(), task.MachineFunc[none](func(ctx context.Context, err error) (none, task.Suspension, error) {
			if got := lowlevel.Running(l, "Test"); got != lowlevel.Current(ctx) {
				t.Errorf("Running returns %v", got)
			}
			calls++ // unless Running has panicked
			if err != nil {
				return none{}, task.End(), err
			}
			return none{}, task.Turn(), nil
		}))
		drive := make(chan func())
		done := make(chan none)
		for range 3 { // goroutines that live at the same time, so that each has an identity of its own
			go func() {
				(<-drive)()
				done <- none{}
			}()
		}
		for _, f := range []func(){func() { l.RunOnce() }, func() { l.RunOnce() }, l.Close} {
			drive <- f
			<-done
		}
		if calls != 3 {
			t.Errorf("%d calls, want 3", calls)
		}
	})
}

// Everywhere else Running panics, and says what to do.
func TestRunningOutsideOfATask(t *testing.T) {
	const what = "loop: Test suspends the running task, and "
	inEveryMode(t, func(t *testing.T, opts ...loop.Option) {
		l := newLoop(t, opts...)
		wants := func(why string) { mustPanic(t, what+why, func() { lowlevel.Running(l, "Test") }) }
		here := func() { lowlevel.CheckHere(l, "Test") }
		here()
		l.CallSoon(here)
		wants("its loop is not running; call it in the body of a task")
		l.CallSoon(func() { wants("a callback cannot do that: spawn a task") })
		l.RunUntilIdle()
		task.Go(l.Context(), func(ctx context.Context) (none, error) {
			inGoroutine(func() { wants("another goroutine than the loop's cannot do that: use task.Submit") })
			here()
			inGoroutine(func() { mustPanic(t, "loop: Test from another goroutine than the loop's; use Post", here) })
			l.CallSoon(func() { wants("a callback cannot do that") }) // runs on the stack of this body
			return none{}, task.Yield(ctx)
		})
		l.RunUntilIdle()
		l.Close()
		wants("its loop is not running")
	})
}
