package task_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

func wantResults[T comparable](t *testing.T, got []T, err error, want ...T) {
	t.Helper()
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestGatherGivesResultsInOrderOfTheArguments(t *testing.T) {
	play(t, func(ctx context.Context) {
		got, err := task.Gather(
			task.Go(ctx, gives(3*time.Second, "a")),
			task.Go(ctx, gives(time.Second, "b")),
			task.Go(ctx, gives(2*time.Second, "c")),
		).Await(ctx)
		wantResults(t, got, err, "a", "b", "c")
		wantTime(t, ctx, 3*time.Second)
	})
}

func TestGatherOfNothing(t *testing.T) {
	play(t, func(ctx context.Context) {
		g := task.Gather[*task.Task[int]]()
		testkit.Equal(t, "done", g.Done(), true)
		turns := countTurns(ctx)
		got, err := g.Await(ctx)
		wantResults(t, got, err)
		c, err := task.Collect[*task.Task[int]]().Await(ctx)
		if len(c) != 0 || err != nil {
			t.Errorf("Collect: %v, %v", c, err)
		}
		testkit.Equal(t, "turns that passed", turns(), 0)
		all, err := task.Gather(g, g).Await(ctx)
		if len(all) != 2 || err != nil {
			t.Errorf("a gather of two gathers without arguments: %v, %v", all, err)
		}
	})
}

func TestGatherOfWhatIsDoneIsDone(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, gives(0, 1))
		_, _ = a.Await(ctx)
		g := task.Gather(a, a)
		testkit.Equal(t, "done", g.Done(), true)
		got, err := g.Result()
		wantResults(t, got, err, 1, 1)
	})
}

// If several children have failed already, the error is that of the first one in order of the
// arguments.
func TestGatherOfWhatHasFailed(t *testing.T) {
	play(t, func(ctx context.Context) {
		a, b := future.New[int](ctx), future.New[int](ctx)
		_ = b.SetError(errBoom)
		_ = a.SetError(errCause)
		g := task.Gather(future.New[int](ctx), a, b)
		testkit.Equal(t, "done", g.Done(), true)
		_, err := g.Result()
		testkit.Equal(t, "the error", err, errCause)
	})
}

func TestGatherOfTheSameMoreThanOnce(t *testing.T) {
	play(t, func(ctx context.Context) {
		a, b := task.Go(ctx, gives(time.Second, 1)), task.Go(ctx, gives(0, 2))
		got, err := task.Gather(a, b, a).Await(ctx)
		wantResults(t, got, err, 1, 2, 1)
		wantTime(t, ctx, time.Second)

		c := task.Go(ctx, fails(0, errBoom))
		_, err = task.Gather(c, c).Await(ctx)
		testkit.Equal(t, "the error", err, errBoom)
		both, err := task.Collect(c, c).Await(ctx)
		if err != nil || len(both) != 2 || both[0].Err != errBoom || both[1].Err != errBoom {
			t.Errorf("Collect: %v, %v", both, err)
		}
	})
}

// As in asyncio, a child that is given twice gets two requests.
func TestGatherOfTheSameTwiceIsCanceled(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, hangs)
		g := task.Gather(a, a)
		yields(t, ctx, 1)
		testkit.Equal(t, "taken", g.Cancel(nil), true)
		testkit.Equal(t, "requests to cancel", a.CancelRequests(), 2)
		_, err := g.Await(ctx)
		testkit.ErrorIs(t, err, future.ErrCanceled)
	})
}

func TestGatherNested(t *testing.T) {
	play(t, func(ctx context.Context) {
		pair := func(a, b int) *future.Future[[]int] {
			return task.Gather(task.Go(ctx, gives(time.Second, a)), task.Go(ctx, gives(0, b)))
		}
		got, err := task.Gather(pair(1, 2), pair(3, 4)).Await(ctx)
		if s := fmt.Sprint(got); s != "[[1 2] [3 4]]" || err != nil {
			t.Errorf("%s, %v", s, err)
		}
	})
}

func TestGatherNestedPassesFailureAndCancellation(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, hangs)
		_, err := task.Gather(task.Gather(a), task.Gather(task.Go(ctx, fails(0, errBoom)))).Await(ctx)
		testkit.Equal(t, "the error", err, errBoom)
		testkit.Equal(t, "the other task is done", a.Done(), false)

		g := task.Gather(task.Gather(a))
		testkit.Equal(t, "canceled", g.Cancel(errCause), true)
		_, err = g.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		testkit.Equal(t, "the task is canceled", a.Canceled(), true)
	})
}

func TestGatherOfTasksAndFutures(t *testing.T) {
	play(t, func(ctx context.Context) {
		f := future.New[int](ctx)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { _ = f.SetResult(2) })
		got, err := task.Gather[future.Awaitable[int]](task.Go(ctx, gives(0, 1)), f, task.Shield(f)).Await(ctx)
		wantResults(t, got, err, 1, 2, 2)
	})
}

