package loop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"
	"weak"

	"go.uber.org/goleak"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// newSpare makes a Spare. At the end of the test it ends the stacks, and checks that no goroutine is left.
func newSpare(t *testing.T) *lowlevel.Spare {
	s := new(lowlevel.Spare)
	t.Cleanup(func() {
		s.End()
		goleak.VerifyNone(t, goleak.IgnoreAnyFunction("runtime.handleEvent")) // a goroutine of the runtime on js
	})
	return s
}

// crowded makes a loop with s, and runs n tasks on it that are all suspended at the same time.
func crowded(t *testing.T, s *lowlevel.Spare, n int, opts ...loop.Option) *loop.Loop {
	t.Helper()
	l := newLoop(t, append(opts, lowlevel.WithSpare(s))...)
	for range n {
		spawn(l.Context(), "", task.Yield)
	}
	run(t, l)
	return l
}

// wantStacks checks how many stacks s has.
func wantStacks(t *testing.T, what string, s *lowlevel.Spare, want int) {
	t.Helper()
	l := loop.New(lowlevel.WithSpare(s))
	if got := l.Stats().Stacks; got != want {
		t.Errorf("%s: the spare has %d stacks, want %d", what, got, want)
	}
	l.Close()
}

// The next loop runs its bodies on the stacks of the last one, and leaves them again.
func TestSpareKeepsStacks(t *testing.T) {
	s := newSpare(t)
	wantStacks(t, "in the beginning", s, 0)
	most := 0
	for _, n := range []int{3, 2, 4, 0, 1} {
		crowded(t, s, n).Close()
		most = max(most, n)
		wantStacks(t, fmt.Sprintf("after a loop with %d tasks, and %d tasks at most", n, most), s, most)
	}
	s.End()
	wantStacks(t, "after End", s, 0)
	crowded(t, s, 2).Close()
	wantStacks(t, "after End and another loop", s, 2)
}

// However the bodies of a loop have ended, the next loop with the Spare behaves like a new one.
func TestSpareAfterEveryKindOfEnd(t *testing.T) {
	suspended := func(ctx context.Context) error { return future.New[none](ctx).Wait(ctx) }
	eager := loop.WithTaskFactory((*loop.Task).StepNow)
	nested := func(end func()) func(ctx context.Context) error { // end is called in an eager first step, on top of two others
		return func(ctx context.Context) error {
			spawn(ctx, "", func(ctx context.Context) error {
				spawn(ctx, "", func(context.Context) error { end(); return nil })
				return task.Yield(ctx)
			})
			return task.Yield(ctx)
		}
	}
	var log, events looptest.Journal
	t.Run("on a new loop", func(t *testing.T) { log, events = mixed(t) })
	for what, c := range map[string]struct {
		body func(ctx context.Context) error
		opts []loop.Option
	}{
		"return":            {task.Yield, nil},
		"error":             {func(context.Context) error { return io.EOF }, nil},
		"panic":             {func(context.Context) error { panic(io.EOF) }, nil},
		"panic when eager":  {nested(func() { panic(io.EOF) }), []loop.Option{eager}},
		"Goexit":            {func(context.Context) error { runtime.Goexit(); return nil }, nil},
		"Goexit when eager": {nested(runtime.Goexit), []loop.Option{eager}},
		"suspended":         {suspended, nil},
		"stuck": {func(ctx context.Context) error {
			for {
				_ = suspended(ctx)
			}
		}, nil},
		"panic in Close":  {func(ctx context.Context) error { _ = suspended(ctx); panic(io.EOF) }, nil},
		"Goexit in Close": {func(ctx context.Context) error { _ = suspended(ctx); runtime.Goexit(); return nil }, nil},
		"asleep":          {func(ctx context.Context) error { return task.Sleep(ctx, time.Minute) }, nil},
		"Goexit in a callback": {func(ctx context.Context) error {
			lowlevel.LoopOf(ctx).CallSoon(runtime.Goexit)
			return suspended(ctx)
		}, nil},
		"Goexit in an observer": {task.Yield, []loop.Option{loop.WithObserver(func(e loop.Event) {
			if e.Kind == loop.TaskSuspended {
				runtime.Goexit()
			}
		})}},
		"Goexit in a policy": {task.Yield, []loop.Option{lowlevel.WithPolicy(&picks{pick: func([]*loop.Task, bool) int { runtime.Goexit(); return 0 }}, false)}},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSpare(t)
			for range 2 {
				inGoroutine(func() {
					l := loop.New(append(c.opts, loop.WithVirtualTime(), lowlevel.WithSpare(s), loop.WithErrorHandler(func(loop.Failure) {}))...)
					defer l.Close()
					for range 3 {
						spawn(l.Context(), "", c.body)
					}
					l.CallLater(time.Second, func() {})
					l.RunUntilIdle()
				})
				t.Run("the next loop", func(t *testing.T) { // closes the loop at its end
					sameLog, sameEvents := mixed(t, lowlevel.WithSpare(s))
					sameLog.Want(t, log...)
					sameEvents.Want(t, events...)
				})
			}
		})
	}
}

