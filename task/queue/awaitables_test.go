package queue_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/queue"
)

func TestAskingDoesAtOnceWhatIsPossible(t *testing.T) {
	l := testkit.NewLoop(t)
	ctx := l.Context()
	q := queue.New[int](1)
	testkit.Equal(t, "Joining with nothing undone", q.Joining(ctx).Done(), true)
	put := q.Putting(ctx, 7)
	testkit.Equal(t, "Putting with room", put.Done(), true)
	testkit.NoError(t, put.Err())
	v, err := q.Getting(ctx).Result()
	testkit.Equal(t, "the item", v, 7)
	testkit.NoError(t, err)
	q.Shutdown(false)
	testkit.Equal(t, "Getting after Shutdown", q.Getting(ctx).Err(), queue.ErrShutdown)
	testkit.Equal(t, "Putting after Shutdown", q.Putting(ctx, 1).Err(), queue.ErrShutdown)
}

// The item is taken in the turn after the one in which it came, and what waits for the future
// goes on in the turn after that.
func TestGettingTakesWhenATaskWould(t *testing.T) {
	l := testkit.NewLoop(t)
	var j looptest.Journal
	q := new(queue.Queue[int])
	get := q.Getting(l.Context())
	get.OnDone(func() { j.Add("told") })
	l.RunUntilIdle()
	testkit.NoError(t, q.TryPut(7))
	testkit.Equal(t, "left inside TryPut", q.Len(), 1)
	l.RunOnce()
	testkit.Equal(t, "left a turn later", q.Len(), 0)
	testkit.Equal(t, "done", get.Done(), true)
	testkit.Equal(t, "Cancel", get.Cancel(nil), false)
	j.Want(t)
	l.RunOnce()
	j.Want(t, "told")
	v, err := get.Result()
	testkit.Equal(t, "the item", v, 7)
	testkit.NoError(t, err)
}

func TestPuttingPutsWhenATaskWould(t *testing.T) {
	l := testkit.NewLoop(t)
	q := queue.New[int](1)
	testkit.NoError(t, q.TryPut(1))
	put := q.Putting(l.Context(), 2)
	join := q.Joining(l.Context())
	l.RunUntilIdle()
	testkit.Equal(t, "done too early", put.Done(), false)
	_, err := q.TryGet()
	testkit.NoError(t, err)
	testkit.Equal(t, "put inside TryGet", q.Len(), 0)
	l.RunOnce()
	testkit.Equal(t, "done", put.Done(), true)
	v, _ := q.TryGet()
	testkit.Equal(t, "what was put", v, 2)
	q.Done()
	testkit.Equal(t, "Joining with one undone", join.Done(), false)
	q.Done()
	testkit.Equal(t, "Joining", join.Done(), true)
}

// What a task takes that did not wait is gone, and the future waits again, behind the others.
func TestGettingWaitsAgain(t *testing.T) {
	l := testkit.NewLoop(t)
	q := new(queue.Queue[int])
	first, second := q.Getting(l.Context()), q.Getting(l.Context())
	testkit.NoError(t, q.TryPut(1))
	_, err := q.TryGet()
	testkit.NoError(t, err)
	l.RunUntilIdle()
	testkit.Equal(t, "done", first.Done(), false)
	testkit.NoError(t, q.TryPut(2))
	l.RunUntilIdle()
	testkit.Equal(t, "the second is done", second.Done(), true)
	testkit.NoError(t, q.TryPut(3))
	l.RunUntilIdle()
	v, _ := first.Result()
	testkit.Equal(t, "what the first got", v, 3)
}

// A future that is canceled, before or after its turn has come, passes that on.
func TestGettingCanceled(t *testing.T) {
	for _, moment := range []string{"before", "after"} {
		l := testkit.NewLoop(t)
		q := new(queue.Queue[int])
		first, second := q.Getting(l.Context()), q.Getting(l.Context())
		if moment == "before" {
			testkit.Equal(t, "Cancel", first.Cancel(testkit.ErrCause), true)
		}
		testkit.NoError(t, q.TryPut(7))
		if moment == "after" {
			testkit.Equal(t, "Cancel", first.Cancel(testkit.ErrCause), true)
			l.RunOnce() // in which the first would have taken the item
			testkit.Equal(t, "the second has it too early", second.Done(), false)
		}
		l.RunOnce()
		testkit.Equal(t, "the second is done", second.Done(), true)
		var c *loop.CanceledError
		if !errors.As(first.Err(), &c) || c.Cause != testkit.ErrCause {
			t.Errorf("the error is %v, want a cancellation with %v", first.Err(), testkit.ErrCause)
		}
		v, err := second.Result()
		testkit.Equal(t, "what the second got", v, 7)
		testkit.NoError(t, err)
	}
}

func TestPuttingCanceled(t *testing.T) {
	for _, moment := range []string{"before", "after"} {
		l := testkit.NewLoop(t)
		q := queue.New[int](1)
		testkit.NoError(t, q.TryPut(0))
		first, second := q.Putting(l.Context(), 1), q.Putting(l.Context(), 2)
		if moment == "before" {
			testkit.Equal(t, "Cancel", first.Cancel(nil), true)
		}
		_, _ = q.TryGet()
		if moment == "after" {
			testkit.Equal(t, "Cancel", first.Cancel(nil), true)
		}
		l.RunUntilIdle()
		testkit.Equal(t, "the first", first.Canceled(), true)
		testkit.Equal(t, "the second", second.Done(), true)
		v, _ := q.TryGet()
		testkit.Equal(t, "the item", v, 2)
		testkit.Equal(t, "items left", q.Len(), 0)
	}
}