func TestGatherOfDifferentTypes(t *testing.T) {
	play(t, func(ctx context.Context) {
		got, err := task.Gather(
			future.Untyped(task.Go(ctx, gives(0, 1))),
			future.Untyped(task.Go(ctx, gives(0, "two"))),
		).Await(ctx)
		wantResults(t, got, err, any(1), any("two"))
	})
}

func TestGatherOfDifferentLoopsPanics(t *testing.T) {
	l, other := virtual(t), virtual(t)
	a, b := future.New[int](l.Context()), future.New[int](other.Context())
	testkit.Panics(t, "task: argument 2 belongs to another loop than the arguments before it", func() { task.Gather(a, b) })
	testkit.Panics(t, "task: argument 3 belongs to another loop than the arguments before it", func() { task.Collect(a, a, b) })
}

func TestGatherFailsAtOnceAndLeavesTheOthersAlone(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, gives(2*time.Second, 1))
		_, err := task.Gather(a, task.Go(ctx, fails(time.Second, errBoom))).Await(ctx)
		testkit.Equal(t, "the error", err, errBoom)
		wantTime(t, ctx, time.Second)
		v, err := a.Await(ctx)
		testkit.Equal(t, "the result of the other task", v, 1)
		testkit.Equal(t, "the error of the other task", err, nil)
	})
}

func TestGatherOfWhatIsCanceledFailsWithThat(t *testing.T) {
	play(t, func(ctx context.Context) {
		a, b := task.Go(ctx, hangs), task.Go(ctx, gives(time.Second, 1))
		g := task.Gather(a, b)
		a.Cancel(errCause)
		_, err := g.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		testkit.Equal(t, "the time", elapsed(ctx), 0)
		testkit.Equal(t, "the other is done", b.Done(), false)
		testkit.Equal(t, "requests to cancel the awaiting task", task.Current(ctx).CancelRequests(), 0)
		_, _ = b.Await(ctx)
	})
}

func TestGatherIsCanceled(t *testing.T) {
	play(t, func(ctx context.Context) {
		done := task.Go(ctx, gives(0, 1))
		_, _ = done.Await(ctx)
		a, b := task.Go(ctx, hangs), task.Go(ctx, hangs)
		g := task.Gather(done, a, b)
		testkit.Equal(t, "taken", g.Cancel(errCause), true)
		testkit.Equal(t, "the gather is done before its children", g.Done(), false)
		_, err := g.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		testkit.Equal(t, "canceled", g.Canceled(), true)
		for _, child := range []*task.Task[int]{a, b} {
			_, err := child.Await(ctx)
			testkit.ErrorIs(t, causeOf(t, err), errCause)
		}
	})
}

// Children may refuse a cancellation and end with values. The gather still counts as canceled.
func TestGatherIsCanceledAndChildrenRefuse(t *testing.T) {
	play(t, func(ctx context.Context) {
		a, b := task.Go(ctx, stubborn(time.Second, 1, nil)), task.Go(ctx, stubborn(0, 2, nil))
		g := task.Gather(a, b)
		yields(t, ctx, 1)
		g.Cancel(errCause)
		_, err := g.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		wantTime(t, ctx, time.Second)
		v, _ := a.Result()
		testkit.Equal(t, "the result of the child", v, 1)
	})
}

func TestGatherIsCanceledWithTheOneThatAwaitsIt(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, hangs)
		parent := task.Go(ctx, func(ctx context.Context) ([]int, error) { return task.Gather(a).Await(ctx) })
		yields(t, ctx, 2)
		parent.Cancel(errCause)
		if _, err := parent.Await(ctx); !loop.IsCanceled(err) {
			t.Errorf("the error of the parent is %v, want a cancellation", err)
		}
		testkit.Equal(t, "the child is canceled", a.Canceled(), true)
	})
}

func TestGatherCancelTakesNoEffectOnceDone(t *testing.T) {
	play(t, func(ctx context.Context) {
		a, b := task.Go(ctx, hangs), task.Go(ctx, fails(0, errBoom))
		g := task.Gather(a, b)
		_, err := g.Await(ctx)
		testkit.Equal(t, "the error", err, errBoom)
		testkit.Equal(t, "taken", g.Cancel(nil), false)
		testkit.Equal(t, "requests to cancel the other", a.CancelRequests(), 0)
		testkit.Equal(t, "Cancel of a gather of nothing", task.Gather[*task.Task[int]]().Cancel(nil), false)
	})
}

