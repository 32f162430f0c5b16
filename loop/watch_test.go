package loop_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

func TestAwaitEndsWithItsDerivedContext(t *testing.T) {
	l := newLoop(t)
	f := future.New[int](l.Context())
	for name, await := range map[string]func(context.Context) error{
		"sleep":  func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) },
		"future": f.Wait,
	} {
		t.Run(name, func(t *testing.T) {
			var log looptest.Journal
			var cancel context.CancelCauseFunc
			spawn(l.Context(), "waiter", func(own context.Context) error {
				var ctx context.Context
				ctx, cancel = context.WithCancelCause(own)
				log.Add("await: %v", await(ctx))
				log.Add("again: %v", await(ctx)) // stays ended
				log.Add("own context: %v, %v", own.Err(), task.Yield(own))
				return nil
			})
			spawn(l.Context(), "canceler", func(ctx context.Context) error {
				_ = task.Yield(ctx)
				cancel(io.EOF)
				log.Add("canceled")
				l.CallSoon(log.Callback("turn 1"))
				_ = task.Yield(ctx)
				l.CallSoon(log.Callback("turn 2"))
				return nil
			})
			run(t, l)
			// The end is noticed at the beginning of the turn after, behind what is
			// ready by then.
			log.Want(t, "canceled", "turn 1", "await: EOF", "again: EOF", "turn 2", "own context: <nil>, <nil>")
		})
	}
	if f.Done() {
		t.Error("the future was canceled; it is to be left as it is")
	}
}

func TestMachineAndBodyBoundedByADerivedContext(t *testing.T) {
	for _, name := range []string{"stackful", "machine"} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			var log looptest.Journal
			spawn(l.Context(), "parent", func(own context.Context) error {
				ctx, cancel := context.WithCancelCause(own)
				var child *task.Task[none]
				if name == "stackful" {
					child = spawn(ctx, "child", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
				} else {
					child = script(ctx, "child", func(context.Context, error) (task.Suspension, error) {
						return task.For(time.Hour), nil
					})
				}
				_ = task.Yield(own)
				cancel(io.EOF)
				err := child.Wait(own)
				var canceled *loop.CanceledError
				log.Add("canceled %t, cause %t", child.Canceled(), errors.As(err, &canceled) && canceled.Cause == io.EOF)
				log.Add("asked %d times", child.CancelRequests())
				return nil
			})
			run(t, l)
			log.Want(t, "canceled true, cause true", "asked 1 times")
			if l.Elapsed() != 0 {
				t.Error("time has passed")
			}
		})
	}
}

func TestSpawnUnderAnEndedContextNeverRuns(t *testing.T) {
	l := newLoop(t)
	spawn(l.Context(), "parent", func(ctx context.Context) error {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		child := spawn(ended, "child", func(context.Context) error { t.Error("ran"); return nil })
		if err := child.Wait(ctx); !errors.Is(err, future.ErrCanceled) {
			t.Errorf("the child ended with %v", err)
		}
		return nil
	})
	run(t, l)
}

// A grandchild is spawned with the child's own context, and thus not bounded.
func TestBoundIsNotInherited(t *testing.T) {
	l := newLoop(t)
	var grandchild *task.Task[none]
	spawn(l.Context(), "parent", func(own context.Context) error {
		ctx, cancel := context.WithCancel(own)
		child := spawn(ctx, "child", func(ctx context.Context) error {
			grandchild = spawn(ctx, "grandchild", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
			return task.Sleep(ctx, time.Hour)
		})
		_ = task.Yield(own)
		_ = task.Yield(own)
		cancel()
		return child.Wait(own)
	})
	run(t, l)
	if err := grandchild.Err(); err != nil {
		t.Errorf("the grandchild ended with %v", err)
	}
}

// Standard time limits are real time, and wake a loop that sleeps.
func TestStandardTimeoutWakesASleepingLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, loop.WithClock(timer.NewSystem()), loop.WithDeadlockDetection())
		var log looptest.Journal
		spawn(l.Context(), "task", func(own context.Context) error {
			ctx, cancel := context.WithTimeout(own, time.Minute)
			defer cancel()
			log.Add("sleep: %v at %v", task.Sleep(ctx, time.Hour), l.Elapsed())
			child := spawn(own, "child", func(ctx context.Context) error {
				ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, io.EOF)
				defer cancel()
				return spawn(ctx, "grandchild", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) }).Wait(context.WithoutCancel(ctx))
			})
			err := child.Wait(own)
			var canceled *loop.CanceledError
			log.Add("child: %v, cause %v", err, errors.As(err, &canceled) && canceled.Cause == io.EOF)
			return nil
		})
		run(t, l)
		log.Want(t, "sleep: context deadline exceeded at 1m0s", "child: canceled: EOF, cause true")
		if l.Elapsed() != 2*time.Minute {
			t.Errorf("it took %v", l.Elapsed())
		}
	})
}

