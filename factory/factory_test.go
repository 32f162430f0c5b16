package factory_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// parent spawns a task that starts a child, which ends at once, and awaits it.
func parent(l *loop.Loop, log *looptest.Journal, start func(context.Context, string, func(context.Context) error) *task.Task[none]) {
	spawn(l.Context(), "parent", func(ctx context.Context) error {
		child := start(ctx, "child", func(context.Context) error { log.Add("child runs"); return nil })
		log.Add("the child is done: %t", child.Done())
		return child.Wait(ctx)
	})
}

func TestLazyQueues(t *testing.T) {
	l, log := newLoop(t, factory.Lazy)
	parent(l, log, spawn)
	run(t, l)
	log.Want(t, "[made parent]", "[step parent]", "[made child]", "the child is done: false", "[suspended parent]",
		"[step child]", "child runs", "[woken parent]", "[done child]", "[step parent]", "[done parent]")
}

func TestLazyIsTheDefault(t *testing.T) {
	trace := func(opts ...loop.Option) (log looptest.Journal) {
		l := loop.New(append(opts, loop.WithDeadlockDetection())...)
		defer l.Close()
		parent(l, &log, spawn)
		run(t, l)
		return log
	}
	log := trace()
	log.Want(t, trace(loop.WithTaskFactory(factory.Lazy))...)
}

func TestEagerStepsInsideTheCall(t *testing.T) {
	for kind, start := range map[string]func(context.Context, string, func(context.Context) error) *task.Task[none]{
		"stackful": spawn, "stackless": machine,
	} {
		t.Run(kind, func(t *testing.T) {
			l, log := newLoop(t, factory.Eager)
			parent(l, log, start)
			run(t, l)
			// The child is never woken and never waits: the parent does not suspend.
			log.Want(t, "[made parent]", "[step parent]", "[made child]", "[step child]", "child runs", "[done child]",
				"the child is done: true", "[done parent]")
		})
	}
}

func TestEagerQueuesWhatBlocks(t *testing.T) {
	l, log := newLoop(t, factory.Eager)
	spawn(l.Context(), "parent", func(ctx context.Context) error {
		child := spawn(ctx, "child", func(ctx context.Context) error {
			defer log.Add("child ends")
			return task.Yield(ctx)
		})
		log.Add("the child is done: %t", child.Done())
		return nil
	})
	l.CallSoon(func() { log.Add("ready before the child") })
	run(t, l)
	log.Want(t, "[made parent]", "[step parent]", "[made child]", "[step child]", "[suspended child]",
		"the child is done: false", "[done parent]", "ready before the child", "[step child]", "child ends", "[done child]")
}

// A child that yields in its first step gives control back to the task that spawned it, also
// if nothing else is ready. The loop has no observer here, because an observer would change
// how the loop runs a yield when nothing else is ready.
func TestEagerYieldGoesBackToTheSpawner(t *testing.T) {
	for kind, start := range starts {
		t.Run(kind, func(t *testing.T) {
			var log looptest.Journal
			l := loop.New(loop.WithVirtualTime(), loop.WithTaskFactory(factory.Eager))
			defer l.Close()
			spawn(l.Context(), "parent", func(ctx context.Context) error {
				start(ctx, "child", 1, &log)
				log.Add("parent goes on")
				return nil
			})
			run(t, l)
			log.Want(t, "child 1", "parent goes on", "child 0")
		})
	}
}

// starts has the ways to spawn a task that counts down, and yields after each number.
var starts = map[string]func(ctx context.Context, name string, from int, log *looptest.Journal){
	"stackful": func(ctx context.Context, name string, from int, log *looptest.Journal) {
		task.Go(ctx, func(ctx context.Context) (none, error) {
			for ; from > 0; from-- {
				log.Add("%s %d", name, from)
				if err := task.Yield(ctx); err != nil {
					return none{}, err
				}
			}
			log.Add("%s %d", name, from)
			return none{}, nil
		})
	},
	"stackless": func(ctx context.Context, name string, from int, log *looptest.Journal) {
		task.GoMachine(ctx, task.MachineFunc[none](func(_ context.Context, err error) (none, task.Suspension, error) {
			log.Add("%s %d", name, from)
			if from--; from < 0 || err != nil {
				return none{}, task.End(), err
			}
			return none{}, task.Turn(), nil
		}))
	},
}