// When its last child is done, the gather is done in the next turn. Before that, canceling it does
// nothing.
func TestGatherCancelWhenAllChildrenAreDone(t *testing.T) {
	play(t, func(ctx context.Context) {
		f := future.New[int](ctx)
		g := task.Gather(f)
		_ = f.SetResult(1)
		testkit.Equal(t, "done", g.Done(), false)
		testkit.Equal(t, "taken", g.Cancel(nil), false)
		got, err := g.Await(ctx)
		wantResults(t, got, err, 1)
	})
}

func TestGatherIsNobodyElsesToSet(t *testing.T) {
	play(t, func(ctx context.Context) {
		f := future.New[int](ctx)
		g := task.Gather(f)
		testkit.ErrorIs(t, g.SetResult(nil), future.ErrInvalidState)
		testkit.ErrorIs(t, g.SetError(errBoom), future.ErrInvalidState)
		_ = f.SetResult(1)
		got, err := g.Await(ctx)
		wantResults(t, got, err, 1)
	})
}

func TestCollect(t *testing.T) {
	play(t, func(ctx context.Context) {
		canceled := task.Go(ctx, hangs)
		canceled.Cancel(errCause)
		got, err := task.Collect(
			task.Go(ctx, gives(2*time.Second, 1)),
			task.Go(ctx, fails(time.Second, errBoom)),
			canceled,
			task.Go(ctx, func(context.Context) (int, error) { panic("ouch") }),
		).Await(ctx)
		if err != nil || len(got) != 4 {
			t.Fatalf("Collect: %v, %v", got, err)
		}
		wantTime(t, ctx, 2*time.Second)
		testkit.Equal(t, "the value", got[0], task.Outcome[int]{Value: 1})
		testkit.Equal(t, "the error", got[1].Err, errBoom)
		testkit.ErrorIs(t, causeOf(t, got[2].Err), errCause)
		if p := new(task.PanicError); !errors.As(got[3].Err, &p) {
			t.Errorf("the error of the task that panicked is %v", got[3].Err)
		}
	})
}

func TestCollectIsCanceledOnceEveryChildHasEnded(t *testing.T) {
	play(t, func(ctx context.Context) {
		a, b := task.Go(ctx, stubborn(time.Second, 1, nil)), task.Go(ctx, hangs)
		c := task.Collect(a, b)
		yields(t, ctx, 1)
		testkit.Equal(t, "taken", c.Cancel(errCause), true)
		_, err := c.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		wantTime(t, ctx, time.Second)
		testkit.Equal(t, "b is canceled", b.Canceled(), true)
	})
}

// A gather is done one turn after its last child, in whatever order the children are done.
func TestGatherIsDoneOneTurnAfterItsLastChild(t *testing.T) {
	play(t, func(ctx context.Context) {
		a, b := future.New[int](ctx), future.New[int](ctx)
		g := task.Gather(a, b)
		_ = b.SetResult(2)
		_ = a.SetResult(1)
		yields(t, ctx, 1)
		testkit.Equal(t, "done", g.Done(), true)
	})
}

// checked is an awaitable of a program. Its Result may return an error although its future has none.
type checked struct{ *future.Future[int] }

func (c checked) Result() (int, error) {
	v, err := c.Future.Result()
	if err == nil && v < 0 {
		err = io.EOF
	}
	return v, err
}

func TestGatherAsksForTheResult(t *testing.T) {
	play(t, func(ctx context.Context) {
		before, after := future.New[int](ctx), future.New[int](ctx)
		setResult(before)
		all := task.Gather(checked{before}, checked{after})
		if err := after.SetResult(-1); err != nil {
			t.Fatal(err)
		}
		if v, err := all.Await(ctx); err != io.EOF {
			t.Errorf("Await: %v, %v; want %v", v, err, io.EOF)
		}
		if v, err := task.Gather(checked{after}).Result(); err != io.EOF {
			t.Errorf("a gather of a future that is done: %v, %v", v, err)
		}
	})
}

// One request cancels two tasks that await the same gather. A child of the gather swallows the
// request and goes on. So both tasks get the gather's result, and no cancellation.
func TestGatherThatTwoAwaitGoesOnAfterARequest(t *testing.T) {
	play(t, func(ctx context.Context) {
		all := task.Gather(task.Go(ctx, func(ctx context.Context) (int, error) {
			_ = task.Sleep(ctx, time.Hour)
			_ = task.Sleep(ctx, time.Second)
			return 0, errBoom
		}), task.Go(ctx, func(context.Context) (int, error) { return 2, nil }))
		var waits []*task.Task[[]int]
		for range 2 {
			waits = append(waits, task.Go(ctx, all.Await))
		}
		_ = task.Sleep(ctx, 1)
		lowlevel.Sweep(lowlevel.LoopOf(ctx), func() {
			for _, x := range waits {
				x.Cancel(nil)
			}
		})

		for _, x := range waits {
			_, err := x.Await(ctx)
			testkit.Equal(t, "the error", err, errBoom)
		}
	})
}
