package loop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

func ExampleLoop() {
	l := loop.New(loop.WithClock(timer.NewVirtual())) // an hour takes no time
	defer l.Close()

	l.CallLater(time.Hour, func() { fmt.Println("an hour later:", l.Elapsed()) })
	l.CallSoon(func() { fmt.Println("next turn:", l.Elapsed()) })
	fmt.Println(l.Run())
	// Output:
	// next turn: 0s
	// an hour later: 1h0m0s
	// <nil>
}

// A host that has a loop of its own, a game for example, runs one turn a frame.
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

// Post is the way in for other goroutines. Hold says that somebody is going to use
// it, so that the loop neither gives up nor lets virtual time pass.
func ExampleLoop_Post() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
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

func ExampleHandle() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
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

func ExampleOption() {
	verbose := []loop.Option{
		loop.WithClock(timer.NewVirtual()),
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

// counter is a Runnable: scheduling it allocates nothing.
type counter struct{ n int }

func (c *counter) Run() { c.n++ }

func ExampleRunnable() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
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

func ExampleFunc() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
	defer l.Close()

	lowlevel.Schedule(l, lowlevel.Func(func() { fmt.Println("run") }))
	_ = l.Run()
	// Output:
	// run
}

func ExampleTask() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
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

// A task factory decides when a task takes its first step: here after a pause.
func ExampleTaskFactory() {
	late := func(t *loop.Task) { t.Loop().CallLater(time.Second, t.Enqueue) }
	l := loop.New(loop.WithClock(timer.NewVirtual()), loop.WithTaskFactory(late))
	defer l.Close()

	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		fmt.Println("began after", l.Elapsed())
		return 0, nil
	})
	_ = l.Run()
	// Output:
	// began after 1s
}

// traced is a Body that tells of every step of another.
type traced struct {
	lowlevel.Body
	name string
}

func (b traced) Step(t *loop.Task, err error) loop.Suspension {
	s := b.Body.Step(t, err)
	fmt.Println(b.name, "ended:", s.Ended())
	return s
}

func ExampleBody() {
	hook := func(t *loop.Task, _ future.Any) {
		lowlevel.Wrap(t, func(b lowlevel.Body) lowlevel.Body { return traced{b, t.Name()} })
	}
	l := loop.New(loop.WithClock(timer.NewVirtual()), loop.WithTaskFactory(factory.NewLazy(hook)))
	defer l.Close()

	steps := 0
	task.GoMachine(l.Context(), task.MachineFunc[int](func(context.Context, error) (int, loop.Suspension, error) {
		if steps++; steps < 3 {
			return 0, task.Turn(), nil
		}
		return steps, task.End(), nil
	}), task.Named("machine"))
	_ = l.Run()
	// Output:
	// machine ended: false
	// machine ended: false
	// machine ended: true
}

// idle is a body for [lowlevel.Spawn], which package task calls for its two kinds.
type idle struct {
	future.Promise[int]
	turns int
}

func (b *idle) Step(t *loop.Task, err error) loop.Suspension {
	if b.turns--; b.turns >= 0 && err == nil {
		return task.Turn()
	}
	b.Fail(t, err)
	return task.End()
}

func (b *idle) Fail(_ *loop.Task, err error) { b.Complete(0, err) }

type idleOwner struct{ *idle }

func (idleOwner) Cancel(error) bool                    { return false }
func (idleOwner) Describe() (string, []loop.Awaitable) { return "idling", nil }

func ExampleKind() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
	defer l.Close()

	b := &idle{turns: 2}
	b.Init(l, idleOwner{b})
	lowlevel.Spawn(l.Context(), new(loop.Task), lowlevel.Stackless, b, &b.Future, "idler", lowlevel.AsAsked)
	turns := 1
	for l.RunOnce() {
		turns++
	}
	fmt.Println(b.Done(), turns)
	// Output:
	// true 3
}

func ExampleSuspension() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
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

