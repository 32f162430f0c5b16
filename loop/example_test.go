package loop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// The first program starts a task, which sleeps for an hour, and schedules a callback, which runs
// after one minute.
func Example() {
	l := loop.New(loop.WithVirtualTime()) // an hour takes no real time
	defer l.Close()

	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		fmt.Println("the task begins at", l.Elapsed())
		err := task.Sleep(ctx, time.Hour)
		fmt.Println("the task ends at", l.Elapsed())
		return 0, err
	})
	l.CallLater(time.Minute, func() { fmt.Println("the callback runs at", l.Elapsed()) })
	fmt.Println(l.Run())
	// Output:
	// the task begins at 0s
	// the callback runs at 1m0s
	// the task ends at 1h0m0s
	// <nil>
}

// A loop runs callbacks. CallSoon schedules one for the next turn, CallLater for an instant of the
// loop's clock.
func ExampleLoop() {
	l := loop.New(loop.WithVirtualTime()) // an hour takes no time
	defer l.Close()

	l.CallLater(time.Hour, func() { fmt.Println("an hour later:", l.Elapsed()) })
	l.CallSoon(func() { fmt.Println("next turn:", l.Elapsed()) })
	fmt.Println(l.Run())
	// Output:
	// next turn: 0s
	// an hour later: 1h0m0s
	// <nil>
}

// A host that has a loop of its own, a game for example, runs one turn in every frame, and moves the
// virtual clock itself.
func ExampleLoop_RunOnce() {
	clock := timer.NewVirtual()
	l := loop.New(loop.WithClock(clock))
	defer l.Close()

	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		for i := range 3 {
			fmt.Println("  step", i)
			if err := task.Sleep(ctx, 15*time.Millisecond); err != nil {
				return i, err
			}
		}
		return 3, nil
	})
	for frame := range 5 {
		fmt.Println("frame", frame)
		l.RunOnce()
		clock.Advance(10 * time.Millisecond)
	}
	// Output:
	// frame 0
	//   step 0
	// frame 1
	// frame 2
	// frame 3
	//   step 1
	// frame 4
}

// Another goroutine hands a function to the loop by Post. Post is safe from any goroutine.
func ExampleLoop_Post() {
	l := loop.New()
	defer l.Close()

	go func() {
		_ = l.Post(func() {
			fmt.Println("posted")
			l.Stop()
		})
	}()
	_ = l.Run()
	// Output:
	// posted
}

// Hold announces a Post. Until release is called, the loop does not report a deadlock, and virtual
// time does not pass.
func ExampleLoop_Hold() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	l.CallLater(time.Second, func() { fmt.Println("a second later") })
	release := l.Hold()
	go func() {
		defer release()
		_ = l.Post(func() { fmt.Println("posted, at", l.Elapsed()) })
	}()
	_ = l.Run()
	// Output:
	// posted, at 0s
	// a second later
}

// A Handle cancels a call that was scheduled. Cancel reports whether the call was still to come.
func ExampleHandle() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	alarm := l.CallLater(time.Minute, func() { fmt.Println("too late") })
	l.CallLater(time.Second, func() {
		fmt.Println("canceled:", alarm.Cancel())
		fmt.Println("again:", alarm.Cancel())
	})
	_ = l.Run()
	fmt.Println(l.Elapsed())
	// Output:
	// canceled: true
	// again: false
	// 1s
}

// Options are arguments of New. A program can keep them in a slice.
func ExampleOption() {
	verbose := []loop.Option{
		loop.WithVirtualTime(),
		loop.WithDebug(),
		loop.WithErrorHandler(func(f loop.Failure) { fmt.Println(f.Err) }),
	}
	l := loop.New(verbose...)
	defer l.Close()

	l.CallSoon(func() { panic("oh") })
	_ = l.Run()
	// Output:
	// panic in a callback: oh
}

// counter is a Runnable, because it has a method Run. Scheduling it allocates nothing.
type counter struct{ n int }

func (c *counter) Run() { c.n++ }

// The entries of the ready queue are Runnables. The loop calls Run once for each time that the
// Runnable was scheduled.
func ExampleRunnable() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	c := new(counter)
	for range 3 {
		lowlevel.Schedule(l, c)
	}
	_ = l.Run()
	fmt.Println(c.n)
	// Output:
	// 3
}

// The host lists the unfinished tasks, and cancels them.
func ExampleTask() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	for _, name := range []string{"a", "b"} {
		task.Go(l.Context(), func(ctx context.Context) (int, error) {
			return 0, task.Sleep(ctx, time.Second)
		}, task.Named(name))
	}
	l.RunUntilIdle()
	for t := range l.Tasks() {
		fmt.Println(t.ID(), t.Name(), t.Status())
		t.Cancel(nil)
	}
	_ = l.Run()
	fmt.Println(l.Elapsed())
	// Output:
	// 1 a sleeps until 1s
	// 2 b sleeps until 1s
	// 0s
}

