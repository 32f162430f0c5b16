package task_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// The host takes one result after the other from its loop. A task that is not done goes on in the
// next call.
func TestRunUntilDone(t *testing.T) {
	l := virtual(t)
	slow := task.Go(l.Context(), gives(time.Hour, "slow"))
	fast := task.Go(l.Context(), gives(time.Second, "fast"))
	v, err := task.RunUntilDone(l, fast)
	testkit.Equal(t, "the first value", v, "fast")
	testkit.Equal(t, "the first error", err, nil)
	testkit.Equal(t, "the time then", l.Elapsed(), time.Second)
	testkit.Equal(t, "the other task is done", slow.Done(), false)
	v, err = task.RunUntilDone(l, slow)
	testkit.Equal(t, "the second value", v, "slow")
	testkit.Equal(t, "the second error", err, nil)
	testkit.Equal(t, "the time then", l.Elapsed(), time.Hour)
}

// RunUntilDone returns the error of the task, and takes it.
func TestRunUntilDoneOfWhatFails(t *testing.T) {
	var told failures
	l := loop.New(loop.WithVirtualTime(), told.option())
	_, err := task.RunUntilDone(l, task.Go(l.Context(), fails(time.Second, errBoom)))
	testkit.Equal(t, "the error", err, errBoom)
	_, err = task.RunUntilDone(l, task.Go(l.Context(), func(context.Context) (int, error) { panic(errBoom) }))
	var p *task.PanicError
	testkit.Equal(t, "the error is a PanicError", errors.As(err, &p), true)
	x := task.Go(l.Context(), hangs)
	l.CallLater(time.Second, func() { x.Cancel(errCause) })
	_, err = task.RunUntilDone(l, x)
	testkit.Equal(t, "the cause", causeOf(t, err), errCause)
	l.Close()
	told.want(t)
}

// If the future is done already, the loop runs one turn, as in asyncio.
func TestRunUntilDoneOfWhatIsDone(t *testing.T) {
	l := virtual(t)
	f := future.New[int](l.Context())
	testkit.NoError(t, f.SetResult(7))
	turns := 0
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		for ; turns < 10; turns++ {
			if err := task.Yield(ctx); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	v, err := task.RunUntilDone(l, f)
	testkit.Equal(t, "the value", v, 7)
	testkit.Equal(t, "the error", err, nil)
	testkit.Equal(t, "turns", turns, 0) // the task has begun, and has yielded for the first time

	none, err := task.RunUntilDone(l, task.Gather[*task.Task[int]]()) // it belongs to no loop
	testkit.Equal(t, "the number of results", len(none), 0)
	testkit.Equal(t, "the error", err, nil)
	testkit.Equal(t, "turns", turns, 1)
}

func TestRunUntilDoneOfWhatNeverIs(t *testing.T) {
	l := virtual(t)
	f := future.New[int](l.Context())
	_, err := task.RunUntilDone(l, f)
	wantText(t, err, "task: the loop ended before a future was done: nothing was left to do, or other code has called Stop")

	x := task.Go(l.Context(), hangs, task.Named("x"))
	_, err = task.RunUntilDone(l, x)
	var deadlock *loop.DeadlockError
	if !errors.As(err, &deadlock) || len(deadlock.Tasks) != 1 || deadlock.Tasks[0] != x.Task() {
		t.Errorf("the error is %v, want a deadlock of x", err)
	}

	l.CallLater(time.Second, l.Stop)
	_, err = task.RunUntilDone(l, x)
	wantText(t, err, `task: the loop ended before task "x" was done: nothing was left to do, or other code has called Stop`)
	x.Cancel(nil)
	_, _ = task.RunUntilDone(l, x)
}

// A call that has returned has no effect on the next Run, even if the task is done in the turn in
// which other code stops the loop.
func TestRunUntilDoneTakesItsCallbackBack(t *testing.T) {
	l := virtual(t)
	f := future.New[int](l.Context())
	stops := func(also func()) {
		l.CallSoon(func() {
			also()
			l.Stop()
		})
	}
	fired := false
	l.CallLater(time.Hour, func() { fired = true })
	stops(func() {})
	_, err := task.RunUntilDone(l, f)
	wantText(t, err, "task: the loop ended before a future was done: nothing was left to do, or other code has called Stop")
	stops(func() { testkit.NoError(t, f.SetResult(7)) })
	v, err := task.RunUntilDone(l, f) // when it returns, its callback is in the ready queue
	testkit.Equal(t, "the value", v, 7)
	testkit.Equal(t, "the error", err, nil)

	testkit.NoError(t, l.Run())
	testkit.Equal(t, "the next Run ran to its end", fired, true)
}

// A Goexit in a task ends the host's goroutine, too. The loop can be driven again.
func TestRunUntilDoneLeftByGoexit(t *testing.T) {
	l := virtual(t)
	f := future.New[int](l.Context())
	task.Go(l.Context(), func(context.Context) (int, error) {
		runtime.Goexit()
		return 0, nil
	})
	testkit.Equal(t, "the Goexit ended the host's goroutine", testkit.Goexits(func() { _, _ = task.RunUntilDone(l, f) }), true)
	l.CallLater(time.Second, func() { testkit.NoError(t, f.SetResult(7)) })
	fired := false
	l.CallLater(time.Hour, func() { fired = true })
	testkit.NoError(t, l.Run())
	testkit.Equal(t, "the next Run ran to its end", fired, true)
}

func TestRunUntilDonePanics(t *testing.T) {
	play(t, func(ctx context.Context) {
		f := future.New[int](ctx)
		testkit.Panics(t, "task: RunUntilDone on a loop that is running", func() { _, _ = task.RunUntilDone(f.Loop(), f) })
	})
	testkit.Panics(t, "task: RunUntilDone of a task or future of another loop", func() {
		_, _ = task.RunUntilDone(virtual(t), future.New[int](virtual(t).Context()))
	})
}
