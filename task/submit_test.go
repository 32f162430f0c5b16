package task_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// isDone reports whether the result is there.
func isDone[T any](s *task.Submission[T]) bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}

// Submit does not block. So the host of the loop may call it, and a body of another loop.
func TestSubmitReturnsAtOnce(t *testing.T) {
	l := virtual(t)
	s := task.Submit(t.Context(), l, gives(time.Hour, 7))
	testkit.Equal(t, "the Submission is done", isDone(s), false)
	testkit.NoError(t, l.Run())
	testkit.Equal(t, "the Submission is done", isDone(s), true)
	for range 2 {
		v, err := s.Wait(t.Context())
		testkit.Equal(t, "the value", v, 7)
		testkit.Equal(t, "the error", err, nil)
	}
	play(t, func(ctx context.Context) { s = task.Submit(loop.Outside(ctx), l, gives(0, 8)) })
	l.RunUntilIdle()
	_, err := s.Wait(t.Context())
	testkit.ErrorIs(t, err, context.Canceled) // the body that submitted the task has ended, and so has its context
}

// Any number of goroutines may wait for one result.
func TestSubmissionIsAwaitedByMany(t *testing.T) {
	l, stop := serve(t)
	defer stop()
	s := task.Submit(t.Context(), l, fails(time.Millisecond, errBoom))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := s.Wait(t.Context())
			testkit.Equal(t, "the error", err, errBoom)
			testkit.Equal(t, "the Submission is done", isDone(s), true)
			s.Cancel(nil) // does nothing, since the task is done
		})
	}
	all.Wait()
}

// A Wait that ends early does not change the task.
func TestSubmissionWaitGivesUp(t *testing.T) {
	l := virtual(t)
	s := task.Submit(t.Context(), l, gives(time.Hour, 7))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errCause)
	_, err := s.Wait(ctx)
	testkit.Equal(t, "the error", err, errCause)
	testkit.NoError(t, l.Run())
	v, err := s.Wait(ctx) // the result is there: the context does not matter
	testkit.Equal(t, "the value", v, 7)
	testkit.Equal(t, "the error", err, nil)
}

func TestSubmissionCancel(t *testing.T) {
	for name, started := range map[string]bool{"before its start": false, "while it waits": true} {
		t.Run(name, func(t *testing.T) {
			l := virtual(t)
			ran := false
			s := task.Submit(t.Context(), l, func(ctx context.Context) (int, error) {
				ran = true
				return hangs(ctx)
			})
			if started {
				l.RunUntilIdle()
			}
			s.Cancel(errCause)
			testkit.Equal(t, "the Submission is done at once", isDone(s), false)
			l.RunUntilIdle()
			_, err := s.Wait(t.Context())
			testkit.Equal(t, "the cause", causeOf(t, err), errCause)
			testkit.Equal(t, "the body ran", ran, started)
		})
	}
}

// When the context of Submit ends, the task is canceled, and Wait returns the cause of the context.
func TestSubmissionEndsWithItsContext(t *testing.T) {
	l := virtual(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	s := task.Submit(ctx, l, hangs)
	l.RunUntilIdle()
	cancel(errCause)
	l.RunUntilIdle()
	_, err := s.Wait(t.Context())
	testkit.Equal(t, "the error", err, errCause)
}

// Only a Wait that returns the error takes it.
func TestSubmissionErrorsAreReported(t *testing.T) {
	const untaken = "a task failed and its error was never retrieved: failing: boom"
	submit := func(ctx context.Context, l *loop.Loop) *task.Submission[int] {
		return task.Submit(ctx, l, fails(0, errBoom), task.Named("failing"))
	}
	for name, c := range map[string]struct {
		use  func(t *testing.T, l *loop.Loop)
		want []string
		opts []loop.Option
	}{
		"no Wait": {func(t *testing.T, l *loop.Loop) {
			submit(t.Context(), l)
			l.RunUntilIdle()
		}, []string{untaken}, nil},
		"a Cancel that comes late": {func(t *testing.T, l *loop.Loop) {
			s := submit(t.Context(), l)
			l.RunUntilIdle()
			s.Cancel(nil)
			l.RunUntilIdle()
		}, []string{untaken}, nil},
		"a Wait that has given up": {func(t *testing.T, l *loop.Loop) {
			s := submit(t.Context(), l)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := s.Wait(ctx)
			testkit.Equal(t, "the error", err, context.Canceled)
			l.RunUntilIdle()
		}, []string{untaken}, nil},
		"a Wait that comes late": {func(t *testing.T, l *loop.Loop) {
			s := submit(t.Context(), l)
			l.RunUntilIdle()
			for range 2 {
				_, err := s.Wait(t.Context())
				testkit.Equal(t, "the error", err, errBoom)
			}
			l.RunUntilIdle()
		}, nil, nil},
		"a Wait that is there": {func(t *testing.T, l *loop.Loop) {
			s := submit(t.Context(), l)
			go func() {
				_, err := s.Wait(t.Context())
				testkit.Equal(t, "the error", err, errBoom)
			}()
			synctest.Wait()
			l.RunUntilIdle()
		}, nil, []loop.Option{loop.WithUnretrievedLimit(0)}}, // an error that is not taken at once is reported
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told failures
				l := loop.New(append(c.opts, loop.WithVirtualTime(), told.option())...)
				c.use(t, l)
				l.Close()
				told.want(t, c.want...)
			})
		})
	}
}

