package loop_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

func TestCloseUnwindsInOrderOfCreation(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	f := future.New[int](l.Context())
	body := func(name string, await func(context.Context) error) *task.Task[none] {
		return spawn(l.Context(), name, func(ctx context.Context) error {
			defer log.Add("%s: deferred", name)
			err := await(ctx)
			log.Add("%s: %v", name, err)
			return err
		})
	}
	all := []*task.Task[none]{
		body("sleeps", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) }),
		script(l.Context(), "machine",
			func(context.Context, error) (task.Suspension, error) { return task.On(f), nil },
			func(_ context.Context, err error) (task.Suspension, error) {
				log.Add("machine: %v", err)
				return task.End(), err
			}),
		body("waits", f.Wait),
		body("yields", func(ctx context.Context) error {
			for {
				if err := task.Yield(ctx); err != nil {
					return err
				}
			}
		}),
	}
	l.RunOnce()
	all = append(all, spawn(l.Context(), "queued", func(context.Context) error {
		t.Error("a task ran, although it had not started before Close")
		return nil
	}))
	l.Close()
	log.Want(t, "sleeps: canceled: loop: closed", "sleeps: deferred",
		"machine: canceled: loop: closed",
		"waits: canceled: loop: closed", "waits: deferred",
		"yields: canceled: loop: closed", "yields: deferred")
	for _, x := range all {
		if !x.Canceled() || causeOf(x.Err()) != loop.ErrClosed || !x.Task().Done() {
			t.Errorf("%s ended with %v", x.Name(), x.Err())
		}
		if x.Cancel(nil) {
			t.Errorf("%s has ended, and its Cancel returned true", x.Name())
		}
	}
	if f.Done() {
		t.Error("Close canceled the future that the tasks await")
	}
}

func TestAwaitsFailAtOnceWhileUnwinding(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	done := future.New[int](l.Context())
	_ = done.SetResult(7)
	spawn(l.Context(), "x", func(ctx context.Context) error {
		defer func() {
			derived, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			for _, err := range []error{
				task.Sleep(ctx, time.Hour),
				task.Yield(ctx),
				future.New[int](ctx).Wait(ctx),
				task.Sleep(derived, time.Hour),
				task.Sleep(context.WithoutCancel(ctx), time.Hour),
			} {
				log.Add("%v", err)
				if causeOf(err) != loop.ErrClosed || !errors.Is(err, future.ErrCanceled) {
					t.Errorf("the cause is %v", causeOf(err))
				}
			}
			v, err := done.Await(ctx) // does not suspend, so it does not fail
			log.Add("%d, %v, Err %v, Cause %v", v, err, ctx.Err(), context.Cause(ctx))
		}()
		return task.Sleep(ctx, time.Hour)
	})
	l.RunUntilIdle()
	l.Close()
	const closed = "canceled: loop: closed"
	log.Want(t, closed, closed, closed, closed, closed, "7, <nil>, Err context canceled, Cause "+closed)
}

// stubborn tries n awaits, and ignores their errors.
func stubborn(n int, await func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for range n {
			if err := await(ctx); err == nil {
				return errors.New("an await succeeded")
			}
		}
		return nil
	}
}

// Close ends a body that goes on awaiting by force, and reports it.
func TestStuckBodies(t *testing.T) {
	sleep := func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) }
	derived := func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		return task.Sleep(ctx, time.Hour)
	}
	for name, start := range map[string]func(ctx context.Context) *task.Task[none]{
		"stackful":         func(ctx context.Context) *task.Task[none] { return spawn(ctx, "x", stubborn(5000, sleep)) },
		"under WithCancel": func(ctx context.Context) *task.Task[none] { return spawn(ctx, "x", stubborn(5000, derived)) },
		"in its deferred call": func(ctx context.Context) *task.Task[none] {
			return spawn(ctx, "x", func(ctx context.Context) error {
				defer func() { _ = stubborn(5000, sleep)(ctx) }()
				return sleep(ctx)
			})
		},
		"stackless": func(ctx context.Context) *task.Task[none] {
			steps := make([]step, 5000)
			for i := range steps {
				steps[i] = func(context.Context, error) (task.Suspension, error) { return task.For(time.Hour), nil }
			}
			return script(ctx, "x", steps...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var failures []loop.Failure
			l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { failures = append(failures, f) }))
			x := start(l.Context())
			next := spawn(l.Context(), "next", sleep)
			l.RunUntilIdle()
			l.Close()
			if len(failures) != 1 || failures[0].Kind != loop.TaskStuck || failures[0].Task != x.Task() {
				t.Fatalf("failures: %+v", failures)
			}
			const want = "the body went on awaiting after 1000 refusals; it must return when an await fails"
			if got := failures[0].Err.Error(); got != want {
				t.Errorf("%s", got)
			}
			for _, x := range []*task.Task[none]{x, next} {
				if causeOf(x.Err()) != loop.ErrClosed {
					t.Errorf("%s ended with %v", x.Name(), x.Err())
				}
			}
		})
	}
}

