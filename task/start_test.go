package task_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// makers make a task that records when it runs, by every function that takes options.
var makers = map[string]func(t *testing.T, ctx context.Context, g *task.Group, j *looptest.Journal, opts ...task.Option){
	"Go": func(_ *testing.T, ctx context.Context, _ *task.Group, j *looptest.Journal, opts ...task.Option) {
		task.Go(ctx, notes(j), opts...)
	},
	"GoMachine": func(_ *testing.T, ctx context.Context, _ *task.Group, j *looptest.Journal, opts ...task.Option) {
		task.GoMachine(ctx, notesMachine(j), opts...)
	},
	"GoIn": func(t *testing.T, _ context.Context, g *task.Group, j *looptest.Journal, opts ...task.Option) {
		_, err := task.GoIn(g, notes(j), opts...)
		testkit.Equal(t, "the error", err, nil)
	},
	"GoMachineIn": func(t *testing.T, _ context.Context, g *task.Group, j *looptest.Journal, opts ...task.Option) {
		_, err := task.GoMachineIn(g, notesMachine(j), opts...)
		testkit.Equal(t, "the error", err, nil)
	},
	"Group.Go": func(t *testing.T, _ context.Context, g *task.Group, j *looptest.Journal, opts ...task.Option) {
		err := g.Go(func(ctx context.Context) error { _, err := notes(j)(ctx); return err }, opts...)
		testkit.Equal(t, "the error", err, nil)
	},
}

func notes(j *looptest.Journal) func(context.Context) (int, error) {
	return func(context.Context) (int, error) { j.Add("the task runs"); return 0, nil }
}

func notesMachine(j *looptest.Journal) task.Machine[int] {
	return task.MachineFunc[int](func(context.Context, error) (int, task.Suspension, error) {
		j.Add("the task runs")
		return 0, task.End(), nil
	})
}

// The option decides when the first step runs. The factory and its hook are still called.
func TestStartOptions(t *testing.T) {
	starts := map[string]struct {
		opts  []task.Option
		eager func(byFactory bool) bool
	}{
		"none":             {nil, func(byFactory bool) bool { return byFactory }},
		"Eager":            {[]task.Option{task.Eager()}, func(bool) bool { return true }},
		"Lazy":             {[]task.Option{task.Lazy()}, func(bool) bool { return false }},
		"Eager, then Lazy": {[]task.Option{task.Eager(), task.Named("it"), task.Lazy()}, func(bool) bool { return false }},
		"Lazy, then Eager": {[]task.Option{task.Lazy(), task.Eager(), task.Named("it")}, func(bool) bool { return true }},
	}
	for maker, spawn := range makers {
		for name, start := range starts {
			for _, eager := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/eager factory %v", maker, name, eager), func(t *testing.T) {
					var j looptest.Journal
					hook := func(t *loop.Task, _ future.Any) {
						if t.Name() != "main" {
							j.Add("the hook sees the task")
						}
					}
					f := factory.NewLazy(hook)
					if eager {
						f = factory.NewEager(hook)
					}
					play(t, func(ctx context.Context) {
						_ = task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
							spawn(t, ctx, g, &j, start.opts...)
							j.Add("the task is made")
							return task.Yield(ctx)
						})
					}, loop.WithTaskFactory(f))
					if start.eager(eager) {
						j.Want(t, "the hook sees the task", "the task runs", "the task is made")
					} else {
						j.Want(t, "the hook sees the task", "the task is made", "the task runs")
					}
				})
			}
		}
	}
}

func TestStartOptionsOfSubmit(t *testing.T) {
	for name, o := range map[string]struct {
		opt  task.Option
		want []string
	}{
		"Eager": {task.Eager(), []string{"the task runs", "a callback queued before"}},
		"Lazy":  {task.Lazy(), []string{"a callback queued before", "the task runs"}},
	} {
		for _, f := range []loop.TaskFactory{factory.Lazy, factory.Eager} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := virtual(t, loop.WithTaskFactory(f))
					var j looptest.Journal
					_ = l.Post(func() { l.CallSoon(func() { j.Add("a callback queued before") }) })
					go func() {
						_, err := task.Submit(context.Background(), l, notes(&j), o.opt).Wait(context.Background())
						testkit.Equal(t, "the error", err, nil)
					}()
					synctest.Wait() // Submit has posted, and Wait is waiting
					if err := l.Run(); err != nil {
						t.Error(err)
					}
					synctest.Wait()
					j.Want(t, o.want...)
				})
			})
		}
	}
}

func TestEagerWhileTheLoopIsNotRunningQueues(t *testing.T) {
	l := virtual(t)
	var j looptest.Journal
	task.Go(l.Context(), notes(&j), task.Eager())
	task.GoMachine(l.Context(), notesMachine(&j), task.Eager())
	j.Add("the tasks are made")
	l.RunUntilIdle()
	j.Want(t, "the tasks are made", "the task runs", "the task runs")
}

// If a factory starts the task later, the task still starts as the option says.
func TestStartOptionsWithAFactoryThatDefers(t *testing.T) {
	var j looptest.Journal
	var starting []func()
	defers := func(t *loop.Task) {
		if t.Name() == "main" {
			t.Enqueue()
			return
		}
		starting = append(starting, t.Enqueue)
	}
	play(t, func(ctx context.Context) {
		task.Go(ctx, notes(&j), task.Eager())
		task.Go(ctx, notes(&j), task.Lazy())
		j.Add("the tasks are made")
		for _, start := range starting {
			start()
			j.Add("the factory started one")
		}
		yields(t, ctx, 1)
	}, loop.WithTaskFactory(defers))
	j.Want(t, "the tasks are made", "the task runs", "the factory started one", "the factory started one", "the task runs")
}