// What belongs to a closed loop does not reach the next one.
func TestSpareKeepsLoopsApart(t *testing.T) {
	s := newSpare(t)
	old := crowded(t, s, 2)
	ctx, cancel := context.WithCancel(old.Bind(context.Background()))
	defer cancel()
	f := future.New[none](old.Context())
	soon, later := old.CallSoon(func() { t.Error("a callback of the old loop ran") }), old.CallLater(time.Second, func() { t.Error("a timer of the old loop fired") })
	waiter := spawn(ctx, "waiter", f.Wait)
	release := old.Hold()
	old.Close()

	var log looptest.Journal
	l := newLoop(t, lowlevel.WithSpare(s))
	l.CallSoon(log.Callback("soon"))
	l.CallLater(time.Second, log.Callback("later"))
	spawn(l.Context(), "sleeps", func(ctx context.Context) error {
		log.Add("sleeps")
		return task.Sleep(ctx, time.Second)
	})
	if soon.Cancel() || later.Cancel() || waiter.Cancel(nil) {
		t.Error("a handle or task of the closed loop could be canceled")
	}
	if err := old.Post(func() { t.Error("a post to the closed loop ran") }); !errors.Is(err, loop.ErrClosed) {
		t.Errorf("Post to the closed loop returned %v", err)
	}
	_ = f.SetResult(none{})
	mustPanic(t, "is closed", func() { spawn(old.Context(), "late", task.Yield) })
	cancel()
	release()
	if _, armed := old.NextDeadline(); armed || old.Stats().Ready+old.Stats().Stacks+old.Stats().Tasks != 0 {
		t.Errorf("the closed loop has something of the new loop: %+v", old.Stats())
	}
	old.Close()
	run(t, l)
	log.Want(t, "soon", "sleeps", "later")
	if l.Elapsed() != time.Second {
		t.Errorf("the loop ran for %v", l.Elapsed())
	}
}

// A loop in debug mode neither takes stacks nor leaves any.
func TestSpareAndDebugMode(t *testing.T) {
	s := newSpare(t)
	crowded(t, s, 3).Close()
	l := crowded(t, s, 5, loop.WithDebug())
	wantStacks(t, "while a loop in debug mode is open", s, 3)
	l.Close()
	wantStacks(t, "after a loop in debug mode", s, 3)
}

// The goroutines of a loop with profiler labels do not go to other loops, where these labels would be wrong.
func TestSpareTakesNoLabeledStacks(t *testing.T) {
	s := newSpare(t)
	l := newLoop(t, lowlevel.WithSpare(s))
	spawn(l.Context(), "labeled", func(ctx context.Context) (err error) {
		pprof.Do(ctx, pprof.Labels("a", "b"), func(ctx context.Context) { err = task.Yield(ctx) })
		return err
	})
	run(t, l)
	l.Close()
	wantStacks(t, "after a loop with labels", s, 0)
}

func TestSpareIsForOneLoopAtATime(t *testing.T) {
	s := newSpare(t)
	l := crowded(t, s, 1)
	mustPanic(t, "loop: New with a Spare that another loop uses; close that loop first", func() { loop.New(lowlevel.WithSpare(s)) })
	mustPanic(t, "loop: End of a Spare that a loop uses; close the loop first", s.End)
	spawn(l.Context(), "opens another loop", func(ctx context.Context) error {
		mustPanic(t, "another loop uses", func() { loop.New(lowlevel.WithSpare(s)) })
		return nil
	})
	run(t, l)
	l.Close()
	crowded(t, s, 1).Close()
	mustPanic(t, "loop: WithSpare(nil)", func() { lowlevel.WithSpare(nil) })
	new(lowlevel.Spare).End() // has nothing
}

// The error handler may be called when the loop is closed, and may make the next loop.
func TestSpareInTheErrorHandler(t *testing.T) {
	s := newSpare(t)
	handled := 0
	l := loop.New(loop.WithVirtualTime(), lowlevel.WithSpare(s), loop.WithErrorHandler(func(f loop.Failure) {
		handled++
		crowded(t, s, 2).Close()
	}))
	spawn(l.Context(), "fails", func(context.Context) error { return io.EOF })
	run(t, l)
	l.Close()
	if handled != 1 {
		t.Errorf("the error handler was called %d times", handled)
	}
}

// A Spare keeps no closed loop in memory, and nothing that its bodies used.
func TestSpareKeepsNoLoopInMemory(t *testing.T) {
	s := newSpare(t)
	var closed weak.Pointer[loop.Loop]
	func() {
		l := loop.New(loop.WithVirtualTime(), lowlevel.WithSpare(s), lowlevel.WithPolicy(&picks{pick: first}, true))
		closed = weak.Make(l)
		for range 3 {
			spawn(l.Context(), "", func(ctx context.Context) error { _ = task.Sleep(ctx, 1); return task.Yield(ctx) })
		}
		l.CallLater(time.Hour, func() {})
		l.CallSoon(l.Stop)
		run(t, l)
		l.Close()
	}()
	runtime.GC()
	if closed.Value() != nil {
		t.Error("the closed loop is still in memory")
	}
}