func TestAThousandRefusalsAreBearable(t *testing.T) {
	l := newLoop(t)
	x := spawn(l.Context(), "x", stubborn(1000, func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) }))
	l.RunUntilIdle()
	l.Close()
	if x.Err() != nil {
		t.Errorf("ended with %v", x.Err())
	}
}

// A body may return a value or any error, also while the loop is being closed.
func TestBodiesDecideHowTheyEndWhenUnwound(t *testing.T) {
	var log looptest.Journal
	l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { log.Add("%v, %v: %v", f.Kind, f.Task, f.Err) }))
	end := func(name string, with func() error) *task.Task[none] {
		return spawn(l.Context(), name, func(ctx context.Context) error {
			_ = task.Sleep(ctx, time.Hour)
			return with()
		})
	}
	value := end("value", func() error { return nil })
	failure := end("error", func() error { return io.EOF })
	panics := end("panic", func() error { panic("oh") })
	last := end("last", func() error { return nil })
	l.RunUntilIdle()
	l.Close()
	log.Want(t, `a task failed and its error was never retrieved, task "error": EOF`,
		`a task failed and its error was never retrieved, task "panic": panic in task "panic": oh`)
	if value.Err() != nil || failure.Err() != io.EOF || last.Err() != nil {
		t.Errorf("value %v, error %v, last %v", value.Err(), failure.Err(), last.Err())
	}
	if p := (*loop.PanicError)(nil); !errors.As(panics.Err(), &p) || p.Task != "panic" {
		t.Errorf("panic: %v", panics.Err())
	}
}

func TestTasksSpawnedWhileUnwindingNeverRun(t *testing.T) {
	for name, factory := range map[string]loop.TaskFactory{"lazy": (*loop.Task).Enqueue, "eager": eager} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t, loop.WithTaskFactory(factory))
			var children []*task.Task[none]
			spawn(l.Context(), "x", func(ctx context.Context) error {
				defer func() {
					for range 3 {
						child := spawn(ctx, "child", func(context.Context) error { t.Error("the task ran"); return nil })
						children = append(children, child)
						if err := child.Wait(ctx); causeOf(err) != loop.ErrClosed {
							t.Errorf("the await ended with %v", err)
						}
					}
				}()
				return task.Sleep(ctx, time.Hour)
			})
			l.RunUntilIdle()
			l.Close()
			if len(children) != 3 {
				t.Fatalf("%d children", len(children))
			}
			for _, child := range children {
				if causeOf(child.Err()) != loop.ErrClosed {
					t.Errorf("a child ended with %v", child.Err())
				}
			}
		})
	}
}

// Deferred calls may use the loop. The callbacks that they schedule are dropped.
func TestCallbacksAreDroppedByClose(t *testing.T) {
	l := newLoop(t)
	ran := func() { t.Error("a callback ran on a loop that was closed") }
	l.CallSoon(ran)
	l.CallLater(time.Second, ran)
	x := spawn(l.Context(), "x", func(ctx context.Context) error {
		defer func() {
			l.CallSoon(ran)
			l.CallLater(-1, ran).Cancel()
			if err := l.Post(ran); err != loop.ErrClosed {
				t.Errorf("Post while closing = %v", err)
			}
		}()
		return task.Sleep(ctx, time.Hour)
	})
	x.OnDone(ran)
	l.Stop()
	other := loop.New(loop.WithVirtualTime())
	defer other.Close()
	l.Close()
	l.Close()
	run(t, other)
}