func TestEndFromAnotherGoroutineWakesASleepingLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, loop.WithClock(timer.NewSystem()), loop.WithDeadlockDetection())
		var got error
		spawn(l.Context(), "task", func(ctx context.Context) error {
			ctx, cancel := context.WithCancelCause(ctx)
			go func() {
				synctest.Wait() // the loop sleeps
				cancel(io.EOF)
			}()
			got = task.Sleep(ctx, time.Hour)
			return nil
		})
		run(t, l)
		if got != io.EOF || l.Elapsed() != 0 {
			t.Errorf("the sleep ended with %v after %v", got, l.Elapsed())
		}
	})
}

func TestValueContextsBoundNothing(t *testing.T) {
	l := newLoop(t)
	type key struct{}
	spawn(l.Context(), "task", func(ctx context.Context) error {
		ctx = context.WithValue(ctx, key{}, 1)
		if n := testing.AllocsPerRun(1, func() { _ = task.Yield(ctx) }); n > 2 {
			t.Errorf("a yield under a value context costs %v allocations: it is watched", n)
		}
		return task.Sleep(ctx, time.Second)
	})
	run(t, l)
}

func TestWithoutCancelIsForCleanup(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	type key struct{}
	spawn(l.Context(), "task", func(own context.Context) error {
		ctx, cancel := context.WithCancel(context.WithValue(own, key{}, "value"))
		l.CallSoon(cancel)
		log.Add("work: %v", task.Sleep(ctx, time.Hour))
		cleanup := context.WithoutCancel(ctx)
		log.Add("cleanup: %v with %v at %v", task.Sleep(cleanup, time.Second), cleanup.Value(key{}), l.Elapsed())
		child := spawn(cleanup, "child", func(ctx context.Context) error {
			log.Add("child with %v, %v", ctx.Value(key{}), ctx.Err())
			return task.Sleep(ctx, time.Second)
		})
		log.Add("child: %v at %v", child.Wait(cleanup), l.Elapsed())
		return nil
	})
	run(t, l)
	log.Want(t, "work: context canceled", "cleanup: <nil> with value at 1s",
		"child with value, <nil>", "child: <nil> at 2s")
}

func TestEndWhileWokenChangesNothing(t *testing.T) {
	l := newLoop(t)
	f := future.New[int](l.Context())
	var v int
	var err error
	var cancel context.CancelFunc
	spawn(l.Context(), "waiter", func(ctx context.Context) error {
		ctx, cancel = context.WithCancel(ctx)
		v, err = f.Await(ctx)
		return nil
	})
	l.RunUntilIdle()
	l.CallSoon(func() {
		_ = f.SetResult(42) // the waiter is ready
		cancel()
	})
	run(t, l)
	if v != 42 || err != nil {
		t.Errorf("the waiter got %d, %v, want the result that was there first", v, err)
	}
}

// A cancellation of the task is delivered once, under whichever context it awaits.
func TestCancellationUnderADerivedContextIsDeliveredOnce(t *testing.T) {
	for _, when := range []string{"before the await", "during the await"} {
		t.Run(when, func(t *testing.T) {
			l := newLoop(t)
			var log looptest.Journal
			var canceled *task.Task[none]
			canceled = spawn(l.Context(), "canceled", func(own context.Context) error {
				ctx, cancel := context.WithCancel(own)
				defer cancel()
				if when == "before the await" {
					canceled.Cancel(io.EOF)
				} else {
					l.CallSoon(func() { canceled.Cancel(io.EOF) })
				}
				log.Add("work: %v", task.Sleep(ctx, time.Hour))
				log.Add("cleanup: %v", task.Sleep(own, time.Second))
				return nil
			})
			run(t, l)
			log.Want(t, "work: canceled: EOF", "cleanup: <nil>")
			if err := canceled.Err(); err != nil {
				t.Errorf("the task swallowed the cancellation and yet ended with %v", err)
			}
		})
	}
}

