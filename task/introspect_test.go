package task_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

func TestCurrent(t *testing.T) {
	play(t, func(ctx context.Context) {
		testkit.Equal(t, "in the body", task.Current(ctx).Name(), "main")
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			testkit.Equal(t, "in another task", task.Current(ctx).Name(), "a")
			yields(t, ctx, 1)
			testkit.Equal(t, "after a suspension", task.Current(ctx).Name(), "a")
			return 0, nil
		}, task.Named("a"))
		_, _ = a.Await(ctx)
		testkit.Equal(t, "the name of the task that Go returned", a.Task().Name(), "a")
		_ = task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			testkit.Equal(t, "in a scope", task.Current(ctx).Name(), "main")
			return nil
		})
	})
	l := virtual(t)
	l.CallSoon(func() {
		testkit.Panics(t, "outside every task", func() { task.Current(l.Context()) })
		if l.Current() != nil {
			t.Error("a callback has a current task")
		}
	})
	l.RunUntilIdle()
	testkit.Panics(t, "belongs to no loop", func() { task.Current(context.Background()) })
}

func allNames(ctx context.Context) string {
	var names []string
	for _, t := range task.All(ctx) {
		names = append(names, t.Name())
	}
	return strings.Join(names, " ")
}

func TestAll(t *testing.T) {
	play(t, func(ctx context.Context) {
		testkit.Equal(t, "at first", allNames(ctx), "main")
		tasks := named(ctx, 2, 1, 3)
		testkit.Equal(t, "with new tasks", allNames(ctx), "main a b c")
		_, _ = tasks[1].Await(ctx)
		testkit.Equal(t, "without tasks that have ended", allNames(ctx), "main a c")
		l := lowlevel.LoopOf(ctx)
		l.CallSoon(func() { testkit.Equal(t, "in a callback", allNames(l.Context()), "main a c") })
		_, _ = tasks[2].Await(ctx)
		testkit.Equal(t, "at the end", allNames(ctx), "main")
	})
}

// graphOf returns the graph of a loop that has run main until the loop was idle, at the start of
// its clock.
func graphOf(t *testing.T, main func(context.Context) (int, error), opts ...loop.Option) string {
	t.Helper()
	l := virtual(t, append([]loop.Option{loop.WithErrorHandler(func(loop.Failure) {})}, opts...)...)
	task.Go(l.Context(), main, task.Named("main"))
	l.RunUntilIdle()
	var b strings.Builder
	if err := l.WriteGraph(&b, false); err != nil {
		t.Error(err)
	}
	return b.String()
}

