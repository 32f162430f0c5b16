package lowlevel_test

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// A Func makes a plain function a Runnable, for Schedule. It allocates nothing.
func ExampleFunc() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	lowlevel.Schedule(l, lowlevel.Func(func() { fmt.Println("run") }))
	_ = l.Run()
	// Output:
	// run
}

// traced is a Body that prints a line after every step of another Body.
type traced struct {
	lowlevel.Body
	name string
}

func (b traced) Step(t *loop.Task, err error) loop.Suspension {
	s := b.Body.Step(t, err)
	fmt.Println(b.name, "ended:", s.Ended())
	return s
}

// The hook of a task factory wraps the body of each new task.
func ExampleBody() {
	hook := func(t *loop.Task, _ future.Any) {
		lowlevel.Wrap(t, func(b lowlevel.Body) lowlevel.Body { return traced{b, t.Name()} })
	}
	l := loop.New(loop.WithVirtualTime(), loop.WithTaskFactory(factory.NewLazy(hook)))
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

// idle is a stackless Body. It suspends for some turns, and then ends.
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

// A task with a stackless body of its own type.
func ExampleKind() {
	l := loop.New(loop.WithVirtualTime())
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

// A scope cancels a part of a body. Time limits are made in this way.
func ExampleScope() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		scope := lowlevel.Enter(ctx)
		limit := l.CallLater(time.Second, func() { scope.Cancel(context.DeadlineExceeded) })
		err := task.Sleep(scope.Context(), time.Hour)
		if !limit.Cancel() {
			scope.Task().Uncancel() // take the request of this scope back
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

// lastFirst is a Policy that picks the task that became ready last.
type lastFirst struct{}

func (lastFirst) Pick(ready []*loop.Task, _ bool) int { return len(ready) - 1 }

// This policy reverses the order of the ready tasks.
func ExamplePolicy() {
	l := loop.New(loop.WithVirtualTime(), lowlevel.WithPolicy(lastFirst{}, false))
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

// receiving is a Port: it receives one value from a channel, on the loop.
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

// A port receives a value that a goroutine sends.
func ExamplePort() {
	l := loop.New() // with a real clock, Run waits until a value comes
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

// A Start overrides the decision of the task factory. The option Eager of package task uses AtOnce.
func ExampleStart() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	l.CallSoon(func() {
		for _, start := range []lowlevel.Start{lowlevel.AsAsked, lowlevel.AtOnce} {
			b := &idle{turns: 1}
			b.Init(l, idleOwner{b})
			t := new(loop.Task)
			lowlevel.Spawn(l.Context(), t, lowlevel.Stackless, b, &b.Future, "", start)
			fmt.Println(t, t.Status())
		}
	})
	_ = l.Run()
	// Output:
	// task "Task-1" has not started yet
	// task "Task-2" waits for its turn
}

// A Home is one word, and gives the loop and the task that an awaitable belongs to.
func ExampleHome() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	t := task.Go(l.Context(), func(ctx context.Context) (int, error) { return 1, nil })
	for _, h := range []lowlevel.Home{lowlevel.HomeOfLoop(l), lowlevel.HomeOfTask(t.Task()), {}} {
		fmt.Println(h.Loop() == l, h.Task())
	}
	_ = l.Run()
	// Output:
	// true <nil>
	// true task "Task-1"
	// false <nil>
}