// Canceling a task cancels what it awaits, and it waits for the end of that:
// under a derived context as under its own.
func TestCancellationUnderADerivedContextWaitsForWhatIsAwaited(t *testing.T) {
	for _, derived := range []bool{false, true} {
		l := newLoop(t)
		var log looptest.Journal
		child := spawn(l.Context(), "child", func(ctx context.Context) error {
			err := task.Sleep(ctx, time.Hour)
			_ = task.Sleep(ctx, time.Second) // cleanup
			log.Add("child ends")
			return err
		})
		parent := spawn(l.Context(), "parent", func(ctx context.Context) error {
			if derived {
				var cancel context.CancelFunc
				ctx, cancel = context.WithCancel(ctx)
				defer cancel()
			}
			defer log.Add("parent ends")
			return child.Wait(ctx)
		})
		l.RunUntilIdle()
		parent.Cancel(nil)
		run(t, l)
		log.Want(t, "child ends", "parent ends")
	}
}

func TestManyWatches(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	spawn(l.Context(), "parent", func(own context.Context) error {
		ctx, cancel := context.WithCancel(own)
		for _, name := range []string{"a", "b", "c"} {
			spawn(ctx, name, func(ctx context.Context) error {
				err := task.Sleep(ctx, time.Hour)
				log.Add("%s: %v", name, err)
				return err
			})
		}
		_ = task.Yield(own)
		cancel()
		return nil
	})
	run(t, l)
	log.Want(t, "a: canceled: context canceled", "b: canceled: context canceled", "c: canceled: context canceled")
}

// foreign is a context that is none of package context's: each one derived from it has a
// goroutine that waits for its end.
type foreign struct {
	context.Context
	done chan struct{}
}

func (f foreign) Done() <-chan struct{} { return f.done }

// What a task derives from its context leaves nothing in the context that bounds it.
func TestEndedTasksLeaveNothingInTheirBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
		l := newLoop(t)
		outer := foreign{context.Background(), make(chan struct{})}
		for range 3 {
			spawn(l.Bind(outer), "x", func(ctx context.Context) error {
				_, cancel := context.WithCancel(ctx)
				cancel()
				return nil
			})
		}
		run(t, l)
	})
}

// Nor is its context, which keeps the values.
func TestBoundOfTheContextIsNotInherited(t *testing.T) {
	l := newLoop(t)
	spawn(l.Context(), "parent", func(own context.Context) error {
		ctx, cancel := context.WithCancel(context.WithValue(own, key("k"), 1))
		var grandchild *task.Task[none]
		child := spawn(ctx, "child", func(ctx context.Context) error {
			grandchild = spawn(ctx, "grandchild", func(ctx context.Context) error {
				err := task.Sleep(ctx, time.Second)
				if ctx.Err() != nil || ctx.Value(key("k")) != 1 {
					t.Errorf("the grandchild's context: %v, with the value %v", ctx.Err(), ctx.Value(key("k")))
				}
				return err
			})
			return grandchild.Wait(own)
		})
		_ = task.Yield(own)
		cancel()
		_ = child.Wait(own)
		return grandchild.Wait(own)
	})
	run(t, l)
}

// A task that is spawned under a context that has ended is asked to cancel once.
func TestSpawnUnderAnEndedContextIsOneRequest(t *testing.T) {
	l := newLoop(t)
	spawn(l.Context(), "parent", func(ctx context.Context) error {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		child := spawn(ended, "child", task.Yield)
		_ = child.Wait(ctx)
		if n := child.CancelRequests(); n != 1 {
			t.Errorf("the child counts %d requests", n)
		}
		return nil
	})
	run(t, l)
}

// A goroutine that posts, and then ends a context, while a turn begins: the post comes first.
// The observer stands for the goroutine, as it is told in the middle of that.
func TestPostBeforeTheEndOfAContextWhileATurnBegins(t *testing.T) {
	var l *loop.Loop
	var log looptest.Journal
	var cancel context.CancelFunc
	l = newLoop(t, loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.Posted && cancel != nil {
			_ = l.Post(log.Callback("post"))
			cancel()
			cancel = nil
		}
	}))
	spawn(l.Context(), "x", func(own context.Context) error {
		var ctx context.Context
		ctx, cancel = context.WithCancel(own)
		_ = task.Sleep(ctx, time.Hour)
		log.Add("awake")
		return nil
	})
	l.CallSoon(func() { _ = l.Post(log.Callback("first post")) })
	run(t, l)
	log.Want(t, "first post", "post", "awake")
}
