package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// When a loop is closed, it reports the errors that no code has taken.

func TestUnretrievedErrorsInOrderOfCreation(t *testing.T) {
	for _, f := range []loop.TaskFactory{factory.Lazy, factory.Eager} {
		var told failures
		l := loop.New(told.option(), loop.WithTaskFactory(f))
		for _, turns := range []int{3, 0, 2, 1} { // the tasks fail in another order
			task.Go(l.Context(), func(ctx context.Context) (int, error) {
				yields(t, ctx, turns)
				return 0, errBoom
			})
		}
		l.RunUntilIdle()
		told.want(t)
		l.Close()
		want := []string{
			"a task failed and its error was never retrieved: Task-1: boom",
			"a task failed and its error was never retrieved: Task-2: boom",
			"a task failed and its error was never retrieved: Task-3: boom",
			"a task failed and its error was never retrieved: Task-4: boom",
		}
		told.want(t, want...)
		l.Close()
		told.want(t, want...)
	}
}

// unretrieved runs body with a task that fails in its first step, and returns the failures that the
// loop reports when it is closed.
func unretrieved(t *testing.T, body func(ctx context.Context, failing *task.Task[int])) failures {
	t.Helper()
	var told failures
	play(t, func(ctx context.Context) {
		body(ctx, task.Go(ctx, fails(0, errBoom), task.Named("failing")))
		if err := task.Sleep(ctx, time.Second); err != nil {
			t.Error(err)
		}
	}, told.option())
	return told
}

const failingUnretrieved = "a task failed and its error was never retrieved: failing: boom"

func TestErrorIsTaken(t *testing.T) {
	for _, c := range []struct {
		name string
		by   func(ctx context.Context, failing *task.Task[int])
	}{
		{"Await", func(ctx context.Context, failing *task.Task[int]) { _, _ = failing.Await(ctx) }},
		{"Wait", func(ctx context.Context, failing *task.Task[int]) { _ = failing.Wait(ctx) }},
		{"Result", func(ctx context.Context, failing *task.Task[int]) {
			yields(t, ctx, 3)
			_, _ = failing.Result()
		}},
		{"Err", func(ctx context.Context, failing *task.Task[int]) {
			yields(t, ctx, 3)
			_ = failing.Err()
		}},
		{"AnyResult", func(ctx context.Context, failing *task.Task[int]) {
			yields(t, ctx, 3)
			_, _ = failing.AnyResult()
		}},
		{"Untyped", func(ctx context.Context, failing *task.Task[int]) { _, _ = future.Untyped(failing).Await(ctx) }},
		{"WaitFor", func(ctx context.Context, failing *task.Task[int]) { _, _ = task.WaitFor(ctx, failing, time.Hour) }},
		{"a machine", func(ctx context.Context, failing *task.Task[int]) {
			goFunc(ctx, func(_ context.Context, err error) (int, task.Suspension, error) {
				if err != nil {
					return 0, task.End(), nil
				}
				return 0, task.On(failing), nil
			})
		}},
		{"Gather", func(ctx context.Context, failing *task.Task[int]) { _, _ = task.Gather(failing).Await(ctx) }},
		{"Gather of a task that has failed", func(ctx context.Context, failing *task.Task[int]) {
			yields(t, ctx, 3)
			_, _ = task.Gather(failing).Result()
		}},
		{"Gather of a gather", func(ctx context.Context, failing *task.Task[int]) {
			_, _ = task.Gather(task.Gather(failing)).Await(ctx)
		}},
		{"Gather of the same twice", func(ctx context.Context, failing *task.Task[int]) {
			_, _ = task.Gather(failing, failing).Await(ctx)
		}},
		{"Collect", func(ctx context.Context, failing *task.Task[int]) { _, _ = task.Collect(failing).Await(ctx) }},
		{"Shield", func(ctx context.Context, failing *task.Task[int]) { _, _ = task.Shield(failing).Await(ctx) }},
		{"Shield of a shield", func(ctx context.Context, failing *task.Task[int]) {
			_, _ = task.Shield(task.Shield(failing)).Await(ctx)
		}},
		{"Shield of a gather", func(ctx context.Context, failing *task.Task[int]) {
			_, _ = task.Shield(task.Gather(failing)).Await(ctx)
		}},
	} {
		t.Run("by "+c.name, func(t *testing.T) {
			told := unretrieved(t, c.by)
			told.want(t)
		})
	}
}

