package task_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// The futures get the results in order of completion, in whatever order they are awaited.
func TestCompletions(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		fs := task.Completions(task.Go(ctx, gives(3*time.Second, 3)), task.Go(ctx, gives(time.Second, 1)), task.Go(ctx, gives(2*time.Second, 2)))
		testkit.Equal(t, "the number of futures", len(fs), 3)
		var all []*task.Task[struct{}]
		for k := len(fs); k > 0; k-- { // one task for each future, the last future first
			all = append(all, task.Go(ctx, task.Void(func(ctx context.Context) error {
				v, err := fs[k-1].Await(ctx)
				j.Add("number %d is %d, %v, at %v", k, v, err, elapsed(ctx))
				return nil
			})))
		}
		_ = task.Gather(all...).Wait(ctx)
		j.Want(t, "number 1 is 1, <nil>, at 1s", "number 2 is 2, <nil>, at 2s", "number 3 is 3, <nil>, at 3s")
	})
}

// As in asyncio, results that are there already come after one turn, in order of the arguments. An
// awaitable that is given twice comes once.
func TestCompletionsOfWhatIsDone(t *testing.T) {
	play(t, func(ctx context.Context) {
		a, b := future.New[int](ctx), future.New[int](ctx)
		testkit.NoError(t, b.SetResult(2))
		testkit.NoError(t, a.SetResult(1))
		fs := task.Completions(a, b, a)
		testkit.Equal(t, "the number of futures", len(fs), 2)
		testkit.Equal(t, "the first is done at once", fs[0].Done(), false)
		yields(t, ctx, 1)
		for at, want := range []int{1, 2} {
			v, err := fs[at].Result()
			testkit.Equal(t, "the result", v, want)
			testkit.Equal(t, "the error", err, nil)
		}
		nothing := task.Completions[*task.Task[int]]()
		testkit.Equal(t, "futures for no awaitables", len(nothing), 0)
		gathers := task.Completions[*future.Future[[]int]](task.Gather[*task.Task[int]]()) // it belongs to no loop
		testkit.Equal(t, "a gather of nothing is done", gathers[0].Done(), true)
	})
}

// A future has the outcome of its awaitable. Taking the error of the future takes that of the
// awaitable.
func TestCompletionsOfErrors(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		canceled := task.Go(ctx, hangs)
		fs := task.Completions(task.Go(ctx, fails(time.Second, errBoom)), canceled, task.Go(ctx, fails(3*time.Second, errCause), task.Named("untaken")))
		yields(t, ctx, 1)
		canceled.Cancel(nil)
		_, err := fs[0].Await(ctx)
		testkit.ErrorIs(t, err, future.ErrCanceled)
		testkit.Equal(t, "the future is canceled", fs[0].Canceled(), true)
		_, err = fs[1].Await(ctx)
		testkit.Equal(t, "the error", err, errBoom)
		testkit.Equal(t, "it is canceled", fs[1].Canceled(), false)
		testkit.NoError(t, task.Sleep(ctx, time.Hour)) // no code takes the third error
	}, told.option())
	told.want(t, "a task failed and its error was never retrieved: untaken: the cause")
}

// Canceling a future cancels no awaitable, and loses no result.
func TestCompletionsAreCanceled(t *testing.T) {
	play(t, func(ctx context.Context) {
		tasks := []*task.Task[int]{task.Go(ctx, gives(time.Second, 1)), task.Go(ctx, gives(2*time.Second, 2))}
		fs := task.Completions(tasks...)
		_, err := task.WaitFor(ctx, fs[0], time.Millisecond)
		testkit.ErrorIs(t, err, context.DeadlineExceeded)
		v, err := fs[1].Await(ctx)
		testkit.Equal(t, "the result of the next future", v, 1)
		testkit.Equal(t, "the error", err, nil)
		wantTime(t, ctx, time.Second)
		v, err = tasks[1].Await(ctx)
		testkit.Equal(t, "the result of the task that has no future", v, 2)
		testkit.Equal(t, "the error", err, nil)
	})
}

