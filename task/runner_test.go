package task_test

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// A runner serves any number of goroutines at once, and is idle in between.
func TestStart(t *testing.T) {
	var told failures
	r := task.Start(told.option(), loop.WithDeadlockDetection()) // which sees that the loop is held
	testkit.Equal(t, "the loop runs", r.Loop().Running(), true)
	total := 0 // only tasks touch it
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := task.Submit(t.Context(), r.Loop(), func(ctx context.Context) (int, error) {
				total++
				return total, task.Yield(ctx)
			}).Wait(t.Context())
			testkit.NoError(t, err)
		})
	}
	all.Wait()
	v, err := task.Submit(t.Context(), r.Loop(), func(context.Context) (int, error) { return total, nil }).Wait(t.Context())
	testkit.Equal(t, "bodies that ran", v, 20)
	testkit.Equal(t, "the error", err, nil)
	select {
	case <-r.Done():
		t.Error("it is done before Stop")
	default:
	}
	testkit.Equal(t, "Stop", r.Stop(t.Context()), nil)
	testkit.Equal(t, "Wait", r.Wait(), nil)
	testkit.Equal(t, "the loop is closed", r.Loop().Closed(), true)
	testkit.Equal(t, "Stop again", r.Stop(t.Context()), nil)
	told.want(t)
}

// Tasks clean up, those too that are made meanwhile. What fails is reported.
func TestRunnerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told failures
		r := task.Start(told.option())
		cleaned := 0
		s := task.Submit(t.Context(), r.Loop(), func(ctx context.Context) (int, error) {
			_, err := hangs(ctx)
			testkit.NoError(t, task.Sleep(ctx, time.Minute))
			cleaned++
			task.Go(ctx, func(ctx context.Context) (int, error) {
				_, err := hangs(ctx)
				testkit.NoError(t, task.Sleep(ctx, time.Minute))
				cleaned++
				return 0, err
			})
			return 0, err
		})
		task.Submit(t.Context(), r.Loop(), stubborn(time.Second, 0, errBoom), task.Named("failing"))
		synctest.Wait()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		testkit.Equal(t, "Stop", r.Stop(ctx), nil)
		testkit.Equal(t, "the time that it took", time.Since(began), 2*time.Minute)
		testkit.Equal(t, "tasks that have cleaned up", cleaned, 2)
		_, err := s.Wait(t.Context())
		testkit.ErrorIs(t, err, future.ErrCanceled)
		told.want(t, "a task failed while the program was closing: failing: boom")
	})
}

// When the limit is over, the rest is unwound, and the error names it.
func TestRunnerStopIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := task.Start()
		deferred := false
		s := task.Submit(t.Context(), r.Loop(), func(ctx context.Context) (int, error) {
			defer func() { deferred = true }()
			for !r.Loop().Closed() {
				_, _ = hangs(ctx)
			}
			return 0, nil
		}, task.Named("stubborn"))
		quick := task.Submit(t.Context(), r.Loop(), hangs)
		synctest.Wait()
		began := time.Now()
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errCause)
		defer cancel()
		var second sync.WaitGroup
		second.Go(func() { testkit.ErrorIs(t, r.Stop(t.Context()), errCause) }) // which has no limit of its own
		err := r.Stop(ctx)
		second.Wait()
		testkit.Equal(t, "the time that it took", time.Since(began), time.Second)
		testkit.ErrorIs(t, err, errCause)
		wantText(t, err, "task: the loop was closed before these tasks had ended:\n\tstubborn awaits a future\nthe cause")
		testkit.Equal(t, "Wait", r.Wait(), err)
		testkit.Equal(t, "its deferred call ran", deferred, true)
		_, err = s.Wait(t.Context())
		testkit.Equal(t, "what became of it", err, loop.ErrClosed)
		_, err = quick.Wait(t.Context())
		testkit.ErrorIs(t, err, future.ErrCanceled)
	})
}

// Many tasks that are left do not make the message endless.
func TestRunnerErrorOfManyTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := task.Start()
		for range 60 {
			task.Submit(t.Context(), r.Loop(), stubborn(time.Hour, 1, nil))
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := r.Stop(ctx)
		testkit.ErrorIs(t, err, context.Canceled)
		testkit.Equal(t, "it has the number that is left out", strings.Contains(err.Error(), "\n\tand 10 more\n"), true)
	})
}

// A task may end the runner it is in.
func TestRunnerIsStoppedByATask(t *testing.T) {
	r := task.Start()
	s := task.Submit(t.Context(), r.Loop(), hangs)
	task.Submit(t.Context(), r.Loop(), func(ctx context.Context) (int, error) {
		testkit.Panics(t, "task: Stop of a Runner in a body or callback", func() { _ = r.Stop(context.Background()) })
		testkit.Panics(t, "task: Wait of a Runner in a body or callback", func() { _ = r.Wait() })
		r.Loop().Stop()
		return 0, nil
	})
	testkit.Equal(t, "Wait", r.Wait(), nil)
	_, err := s.Wait(t.Context())
	testkit.ErrorIs(t, err, future.ErrCanceled)
}

// A Goexit in a task ends the runner, and the error says so. The other tasks are unwound.
func TestRunnerLeftByGoexit(t *testing.T) {
	exits := func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }
	for name, alone := range map[string]bool{"alone": true, "beside another": false} {
		t.Run(name, func(t *testing.T) {
			r := task.Start()
			var other *task.Submission[int]
			if !alone {
				other = task.Submit(t.Context(), r.Loop(), hangs, task.Named("other"))
			}
			s := task.Submit(t.Context(), r.Loop(), exits)
			err := r.Wait()
			testkit.ErrorIs(t, err, loop.ErrGoexit)
			testkit.Equal(t, "it names the other task", strings.Contains(err.Error(), "\n\tother awaits a future\n"), !alone)
			testkit.Equal(t, "Stop", r.Stop(t.Context()), err)
			_, err = s.Wait(t.Context())
			testkit.ErrorIs(t, err, loop.ErrGoexit)
			if other != nil {
				_, err = other.Wait(t.Context())
				testkit.Equal(t, "what became of the other", err, loop.ErrClosed)
			}
		})
	}
}

// A Goexit while the loop is closed is told as well.
func TestRunnerLeftByGoexitWhileItCloses(t *testing.T) {
	r := task.Start()
	waits := make(chan struct{})
	task.Submit(t.Context(), r.Loop(), func(ctx context.Context) (int, error) {
		defer runtime.Goexit()
		close(waits)
		for !r.Loop().Closed() {
			_, _ = hangs(ctx)
		}
		return 0, nil
	}, task.Named("it"))
	<-waits
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errCause)
	err := r.Stop(ctx)
	testkit.ErrorIs(t, err, loop.ErrGoexit)
	testkit.ErrorIs(t, err, errCause)
}

// Close of the loop waits for blocking calls, and so does Stop.
func TestRunnerStopWaitsForBlockingCalls(t *testing.T) {
	r := task.Start()
	began, over := make(chan struct{}), false
	task.Submit(t.Context(), r.Loop(), func(ctx context.Context) (int, error) {
		return task.Blocking(ctx, func(ctx context.Context) (int, error) {
			close(began)
			<-ctx.Done()
			over = true
			return 0, nil
		})
	})
	<-began
	testkit.Equal(t, "Stop", r.Stop(t.Context()), nil)
	testkit.Equal(t, "the call is over", over, true)
}

func TestStartPanics(t *testing.T) {
	testkit.Panics(t, "task: Start with a virtual clock", func() { task.Start(loop.WithVirtualTime()) })
}
