package loop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

func TestNamesAndNumbers(t *testing.T) {
	l := newLoop(t)
	first := spawn(l.Context(), "", task.Yield).Task()
	second := spawn(l.Context(), "second", task.Yield).Task()
	third := spawn(l.Context(), "", task.Yield).Task()
	if first.Name() != "Task-1" || second.Name() != "second" || third.Name() != "Task-3" {
		t.Errorf("%s, %s, %s", first.Name(), second.Name(), third.Name())
	}
	if first.ID() != 1 || second.ID() != 2 || third.ID() != 3 {
		t.Errorf("%d, %d, %d", first.ID(), second.ID(), third.ID())
	}
	if first.Named() || !second.Named() {
		t.Errorf("named: %t, %t", first.Named(), second.Named())
	}
	third.SetName("3rd")
	if got := fmt.Sprint(first, " ", third); got != `task "Task-1" task "3rd"` {
		t.Error(got)
	}
	if first.Loop() != l || lowlevel.LoopOf(first.Context()) != l {
		t.Error("the task belongs to another loop")
	}
	if other := newLoop(t); spawn(other.Context(), "", task.Yield).Name() != "Task-1" {
		t.Error("two loops do not count their tasks separately")
	}
	run(t, l)
}

func TestTaskStartsOnce(t *testing.T) {
	const twice = "of task \"x\", which was started before; a task factory starts a task once"
	l := newLoop(t)
	x := spawn(l.Context(), "x", task.Yield).Task()
	check := func() {
		mustPanic(t, "loop: Enqueue "+twice, x.Enqueue)
		mustPanic(t, "loop: StepNow "+twice, x.StepNow)
	}
	check() // queued
	spawn(l.Context(), "checks", func(context.Context) error { check(); return nil })
	l.RunOnce()
	check() // suspended
	run(t, l)
	check() // done
}

func TestStepNowOutsideOfTheLoopQueues(t *testing.T) {
	l := newLoop(t, loop.WithTaskFactory((*loop.Task).StepNow))
	var log looptest.Journal
	spawn(l.Context(), "x", func(context.Context) error { log.Add("x"); return nil })
	l.CallSoon(log.Callback("call"))
	log.Want(t)
	run(t, l)
	log.Want(t, "x", "call")
}

func TestStepNowInACallback(t *testing.T) {
	l := newLoop(t, loop.WithTaskFactory((*loop.Task).StepNow))
	var log looptest.Journal
	l.CallSoon(func() {
		spawn(l.Context(), "x", func(ctx context.Context) error {
			log.Add("x runs, current %s", l.Current().Name())
			return task.Yield(ctx)
		})
		log.Add("callback goes on, current %v", l.Current())
	})
	run(t, l)
	log.Want(t, "x runs, current x", "callback goes on, current <nil>")
}

// counted is a Body that counts the steps of another Body.
type counted struct {
	lowlevel.Body
	steps *int
}

func (c counted) Step(t *loop.Task, err error) loop.Suspension {
	*c.steps++
	return c.Body.Step(t, err)
}

// unfailing is a Body whose Fail panics.
type unfailing struct{ lowlevel.Body }

func (unfailing) Fail(*loop.Task, error) { panic("no failing") }

// A panic in Fail goes to the error handler. The task ends with the error that Fail was given.
func TestFailThatPanics(t *testing.T) {
	check := func(t *testing.T, x *task.Task[none], told []loop.Failure) {
		t.Helper()
		if p, ok := x.Err().(*loop.PanicError); !ok || p.Value != "oh" {
			t.Errorf("the task's error is %v", x.Err())
		}
		if len(told) != 1 || told[0].Kind != loop.CallbackFailed || told[0].Task != x.Task() ||
			!strings.Contains(told[0].Err.Error(), "no failing") {
			t.Errorf("the error handler got %v, want the panic of Fail", told)
		}
	}
	for kind, start := range map[string]func(ctx context.Context) *task.Task[none]{
		"stackful": func(ctx context.Context) *task.Task[none] {
			return spawn(ctx, "x", func(context.Context) error { panic("oh") })
		},
		"stackless": func(ctx context.Context) *task.Task[none] {
			return script(ctx, "x", func(context.Context, error) (task.Suspension, error) { panic("oh") })
		},
	} {
		t.Run(kind, func(t *testing.T) {
			var told []loop.Failure
			l := newLoop(t, toldTo(&told), loop.WithTaskFactory(func(x *loop.Task) {
				lowlevel.Wrap(x, func(b lowlevel.Body) lowlevel.Body { return unfailing{b} })
				x.Enqueue()
			}))
			x := start(l.Context())
			run(t, l)
			check(t, x, told)
		})
		t.Run("eager "+kind, func(t *testing.T) {
			var told []loop.Failure
			l := newLoop(t, toldTo(&told), loop.WithTaskFactory(func(x *loop.Task) {
				if x.Name() == "x" {
					lowlevel.Wrap(x, func(b lowlevel.Body) lowlevel.Body { return unfailing{b} })
				}
				x.StepNow()
			}))
			spawn(l.Context(), "parent", func(ctx context.Context) error {
				x := start(ctx)
				if lowlevel.Current(ctx).Name() != "parent" {
					t.Errorf("the current task is %v", l.Current())
				}
				_ = task.Yield(ctx)
				check(t, x, told)
				return nil
			})
			run(t, l)
		})
	}
}