// A task factory decides when a task takes its first step: here one second after it is made.
func ExampleTaskFactory() {
	late := func(t *loop.Task) { t.Loop().CallLater(time.Second, t.Enqueue) }
	l := loop.New(loop.WithVirtualTime(), loop.WithTaskFactory(late))
	defer l.Close()

	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		fmt.Println("began after", l.Elapsed())
		return 0, nil
	})
	_ = l.Run()
	// Output:
	// began after 1s
}

// A Suspension says what the task waits for: a turn, some time, or an awaitable.
func ExampleSuspension() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	f := future.New[string](l.Context())
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		for _, s := range []loop.Suspension{task.Turn(), task.For(time.Second), task.On(f), task.End()} {
			fmt.Println(lowlevel.Suspend(ctx, s), l.Elapsed())
		}
		return 0, nil
	})
	l.CallLater(2*time.Second, func() { _ = f.SetResult("done") })
	_ = l.Run()
	// Output:
	// <nil> 0s
	// <nil> 1s
	// <nil> 2s
	// <nil> 2s
}

// Futures and tasks are Awaitables: both explain what they are, and wake their waiters.
func ExampleAwaitable() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	f := future.New[int](l.Context())
	t := task.Go(l.Context(), f.Await, task.Named("waiter"))
	for _, a := range []loop.Awaitable{f, t} {
		what, _ := a.Explain()
		a.AddWaiter(lowlevel.Func(func() { fmt.Println(what, "has ended:", a.Err()) }))
	}
	l.RunUntilIdle()
	t.Cancel(io.EOF)
	_ = l.Run()
	// Output:
	// a future has ended: canceled: EOF
	// task "waiter" has ended: canceled: EOF
}

// Explain of a gather describes the gather, and returns the awaitables that it waits for.
func ExampleAwaitable_explain() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	f := future.New[int](l.Context())
	what, on := task.Gather(f, future.New[int](l.Context())).Explain()
	fmt.Println(what)
	for _, child := range on {
		what, _ := child.Explain()
		fmt.Println("-", what)
	}
	// Output:
	// a gather of 2
	// - a future
	// - a future
}

// An observer is told of every Event. This one prints the life of a task.
func ExampleEvent() {
	l := loop.New(loop.WithVirtualTime(), loop.WithObserver(func(e loop.Event) {
		if e.Task != nil {
			fmt.Println(e.At, e.Kind, e.Task.Name())
		}
	}))
	defer l.Close()

	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		return 0, task.Sleep(ctx, time.Second)
	}, task.Named("sleeper"))
	_ = l.Run()
	// Output:
	// 0s made sleeper
	// 0s step sleeper
	// 0s timer armed sleeper
	// 0s suspended sleeper
	// 1s timer fired sleeper
	// 1s woken sleeper
	// 1s step sleeper
	// 1s done sleeper
}

// An observer counts the events of each kind.
func ExampleEventKind() {
	count := map[loop.EventKind]int{}
	l := loop.New(loop.WithVirtualTime(), loop.WithObserver(func(e loop.Event) { count[e.Kind]++ }))
	defer l.Close()

	for range 3 {
		task.Go(l.Context(), func(ctx context.Context) (int, error) { return 0, task.Yield(ctx) })
	}
	_ = l.Run()
	fmt.Println(count[loop.StepBegan], loop.StepBegan, "events,", count[loop.TaskDone], loop.TaskDone)
	// Output:
	// 6 step events, 3 done
}

// The error of a task that no code awaits goes to the error handler, here when the loop is closed.
func ExampleFailure() {
	l := loop.New(loop.WithVirtualTime(), loop.WithErrorHandler(func(f loop.Failure) {
		fmt.Println(f.Kind, f.Task, f.Err)
	}))
	task.Go(l.Context(), func(ctx context.Context) (int, error) { return 0, io.EOF }, task.Named("reader"))
	_ = l.Run()
	l.Close() // no code has taken the reader's error
	// Output:
	// a task failed and its error was never retrieved task "reader" EOF
}

// An error handler tells failures apart by their kind.
func ExampleFailureKind() {
	l := loop.New(loop.WithVirtualTime(), loop.WithErrorHandler(func(f loop.Failure) {
		if f.Kind == loop.CallbackFailed {
			fmt.Println("callback:", f.Err)
		}
	}))
	defer l.Close()

	l.CallSoon(func() { panic(io.EOF) })
	_ = l.Run()
	// Output:
	// callback: panic in a callback: EOF
}

// A cancellation matches the standard error too, and keeps the cause that Cancel was given.
func ExampleCanceledError() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	t := task.Go(l.Context(), func(ctx context.Context) (int, error) {
		return 0, task.Sleep(ctx, time.Hour)
	})
	l.RunUntilIdle()
	t.Cancel(errors.New("the user has left"))
	_ = l.Run()

	err := t.Err()
	fmt.Println(errors.Is(err, future.ErrCanceled), errors.Is(err, context.Canceled))
	if canceled := (*loop.CanceledError)(nil); errors.As(err, &canceled) {
		fmt.Println(canceled.Cause)
	}
	// Output:
	// true true
	// the user has left
}