func TestCloseOfALoopThatNeverRan(t *testing.T) {
	l := newLoop(t)
	x := spawn(l.Context(), "x", func(context.Context) error { t.Error("the task ran"); return nil })
	l.Close()
	if causeOf(x.Err()) != loop.ErrClosed {
		t.Errorf("the task ended with %v", x.Err())
	}
	loop.New().Close()
}

func TestCloseOnAnotherGoroutineThanRun(t *testing.T) {
	l := newLoop(t)
	ended := false
	spawn(l.Context(), "x", func(ctx context.Context) error {
		defer func() { ended = true }()
		return task.Sleep(ctx, time.Hour)
	})
	inGoroutine(l.RunUntilIdle)
	if !inGoroutine(l.Close) || !ended {
		t.Error("the body was not unwound")
	}
}

func TestCloseWhileRunning(t *testing.T) {
	l := newLoop(t)
	const want = "loop: Close on a loop that is running; call Stop, and Close when Run has returned"
	l.CallSoon(func() { mustPanic(t, want, l.Close) })
	spawn(l.Context(), "x", func(ctx context.Context) error {
		mustPanic(t, want, l.Close)
		return task.Yield(ctx)
	})
	run(t, l)
}

func TestUseWhileUnwinding(t *testing.T) {
	l := newLoop(t)
	checked := false
	spawn(l.Context(), "x", func(ctx context.Context) error {
		defer func() {
			mustPanic(t, "loop: Close called by a body that Close is unwinding", l.Close)
			mustPanic(t, "loop: Run on a loop that is closed", func() { _ = l.Run() })
			checked = true
		}()
		return task.Sleep(ctx, time.Hour)
	})
	l.RunUntilIdle()
	l.Close()
	if !checked {
		t.Error("the body was not unwound")
	}
}

func TestUseAfterClose(t *testing.T) {
	l := newLoop(t)
	h, later := l.CallSoon(func() {}), l.CallLater(time.Hour, func() {})
	l.Close()
	for want, use := range map[string]func(){
		"CallSoon":        func() { l.CallSoon(func() {}) },
		"CallLater":       func() { l.CallLater(1, func() {}) },
		"CallAt":          func() { l.CallAt(time.Time{}, func() {}) },
		"Stop":            l.Stop,
		"Run":             func() { _ = l.Run() },
		"RunOnce":         func() { l.RunOnce() },
		"RunUntilIdle":    l.RunUntilIdle,
		"spawning a task": func() { spawn(l.Context(), "", task.Yield) },
	} {
		mustPanic(t, "loop: "+want+" on a loop that is closed", use)
	}
	if h.Cancel() || later.Cancel() {
		t.Error("Cancel on a closed loop returned true")
	}
	if l.Running() || l.Current() != nil || l.Elapsed() != 0 {
		t.Error("a closed loop is running, has a current task, or its clock has moved")
	}
	for range l.Tasks() {
		t.Error("a task is left")
	}
}

func TestNextDeadlineAfterClose(t *testing.T) {
	l := newLoop(t)
	l.CallLater(time.Hour, func() {})
	l.Close()
	if text := panicOf(func() {
		if at, ok := l.NextDeadline(); ok {
			t.Errorf("NextDeadline = %v", at)
		}
	}); text != "" && !strings.HasPrefix(text, "loop: ") {
		t.Errorf("panic: %s", text)
	}
}

// A future may be used after its loop was closed. Its waiters are not woken then.
func TestFutureAfterClose(t *testing.T) {
	l := newLoop(t)
	alone, awaited := future.New[int](l.Context()), future.New[int](l.Context())
	awaited.OnDone(func() { t.Error("a callback of the future ran") })
	l.Close()
	if err := alone.SetResult(1); err != nil {
		t.Error(err)
	}
	mustPanic(t, "on a loop that is closed", func() { _ = awaited.SetResult(1) })
}