// Futures and tasks are Awaitables.
func ExampleAwaitable() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
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

// A gather explains itself, and what it waits for.
func ExampleAwaitable_explain() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
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

func ExampleEvent() {
	l := loop.New(loop.WithClock(timer.NewVirtual()), loop.WithObserver(func(e loop.Event) {
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

func ExampleEventKind() {
	count := map[loop.EventKind]int{}
	l := loop.New(loop.WithClock(timer.NewVirtual()), loop.WithObserver(func(e loop.Event) { count[e.Kind]++ }))
	defer l.Close()

	for range 3 {
		task.Go(l.Context(), func(ctx context.Context) (int, error) { return 0, task.Yield(ctx) })
	}
	_ = l.Run()
	fmt.Println(count[loop.StepBegan], loop.StepBegan, "events,", count[loop.TaskDone], loop.TaskDone)
	// Output:
	// 6 step events, 3 done
}

func ExampleFailure() {
	l := loop.New(loop.WithClock(timer.NewVirtual()), loop.WithErrorHandler(func(f loop.Failure) {
		fmt.Println(f.Kind, f.Task, f.Err)
	}))
	task.Go(l.Context(), func(ctx context.Context) (int, error) { return 0, io.EOF }, task.Named("reader"))
	_ = l.Run()
	l.Close() // nobody has awaited the reader
	// Output:
	// a task failed and its error was never retrieved task "reader" EOF
}

func ExampleFailureKind() {
	l := loop.New(loop.WithClock(timer.NewVirtual()), loop.WithErrorHandler(func(f loop.Failure) {
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

func ExampleCanceledError() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
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

func ExamplePanicError() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
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

func ExampleDeadlockError() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
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

// A scope cancels a stretch of a body: this is what time limits are made of.
func ExampleScope() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
	defer l.Close()

	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		scope := lowlevel.Enter(ctx)
		limit := l.CallLater(time.Second, func() { scope.Cancel(context.DeadlineExceeded) })
		err := task.Sleep(scope.Context(), time.Hour)
		if !limit.Cancel() {
			scope.Task().Uncancel() // the request was this scope's
		}
		scope.Exit()
		fmt.Println(err, "after", l.Elapsed())
		fmt.Println(task.Sleep(ctx, time.Second), "after", l.Elapsed())
		return 0, nil
	})
	_ = l.Run()
	// Output:
	// canceled: context deadline exceeded after 1s
	// <nil> after 2s
}

// lastFirst is a Policy.
type lastFirst struct{}

func (lastFirst) Pick(ready []*loop.Task, _ bool) int { return len(ready) - 1 }

func ExamplePolicy() {
	l := loop.New(loop.WithClock(timer.NewVirtual()), lowlevel.WithPolicy(lastFirst{}, false))
	defer l.Close()

	for _, name := range []string{"a", "b", "c"} {
		task.Go(l.Context(), func(ctx context.Context) (int, error) {
			fmt.Println(name)
			return 0, nil
		})
	}
	_ = l.Run()
	// Output:
	// c
	// b
	// a
}

// receiving is a Port: it takes one value out of a channel, on the loop.
type receiving struct {
	from chan string
	then func(string)
}

func (r *receiving) Try() bool {
	select {
	case v := <-r.from:
		r.then(v)
		return true
	default:
		return false
	}
}

func (r *receiving) Case() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(r.from)}
}

func (r *receiving) Selected(v reflect.Value, ok bool) { r.then(v.String()) }

func ExamplePort() {
	l := loop.New() // the machine's clock: time goes on while a channel is waited for
	defer l.Close()

	from := make(chan string)
	lowlevel.AddPort(l, &receiving{from, func(v string) {
		fmt.Println("received", v)
		l.Stop()
	}})

	go func() { from <- "hello" }()
	_ = l.Run()
	// Output:
	// received hello
}

// The limit is on wall-clock time: the threshold is tiny here, so that anything is
// slow.
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

func ExampleLoop_WriteGraph() {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
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