// A panic in a task's body becomes the error of that task.
func ExamplePanicError() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	t := task.Go(l.Context(), func(ctx context.Context) (int, error) { panic(io.EOF) }, task.Named("reader"))
	_ = l.Run()
	err := t.Err()
	fmt.Println(err)
	if p := (*loop.PanicError)(nil); errors.As(err, &p) {
		fmt.Println(p.Task, p.Value, len(p.Stack) > 0, errors.Is(err, io.EOF))
	}
	// Output:
	// panic in task "reader": EOF
	// reader EOF true true
}

// The error of Run names the tasks that nothing can wake, and the awaitable of each of them.
func ExampleDeadlockError() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	orders := future.New[int](l.Context())
	cook := task.Go(l.Context(), orders.Await, task.Named("cook"))
	task.Go(l.Context(), cook.Await, task.Named("waiter"))

	err := l.Run()
	fmt.Println(err)
	if deadlock := (*loop.DeadlockError)(nil); errors.As(err, &deadlock) {
		fmt.Println(deadlock.Tasks)
	}
	// Output:
	// loop: deadlock: nothing can wake the 2 tasks that are left
	// 	cook awaits a future
	// 	waiter awaits task "cook"
	// [task "cook" task "waiter"]
}

// The loop reports a callback that takes longer than the threshold, by the wall clock. The threshold
// is 1 ns here, so that every callback is slow.
func ExampleSlowStepError() {
	var slow *loop.SlowStepError
	l := loop.New(loop.WithSlowStep(1), loop.WithErrorHandler(func(f loop.Failure) {
		if f.Kind == loop.SlowStep {
			errors.As(f.Err, &slow)
		}
	}))
	defer l.Close()

	l.CallSoon(func() { fmt.Fprintln(io.Discard, "work"); l.Stop() })
	_ = l.Run()
	fmt.Println(slow.Took >= slow.Limit, slow.Limit)
	// Output:
	// true 1ns
}

// WriteGraph draws which task awaits which.
func ExampleLoop_WriteGraph() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		child := task.Go(ctx, func(ctx context.Context) (int, error) {
			return 0, task.Sleep(ctx, time.Second)
		}, task.Named("child"))
		return child.Await(ctx)
	}, task.Named("parent"))
	l.RunUntilIdle()
	_ = l.WriteGraph(os.Stdout, false)
	// Output:
	// parent awaits task "child"
	// └─ child sleeps until 1s
}

// A game draws a frame every 16 ms, and gives the loop 4 ms of it. A burst of work takes several
// frames then. (The budget is zero here, so that each call runs one entry and the output is always
// the same.)
func ExampleLoop_RunFor() {
	l := loop.New()
	defer l.Close()
	for _, name := range []string{"a", "b", "c"} {
		l.CallSoon(func() { fmt.Println("work", name) })
	}
	for frame := 1; l.RunFor(0); frame++ {
		fmt.Println("frame", frame)
	}
	fmt.Println("the last frame")
	// Output:
	// work a
	// frame 1
	// work b
	// frame 2
	// work c
	// the last frame
}

// With a limit, Post returns an error when too many functions wait.
func ExampleLoop_SetPostLimit() {
	l := loop.New()
	defer l.Close()
	l.SetPostLimit(2)
	for i := range 3 {
		err := l.Post(func() { fmt.Println("post", i) })
		fmt.Println(l.Posted(), err)
	}
	l.RunUntilIdle()
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 2 loop: as many posted functions wait as SetPostLimit allows; try again later
	// post 0
	// post 1
}

// SetErrorHandler replaces the error handler of a loop that exists already.
func ExampleLoop_SetErrorHandler() {
	l := loop.New()
	defer l.Close()
	l.SetErrorHandler(func(f loop.Failure) { fmt.Println(f.Kind) })
	l.CallSoon(func() { panic("oh") })
	l.RunUntilIdle()
	l.SetErrorHandler(nil) // the default again
	// Output:
	// a callback panicked
}

// Two tasks wait for a third, one of them by a gather.
func ExampleTask_AwaitedBy() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	download := task.Go(l.Context(), func(ctx context.Context) (int, error) { return 0, task.Sleep(ctx, time.Second) }, task.Named("download"))
	task.Go(l.Context(), download.Await, task.Named("show"))
	task.Go(l.Context(), task.Gather(download).Await, task.Named("archive"))
	l.RunUntilIdle()
	for _, t := range download.Task().AwaitedBy() {
		fmt.Println(t)
	}
	// Output:
	// task "show"
	// task "archive"
}
