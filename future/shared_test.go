package future_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

var errLeave = errors.New("leave")

// awaiting makes a task that awaits f, as a body or as a machine, and notes what it is told.
func awaiting(l *loop.Loop, j *looptest.Journal, name string, f *future.Future[int], machine bool) *task.Task[int] {
	told := func(v int, err error) (int, error) {
		var c *loop.CanceledError
		if errors.As(err, &c) {
			j.Add("%s is canceled: %v", name, c.Cause)
		} else {
			j.Add("%s has %d, %v", name, v, err)
		}
		return v, err
	}
	if !machine {
		return task.Go(l.Context(), func(ctx context.Context) (int, error) { return told(f.Await(ctx)) })
	}
	begun := false
	return task.GoMachine(l.Context(), task.MachineFunc[int](func(_ context.Context, err error) (int, task.Suspension, error) {
		if !begun && err == nil {
			begun = true
			return 0, task.On(f), nil
		}
		if err != nil {
			_, _ = told(0, err)
			return 0, task.End(), err
		}
		v, err := told(f.Result())
		return v, task.End(), err
	}))
}

// Canceling a task takes that task out, at once, and the others get the value in the order in
// which they came.
func TestSharedFutureOutlivesACanceledTask(t *testing.T) {
	for leaver := range 6 {
		l := testLoop(t)
		var j looptest.Journal
		f := future.NewShared[int](l.Context())
		var all []*task.Task[int]
		var want []string
		for at := range 6 {
			name := fmt.Sprint(at)
			all = append(all, awaiting(l, &j, name, f, at%2 == 0))
			if at != leaver {
				want = append(want, name+" has 7, <nil>")
			}
		}
		l.RunUntilIdle()
		all[leaver].Cancel(errLeave)
		j.Want(t)
		l.RunOnce()
		j.Want(t, fmt.Sprintf("%d is canceled: leave", leaver))
		if f.Done() || !all[leaver].Canceled() {
			t.Errorf("done: %t; canceled: %t", f.Done(), all[leaver].Canceled())
		}
		if err := f.SetResult(7); err != nil {
			t.Error(err)
		}
		j.Want(t)
		l.RunOnce()
		j.Want(t, want...)
	}
}

// A cancellation that comes in the turn in which the future is done is told all the same.
func TestSharedFutureIsDoneAndItsTaskIsCanceled(t *testing.T) {
	for _, machine := range []bool{false, true} {
		l := testLoop(t)
		var j looptest.Journal
		f := future.NewShared[int](l.Context())
		first, second := awaiting(l, &j, "first", f, machine), awaiting(l, &j, "second", f, machine)
		l.RunUntilIdle()
		first.Cancel(errLeave)
		_ = f.SetResult(7)
		second.Cancel(errLeave)
		l.RunUntilIdle()
		j.Want(t, "first is canceled: leave", "second is canceled: leave")
	}
}

// A task that was canceled before it awaits is told when it does, a turn later.
func TestSharedFutureAwaitedByATaskThatWasCanceled(t *testing.T) {
	l := testLoop(t)
	var j looptest.Journal
	f := future.NewShared[int](l.Context())
	a := task.Go(l.Context(), func(ctx context.Context) (int, error) {
		task.Current(ctx).Cancel(errLeave)
		_, err := f.Await(ctx)
		j.Add("told %v", errors.Is(err, future.ErrCanceled))
		v, err := f.Await(ctx) // a request is delivered once
		j.Add("then %d, %v", v, err)
		return v, err
	})
	l.RunOnce()
	j.Want(t)
	if e := lowlevel.PendingCancel(a.Task()); e != nil {
		t.Errorf("%v is on its way, and still pending", e)
	}
	l.RunOnce()
	j.Want(t, "told true")
	_ = f.SetResult(7)
	l.RunUntilIdle()
	j.Want(t, "then 7, <nil>")
	if v, err := a.Result(); v != 7 || err != nil {
		t.Errorf("the task ended with %d, %v", v, err)
	}
}

// Only code that sets it ends a shared future.
func TestSharedFutureRefusesToBeCanceled(t *testing.T) {
	l := testLoop(t)
	f := future.NewShared[int](l.Context())
	shown, _ := f.Explain()
	if f.Cancel(errLeave) || f.Done() || !f.Shared() || future.New[int](l.Context()).Shared() || shown != "a shared future" {
		t.Errorf("done: %t; it is %s", f.Done(), shown)
	}
	other := future.NewShared[int](l.Context())
	if f.SetError(future.ErrCanceled) != nil || !f.Canceled() || other.SetError(io.EOF) != nil || other.Err() != io.EOF {
		t.Errorf("set to %v and %v", f.Err(), other.Err())
	}
	if err := f.SetResult(1); !errors.Is(err, future.ErrInvalidState) {
		t.Errorf("set twice: %v", err)
	}
}