func TestErrorIsNotTaken(t *testing.T) {
	for _, c := range []struct {
		name string
		by   func(ctx context.Context, failing *task.Task[int])
	}{
		{"no code", func(context.Context, *task.Task[int]) {}},
		{"Result before it is done", func(_ context.Context, failing *task.Task[int]) { _, _ = failing.Result() }},
		{"Done and Canceled", func(ctx context.Context, failing *task.Task[int]) {
			yields(t, ctx, 3)
			_, _, _ = failing.Done(), failing.Canceled(), failing.Unretrieved()
		}},
		{"OnDone", func(_ context.Context, failing *task.Task[int]) { failing.OnDone(func() {}) }},
		{"Wait for several", func(ctx context.Context, failing *task.Task[int]) {
			_, _, _ = task.Wait(ctx, task.NoLimit, task.FirstError, failing)
		}},
		{"AsCompleted", func(ctx context.Context, failing *task.Task[int]) {
			for range task.AsCompleted(ctx, task.NoLimit, failing) {
				continue
			}
		}},
		{"a waiter that was canceled", func(ctx context.Context, failing *task.Task[int]) {
			derived, cancel := context.WithCancel(ctx)
			cancel()
			_, _ = failing.Await(derived)
		}},
		{"a gather that no task awaits", func(_ context.Context, failing *task.Task[int]) { task.Gather(failing) }},
		{"a gather that is only asked for Done", func(ctx context.Context, failing *task.Task[int]) {
			yields(t, ctx, 3)
			_ = task.Gather(failing).Done()
		}},
		{"a shield that no task awaits", func(_ context.Context, failing *task.Task[int]) { task.Shield(failing) }},
		{"a gather that has failed with another error", func(ctx context.Context, failing *task.Task[int]) {
			other := task.Go(ctx, func(context.Context) (int, error) { return 0, errCause })
			_, err := task.Gather(failing, other).Await(ctx)
			testkit.Equal(t, "the gather's error", err, errCause)
		}},
	} {
		t.Run("by "+c.name, func(t *testing.T) {
			told := unretrieved(t, c.by)
			told.want(t, failingUnretrieved)
		})
	}
}

// A gather takes only the error with which it fails. No code takes the errors of children that fail
// later.
func TestUnretrievedErrorsBehindAGather(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		_, err := task.Gather(
			task.Go(ctx, fails(3*time.Second, errors.New("third")), task.Named("a")),
			task.Go(ctx, fails(time.Second, errors.New("first")), task.Named("b")),
			task.Go(ctx, fails(2*time.Second, errors.New("second")), task.Named("c")),
		).Await(ctx)
		wantText(t, err, "first")
		if err := task.Sleep(ctx, time.Hour); err != nil {
			t.Error(err)
		}
	}, told.option())
	told.want(t,
		"a task failed and its error was never retrieved: a: third",
		"a task failed and its error was never retrieved: c: second")
}

// A group takes the errors of its tasks. The GroupError is the error of the task that called
// WithGroup.
func TestUnretrievedErrorOfAGroup(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		task.Go(ctx, func(ctx context.Context) (int, error) {
			return 0, task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
				mustGoIn(t, g, fails(0, errBoom), task.Named("inside"))
				return nil
			})
		}, task.Named("parent"))
		yields(t, ctx, 10)
	}, told.option())
	told.want(t, "a task failed and its error was never retrieved: parent: inside: boom")
}

func TestUnretrievedPanic(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		task.Go(ctx, func(context.Context) (int, error) { panic("ouch") }, task.Named("it"))
		yields(t, ctx, 1)
	}, told.option())
	told.want(t, `a task failed and its error was never retrieved: it: panic in task "it": ouch`)
}

// The Goexit of a blocking call is an error like any other.
func TestUnretrievedGoexitOfABlockingCall(t *testing.T) {
	var told failures
	l := virtual(t, told.option())
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		return task.Blocking(ctx, func(context.Context) (int, error) {
			runtime.Goexit()
			return 0, nil
		})
	}, task.Named("a"))
	testkit.Equal(t, "the error of Run", l.Run(), nil)
	l.Close()
	told.want(t, "a task failed and its error was never retrieved: a: "+loop.ErrGoexit.Error())
}

func TestCancellationIsNoUnretrievedError(t *testing.T) {
	play(t, func(ctx context.Context) { // play fails if the loop reports a failure
		task.Go(ctx, hangs).Cancel(nil)
		a := task.Go(ctx, hangs)
		b := task.Go(ctx, func(ctx context.Context) (int, error) {
			_, err := hangs(ctx)
			return 0, fmt.Errorf("wrapped: %w", err)
		})
		yields(t, ctx, 1)
		a.Cancel(errCause)
		b.Cancel(errCause)
		yields(t, ctx, 2)
		testkit.Equal(t, "b is canceled", b.Canceled(), true)
	})
}

// A body that fails while it is unwound counts as failed, too.
func TestUnretrievedErrorOfABodyThatIsUnwound(t *testing.T) {
	var told failures
	l := virtual(t, told.option())
	task.Go(l.Context(), stubborn(0, 0, nil), task.Named("canceled"))
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		_, _ = hangs(ctx)
		return 0, errBoom
	}, task.Named("failing"))
	l.RunUntilIdle()
	l.Close()
	told.want(t, failingUnretrieved)
}

func TestUnretrievedErrorOfAMachine(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		goFunc(ctx, func(context.Context, error) (int, task.Suspension, error) {
			return 0, task.End(), errBoom
		}, task.Named("failing"))
		yields(t, ctx, 1)
	}, told.option())
	told.want(t, failingUnretrieved)
}

// The loop does not report errors of futures that are no tasks.
func TestErrorOfAFutureIsNotReported(t *testing.T) {
	play(t, func(ctx context.Context) { // play fails if the loop reports a failure
		_ = future.New[int](ctx).SetError(errBoom)
	})
}