// If a caller stops waiting at the moment when the task fails, either its Wait returns the error, or the loop
// reports it.
func TestSubmissionErrorsAreNeverLost(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			var told failures
			l := loop.New(loop.WithVirtualTime(), told.option())
			ctx, cancel := context.WithCancel(t.Context())
			s := task.Submit(t.Context(), l, fails(0, errBoom), task.Named("failing"))
			want := []string{"a task failed and its error was never retrieved: failing: boom"}
			go func() {
				if _, err := s.Wait(ctx); err == errBoom {
					want = nil
				}
			}()
			synctest.Wait()
			cancel()
			l.RunUntilIdle() // perhaps before Wait notices the end of ctx
			synctest.Wait()
			l.Close()
			told.want(t, want...)
		})
	}
}

// When the loop is closed, Wait returns ErrClosed, however the body ends.
func TestSubmissionToALoopThatIsClosed(t *testing.T) {
	for name, body := range map[string]func(context.Context) (int, error){
		"which is unwound": hangs,
		"which returns a value": func(ctx context.Context) (int, error) {
			_, _ = hangs(ctx)
			return 1, nil
		},
		"which does not start": nil,
	} {
		t.Run(name, func(t *testing.T) {
			l := loop.New(loop.WithVirtualTime())
			s := task.Submit(t.Context(), l, hangs)
			if body != nil {
				s = task.Submit(t.Context(), l, body)
				l.RunUntilIdle()
			}
			l.Close()
			_, err := s.Wait(t.Context())
			testkit.Equal(t, "the error", err, loop.ErrClosed)
			s.Cancel(nil)
			after := task.Submit(t.Context(), l, hangs)
			testkit.Equal(t, "a Submission to the closed loop is done", isDone(after), true)
		})
	}
}

func TestSubmitAndLimitsOfPosts(t *testing.T) {
	l := virtual(t)
	l.SetPostLimit(1)
	first, second := task.Submit(t.Context(), l, hangs), task.Submit(t.Context(), l, hangs)
	_, err := second.Wait(t.Context())
	testkit.Equal(t, "the error", err, loop.ErrFull)
	second.Cancel(nil)
	first.Cancel(nil) // works in spite of the limit
	l.RunUntilIdle()
	_, err = first.Wait(t.Context())
	testkit.ErrorIs(t, err, future.ErrCanceled)
}

// A task may wait by Recv until a task that it has submitted to another loop is done.
func TestSubmissionDoneInATask(t *testing.T) {
	other, stop := serve(t)
	defer stop()
	runReal(t, func(ctx context.Context) (int, error) {
		s := task.Submit(t.Context(), other, gives(time.Millisecond, 7))
		_, ok, err := task.Recv(ctx, s.Done())
		testkit.Equal(t, "the channel is open", ok, false)
		testkit.Panics(t, "task: Wait of a Submission in a body or callback would block its loop", func() { _, _ = s.Wait(t.Context()) })
		testkit.Panics(t, "task: Wait of a Submission in a body or callback would block its loop", func() { _, _ = s.Wait(ctx) })
		return 0, err
	})
}