// What combines futures lets a shared one be.
func TestSharedFutureInCombinators(t *testing.T) {
	for name, wait := range map[string]func(ctx context.Context, f *future.Future[int]) error{
		"WaitFor": func(ctx context.Context, f *future.Future[int]) error {
			_, err := task.WaitFor(ctx, f, time.Second)
			return err
		},
		"Timeout": func(ctx context.Context, f *future.Future[int]) error {
			return task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error { return f.Wait(ctx) })
		},
		"a derived context": func(ctx context.Context, f *future.Future[int]) error {
			ctx, end := context.WithCancelCause(ctx)
			f.Loop().CallLater(time.Second, func() { end(context.DeadlineExceeded) })
			return f.Wait(ctx)
		},
		"Untyped": func(ctx context.Context, f *future.Future[int]) error {
			_, err := task.WaitFor(ctx, future.Untyped(f), time.Second)
			return err
		},
		"Untyped, in a machine": func(ctx context.Context, f *future.Future[int]) error {
			a := task.GoMachine(ctx, task.MachineFunc[int](func(_ context.Context, err error) (int, task.Suspension, error) {
				return 0, task.On(future.Untyped(f)), err
			}))
			_, err := task.WaitFor(ctx, a, time.Second)
			return err
		},
	} {
		l := testLoop(t)
		f := future.NewShared[int](l.Context())
		a := spawn(l.Context(), name, func(ctx context.Context) error { return wait(ctx, f) })
		l.CallLater(time.Minute, func() { _ = f.SetResult(1) })
		l.CallLater(time.Second+1, func() {
			if !a.Task().Done() || f.Done() {
				t.Errorf("%s: it still waits, or the future is done", name)
			}
		})
		run(t, l)
		if err := a.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

// A gather of a shared future that is canceled waits for that, and counts as canceled.
func TestSharedFutureInAGatherThatIsCanceled(t *testing.T) {
	l := testLoop(t)
	f, other := future.NewShared[int](l.Context()), future.New[int](l.Context())
	a := spawn(l.Context(), "A", func(ctx context.Context) error { return task.Collect(f, other).Wait(ctx) })
	l.RunUntilIdle()
	a.Cancel(errLeave)
	l.RunUntilIdle()
	if f.Done() || !other.Canceled() || a.Done() {
		t.Errorf("done: %t, %t, %t", f.Done(), other.Done(), a.Done())
	}
	_ = f.SetResult(1)
	run(t, l)
	if !a.Canceled() {
		t.Errorf("the task ended with %v", a.Err())
	}
}

func TestSharedFutureInAGraph(t *testing.T) {
	l := testLoop(t)
	f := future.NewShared[int](l.Context())
	spawn(l.Context(), "A", f.Wait)
	l.RunUntilIdle()
	var b strings.Builder
	if err := l.WriteGraph(&b, false); err != nil || b.String() != "A awaits a shared future\n" {
		t.Errorf("%v, %q", err, b.String())
	}
}

// As of any future: what no code awaits can be set when the loop is closed.
func TestSharedFutureOfALoopThatIsClosed(t *testing.T) {
	l := newLoop()
	f := future.NewShared[int](l.Context())
	l.Close()
	if err := f.SetResult(1); err != nil || !f.Done() {
		t.Errorf("SetResult returns %v", err)
	}
}

// Loops on several goroutines use each other's lists of waiters again.
func TestSharedFuturesOfSeveralLoops(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			l := newLoop()
			defer l.Close()
			next := future.NewShared[int](l.Context())
			woken := 0
			for range 100 {
				task.GoMachine(l.Context(), task.MachineFunc[int](func(_ context.Context, err error) (int, task.Suspension, error) {
					woken++
					return 0, task.On(next), err
				}))
			}
			l.RunUntilIdle()
			for range 100 {
				now := next
				next = future.NewShared[int](l.Context())
				_ = now.SetResult(1)
				l.RunUntilIdle()
			}
			if woken != 100*101 {
				t.Errorf("woken %d times", woken)
			}
		})
	}
	wg.Wait()
}

// Whatever the order in which tasks run: those that are not canceled see every frame.
func TestSharedFutureLosesNobody(t *testing.T) {
	looptest.Explore(t, looptest.PCT(1, 500, 3), func(ctx context.Context, t *looptest.T) {
		frames := make([]*future.Future[int], 3)
		for at := range frames {
			frames[at] = future.NewShared[int](ctx)
		}
		seen := make([]int, 4)
		var all []*task.Task[int]
		for at := range seen {
			begun := false
			all = append(all, task.GoMachine(ctx, task.MachineFunc[int](func(_ context.Context, err error) (int, task.Suspension, error) {
				if begun && err == nil {
					seen[at]++
				}
				if begun = true; err != nil || seen[at] == len(frames) {
					return 0, task.End(), err
				}
				return 0, task.On(frames[seen[at]]), nil
			})))
		}
		task.Go(ctx, func(ctx context.Context) (int, error) {
			err := task.Yield(ctx)
			all[0].Cancel(nil)
			all[2].Cancel(nil)
			return 0, err
		})
		for at, f := range frames {
			if err := task.Yield(ctx); err != nil {
				t.Fatal(err)
			}
			_ = f.SetResult(at)
		}
		if _, err := task.Gather(all[1], all[3]).Await(ctx); err != nil {
			t.Fatal(err)
		}
		_, _ = all[0].Wait(ctx), all[2].Wait(ctx)
		if seen[1] != len(frames) || seen[3] != len(frames) {
			t.Errorf("seen: %v", seen)
		}
	})
}