func TestGoexitWhileUnwinding(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	sleeper := func(name string, last func()) {
		spawn(l.Context(), name, func(ctx context.Context) error {
			defer log.Add("%s ends", name)
			err := task.Sleep(ctx, time.Hour)
			last()
			return err
		})
	}
	sleeper("a", func() {})
	sleeper("b", goexit)
	script(l.Context(), "machine",
		func(context.Context, error) (task.Suspension, error) { return task.For(time.Hour), nil },
		func(context.Context, error) (task.Suspension, error) { goexit(); return task.End(), nil })
	sleeper("c", goexit)
	sleeper("d", func() {})
	l.RunUntilIdle()
	if inGoroutine(l.Close) {
		t.Error("Close returned from a Goexit")
	}
	log.Want(t, "a ends", "b ends", "c ends", "d ends")
	if err := l.Post(func() {}); err != loop.ErrClosed {
		t.Errorf("Post = %v", err)
	}
	l.Close() // does nothing
}

// Close reports the errors that no code took, in order of creation of the tasks. Awaiting the task,
// and calling Err or Result, takes the error. A cancellation is not reported.
func TestCloseReportsErrorsThatNobodyTook(t *testing.T) {
	var log looptest.Journal
	l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { log.Add("%v: %v", f.Task.Name(), f.Err) }))
	fails := func(name string, after time.Duration) *task.Task[none] {
		return spawn(l.Context(), name, func(ctx context.Context) error {
			_ = task.Sleep(ctx, after)
			return errors.New(name + "'s error")
		})
	}
	fails("late", time.Hour)
	fails("early", time.Second)
	awaited := fails("awaited", time.Minute)
	asked := fails("asked", time.Minute)
	result := fails("result", time.Minute)
	onDone := fails("watched", time.Minute)
	onDone.OnDone(func() {}) // does not take the error
	canceled := spawn(l.Context(), "canceled", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
	spawn(l.Context(), "waiter", func(ctx context.Context) error {
		_ = awaited.Wait(ctx)
		canceled.Cancel(nil)
		return nil
	})
	run(t, l)
	_ = asked.Err()
	_, _ = result.Result()
	log.Want(t)
	l.Close()
	log.Want(t, "late: late's error", "early: early's error", "watched: watched's error")
}

// Close reports the errors last. So if a handler ends the goroutine, the loop is closed and has no
// stacks left.
func TestGoexitOfTheErrorHandlerInClose(t *testing.T) {
	l := newLoop(t, loop.WithErrorHandler(func(loop.Failure) { goexit() }))
	spawn(l.Context(), "x", func(ctx context.Context) error {
		_ = task.Yield(ctx)
		return io.EOF
	})
	l.RunUntilIdle()
	if inGoroutine(l.Close) {
		t.Error("Close returned")
	}
	if err := l.Post(func() {}); err != loop.ErrClosed {
		t.Errorf("Post: %v", err)
	}
	l.Close() // does nothing
}

// A body that is being unwound awaits nothing any more: it cannot wake its own task.
func TestUnwoundBodyDoesNotWakeItself(t *testing.T) {
	l, events := observed(t)
	f := future.New[int](l.Context())
	spawn(l.Context(), "x", func(ctx context.Context) error {
		defer func() { _ = f.SetResult(1) }()
		return f.Wait(ctx)
	})
	l.RunUntilIdle()
	*events = nil
	l.Close()
	for _, e := range *events {
		if strings.HasPrefix(e, "woken") {
			t.Errorf("an observer was told: %s", e)
		}
	}
}

// A body that is being unwound may complete a future that other tasks await. These tasks are unwound
// nevertheless, and a task that has ended is not woken.
func TestUnwoundBodiesMeetEachOther(t *testing.T) {
	l, events := observed(t)
	var log looptest.Journal
	f := future.New[int](l.Context())
	spawn(l.Context(), "first", f.Wait)
	var third *task.Task[none]
	spawn(l.Context(), "second", func(ctx context.Context) error {
		defer func() {
			_ = f.SetResult(1)
			log.Add("cancel third: %t", third.Cancel(nil))
		}()
		return task.Sleep(ctx, time.Hour)
	})
	third = spawn(l.Context(), "third", func(ctx context.Context) error {
		err := task.Sleep(ctx, time.Hour)
		log.Add("third: %v", causeOf(err))
		return err
	})
	l.RunUntilIdle()
	*events = nil
	l.Close()
	log.Want(t, "cancel third: true", "third: loop: closed")
	for _, e := range *events {
		if e == "woken first by second" {
			t.Error("a task was woken after it had ended")
		}
	}
}

