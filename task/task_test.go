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
	"github.com/takt-go/takt/task"
)

func TestGoQueuesBehindWhatIsReady(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		l := loop.FromContext(ctx)
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
			j.Add("the second")
			return 0, nil
		}, task.Name("a"))
		j.Add("Go has returned in %v", task.Current(ctx))
		_, err := a.Await(ctx)
		equal(t, "the error", err, nil)
		j.Want(t, `the first step of task "a"`, `Go has returned in task "main"`, "the second")
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
		equal(t, "ran before the loop does", ran, false)
		l.RunOnce()
		v, err := a.Result()
		equal(t, "the value", v, 1)
		equal(t, "the error", err, nil)
	}
}

func TestGoFromACallback(t *testing.T) {
	l := virtual(t)
	var a *task.Task[int]
	l.CallSoon(func() { a = task.Go(l.Context(), gives(time.Second, 1)) })
	equal(t, "Run", l.Run(), nil)
	v, _ := a.Result()
	equal(t, "the value", v, 1)
}

func TestTaskNames(t *testing.T) {
	play(t, func(ctx context.Context) {
		a, b := task.Go(ctx, gives(0, 1)), task.Go(ctx, gives(0, 1), task.Name("b"))
		c := task.Go(ctx, gives(0, 1))
		equal(t, "by order of creation", a.Name(), "Task-2")
		equal(t, "given", b.Name(), "b")
		equal(t, "b counts", c.Name(), "Task-4")
		a.SetName("other")
		equal(t, "renamed", a.Name(), "other")
		equal(t, "String", a.String(), `task "other"`)
		equal(t, "the loop's view", a.Task().Name(), "other")
		b.Task().SetName("through the loop's view")
		equal(t, "renamed", b.Name(), "through the loop's view")
	})
}

// A name is also that of the task when its body runs at once.
func TestTaskNameInTheEagerStep(t *testing.T) {
	play(t, func(ctx context.Context) {
		task.Go(ctx, func(ctx context.Context) (int, error) {
			equal(t, "the name", task.Current(ctx).Name(), "a")
			return 0, nil
		}, task.Name("a"))
	}, loop.WithTaskFactory(factory.Eager))
}

func TestTaskOutcomes(t *testing.T) {
	play(t, func(ctx context.Context) {
		v := task.Go(ctx, gives(0, 1))
		_, err := v.Result()
		wantIs(t, err, future.ErrInvalidState)
		equal(t, "done", v.Done(), false)
		got, err := v.Await(ctx)
		equal(t, "the value", got, 1)
		equal(t, "its error", err, nil)
		equal(t, "done", v.Done(), true)
		equal(t, "the loop's view is done", v.Task().Done(), true)

		e := task.Go(ctx, fails(0, errBoom))
		equal(t, "Wait", e.Wait(ctx), errBoom)
		equal(t, "Err", e.Err(), errBoom)
		equal(t, "canceled", e.Canceled(), false)

		c := task.Go(ctx, hangs)
		c.Cancel(nil)
		_, err = c.Await(ctx)
		wantIs(t, err, future.ErrCanceled)
		wantIs(t, err, context.Canceled)
		equal(t, "canceled", c.Canceled(), true)

		p := task.Go(ctx, func(context.Context) (int, error) { panic(errBoom) }, task.Name("p"))
		_, err = p.Await(ctx)
		var panicked *task.PanicError
		if !errors.As(err, &panicked) || panicked.Task != "p" || len(panicked.Stack) == 0 {
			t.Errorf("the panic became %v", err)
		}
		wantIs(t, err, errBoom)
	})
}

// An error that merely contains a cancellation, beside something else, is an error.
func TestTaskErrorJoinedWithACancellation(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			_, err := hangs(ctx)
			return 0, errors.Join(err, errBoom)
		})
		yields(t, ctx, 1)
		a.Cancel(nil)
		_, err := a.Await(ctx)
		wantIs(t, err, errBoom)
		equal(t, "canceled", a.Canceled(), false)
	})
}