func TestLoopOfATaskThatWasNeverSpawned(t *testing.T) {
	if l := new(loop.Task).Loop(); l != nil {
		t.Errorf("the loop is %p, want nil", l)
	}
}

func TestWrap(t *testing.T) {
	l := newLoop(t)
	stackful, stackless, never := 0, 0, 0
	wrap := func(x *task.Task[none], steps *int) *loop.Task {
		lowlevel.Wrap(x.Task(), func(b lowlevel.Body) lowlevel.Body { return counted{b, steps} })
		return x.Task()
	}
	turn := func(context.Context, error) (task.Suspension, error) { return task.Turn(), nil }
	a := wrap(spawn(l.Context(), "a", task.Yield), &stackful)
	b := wrap(script(l.Context(), "b", turn, turn), &stackless)
	c := wrap(spawn(l.Context(), "c", task.Yield), &never)
	c.Cancel(nil)
	run(t, l)
	if stackful != 1 || stackless != 3 || never != 0 {
		t.Errorf("%d, %d and %d steps, want 1, 3 and 0", stackful, stackless, never)
	}
	for _, x := range []*loop.Task{a, b, c} {
		if !x.Done() || !x.Outcome().Done() {
			t.Errorf("%v has not ended", x)
		}
		mustPanic(t, fmt.Sprintf("loop: Wrap of task %q after its first step", x.Name()),
			func() { lowlevel.Wrap(x, func(b lowlevel.Body) lowlevel.Body { return b }) })
	}
}

// A function that is given to Wrap must not start the task: the new body would begin the old one a second time.
func TestWrapThatStartsTheTask(t *testing.T) {
	begun := 0
	l := newLoop(t, loop.WithTaskFactory(func(x *loop.Task) {
		mustPanic(t, `loop: Wrap of task "x" after its first step`, func() {
			lowlevel.Wrap(x, func(inner lowlevel.Body) lowlevel.Body { x.StepNow(); return inner })
		})
	}))
	l.CallSoon(func() {
		spawn(l.Context(), "x", func(ctx context.Context) error { begun++; return task.Sleep(ctx, time.Second) })
	})
	run(t, l)
	if begun != 1 {
		t.Errorf("the body began %d times, want once", begun)
	}
}

func TestWrapAfterTheFirstStep(t *testing.T) {
	l := newLoop(t)
	wrap := func(x *loop.Task) func() {
		return func() { lowlevel.Wrap(x, func(b lowlevel.Body) lowlevel.Body { return b }) }
	}
	x := spawn(l.Context(), "x", func(ctx context.Context) error {
		mustPanic(t, `loop: Wrap of task "x" after its first step`, wrap(lowlevel.Current(ctx)))
		return task.Yield(ctx)
	})
	l.RunOnce()
	mustPanic(t, `loop: Wrap of task "x" after its first step`, wrap(x.Task()))
	run(t, l)
}

// A lifecycle is a case: the factory that starts the task, the kind of the task, how its body ends, and
// when the task is canceled.
type lifecycle struct {
	eager, stackless   bool
	suspends           bool
	end, cancelledWhen string
}

func (c lifecycle) String() string {
	return fmt.Sprintf("eager=%t/stackless=%t/suspends=%t/%s/canceled %s", c.eager, c.stackless, c.suspends, c.end, c.cancelledWhen)
}

func lifecycles() (all []lifecycle) {
	both := []bool{false, true}
	for _, eager := range both {
		for _, stackless := range both {
			for _, suspends := range both {
				for _, end := range []string{"value", "error", "panic", "Goexit"} {
					for _, when := range []string{"never", "before its start", "while suspended", "when done"} {
						if when != "while suspended" || suspends {
							all = append(all, lifecycle{eager, stackless, suspends, end, when})
						}
					}
				}
			}
		}
	}
	return all
}

// want returns the text of the error with which the task ends.
func (c lifecycle) want() string {
	if c.cancelledWhen == "before its start" || c.cancelledWhen == "while suspended" {
		return "canceled: EOF"
	}
	switch c.end {
	case "error":
		return io.ErrUnexpectedEOF.Error()
	case "panic":
		return `panic in task "x": oh`
	case "Goexit":
		return loop.ErrGoexit.Error()
	}
	return "<nil>"
}

