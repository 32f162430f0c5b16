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
				log.Add("again: %v", await(ctx)) // ctx stays ended
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
			// The loop notices the end at the beginning of the next turn. The waiter runs
			// after the entries that are ready then.
			log.Want(t, "canceled", "turn 1", "await: EOF", "again: EOF", "turn 2", "own context: <nil>, <nil>")
		})
	}
	if f.Done() {
		t.Error("the future was canceled")
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
				t.Errorf("%v have passed, want 0", l.Elapsed())
			}
		})
	}
}

func TestSpawnUnderAnEndedContextNeverRuns(t *testing.T) {
	l := newLoop(t)
	spawn(l.Context(), "parent", func(ctx context.Context) error {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		child := spawn(ended, "child", func(context.Context) error { t.Error("the child ran"); return nil })
		if err := child.Wait(ctx); !errors.Is(err, future.ErrCanceled) {
			t.Errorf("the child ended with %v", err)
		}
		return nil
	})
	run(t, l)
}

// A grandchild that is spawned with the child's own context is not bounded.
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

// Standard time limits count real time, and wake a loop that sleeps.
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
			t.Errorf("the loop ran for %v, want 2m0s", l.Elapsed())
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
			t.Errorf("a yield under a value context costs %v allocations: the loop watches the context", n)
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

// A cancellation of the task is delivered once, also if the task awaits under a derived context.
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
				t.Errorf("the body returned nil, but the task ended with %v", err)
			}
		})
	}
}

// Canceling a task cancels the child that it awaits, and the task waits until the child has ended. This
// holds under a derived context, too.
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

// foreign is a context of a type that package context does not know. Each context that is derived from it
// has a goroutine that waits for its end.
type foreign struct {
	context.Context
	done chan struct{}
}

func (f foreign) Done() <-chan struct{} { return f.done }

// A context that a task derives from its own leaves nothing behind in the context that bounds the task.
func TestEndedTasksLeaveNothingInTheirBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // Test fails if a goroutine is left
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

// The context of a grandchild does not end with the context that bounds the child, but it has the
// values.
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

// A task that is spawned under an ended context gets one request.
func TestSpawnUnderAnEndedContextIsOneRequest(t *testing.T) {
	l := newLoop(t)
	spawn(l.Context(), "parent", func(ctx context.Context) error {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		child := spawn(ended, "child", task.Yield)
		_ = child.Wait(ctx)
		if n := child.CancelRequests(); n != 1 {
			t.Errorf("the child counts %d requests, want 1", n)
		}
		return nil
	})
	run(t, l)
}

// If a goroutine posts and then ends a context while a turn begins, the post comes first. The observer
// stands for the goroutine here: the loop calls it while the turn begins.
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