func TestAskedOfAQueueThatIsShutDown(t *testing.T) {
	l := testkit.NewLoop(t)
	empty, full := new(queue.Queue[int]), queue.New[int](1)
	testkit.NoError(t, full.TryPut(1))
	get, put, canceled := empty.Getting(l.Context()), full.Putting(l.Context(), 2), full.Putting(l.Context(), 3)
	empty.Shutdown(false)
	full.Shutdown(false)
	canceled.Cancel(nil)
	l.RunUntilIdle()
	testkit.Equal(t, "Getting", get.Err(), queue.ErrShutdown)
	testkit.Equal(t, "Putting", put.Err(), queue.ErrShutdown)
	testkit.Equal(t, "items", full.Len(), 1)
	testkit.Equal(t, "Putting into one that is full and shut down", full.Putting(l.Context(), 4).Err(), queue.ErrShutdown)
}

// A panic in less is the error of a future that waits, and an item is put or got all the same by
// the next.
func TestAskedWhereLessPanics(t *testing.T) {
	l := testkit.NewLoop(t)
	panics := false
	q := queue.NewPriority(0, func(a, b int) bool {
		if panics {
			panics = false
			panic("less")
		}
		return a < b
	})
	first, second := q.Getting(l.Context()), q.Getting(l.Context())
	for v := range 3 {
		testkit.NoError(t, q.TryPut(v))
	}
	panics = true
	l.RunUntilIdle()
	var p *loop.PanicError
	if !errors.As(first.Err(), &p) || p.Value != "less" {
		t.Errorf("the error is %v, want a panic", first.Err())
	}
	v, err := second.Result()
	testkit.Equal(t, "the item", v, 0)
	testkit.NoError(t, err)
	testkit.Equal(t, "items left", q.Len(), 2)
}

// The end of the task that asked changes nothing.
func TestAskedByATaskThatHasEnded(t *testing.T) {
	l := testkit.NewLoop(t)
	q := new(queue.Queue[int])
	var get *future.Future[int]
	testkit.Spawn(l.Context(), "A", func(ctx context.Context) error {
		get = q.Getting(ctx)
		return nil
	})
	l.RunUntilIdle()
	testkit.NoError(t, q.TryPut(7))
	l.RunUntilIdle()
	v, _ := get.Result()
	testkit.Equal(t, "the item", v, 7)
}

// A loop that is being closed, or is closed, gives nothing to futures.
func TestAskedOfALoopThatIsClosed(t *testing.T) {
	l := testkit.NewLoop(t)
	q, join := queue.New[int](1), new(queue.Queue[int])
	testkit.NoError(t, join.TryPut(1))
	get := q.Getting(l.Context())
	joined := join.Joining(l.Context())
	joined.OnDone(func() { t.Error("a callback ran on a loop that was closed") })
	testkit.Spawn(l.Context(), "A", func(ctx context.Context) error {
		defer func() { testkit.NoError(t, q.TryPut(1)) }()
		return testkit.SleepForever(ctx)
	})
	l.RunUntilIdle()
	l.Close()
	testkit.Equal(t, "items", q.Len(), 1)
	testkit.Equal(t, "Getting", get.Done(), false)
	_, err := q.TryGet()
	testkit.NoError(t, err)
	testkit.NoError(t, q.TryPut(2))
	join.Done()
	testkit.Equal(t, "Joining", joined.Done(), false)
	testkit.Equal(t, "Cancel", get.Cancel(nil), false)
	testkit.Equal(t, "items", q.Len(), 1)
}

// Reports say the same as of tasks that call the methods.
func TestGraphOfWhatIsAsked(t *testing.T) {
	l := testkit.NewLoop(t)
	empty, full := new(queue.Queue[int]), queue.New[int](1)
	empty.SetName("jobs")
	testkit.NoError(t, full.TryPut(1))
	for name, ask := range map[string]func(ctx context.Context) future.Any{
		"gets":  func(ctx context.Context) future.Any { return empty.Getting(ctx) },
		"puts":  func(ctx context.Context) future.Any { return full.Putting(ctx, 2) },
		"joins": func(ctx context.Context) future.Any { return full.Joining(ctx) },
	} {
		task.GoMachine(l.Context(), task.MachineFunc[int](func(ctx context.Context, err error) (int, task.Suspension, error) {
			return 0, task.On(ask(ctx)), err
		}), task.Named(name))
	}
	l.RunUntilIdle()
	var b strings.Builder
	testkit.NoError(t, l.WriteGraph(&b, false))
	for _, want := range []string{
		`gets awaits an item of queue "jobs"`,
		`puts awaits room in a queue, which holds 1`,
		`joins awaits the end of the work on a queue, with 1 undone`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the graph is\n%s\nwant in it\n%s", b.String(), want)
		}
	}
}

func TestAskingAllocates(t *testing.T) {
	l := testkit.NewLoop(t)
	ctx := l.Context()
	q := queue.New[int](1)
	testkit.Allocs(t, "Putting with room, and Getting of an item", 2, func() {
		q.Putting(ctx, 1)
		q.Getting(ctx)
	})
	testkit.Allocs(t, "Getting, which waits", 2, func() {
		q.Getting(ctx)
		_ = q.TryPut(1)
		l.RunOnce()
	})
	_ = q.TryPut(1)
	testkit.Allocs(t, "Putting, which waits", 2, func() {
		q.Putting(ctx, 1)
		_, _ = q.TryGet()
		l.RunOnce()
	})
}