func (c lifecycle) finish() error {
	switch c.end {
	case "error":
		return io.ErrUnexpectedEOF
	case "panic":
		panic("oh")
	case "Goexit":
		goexit()
	}
	return nil
}

func (c lifecycle) spawn(ctx context.Context) *task.Task[none] {
	if !c.stackless {
		return spawn(ctx, "x", func(ctx context.Context) error {
			if c.suspends {
				if err := task.Sleep(ctx, time.Second); err != nil {
					return err
				}
			}
			return c.finish()
		})
	}
	var steps []step
	if c.suspends {
		steps = append(steps, func(context.Context, error) (task.Suspension, error) { return task.For(time.Second), nil })
	}
	steps = append(steps, func(_ context.Context, err error) (task.Suspension, error) {
		if err == nil {
			err = c.finish()
		}
		return task.End(), err
	})
	return script(ctx, "x", steps...)
}

// states follows the events of one task, and checks that each fits the task's state.
type states struct {
	t     *testing.T
	state string
}

func (s *states) observe(e loop.Event) {
	if e.Task == nil {
		return
	}
	next := map[loop.EventKind]map[string]string{
		loop.TaskMade:      {"": "new"},
		loop.StepBegan:     {"new": "running", "woken": "running"},
		loop.TaskSuspended: {"running": "suspended"},
		loop.TaskWoken:     {"suspended": "woken"},
		loop.TaskDone:      {"running": "done", "new": "done"},
	}[e.Kind]
	if next == nil { // an event of a request or of a timer
		return
	}
	if next[s.state] == "" {
		s.t.Errorf("event %q while the task was %s", describe(e), s.state)
	}
	s.state = next[s.state]
	running := e.Kind == loop.StepBegan || e.Kind == loop.TaskSuspended
	if current := e.Task.Loop().Current(); running && current != e.Task {
		s.t.Errorf("event %q while %v was the current task", describe(e), current)
	}
}

func TestLifecycle(t *testing.T) {
	for _, c := range lifecycles() {
		t.Run(c.String(), func(t *testing.T) {
			follow := &states{t: t}
			start := (*loop.Task).Enqueue
			if c.eager {
				start = (*loop.Task).StepNow
			}
			l := newLoop(t, loop.WithObserver(follow.observe), loop.WithTaskFactory(func(x *loop.Task) {
				if c.cancelledWhen == "before its start" && !x.Cancel(io.EOF) {
					t.Error("the request was not counted")
				}
				start(x)
			}))
			var x *task.Task[none]
			told := 0
			l.CallSoon(func() { // on the loop: elsewhere an eager start only queues
				x = nil
				defer func() { // a Goexit in an eager first step ends this callback, too
					for y := range l.Tasks() {
						y.Outcome().(future.Any).OnDone(func() { told++ })
					}
				}()
				x = c.spawn(l.Context())
				if x.Done() {
					x.OnDone(func() { told++ })
				}
			})
			goexits := !inGoroutine(func() {
				l.RunUntilIdle()
				if c.cancelledWhen == "while suspended" {
					x.Cancel(io.EOF)
				}
				run(t, l)
			})
			if want := c.want() == loop.ErrGoexit.Error(); goexits != want {
				t.Errorf("a Goexit ended the driver: %t, want %t", goexits, want)
			}
			run(t, l) // also after a Goexit the waiters run
			if follow.state != "done" {
				t.Errorf("the task is %s in the end", follow.state)
			}
			if got := slices.Collect(l.Tasks()); len(got) != 0 {
				t.Errorf("these tasks are still in the registry: %v", got)
			}
			if x == nil { // an eager first step that did not return
				return
			}
			if got := fmt.Sprint(x.Err()); !x.Done() || got != c.want() {
				t.Errorf("done is %t, and the error is %s, want %s", x.Done(), got, c.want())
			}
			if told != 1 {
				t.Errorf("the callback ran %d times", told)
			}
			if x.Canceled() != (c.want() == "canceled: EOF") {
				t.Errorf("Canceled is %t with the error %v", x.Canceled(), x.Err())
			}
			if c.cancelledWhen == "when done" && x.Cancel(nil) {
				t.Error("Cancel of a task that is done reports true")
			}
			if p := (*loop.PanicError)(nil); c.want() == `panic in task "x": oh` && (!errors.As(x.Err(), &p) || p.Value != "oh" || len(p.Stack) == 0) {
				t.Errorf("the PanicError is %+v, want the value oh and a stack", p)
			}
		})
	}
}