func TestCurrentTaskDuringAnEagerStep(t *testing.T) {
	l, _ := newLoop(t, factory.Eager)
	names := func() (all []string) {
		for x := range l.Tasks() {
			all = append(all, x.Name())
		}
		return all
	}
	spawn(l.Context(), "outer", func(outer context.Context) error {
		check := func(ctx context.Context, name string, registry string) {
			t.Helper()
			if lowlevel.Current(ctx).Name() != name || l.Current() != lowlevel.Current(ctx) || fmt.Sprint(names()) != registry {
				t.Errorf("the current task is %v, the tasks of the loop are %v", l.Current(), names())
			}
		}
		check(outer, "outer", "[outer]")
		spawn(outer, "inner", func(inner context.Context) error {
			check(inner, "inner", "[outer inner]")
			machine(inner, "machine", func(ctx context.Context) error {
				check(ctx, "machine", "[outer inner machine]")
				return nil
			})
			check(inner, "inner", "[outer inner]")
			return task.Yield(inner)
		})
		check(outer, "outer", "[outer inner]")
		return nil
	})
	l.CallSoon(func() {
		spawn(l.Context(), "of a callback", func(ctx context.Context) error {
			if l.Current().Name() != "of a callback" {
				t.Error("the current task is", l.Current())
			}
			return nil
		})
		if l.Current() != nil {
			t.Error("the current task in a callback is", l.Current())
		}
	})
	run(t, l)
}

func TestErrorsOfAnEagerStepGoIntoTheTask(t *testing.T) {
	for kind, start := range map[string]func(context.Context, string, func(context.Context) error) *task.Task[none]{
		"stackful": spawn, "stackless": machine,
	} {
		t.Run(kind, func(t *testing.T) {
			l, log := newLoop(t, factory.Eager)
			spawn(l.Context(), "parent", func(ctx context.Context) error {
				failed := start(ctx, "fails", func(context.Context) error { return io.EOF })
				panicked := start(ctx, "panics", func(context.Context) error { panic("oh") })
				if failed.Err() != io.EOF {
					t.Errorf("the failing task ended with %v", failed.Err())
				}
				var p *loop.PanicError
				if !errors.As(panicked.Err(), &p) || p.Value != "oh" || p.Task != "panics" {
					t.Errorf("the panicking task ended with %v", panicked.Err())
				}
				log.Add("the parent goes on as %s", lowlevel.Current(ctx).Name())
				return task.Yield(ctx)
			})
			run(t, l)
			log.Want(t, "[made parent]", "[step parent]", "[made fails]", "[step fails]", "[done fails]",
				"[made panics]", "[step panics]", "[done panics]", "the parent goes on as parent",
				"[suspended parent]", "[step parent]", "[done parent]")
		})
	}
}

// While the loop is not running, no driver could run a step.
func TestEagerIsLazyWhileTheLoopIsNotRunning(t *testing.T) {
	l, log := newLoop(t, factory.Eager)
	for range 2 {
		l.CallSoon(func() { log.Add("ready before") })
		spawn(l.Context(), "task", func(context.Context) error { return nil })
		run(t, l)
		log.Want(t, "[made task]", "ready before", "[step task]", "[done task]")
	}
}

func TestEagerTaskMayWaitForItsSpawner(t *testing.T) {
	l, _ := newLoop(t, factory.Eager)
	var outer, inner *task.Task[none]
	outer = spawn(l.Context(), "outer", func(ctx context.Context) error {
		inner = spawn(ctx, "inner", func(ctx context.Context) error { return outer.Wait(ctx) })
		return task.Sleep(ctx, time.Second)
	})
	run(t, l)
	if !inner.Done() || inner.Err() != nil {
		t.Errorf("the inner task ended with %v", inner.Err())
	}
}

// An eager task cancels the task that is spawning it.
func TestEagerTaskMayCancelItsSpawner(t *testing.T) {
	l, log := newLoop(t, factory.Eager)
	var outer *task.Task[none]
	outer = spawn(l.Context(), "outer", func(ctx context.Context) error {
		spawn(ctx, "inner", func(context.Context) error { outer.Cancel(io.EOF); return nil })
		log.Add("outer goes on")
		err := task.Sleep(ctx, time.Second)
		log.Add("outer: %v", err)
		return nil
	})
	run(t, l)
	log.Want(t, "[made outer]", "[step outer]", "[made inner]", "[step inner]", "[cancel outer]", "[done inner]",
		"outer goes on", "[suspended outer]", "[woken outer]", "[step outer]", "outer: canceled: EOF", "[done outer]")
}

func TestHookSeesEveryTaskBeforeItsFirstStep(t *testing.T) {
	for name, make := range map[string]func(factory.Hook) loop.TaskFactory{
		"lazy": factory.NewLazy, "eager": factory.NewEager,
	} {
		t.Run(name, func(t *testing.T) {
			var log looptest.Journal
			l, events := newLoop(t, make(func(x *loop.Task, outcome future.Any) {
				log.Add("hook of %s, waiting: %s", x.Name(), x.Status())
				x.SetName("renamed " + x.Name())
				outcome.OnDone(func() { log.Add("%s ended with %v", x.Name(), outcome.Err()) })
			}))
			l.CallSoon(func() {
				spawn(l.Context(), "stackful", func(ctx context.Context) error {
					log.Add("%s runs", lowlevel.Current(ctx).Name())
					return io.EOF
				})
				machine(l.Context(), "stackless", func(ctx context.Context) error {
					log.Add("%s runs", lowlevel.Current(ctx).Name())
					return nil
				})
			})
			run(t, l)
			const untouched = ", waiting: was never started by the task factory"
			want := looptest.Journal{"hook of stackful" + untouched, "renamed stackful runs",
				"hook of stackless" + untouched, "renamed stackless runs"}
			if name == "lazy" {
				want[1], want[2] = want[2], want[1]
			}
			log.Want(t, append(want, "renamed stackful ended with EOF", "renamed stackless ended with <nil>")...)
			if len(*events) != 6 {
				t.Errorf("the events are %v", *events)
			}
		})
	}
}