// If a body panics with an error that has methods that panic, its task ends, and Close does not wait
// for it.
func TestCloseAfterAPanicWithANilPointer(t *testing.T) {
	var bad *unwrapper
	l := newLoop(t)
	spawn(l.Context(), "closes", func(ctx context.Context) error {
		defer func() { panic(bad) }()
		return task.Sleep(ctx, time.Second)
	})
	script(l.Context(), "closes too",
		func(context.Context, error) (task.Suspension, error) { return task.For(time.Second), nil },
		func(context.Context, error) (task.Suspension, error) { panic(bad) })
	l.RunUntilIdle()
	l.Close()
	if left := slices.Collect(l.Tasks()); len(left) > 0 {
		t.Errorf("tasks are left: %v", left)
	}
}

// Close is often deferred, so it may run while a panic unwinds its caller. It does not take that panic
// for a panic of the code that it runs.
func TestCloseWhileAPanicUnwinds(t *testing.T) {
	var told []loop.Failure
	l := newLoop(t, toldTo(&told))
	done := false
	mustPanic(t, "oh", func() {
		defer l.Close()
		spawn(l.Context(), "x", sleepsASecond)
		script(l.Context(), "y",
			func(context.Context, error) (task.Suspension, error) { return task.For(time.Second), nil })
		l.RunUntilIdle()
		lowlevel.Offload(l, func() {}, func() { done = true })
		panic("oh")
	})
	if !done || len(told) > 0 {
		t.Errorf("the offloaded call was ended: %t; told: %v", done, told)
	}
}

// If the error handler calls Close while Close reports, that call does nothing.
func TestCloseAgainInTheErrorHandler(t *testing.T) {
	var log looptest.Journal
	var l *loop.Loop
	l = loop.New(loop.WithErrorHandler(func(f loop.Failure) {
		log.Add("%s begins", f.Task.Name())
		l.Close()
		log.Add("%s ends", f.Task.Name())
	}))
	fail(l.Context(), "a")
	fail(l.Context(), "b")
	l.RunUntilIdle()
	l.Close()
	log.Want(t, "a begins", "a ends", "b begins", "b ends")
}

// The goroutine that calls Close counts as the loop's goroutine, in debug mode too.
func TestCloseOnAnotherGoroutineThanTheDrivers(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	x := script(l.Context(), "machine",
		func(context.Context, error) (task.Suspension, error) { return task.For(time.Hour), nil },
		func(_ context.Context, err error) (task.Suspension, error) {
			l.CallSoon(func() {})
			return task.End(), err
		})
	inGoroutine(l.RunUntilIdle)
	l.Close()
	if err := x.Err(); causeOf(err) != loop.ErrClosed {
		t.Errorf("the machine ended with %v", err)
	}
}

// A closed loop keeps no reference to the things that waited for it.
func TestCloseLetsGoOfWhatWaitedForTheLoop(t *testing.T) {
	type large struct {
		_ [1 << 10]byte
		_ *large
	}
	for name, wait := range map[string]func(*loop.Loop, *large){
		"at idle":  func(l *loop.Loop, x *large) { lowlevel.AtIdle(l, lowlevel.Func(func() { runtime.KeepAlive(x) })) },
		"a timer":  func(l *loop.Loop, x *large) { l.CallLater(time.Hour, func() { runtime.KeepAlive(x) }) },
		"an entry": func(l *loop.Loop, x *large) { l.CallSoon(func() { runtime.KeepAlive(x) }) },
		"a post":   func(l *loop.Loop, x *large) { _ = l.Post(func() { runtime.KeepAlive(x) }) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			x := new(large)
			held := weak.Make(x)
			wait(l, x)
			l.Close()
			runtime.GC()
			if held.Value() != nil {
				t.Error("the loop still refers to it")
			}
			runtime.KeepAlive(l)
		})
	}
}
