package task_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

func TestGoQueuesBehindWhatIsReady(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		l := lowlevel.LoopOf(ctx)
		l.CallSoon(func() { j.Add("before") })
		task.Go(ctx, func(context.Context) (int, error) {
			j.Add("the body")
			return 0, nil
		})
		l.CallSoon(func() { j.Add("after") })
		j.Add("Go has returned")
		yields(t, ctx, 1)
		j.Want(t, "Go has returned", "before", "the body", "after")
	})
}

func TestGoEager(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			j.Add("the first step of %v", task.Current(ctx))
			yields(t, ctx, 1)
			j.Add("the second step")
			return 0, nil
		}, task.Named("a"))
		j.Add("Go has returned in %v", task.Current(ctx))
		_, err := a.Await(ctx)
		testkit.Equal(t, "the error", err, nil)
		j.Want(t, `the first step of task "a"`, `Go has returned in task "main"`, "the second step")
	}, loop.WithTaskFactory(factory.Eager))
}

func TestGoFromTheHost(t *testing.T) {
	for _, f := range []loop.TaskFactory{factory.Lazy, factory.Eager} {
		l := virtual(t, loop.WithTaskFactory(f))
		ran := false
		a := task.Go(l.Context(), func(context.Context) (int, error) {
			ran = true
			return 1, nil
		})
		testkit.Equal(t, "ran before the loop does", ran, false)
		l.RunOnce()
		v, err := a.Result()
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
	}
}

func TestGoFromACallback(t *testing.T) {
	l := virtual(t)
	var a *task.Task[int]
	l.CallSoon(func() { a = task.Go(l.Context(), gives(time.Second, 1)) })
	testkit.Equal(t, "Run", l.Run(), nil)
	v, _ := a.Result()
	testkit.Equal(t, "the value", v, 1)
}

func TestTaskNames(t *testing.T) {
	play(t, func(ctx context.Context) {
		a, b := task.Go(ctx, gives(0, 1)), task.Go(ctx, gives(0, 1), task.Named("b"))
		c := task.Go(ctx, gives(0, 1))
		testkit.Equal(t, "the name without an option", a.Name(), "Task-2")
		testkit.Equal(t, "the given name", b.Name(), "b")
		testkit.Equal(t, "the name after a task with a given name", c.Name(), "Task-4")
		a.SetName("other")
		testkit.Equal(t, "the new name", a.Name(), "other")
		testkit.Equal(t, "String", a.String(), `task "other"`)
		testkit.Equal(t, "the name of the *loop.Task", a.Task().Name(), "other")
		b.Task().SetName("set by the *loop.Task")
		testkit.Equal(t, "the new name", b.Name(), "set by the *loop.Task")
	})
}

// A task has its name in its eager first step.
func TestTaskNameInTheEagerStep(t *testing.T) {
	play(t, func(ctx context.Context) {
		task.Go(ctx, func(ctx context.Context) (int, error) {
			testkit.Equal(t, "the name", task.Current(ctx).Name(), "a")
			return 0, nil
		}, task.Named("a"))
	}, loop.WithTaskFactory(factory.Eager))
}

func TestTaskOutcomes(t *testing.T) {
	play(t, func(ctx context.Context) {
		v := task.Go(ctx, gives(0, 1))
		_, err := v.Result()
		testkit.ErrorIs(t, err, future.ErrInvalidState)
		testkit.Equal(t, "done", v.Done(), false)
		got, err := v.Await(ctx)
		testkit.Equal(t, "the value", got, 1)
		testkit.Equal(t, "the error", err, nil)
		testkit.Equal(t, "done", v.Done(), true)
		testkit.Equal(t, "the *loop.Task is done", v.Task().Done(), true)

		e := task.Go(ctx, fails(0, errBoom))
		testkit.Equal(t, "Wait", e.Wait(ctx), errBoom)
		testkit.Equal(t, "Err", e.Err(), errBoom)
		testkit.Equal(t, "canceled", e.Canceled(), false)

		c := task.Go(ctx, hangs)
		c.Cancel(nil)
		_, err = c.Await(ctx)
		testkit.ErrorIs(t, err, future.ErrCanceled)
		testkit.ErrorIs(t, err, context.Canceled)
		testkit.Equal(t, "canceled", c.Canceled(), true)

		p := task.Go(ctx, func(context.Context) (int, error) { panic(errBoom) }, task.Named("p"))
		_, err = p.Await(ctx)
		var panicked *task.PanicError
		if !errors.As(err, &panicked) || panicked.Task != "p" || len(panicked.Stack) == 0 {
			t.Errorf("the error of the task that panicked is %v", err)
		}
		testkit.ErrorIs(t, err, errBoom)
	})
}

// An error that joins a cancellation with another error is an error, and no cancellation.
func TestTaskErrorJoinedWithACancellation(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			_, err := hangs(ctx)
			return 0, errors.Join(err, errBoom)
		})
		yields(t, ctx, 1)
		a.Cancel(nil)
		_, err := a.Await(ctx)
		testkit.ErrorIs(t, err, errBoom)
		testkit.Equal(t, "canceled", a.Canceled(), false)
	})
}