// When all futures are done, no waiter is left on the awaitables.
func TestCompletionsLetGo(t *testing.T) {
	for _, last := range []string{"canceled", "set"} {
		play(t, func(ctx context.Context) {
			a, b := &counting{Future: future.New[int](ctx)}, &counting{Future: future.New[int](ctx)}
			fs := task.Completions(a, b)
			testkit.Equal(t, "waiters", a.waiters+b.waiters, 2)
			fs[0].Cancel(nil)
			testkit.Equal(t, "waiters", a.waiters+b.waiters, 2)
			if last == "set" {
				testkit.NoError(t, a.SetResult(1))
				yields(t, ctx, 1)
			} else {
				fs[1].Cancel(nil)
			}
			testkit.Equal(t, "waiters of b", b.waiters, 0)
			testkit.Equal(t, "b is canceled", b.Canceled(), false)
		})
	}
}

// counting is a future that counts its waiters.
type counting struct {
	*future.Future[int]
	waiters int
}

func (c *counting) AddWaiter(r loop.Runnable) {
	c.waiters++
	c.Future.AddWaiter(r)
}

func (c *counting) RemoveWaiter(r loop.Runnable) bool {
	removed := c.Future.RemoveWaiter(r)
	if removed {
		c.waiters--
	}
	return removed
}

func TestCompletionsExplainThemselves(t *testing.T) {
	l := virtual(t)
	a, b := task.Go(l.Context(), hangs, task.Named("a")), future.New[int](l.Context())
	fs := task.Completions[future.Awaitable[int]](a, b)
	what, on := fs[1].Explain()
	testkit.Equal(t, "what it is", what, "completion 2 of 2")
	testkit.Equal(t, "the number of awaitables that it waits for", len(on), 2)
	testkit.NoError(t, b.SetResult(1))
	what, on = fs[0].Explain()
	testkit.Equal(t, "what it is", what, "completion 1 of 2")
	testkit.Equal(t, "the number of awaitables that it waits for", len(on), 1)
}

// One request cancels all tasks and futures that are not done, in order.
func TestCancelAll(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		waits := func(name string, f future.Any) *task.Task[int] {
			return task.Go(ctx, func(ctx context.Context) (int, error) {
				err := f.Wait(ctx)
				j.Add("%s: %v", name, errors.Is(err, future.ErrCanceled))
				return 0, err
			})
		}
		shared := task.Go(ctx, hangs)
		one, other := waits("one", shared), waits("other", shared)
		done := task.Go(ctx, fails(0, errBoom))
		yields(t, ctx, 4)
		asked := task.CancelAll[future.Any](errCause, other, done, one, other, future.New[int](ctx))
		testkit.Equal(t, "the number of tasks and futures that were asked", asked, 3)
		testkit.Equal(t, "requests to a task that was given twice", other.CancelRequests(), 1)
		testkit.Equal(t, "requests to a task that two tasks await, one for each", shared.CancelRequests(), 2)
		_ = task.Collect(one, other).Wait(ctx)
		j.Want(t, "one: true", "other: true")
		testkit.Equal(t, "the cause", causeOf(t, one.Err()), errCause)
		testkit.Equal(t, "the error of a task that was done is not taken", done.Unretrieved(), errBoom)
		_ = done.Err()
		testkit.Equal(t, "asked again", task.CancelAll[future.Any](nil, other, one), 0)
		testkit.Equal(t, "CancelAll of nothing", task.CancelAll[future.Any](nil), 0)
		testkit.Equal(t, "CancelAll of a gather that belongs to no loop", task.CancelAll[future.Any](nil, task.Gather[*task.Task[int]]()), 0)
	})
}

// CancelAll can cancel all tasks of a loop, and also the running one.
func TestCancelAllTasksOfALoop(t *testing.T) {
	play(t, func(ctx context.Context) {
		x := task.Go(ctx, hangs)
		yields(t, ctx, 1)
		testkit.Equal(t, "the number of tasks and futures that were asked", task.CancelAll(errCause, task.All(ctx)...), 2)
		testkit.Equal(t, "the cause", causeOf(t, task.Yield(ctx)), errCause)
		_ = x.Wait(ctx)
		testkit.Equal(t, "the other task is canceled", x.Canceled(), true)
	})
}

// A view of a task is that task: it is asked once.
func TestCancelAllOfAViewAsksOnce(t *testing.T) {
	play(t, func(ctx context.Context) {
		x := task.Go(ctx, func(ctx context.Context) (int, error) { return 0, task.Sleep(ctx, time.Hour) })
		_ = task.Yield(ctx)
		if asked := task.CancelAll[future.Any](nil, x, future.Untyped(x)); asked != 1 || x.CancelRequests() != 1 {
			t.Errorf("%d were asked, with %d requests; want 1 and 1", asked, x.CancelRequests())
		}
		_ = x.Wait(ctx)
	})
}