func TestTaskIsNobodyElsesToSet(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, gives(0, 1))
		wantIs(t, a.SetResult(2), future.ErrInvalidState)
		wantIs(t, a.SetError(errBoom), future.ErrInvalidState)
		v, _ := a.Await(ctx)
		equal(t, "the value", v, 1)
	})
}

func TestTaskOnDone(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		a := task.Go(ctx, func(context.Context) (int, error) {
			j.Add("ended")
			return 0, nil
		})
		a.OnDone(func() { j.Add("first, in %v", loop.FromContext(ctx).Current()) })
		removed := a.OnDone(func() { j.Add("never") })
		a.OnDone(func() { j.Add("second") })
		equal(t, "removed", removed.Remove(), true)
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
			equal(t, "requests", me.Cancelling(), 2)
			equal(t, "left", me.Uncancel(), 1)
			equal(t, "left", me.Uncancel(), 0)
			equal(t, "none to take back", me.Uncancel(), 0)
			wantIs(t, ctx.Err(), context.Canceled) // a context that has ended stays so
			return 1, me.Context().Err()
		})
		yields(t, ctx, 1)
		equal(t, "the first", a.Cancel(nil), true)
		yields(t, ctx, 2)
		equal(t, "the second", a.Cancel(nil), true)
		v, err := a.Await(ctx)
		equal(t, "the value", v, 1)
		equal(t, "the error", err, nil)
		equal(t, "of what is done", a.Cancel(nil), false)
		equal(t, "requests", a.Cancelling(), 0)
	})
}

func TestTaskUncancelBeforeDelivery(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, gives(time.Second, 1))
		equal(t, "taken", a.Cancel(nil), true)
		equal(t, "left", a.Uncancel(), 0)
		v, err := a.Await(ctx)
		equal(t, "the value", v, 1)
		equal(t, "the error", err, nil)
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
		wantIs(t, causeOf(t, err), errCause)
		equal(t, "the body ran", ran, false)
	})
}

// Too late to be delivered, a request makes a task canceled all the same.
func TestTaskCanceledInItsLastStep(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			task.Current(ctx).Cancel(errCause)
			return 1, nil
		})
		_, err := a.Await(ctx)
		wantIs(t, causeOf(t, err), errCause)

		b := task.Go(ctx, func(ctx context.Context) (int, error) {
			task.Current(ctx).Cancel(errCause)
			return 0, errBoom
		})
		_, err = b.Await(ctx)
		equal(t, "an error goes before that", err, errBoom)
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
		equal(t, "the child's value", v, 1)
		equal(t, "the child's error", err, nil)
	})
}

func TestGoPanics(t *testing.T) {
	l := virtual(t)
	panics(t, "task: Go of a nil body", func() { task.Go[int](l.Context(), nil) })
	panics(t, "belongs to no loop", func() { task.Go(context.Background(), hangs) })
	panics(t, "task: GoMachine of a nil machine", func() { task.GoMachine[int](l.Context(), nil) })
	panics(t, "belongs to no loop", func() { task.GoMachine(context.Background(), &yieldMachine{}) })
	for left := range l.Tasks() {
		t.Errorf("%v was made", left)
	}
	l.Close()
	panics(t, "on a loop that is closed", func() { task.Go(l.Context(), hangs) })
	panics(t, "on a loop that is closed", func() { task.GoMachine(l.Context(), &yieldMachine{}) })
}

func TestAwaitOfItselfPanics(t *testing.T) {
	play(t, func(ctx context.Context) {
		var a *task.Task[int]
		a = task.Go(ctx, func(ctx context.Context) (int, error) { return a.Await(ctx) }, task.Name("a"))
		_, err := a.Await(ctx)
		wantText(t, err, `panic in task "a": loop: task "a" awaits itself, and would never end`)
	})
}