func TestTaskIsNobodyElsesToSet(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, gives(0, 1))
		testkit.ErrorIs(t, a.SetResult(2), future.ErrInvalidState)
		testkit.ErrorIs(t, a.SetError(errBoom), future.ErrInvalidState)
		v, _ := a.Await(ctx)
		testkit.Equal(t, "the value", v, 1)
	})
}

func TestTaskOnDone(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		a := task.Go(ctx, func(context.Context) (int, error) {
			j.Add("ended")
			return 0, nil
		})
		a.OnDone(func() { j.Add("first, in %v", lowlevel.LoopOf(ctx).Current()) })
		removed := a.OnDone(func() { j.Add("never") })
		a.OnDone(func() { j.Add("second") })
		testkit.Equal(t, "removed", removed.Remove(), true)
		yields(t, ctx, 1)
		j.Add("a turn later")
		yields(t, ctx, 1)
		j.Want(t, "ended", "a turn later", "first, in <nil>", "second")
	})
}

func TestTaskCancelCounts(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			for range 2 {
				_, _ = hangs(ctx)
			}
			me := task.Current(ctx)
			testkit.Equal(t, "requests", me.CancelRequests(), 2)
			testkit.Equal(t, "left", me.Uncancel(), 1)
			testkit.Equal(t, "left", me.Uncancel(), 0)
			testkit.Equal(t, "none to take back", me.Uncancel(), 0)
			testkit.ErrorIs(t, ctx.Err(), context.Canceled) // a context that has ended stays ended
			return 1, me.Context().Err()
		})
		yields(t, ctx, 1)
		testkit.Equal(t, "the first Cancel", a.Cancel(nil), true)
		yields(t, ctx, 2)
		testkit.Equal(t, "the second Cancel", a.Cancel(nil), true)
		v, err := a.Await(ctx)
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
		testkit.Equal(t, "Cancel of a task that is done", a.Cancel(nil), false)
		testkit.Equal(t, "requests", a.CancelRequests(), 0)
	})
}

func TestTaskUncancelBeforeDelivery(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, gives(time.Second, 1))
		testkit.Equal(t, "taken", a.Cancel(nil), true)
		testkit.Equal(t, "requests that are left", a.Uncancel(), 0)
		v, err := a.Await(ctx)
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
	})
}

func TestTaskCancelBeforeItStarts(t *testing.T) {
	play(t, func(ctx context.Context) {
		ran := false
		a := task.Go(ctx, func(context.Context) (int, error) {
			ran = true
			return 0, nil
		})
		a.Cancel(errCause)
		_, err := a.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		testkit.Equal(t, "the body ran", ran, false)
	})
}

// If a request comes in the last step of a task, no suspension delivers it, but the task still
// counts as canceled.
func TestTaskCanceledInItsLastStep(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			task.Current(ctx).Cancel(errCause)
			return 1, nil
		})
		_, err := a.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)

		b := task.Go(ctx, func(ctx context.Context) (int, error) {
			task.Current(ctx).Cancel(errCause)
			return 0, errBoom
		})
		_, err = b.Await(ctx)
		testkit.Equal(t, "the body's own error", err, errBoom)
	})
}

func TestTaskIsNotCanceledWithTheOneThatMadeIt(t *testing.T) {
	play(t, func(ctx context.Context) {
		var child *task.Task[int]
		parent := task.Go(ctx, func(ctx context.Context) (int, error) {
			child = task.Go(ctx, gives(time.Second, 1))
			return hangs(ctx)
		})
		yields(t, ctx, 2)
		parent.Cancel(nil)
		v, err := child.Await(ctx)
		testkit.Equal(t, "the child's value", v, 1)
		testkit.Equal(t, "the child's error", err, nil)
	})
}

func TestGoPanics(t *testing.T) {
	l := virtual(t)
	testkit.Panics(t, "task: Go of a nil body", func() { task.Go[int](l.Context(), nil) })
	testkit.Panics(t, "belongs to no loop", func() { task.Go(context.Background(), hangs) })
	testkit.Panics(t, "task: GoMachine of a nil machine", func() { task.GoMachine(l.Context(), task.Machine[int](nil)) })
	testkit.Panics(t, "belongs to no loop", func() { task.GoMachine(context.Background(), &yieldMachine{}) })
	for left := range l.Tasks() {
		t.Errorf("Go has panicked, but has made %v", left)
	}
	l.Close()
	testkit.Panics(t, "on a loop that is closed", func() { task.Go(l.Context(), hangs) })
	testkit.Panics(t, "on a loop that is closed", func() { task.GoMachine(l.Context(), &yieldMachine{}) })
}

func TestAwaitOfItselfPanics(t *testing.T) {
	play(t, func(ctx context.Context) {
		var a *task.Task[int]
		a = task.Go(ctx, func(ctx context.Context) (int, error) { return a.Await(ctx) }, task.Named("a"))
		_, err := a.Await(ctx)
		wantText(t, err, `panic in task "a": loop: task "a" awaits itself, and would never end`)
	})
}