func TestGraphs(t *testing.T) {
	sleeper := func(ctx context.Context, name string) *task.Task[int] {
		return task.Go(ctx, gives(time.Second, 0), task.Named(name))
	}
	hanging := func(ctx context.Context, name string) *task.Task[int] {
		return task.Go(ctx, hangs, task.Named(name))
	}
	for _, c := range []struct {
		name string
		main func(context.Context) (int, error)
		want string
	}{
		{"gather and shield", func(ctx context.Context) (int, error) {
			inner := hanging(ctx, "C")
			b := task.Go(ctx, func(ctx context.Context) (int, error) { return task.Shield(inner).Await(ctx) }, task.Named("B"))
			_, err := task.Gather(sleeper(ctx, "A"), b).Await(ctx)
			return 0, err
		}, `
main awaits a gather of 2
├─ A sleeps until 1s
└─ B awaits a shield
   └─ C awaits a future
`},
		{"gathers and futures in a gather", func(ctx context.Context) (int, error) {
			done := future.New[int](ctx)
			_ = done.SetResult(1)
			_, err := task.Gather(
				future.Untyped(task.Gather(sleeper(ctx, "A"), hanging(ctx, "B"))),
				future.Untyped(done),
				future.Untyped(future.New[int](ctx)),
			).Await(ctx)
			return 0, err
		}, `
main awaits a gather of 3
├─ a gather of 2
│  ├─ A sleeps until 1s
│  └─ B awaits a future
└─ a future
`},
		{"group", func(ctx context.Context) (int, error) {
			return 0, task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
				mustGoIn(t, g, gives(0, 1), task.Named("done"))
				mustGoIn(t, g, gives(time.Second, 1), task.Named("A"))
				mustGoIn(t, g, func(ctx context.Context) (int, error) {
					return 0, task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
						mustGoIn(t, g, hangs, task.Named("C"))
						return nil
					})
				}, task.Named("B"))
				return nil
			})
		}, `
main awaits its group
├─ A sleeps until 1s
└─ B awaits its group
   └─ C awaits a future
`},
		{"wait", func(ctx context.Context) (int, error) {
			_, _, err := task.Wait(ctx, time.Hour, task.AllCompleted, sleeper(ctx, "A"), hanging(ctx, "B"))
			return 0, err
		}, `
main awaits all of 2
├─ A sleeps until 1s
└─ B awaits a future
`},
		{"as completed", func(ctx context.Context) (int, error) {
			for range task.AsCompleted(ctx, time.Hour,
				task.Go(ctx, gives(0, 0), task.Named("done")), sleeper(ctx, "A"), hanging(ctx, "B")) {
				continue
			}
			return 0, nil
		}, `
main awaits the next to complete
├─ A sleeps until 1s
└─ B awaits a future
`},
		{"time limits", func(ctx context.Context) (int, error) {
			a := task.Go(ctx, func(ctx context.Context) (int, error) {
				return 0, task.Timeout(ctx, time.Minute, sleeping(time.Hour))
			}, task.Named("A"))
			return task.WaitFor(ctx, a, time.Minute)
		}, `
main awaits task "A"
└─ A sleeps until 1h0m0s
`},
		{"a time limit that has passed", func(ctx context.Context) (int, error) {
			a := task.Go(ctx, stubborn(time.Second, 0, nil), task.Named("A"))
			yields(t, ctx, 1)
			return task.WaitFor(ctx, a, 0)
		}, `
main awaits the end of what was canceled
└─ A sleeps until 1s
`},
		{"blocking", func(ctx context.Context) (int, error) { return task.Blocking(ctx, waitDone) }, `
main awaits a blocking call
`},
		{"channels", func(ctx context.Context) (int, error) {
			a := task.Go(ctx, func(ctx context.Context) (int, error) {
				return 0, task.Send(ctx, make(chan int), 1)
			}, task.Named("A"))
			b := task.Go(ctx, func(ctx context.Context) (int, error) {
				_, _, err := task.Recv(ctx, make(chan int))
				return 0, err
			}, task.Named("B"))
			_, err := task.Gather(a, b).Await(ctx)
			return 0, err
		}, `
main awaits a gather of 2
├─ A awaits room in a channel
└─ B awaits a value from a channel
`},
		{"a stackless body", func(ctx context.Context) (int, error) {
			a := sleeper(ctx, "A")
			m := goFunc(ctx, func(context.Context, error) (int, task.Suspension, error) { return 0, task.On(a), nil }, task.Named("M"))
			return m.Await(ctx)
		}, `
main awaits task "M"
└─ M awaits task "A"
   └─ A sleeps until 1s
`},
		{"one below several", func(ctx context.Context) (int, error) {
			c := hanging(ctx, "C")
			on := func(name string) *task.Task[int] {
				return task.Go(ctx, func(ctx context.Context) (int, error) { return c.Await(ctx) }, task.Named(name))
			}
			on("A")
			on("B")
			return c.Await(ctx)
		}, `
main awaits task "C"
└─ C awaits a future
A awaits task "C"
└─ C (above)
B awaits task "C"
└─ C (above)
`},
		{"a future under two gathers", func(ctx context.Context) (int, error) {
			f, g := future.New[int](ctx), future.New[int](ctx)
			one, other := task.Gather(f), task.Gather(future.Untyped(f), future.Untyped(g))
			return 0, task.Gather(future.Untyped(one), future.Untyped(other)).Wait(ctx)
		}, `
main awaits a gather of 2
├─ a gather of 1
│  └─ a future
└─ a gather of 2
   ├─ a future
   └─ a future
`},
		{"a gather that several await", func(ctx context.Context) (int, error) {
			g := task.Gather(hanging(ctx, "C"), hanging(ctx, "D"))
			for _, name := range []string{"A", "B"} {
				task.Go(ctx, func(ctx context.Context) (int, error) { return 0, g.Wait(ctx) }, task.Named(name))
			}
			return 0, task.Gather(future.Untyped(g), future.Untyped(hanging(ctx, "E"))).Wait(ctx)
		}, `
main awaits a gather of 2
├─ a gather of 2
│  ├─ C awaits a future
│  └─ D awaits a future
└─ E awaits a future
A awaits a gather of 2 (above)
B awaits a gather of 2 (above)
`},
		{"a gather that two await", func(ctx context.Context) (int, error) {
			g := task.Gather(hanging(ctx, "C"), hanging(ctx, "D"))
			task.Go(ctx, func(ctx context.Context) (int, error) { return 0, g.Wait(ctx) }, task.Named("A"))
			return 0, g.Wait(ctx)
		}, `
main awaits a gather of 2
├─ C awaits a future
└─ D awaits a future
A awaits a gather of 2 (above)
`},
		{"a circle", func(ctx context.Context) (int, error) {
			var b *task.Task[int]
			a := task.Go(ctx, func(ctx context.Context) (int, error) { return b.Await(ctx) }, task.Named("A"))
			b = task.Go(ctx, func(ctx context.Context) (int, error) { return a.Await(ctx) }, task.Named("B"))
			return hangs(ctx)
		}, `
main awaits a future
A awaits task "B"
└─ B awaits task "A"
   └─ A (above)
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, f := range []loop.TaskFactory{factory.Lazy, factory.Eager} {
				if c.name == "a circle" {
					f = factory.Lazy // an eager A would run before the task that it awaits exists
				}
				if got := "\n" + graphOf(t, c.main, loop.WithTaskFactory(f)); got != c.want {
					t.Errorf("the graph is\n%s\nwant\n%s", got, c.want)
				}
			}
		})
	}
}

// Awaits, the event of a suspension, and Explain return the same task or future that the program has,
// and no wrapper.
func TestWhatIsAwaitedIsWhatTheProgramHas(t *testing.T) {
	var suspendedOn loop.Awaitable
	play(t, func(ctx context.Context) {
		f, g := future.New[int](ctx), future.New[int](ctx)
		child := task.Go(ctx, f.Await)
		machine := machineOn(ctx, f)
		shield, gather := task.Shield(f), task.Gather(f, g)
		collect := task.Collect(child, machine)
		embedding := &struct{ *future.Future[int] }{f}
		for what, c := range map[string]struct {
			on   loop.Awaitable
			want []loop.Awaitable // the awaitables that on waits for
		}{
			"a future":              {f, nil},
			"a task":                {child, nil},
			"a machine":             {machine, nil},
			"a shield":              {shield, []loop.Awaitable{f}},
			"a gather":              {gather, []loop.Awaitable{f, g}},
			"all outcomes":          {collect, []loop.Awaitable{child, machine}},
			"a shield of a task":    {task.Shield(child), []loop.Awaitable{child}},
			"a gather of views":     {task.Gather(future.Untyped(f), future.Untyped(child)), []loop.Awaitable{f, child}},
			"a type with a future":  {task.Shield(embedding), []loop.Awaitable{f}},
			"a gather of a gather":  {task.Gather(gather), []loop.Awaitable{gather}},
			"a future seen untyped": {f, nil},
		} {
			a := c.on.(future.Any)
			waits := map[string]*task.Task[int]{
				"Wait": task.Go(ctx, func(ctx context.Context) (int, error) { return 0, a.Wait(ctx) }),
				"Await": task.Go(ctx, func(ctx context.Context) (int, error) {
					_, err := future.Untyped(a).Await(ctx)
					return 0, err
				}),
				"On": machineOn(ctx, future.Untyped(a)),
			}
			for how, w := range waits {
				yields(t, ctx, 1)
				if got := w.Task().Awaits(); got != c.on {
					t.Errorf("%s of %s: Awaits is a %T, want %T", how, what, got, c.on)
				}
			}
			if _, got := c.on.Explain(); !slices.Equal(got, c.want) {
				t.Errorf("%s waits for %v, want %v", what, got, c.want)
			}
		}
		typed := []*task.Task[int]{
			task.Go(ctx, f.Await), task.Go(ctx, child.Await), task.Go(ctx, shield.Await), task.Go(ctx, embedding.Await),
		}
		for i, want := range []loop.Awaitable{f, child, shield, f} {
			yields(t, ctx, 1)
			if got := typed[i].Task().Awaits(); got != want {
				t.Errorf("Await %d: Awaits is a %T, want %T", i, got, want)
			}
		}
		if child.Task().Outcome() != loop.Awaitable(child) || f.Self() != loop.Awaitable(f) || child.Self() != loop.Awaitable(child) {
			t.Error("Outcome or Self returns another task or future")
		}
		if suspendedOn != loop.Awaitable(f) {
			t.Errorf("the event of the last suspension has a %T, want the future", suspendedOn)
		}
		_, _ = f.SetResult(1), g.SetResult(1)
	}, loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.TaskSuspended && e.On != nil {
			suspendedOn = e.On
		}
	}))
}

// machineOn makes a machine that awaits the awaitable on.
func machineOn(ctx context.Context, on loop.Awaitable, opts ...task.Option) *task.Task[int] {
	return goFunc(ctx, func(_ context.Context, err error) (int, task.Suspension, error) {
		if on.Done() {
			return 0, task.End(), err
		}
		return 0, task.On(on), err
	}, opts...)
}

// chain makes n tasks. Each awaits the task before it, wrapped by wrap.
func chain(ctx context.Context, n int, wrap func(future.Awaitable[int]) loop.Awaitable) *task.Task[int] {
	last := task.Go(ctx, hangs, task.Named("t1"))
	for i := 2; i <= n; i++ {
		on := wrap(last)
		last = machineOn(ctx, on, task.Named(fmt.Sprint("t", i)))
	}
	return last
}

func itself(a future.Awaitable[int]) loop.Awaitable { return a }

// The graph of a deep tree goes on at the left margin.
func TestGraphOfAChain(t *testing.T) {
	l := virtual(t)
	chain(l.Context(), 43, itself)
	l.RunUntilIdle()
	var graph strings.Builder
	testkit.Equal(t, "the error", l.WriteGraph(&graph, false), nil)
	var want strings.Builder
	for at := 43; at > 0; at-- {
		indent, waits := (43-at)%20, fmt.Sprintf(`awaits task "t%d"`, at-1)
		if at == 1 {
			waits = "awaits a future"
		}
		branch := func() string { return strings.Repeat(" ", 3*max(0, indent-1)) + "└─ " }
		switch {
		case indent > 0:
			fmt.Fprintf(&want, "%st%d %s\n", branch(), at, waits)
		case at == 43:
			fmt.Fprintf(&want, "t%d %s\n", at, waits)
		default:
			number := (43 - at) / 20
			indent = 20
			fmt.Fprintf(&want, "%st%d (goes on at [%d])\n[%d] t%d %s\n", branch(), at, number, number, at, waits)
		}
	}
	testkit.Equal(t, "the graph", graph.String(), want.String())
}

func TestGraphsOfDeepTrees(t *testing.T) {
	l := virtual(t)
	deep := future.Untyped(future.New[int](l.Context()))
	for range 45 {
		deep = future.Untyped(task.Gather(deep))
	}
	machineOn(l.Context(), deep, task.Named("main"))
	l.RunUntilIdle()
	var graph strings.Builder
	testkit.Equal(t, "the error", l.WriteGraph(&graph, false), nil)
	lines := strings.Split(graph.String(), "\n")
	testkit.Equal(t, "the first cut", strings.TrimLeft(lines[20], " "), "└─ a gather of 1 (goes on at [1])")
	testkit.Equal(t, "the line at which it goes on", lines[21], "[1] a gather of 1")
	testkit.Equal(t, "the line at which the second cut goes on", lines[42], "[2] a gather of 1")
	testkit.Equal(t, "the last line", lines[47], "            └─ a future")
	testkit.Equal(t, "lines", len(lines), 49)
}

// A tree may be just as deep as the graph allows. If its last future waits for nothing, there is no
// cut.
func TestGraphThatIsNotTooDeep(t *testing.T) {
	l := virtual(t)
	deep := future.Untyped(future.New[int](l.Context()))
	for range 20 {
		deep = future.Untyped(task.Gather(deep))
	}
	machineOn(l.Context(), deep, task.Named("main"))
	l.RunUntilIdle()
	var graph strings.Builder
	testkit.Equal(t, "the error", l.WriteGraph(&graph, false), nil)
	lines := strings.Split(strings.TrimSpace(graph.String()), "\n")
	testkit.Equal(t, "lines", len(lines), 21)
	testkit.Equal(t, "the last line", strings.TrimLeft(lines[20], " "), "└─ a future")
}

// The length of a graph is linear in the number of tasks, whatever they await.
func TestGraphsAreLinear(t *testing.T) {
	for name, build := range map[string]func(ctx context.Context, n int){
		"a chain": func(ctx context.Context, n int) { chain(ctx, n, itself) },
		"a chain of shields": func(ctx context.Context, n int) {
			chain(ctx, n, func(a future.Awaitable[int]) loop.Awaitable { return task.Shield(a) })
		},
		"a chain of pairs": func(ctx context.Context, n int) {
			chain(ctx, n, func(a future.Awaitable[int]) loop.Awaitable { return task.Gather(a, a) })
		},
		"a diamond of all with all": func(ctx context.Context, n int) {
			layer := []*task.Task[int]{chain(ctx, 1, nil)}
			for range n / 10 {
				all := task.Gather(layer...)
				layer = nil
				for range 10 {
					layer = append(layer, machineOn(ctx, all))
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			size := func(n int) int {
				l := virtual(t)
				build(l.Context(), n)
				l.RunUntilIdle()
				var graph strings.Builder
				testkit.Equal(t, "the error", l.WriteGraph(&graph, false), nil)
				return graph.Len()
			}
			if once, four := size(500), size(2000); four > 5*once {
				t.Errorf("the graph has %d bytes for 500 tasks and %d for 2000, want at most five times as many", once, four)
			}
		})
	}
}

// A graph shows an awaitable once, even if several paths lead to it, and at any depth.
func TestGraphOfGathersOfGathers(t *testing.T) {
	l := virtual(t)
	top := future.Untyped(future.New[int](l.Context()))
	for range 22 {
		top = future.Untyped(task.Gather(top, top))
	}
	a := task.Go(l.Context(), func(ctx context.Context) (int, error) { return 0, top.Wait(ctx) })
	l.RunUntilIdle()
	var graph strings.Builder
	testkit.Equal(t, "the error", l.WriteGraph(&graph, false), nil)
	if n := strings.Count(graph.String(), "\n"); n > 100 {
		t.Errorf("the graph has %d lines", n)
	}
	var deadlock *loop.DeadlockError
	if err := l.Run(); !errors.As(err, &deadlock) || len(err.Error()) > 10_000 {
		t.Errorf("%v: Run returned %.1000v, want a short deadlock error", a, err)
	}
}

func TestGraphOfWhatIsReady(t *testing.T) {
	play(t, func(ctx context.Context) {
		l := lowlevel.LoopOf(ctx)
		task.Go(ctx, func(ctx context.Context) (int, error) { return 0, task.Yield(ctx) }, task.Named("yielding"))
		yields(t, ctx, 1)
		task.Go(ctx, gives(0, 1), task.Named("new"))
		var b strings.Builder
		if err := l.WriteGraph(&b, false); err != nil {
			t.Error(err)
		}
		testkit.Equal(t, "the graph", b.String(), "main is running\nyielding waits for its turn\nnew has not started yet\n")
	})
}

func TestGraphOfAnEagerStep(t *testing.T) {
	play(t, func(ctx context.Context) {
		graph := ""
		task.Go(ctx, func(ctx context.Context) (int, error) {
			task.Go(ctx, func(ctx context.Context) (int, error) {
				var b strings.Builder
				err := lowlevel.LoopOf(ctx).WriteGraph(&b, false)
				graph = b.String()
				return 0, err
			}, task.Named("B"))
			return 0, nil
		}, task.Named("A"))
		testkit.Equal(t, "the graph", graph, `main is in the eager first step of "A"
└─ A is in the eager first step of "B"
   └─ B is running
`)
	}, loop.WithTaskFactory(factory.Eager))
}

// outermost is a body that calls middle, which calls innermost.
func outermost(ctx context.Context) (int, error) { return middle(ctx) }
func middle(ctx context.Context) (int, error)    { return 0, innermost(ctx) }
func innermost(ctx context.Context) error        { return task.Sleep(ctx, time.Hour) }

// ofTheTest returns the functions of a stack that belong to this package, without the package's name.
func ofTheTest(stack []runtime.Frame) string {
	var names []string
	for _, frame := range stack {
		if _, name, ok := strings.Cut(frame.Function, "/task_test."); ok {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func TestStack(t *testing.T) {
	for name, opts := range map[string][]loop.Option{"plain": nil, "debug": {loop.WithDebug()}} {
		t.Run(name, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				a := task.Go(ctx, outermost, task.Named("a"))
				testkit.Equal(t, "before it starts", len(a.Task().Stack()), 0)
				yields(t, ctx, 1)
				stack := a.Task().Stack()
				testkit.Equal(t, "innermost first", ofTheTest(stack), "innermost middle outermost")
				if !strings.HasSuffix(stack[len(stack)-1].Function, "task_test.outermost") {
					t.Errorf("the outermost function is %s, want the body", stack[len(stack)-1].Function)
				}
				for _, frame := range stack {
					if strings.HasPrefix(frame.Function, "runtime.") || strings.Contains(frame.Function, "/takt/loop.") {
						t.Errorf("the stack has a frame of the scheduler: %s", frame.Function)
					}
					if frame.File == "" || frame.Line == 0 {
						t.Errorf("the frame of %s has no place in the source", frame.Function)
					}
				}
				testkit.Equal(t, "the stack a second time", ofTheTest(a.Task().Stack()), "innermost middle outermost")
				a.Cancel(nil)
				_, _ = a.Await(ctx)
				testkit.Equal(t, "when it is done", len(a.Task().Stack()), 0)

				m := task.GoMachine(ctx, &sleepMachine{1, time.Second})
				yields(t, ctx, 1)
				testkit.Equal(t, "frames of a stackless task", len(m.Task().Stack()), 0)
				_, _ = m.Await(ctx)
			}, opts...)
		})
	}
}

// A task can read its own stack while it runs.
func TestStackOfTheRunningTask(t *testing.T) {
	for _, debug := range []bool{false, true} {
		var opts []loop.Option
		if debug {
			opts = append(opts, loop.WithDebug())
		}
		play(t, func(ctx context.Context) {
			got := ""
			var look func(n int)
			look = func(n int) {
				if n > 0 {
					look(n - 1)
					return
				}
				got = ofTheTest(task.Current(ctx).Stack())
			}
			look(2)
			if n := strings.Count(got, "TestStackOfTheRunningTask"); n < 4 { // one frame of the body, and three of look
				t.Errorf("the stack is %s", got)
			}
		}, opts...)
	}
}

// makesAndIsSeen makes a task. Its eager first step calls look.
func makesAndIsSeen(ctx context.Context, machine bool, look func()) {
	if machine {
		task.GoMachine(ctx, task.MachineFunc[int](func(context.Context, error) (int, task.Suspension, error) {
			look()
			return 0, task.End(), nil
		}))
		return
	}
	task.Go(ctx, func(context.Context) (int, error) { look(); return 0, nil })
}

// While an eager child takes its first step, its parent is inside the call that makes the child. In
// debug mode, Stack shows that.
func TestStackOfATaskWhoseEagerChildRuns(t *testing.T) {
	for _, machine := range []bool{false, true} {
		for _, debug := range []bool{false, true} {
			opts := []loop.Option{loop.WithTaskFactory(factory.Eager)}
			if debug {
				opts = append(opts, loop.WithDebug())
			}
			looks := 0
			play(t, func(ctx context.Context) {
				me := task.Current(ctx)
				makesAndIsSeen(ctx, machine, func() {
					looks++
					stack := me.Stack()
					if !debug {
						testkit.Equal(t, "frames without debug mode", len(stack), 0)
						return
					}
					own, _, _ := strings.Cut(ofTheTest(stack), " ")
					testkit.Equal(t, "the innermost function of the test", own, "makesAndIsSeen")
					if at := slices.IndexFunc(stack, func(f runtime.Frame) bool { return strings.Contains(f.Function, "makesAndIsSeen.") }); at >= 0 {
						t.Errorf("the stack has a frame of the child: %s", stack[at].Function)
					}
				})
				makesAndIsSeen(ctx, machine, func() {})
				if stack := ofTheTest(me.Stack()); strings.Contains(stack, "makesAndIsSeen") {
					t.Errorf("after the child's step, the stack is %s", stack)
				}
			}, opts...)
			testkit.Equal(t, "calls of look", looks, 1)
		}
	}
}

// In a callback, each of several tasks shows its own stack, even if one runs on top of another.
func TestStacksOfMany(t *testing.T) {
	play(t, func(ctx context.Context) {
		all := []*task.Task[int]{
			task.Go(ctx, outermost), task.Go(ctx, middle), task.Go(ctx, outermost),
		}
		want := []string{"innermost middle outermost", "innermost middle", "innermost middle outermost"}
		yields(t, ctx, 1)
		looked := future.New[int](ctx)
		lowlevel.LoopOf(ctx).CallSoon(func() {
			for i, a := range all {
				testkit.Equal(t, "in a callback", ofTheTest(a.Task().Stack()), want[i])
			}
			_ = looked.SetResult(1)
		})
		_, _ = looked.Await(ctx)
		for i, a := range all {
			testkit.Equal(t, "in a task", ofTheTest(a.Task().Stack()), want[i])
			a.Cancel(nil)
		}
	})
}

// deep calls end, n calls deeper.
func deep(n int, end func()) {
	if n > 0 {
		deep(n-1, end)
		return
	}
	end()
}

// Stack returns all frames of a body, and no frames of others, however deep the calls are.
func TestStackOfDeepCalls(t *testing.T) {
	for name, opts := range map[string][]loop.Option{"plain": nil, "debug": {loop.WithDebug()}} {
		t.Run(name, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				a := task.Go(ctx, func(ctx context.Context) (int, error) {
					deep(300, func() { _ = task.Sleep(ctx, time.Hour) })
					return 0, nil
				})
				b := task.Go(ctx, outermost)
				yields(t, ctx, 1)
				me, looked := task.Current(ctx), future.New[int](ctx)
				lowlevel.LoopOf(ctx).CallSoon(func() {
					// In a plain loop, a callback runs on top of a suspended body.
					deep(300, func() {
						stack := a.Task().Stack()
						testkit.Equal(t, "calls of deep", strings.Count(ofTheTest(stack), "deep"), 301)
						if !strings.Contains(stack[len(stack)-1].Function, "TestStackOfDeepCalls") {
							t.Errorf("the outermost function is %s, want the body", stack[len(stack)-1].Function)
						}
						testkit.Equal(t, "another task", ofTheTest(b.Task().Stack()), "innermost middle outermost")
						if own := ofTheTest(me.Stack()); own == "" || strings.Contains(own, "deep") {
							t.Errorf("the stack of the task that awaits is %q", own)
						}
					})
					_ = looked.SetResult(1)
				})
				_, _ = looked.Await(ctx)
				a.Cancel(nil)
				b.Cancel(nil)
			}, opts...)
		})
	}
}

// oddly is an awaitable with a description of several lines.
type oddly struct{ future.Promise[int] }

func (o *oddly) Cancel(error) bool                    { return false }
func (o *oddly) Describe() (string, []loop.Awaitable) { return "a\nb", nil }

// A name or description that has line ends, or is very long, adds no line to a report and does not fill it.
func TestReportsOfOddNames(t *testing.T) {
	const odd, shown = "a\n\tb is done", `a\n\tb is done`
	long := strings.Repeat("x", 1e6)
	cut := strings.Repeat("x", 253) + "…"

	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	o := new(oddly)
	o.Init(l, o)
	a := task.Go(l.Context(), o.Await, task.Named(odd))
	task.Go(l.Context(), func(ctx context.Context) (int, error) { return 0, a.Wait(ctx) }, task.Named(long))
	l.RunUntilIdle()
	var graph strings.Builder
	testkit.NoError(t, l.WriteGraph(&graph, false))
	awaits := "task " + strconv.Quote(odd)
	testkit.Equal(t, "the graph", graph.String(), cut+" awaits "+awaits+"\n└─ "+shown+" awaits a\\nb\n")
	_, report, _ := strings.Cut(l.Run().Error(), "\n")
	testkit.Equal(t, "the deadlock", report, "\t"+shown+" awaits a\\nb\n\t"+cut+" awaits "+awaits)

	var b, c *task.Task[int]
	b = task.Go(l.Context(), func(ctx context.Context) (int, error) { return c.Await(ctx) }, task.Named(odd))
	c = task.Go(l.Context(), b.Await, task.Named(long))
	err := l.Run()
	if circle := "\n\tin a circle: " + shown + " -> " + cut + " -> " + shown; !strings.HasSuffix(err.Error(), circle) {
		t.Errorf("the report does not end with the circle, but with %q", err.Error()[max(0, len(err.Error())-1000):])
	}

	failed := &task.GroupError{Errors: []error{&task.TaskError{Task: odd, Err: io.EOF}, &task.TaskError{Task: long, Err: io.EOF}}}
	testkit.Equal(t, "the group", failed.Error(), "2 errors in a group\n\t"+shown+": EOF\n\t"+cut+": EOF")

	r, began := task.Start(), make(chan struct{})
	for _, name := range []string{odd, long} {
		task.Submit(context.Background(), r.Loop(), func(ctx context.Context) (int, error) {
			began <- struct{}{}
			for !lowlevel.Unwinding(lowlevel.Current(ctx)) {
				_ = task.Sleep(ctx, time.Hour)
			}
			return 0, nil
		}, task.Named(name))
		<-began
	}
	ended, end := context.WithCancel(context.Background())
	end()
	lines := strings.Split(r.Stop(ended).Error(), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[1], "\t"+shown+" ") || !strings.HasPrefix(lines[2], "\t"+cut+" ") {
		t.Errorf("the error of Stop has %d lines and %d bytes", len(lines), len(strings.Join(lines, "\n")))
	}
}

func TestPrintGraph(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, outermost, task.Named("A"))
		main := lowlevel.LoopOf(ctx).Context()
		var b strings.Builder
		printed := future.New[int](ctx)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() {
			if err := task.PrintGraph(main, &b); err != nil {
				t.Error(err)
			}
			_ = printed.SetResult(0)
		})
		_, err := task.Gather[future.Awaitable[int]](printed).Await(ctx)
		testkit.Equal(t, "the error", err, nil)
		a.Cancel(nil)
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		want := []string{
			`^main awaits a gather of 1$`,
			`^    .*\.Await\[?.* .*future\.go:\d+$`,
			`^    .*task_test\.TestPrintGraph\.func1 .*introspect_test\.go:\d+$`,
			`^    .*$`, // a function of the test helper
			`^└─ a future$`,
			`^A sleeps until 1h0m0s$`,
			`^    .*/task\.Sleep .*sleep\.go:\d+$`,
			`^    .*task_test\.innermost .*introspect_test\.go:\d+$`,
			`^    .*task_test\.middle .*introspect_test\.go:\d+$`,
			`^    .*task_test\.outermost .*introspect_test\.go:\d+$`,
		}
		at := 0
		for _, line := range lines {
			if at < len(want) && regexp.MustCompile(want[at]).MatchString(line) {
				at++
			}
		}
		if at < len(want) {
			t.Errorf("the graph is\n%s\nthis line is missing, or out of order: %s", b.String(), want[at])
		}
	})
}

func TestSpawnSites(t *testing.T) {
	play(t, func(ctx context.Context) {
		_, _, line, _ := runtime.Caller(0)
		a := task.Go(ctx, hangs)
		m := task.GoMachine(ctx, &yieldMachine{})
		sites := []string{a.Task().SpawnSite(), m.Task().SpawnSite()}
		_ = task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			_, _, line, _ := runtime.Caller(0)
			b, _ := task.GoIn(g, gives(0, 1))
			_ = g.Go(func(ctx context.Context) error {
				sites = append(sites, b.Task().SpawnSite(), task.Current(ctx).SpawnSite())
				return nil
			})
			sites = append(sites, place("introspect_test.go", line+1), place("introspect_test.go", line+2))
			return nil
		})
		for i := range sites {
			sites[i] = lastLine(sites[i])
		}
		want := []string{
			place("introspect_test.go", line+1), place("introspect_test.go", line+2),
			sites[2], sites[3], sites[2], sites[3],
		}
		if !slices.Equal(sites, want) {
			t.Errorf("the tasks were made at %v, want %v", sites, want)
		}
		a.Cancel(nil)
	}, loop.WithDebug())
	play(t, func(ctx context.Context) {
		testkit.Equal(t, "without debug mode", task.Go(ctx, gives(0, 1)).Task().SpawnSite(), "")
	})
}

// A task that another goroutine or loop has asked for was made at the call of Submit or Call.
func TestSpawnSitesOfRequests(t *testing.T) {
	site := func(ctx context.Context) (string, error) { return lastLine(task.Current(ctx).SpawnSite()), nil }
	l, other := loop.New(loop.WithDebug(), loop.WithVirtualTime()), loop.New(loop.WithDebug(), loop.WithVirtualTime())
	defer l.Close()
	defer other.Close()

	_, _, line, _ := runtime.Caller(0)
	lazy := task.Submit(context.Background(), l, site)
	eager := task.Submit(context.Background(), l, site, task.Eager())
	maker := task.Submit(context.Background(), l, func(ctx context.Context) (string, error) {
		return task.Go(ctx, site).Await(ctx)
	}, task.Eager())
	testkit.NoError(t, l.Run())
	for i, s := range []*task.Submission[string]{lazy, eager} {
		got, err := s.Wait(context.Background())
		testkit.NoError(t, err)
		testkit.Equal(t, "the place of Submit", got, place("introspect_test.go", line+1+i))
	}
	got, err := maker.Wait(context.Background())
	testkit.NoError(t, err)
	testkit.Equal(t, "the place of Go in the body", got, place("introspect_test.go", line+4))

	called := task.Go(l.Context(), func(ctx context.Context) (string, error) {
		_, _, line, _ = runtime.Caller(0)
		return task.Call(ctx, other, site)
	})
	l.RunUntilIdle()
	testkit.NoError(t, other.Run())
	testkit.NoError(t, l.Run())
	got, err = called.Result()
	testkit.NoError(t, err)
	testkit.Equal(t, "the place of Call", got, place("introspect_test.go", line+1))
}

// busy holds up the loop for 3 ms.
func busy() {
	for began := time.Now(); time.Since(began) < 3*time.Millisecond; {
		continue
	}
}

func TestSlowSteps(t *testing.T) {
	slow := map[string]bool{}
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			yields(t, ctx, 1)
			busy()
			return 0, task.Yield(ctx)
		}, task.Named("stackful"))
		m := goFunc(ctx, func(context.Context, error) (int, task.Suspension, error) {
			busy()
			return 0, task.End(), nil
		}, task.Named("stackless"))
		lowlevel.LoopOf(ctx).CallSoon(busy)
		_, err := task.Gather(a, m).Await(ctx)
		testkit.Equal(t, "the error", err, nil)
	}, loop.WithSlowStep(time.Millisecond), loop.WithErrorHandler(func(f loop.Failure) {
		e, ok := f.Err.(*loop.SlowStepError)
		if f.Kind != loop.SlowStep || !ok || e.Limit != time.Millisecond || e.Took < e.Limit {
			t.Errorf("the error handler was told %v: %v", f.Kind, f.Err)
		}
		if f.Task == nil {
			slow["callback"] = true
		} else {
			slow[f.Task.Name()] = true
		}
	}))
	for _, name := range []string{"stackful", "stackless", "callback"} {
		testkit.Equal(t, name+" was reported", slow[name], true)
	}
}

// In debug mode, a call that uses the loop panics on any goroutine but the loop's.
func TestWrongGoroutine(t *testing.T) {
	play(t, func(ctx context.Context) {
		l, f := lowlevel.LoopOf(ctx), future.New[int](ctx)
		a := task.Go(ctx, hangs)
		for name, use := range map[string]func(){
			"spawning a task":        func() { task.Go(ctx, hangs) },
			"Cancel":                 func() { a.Cancel(nil) },
			"SetName":                func() { a.SetName("") },
			"Uncancel":               func() { a.Uncancel() },
			"waiting for a future":   func() { task.Gather(f) },
			"SetResult":              func() { _ = f.SetResult(1) },
			"CallSoon":               func() { l.CallSoon(func() {}) },
			"suspending":             func() { _ = task.Yield(ctx) },
			"using a task's context": func() { _, _ = task.Blocking(ctx, waitDone) },
		} {
			over := make(chan string)
			go func() {
				defer func() { over <- fmt.Sprint(recover()) }()
				use()
			}()
			const want = " from another goroutine than the loop's; use Post"
			if got := <-over; !strings.HasPrefix(got, "loop: "+name) || !strings.HasSuffix(got, want) {
				t.Errorf("%s: the panic is %q, want one that names the call and the other goroutine", name, got)
			}
		}
		a.Task().Cancel(nil)
		_ = a.Wait(ctx)
	}, loop.WithDebug())
}

// Awaits returns nil for a task that is done. It does not return the awaitable of a later task that
// reuses the memory of the first.
func TestAwaitsOfATaskThatIsDone(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, gives(0, 1))
		_ = a.Wait(ctx)
		if on := a.Task().Awaits(); on != nil {
			t.Errorf("Awaits of a task that is done is %v", on)
		}
		b := task.Go(ctx, hangs)
		yields(t, ctx, 1)
		if on := a.Task().Awaits(); on != nil || b.Task().Awaits() == nil {
			t.Errorf("Awaits of a task that is done is %v", on)
		}
		b.Cancel(nil)
	})
}

// The stack of a body does not show the scheduler, or callbacks that run on top of the body.
func TestStackBelowACallback(t *testing.T) {
	l := virtual(t)
	a := task.Go(l.Context(), outermost)
	got := ""
	l.CallSoon(func() {
		stack := a.Task().Stack()
		got = ofTheTest(stack)
		if name := stack[0].Function; !strings.HasSuffix(name, "task.Sleep") {
			t.Errorf("the innermost function is %s, want task.Sleep", name)
		}
	})
	l.RunUntilIdle()
	testkit.Equal(t, "the stack", got, "innermost middle outermost")
}

// awaitsAll is an awaitable that waits for several others, and returns its own slice of them.
type awaitsAll struct {
	*future.Future[int]
	on []loop.Awaitable
}

func (a *awaitsAll) Explain() (string, []loop.Awaitable) { return "all of these", a.on }

func (a *awaitsAll) Self() loop.Awaitable { return a }

// A view and its future are the same in a graph, and WriteGraph does not change the program's slices.
func TestGraphOfViews(t *testing.T) {
	f := func(ctx context.Context) (int, error) {
		g := task.Gather(future.New[int](ctx), future.New[int](ctx))
		view := loop.Awaitable(future.Untyped(g))
		a := &awaitsAll{future.New[int](ctx), []loop.Awaitable{view, g}}
		task.Go(ctx, func(ctx context.Context) (int, error) { return 0, lowlevel.Await(ctx, a) }, task.Named("A"))
		lowlevel.LoopOf(ctx).CallSoon(func() {
			lowlevel.LoopOf(ctx).CallSoon(func() {
				var b strings.Builder
				testkit.Equal(t, "the error", lowlevel.LoopOf(ctx).WriteGraph(&b, false), nil)
				if a.on[0] != view {
					t.Error("WriteGraph has changed the program's slice")
				}
			})
		})
		return hangs(ctx)
	}
	testkit.Equal(t, "the graph", graphOf(t, f), `main awaits a future
A awaits all of these
├─ a gather of 2
│  ├─ a future
│  └─ a future
└─ a gather of 2 (above)
`)
}

// A future that two tasks await is not marked (above), since it has no branches.
func TestGraphOfAFutureThatTwoAwait(t *testing.T) {
	f := func(ctx context.Context) (int, error) {
		f := future.New[int](ctx)
		task.Go(ctx, f.Await, task.Named("A"))
		return f.Await(ctx)
	}
	testkit.Equal(t, "the graph", graphOf(t, f), "main awaits a future\nA awaits a future\n")
}

// An awaitable that goes on at the margin does so once, even if it is awaited twice.
func TestGraphThatGoesOnOnce(t *testing.T) {
	for name, deepest := range map[string]func(ctx context.Context) (future.Any, string){
		"a task": func(ctx context.Context) (future.Any, string) {
			return task.Go(ctx, hangs, task.Named("T")), "T"
		},
		"a gather": func(ctx context.Context) (future.Any, string) {
			return task.Gather(future.New[int](ctx)), "a gather of 1"
		},
	} {
		t.Run(name, func(t *testing.T) {
			called := ""
			graph := graphOf(t, func(ctx context.Context) (int, error) {
				x, what := deepest(ctx)
				called = what
				deep := future.Untyped(task.Gather(future.Untyped(x), future.Untyped(x)))
				for range 19 {
					deep = future.Untyped(task.Gather(deep))
				}
				return 0, deep.Wait(ctx)
			})
			lines := strings.Split(graph, "\n")
			testkit.Equal(t, "the first", strings.TrimLeft(lines[20], " "), "├─ "+called+" (goes on at [1])")
			testkit.Equal(t, "the second", strings.TrimLeft(lines[21], " "), "└─ "+called+" (above)")
			testkit.Equal(t, "the line at which it goes on has its name", strings.HasPrefix(lines[22], "[1] "+called), true)
		})
	}
}

// The time for a graph is linear in the number of awaitables, and not in the number of paths to them.
func TestGraphOfVeryManyWays(t *testing.T) {
	l := virtual(t)
	top := future.Untyped(future.New[int](l.Context()))
	for range 60 {
		top = future.Untyped(task.Gather(top, top))
	}
	task.Go(l.Context(), func(ctx context.Context) (int, error) { return 0, top.Wait(ctx) })
	l.RunUntilIdle()
	var graph strings.Builder
	testkit.Equal(t, "the error", l.WriteGraph(&graph, false), nil)
	if n := strings.Count(graph.String(), "\n"); n < 60 || n > 200 {
		t.Errorf("the graph has %d lines", n)
	}
}