// timed is a body that logs when its steps begin and end.
type timed struct {
	lowlevel.Body
	log *looptest.Journal
}

func (b timed) Step(t *loop.Task, err error) loop.Suspension {
	b.log.Add("before")
	defer b.log.Add("after")
	return b.Body.Step(t, err)
}

func TestHookMayWrapTheBody(t *testing.T) {
	var log looptest.Journal
	l, _ := newLoop(t, factory.NewEager(func(x *loop.Task, _ future.Any) {
		lowlevel.Wrap(x, func(b lowlevel.Body) lowlevel.Body { return timed{b, &log} })
	}))
	x := spawn(l.Context(), "x", func(ctx context.Context) error {
		log.Add("body")
		return task.Yield(ctx)
	})
	run(t, l)
	log.Want(t, "before", "body", "after")
	if x.Err() != nil {
		t.Error(x.Err())
	}
}

func TestHookMayCancelTheTask(t *testing.T) {
	for name, make := range map[string]func(factory.Hook) loop.TaskFactory{
		"lazy": factory.NewLazy, "eager": factory.NewEager,
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := newLoop(t, make(func(x *loop.Task, _ future.Any) { x.Cancel(io.EOF) }))
			l.CallSoon(func() {
				for _, start := range []func(context.Context, string, func(context.Context) error) *task.Task[none]{spawn, machine} {
					x := start(l.Context(), "x", func(context.Context) error { t.Error("the body ran"); return nil })
					x.OnDone(func() {
						if !x.Canceled() {
							t.Errorf("the task ended with %v", x.Err())
						}
					})
				}
			})
			run(t, l)
		})
	}
}

// A panic in a hook goes to the code that spawns, and the task never starts.
func TestPanicOfAHook(t *testing.T) {
	l, _ := newLoop(t, factory.NewEager(func(x *loop.Task, _ future.Any) {
		if x.Name() == "child" {
			panic("no")
		}
	}))
	parent := spawn(l.Context(), "parent", func(ctx context.Context) error {
		spawn(ctx, "child", func(context.Context) error { t.Error("the body ran"); return nil })
		return nil
	})
	l.RunUntilIdle()
	var p *loop.PanicError
	if !errors.As(parent.Err(), &p) || p.Value != "no" {
		t.Errorf("the parent ended with %v", parent.Err())
	}
}

func TestNilHook(t *testing.T) {
	for _, make := range []func(factory.Hook) loop.TaskFactory{factory.NewLazy, factory.NewEager} {
		func() {
			defer func() {
				if got := recover(); got != "factory: a nil hook; use Lazy or Eager for a factory without a hook" {
					t.Errorf("the panic is %v", got)
				}
			}()
			make(nil)
		}()
	}
}

// late is a factory that starts every task one second late.
func late(x *loop.Task) { x.Loop().CallLater(time.Second, x.StepNow) }

func TestFactoryThatDefersTheStart(t *testing.T) {
	l, log := newLoop(t, late)
	var child *task.Task[none]
	parent := spawn(l.Context(), "parent", func(ctx context.Context) error {
		child = spawn(ctx, "child", func(ctx context.Context) error {
			log.Add("child at %v", l.Elapsed())
			return nil
		})
		return child.Wait(ctx)
	})
	canceled := spawn(l.Context(), "canceled", func(context.Context) error { t.Error("the body ran"); return nil })
	canceled.Cancel(nil)
	run(t, l)
	log.Want(t, "[made parent]", "[made canceled]", "[cancel canceled]",
		"[done canceled]", // in the task's turn, although the factory has not started the task yet
		"[step parent]", "[made child]", "[suspended parent]",
		"[step child]", "child at 2s", "[woken parent]", "[done child]", "[step parent]", "[done parent]")
	if parent.Err() != nil || !canceled.Canceled() {
		t.Errorf("the parent ended with %v, the canceled task with %v", parent.Err(), canceled.Err())
	}
}

// If the factory does not start a task, the deadlock report names that task.
func TestFactoryThatForgetsTheTask(t *testing.T) {
	l, _ := newLoop(t, func(*loop.Task) {})
	spawn(l.Context(), "forgotten", task.Yield)
	var deadlock *loop.DeadlockError
	if err := l.Run(); !errors.As(err, &deadlock) || deadlock.Tasks[0].Name() != "forgotten" {
		t.Errorf("Run = %v", err)
	}
}
