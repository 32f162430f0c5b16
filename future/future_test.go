package future_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

func TestPendingFuture(t *testing.T) {
	l := testLoop(t)
	f := future.New[int](l.Context())
	if f.Done() || f.Canceled() || f.Loop() != l || f.TaskOf() != nil || f.Unretrieved() != nil {
		t.Error("a new future is not pending, or belongs to a task or another loop")
	}
	v, err := f.Result()
	_, anyErr := f.AnyResult()
	for _, err := range []error{err, anyErr, f.Err()} {
		if !errors.Is(err, future.ErrInvalidState) {
			t.Errorf("the error of a pending future is %v", err)
		}
	}
	if v != 0 {
		t.Errorf("the value of a pending future is %d", v)
	}
	if !f.Done() && errors.Is(f.Err(), future.ErrCanceled) {
		t.Error("the error of a pending future is a cancellation")
	}
}

// outcomes are the ways in which a future is completed.
var outcomes = map[string]struct {
	set      func(f *future.Future[int]) error
	value    int
	err      error
	canceled bool
}{
	"value": {func(f *future.Future[int]) error { return f.SetResult(7) }, 7, nil, false},
	"error": {func(f *future.Future[int]) error { return f.SetError(io.EOF) }, 0, io.EOF, false},
	"cancel": {func(f *future.Future[int]) error {
		if !f.Cancel(io.EOF) {
			return errors.New("the request was not taken")
		}
		return nil
	}, 0, future.ErrCanceled, true},
	"error that is a cancellation": {func(f *future.Future[int]) error {
		return f.SetError(fmt.Errorf("wrapped: %w", &loop.CanceledError{}))
	}, 0, future.ErrCanceled, true},
	"error that joins a cancellation": {func(f *future.Future[int]) error {
		return f.SetError(errors.Join(&loop.CanceledError{}, io.EOF))
	}, 0, io.EOF, false},
	"error of a standard context": {func(f *future.Future[int]) error {
		return f.SetError(context.Canceled)
	}, 0, context.Canceled, false},
}

func TestOutcomes(t *testing.T) {
	for name, o := range outcomes {
		t.Run(name, func(t *testing.T) {
			l := testLoop(t)
			f := future.New[int](l.Context())
			if err := o.set(f); err != nil {
				t.Fatal(err)
			}
			v, err := f.Result()
			anyV, anyErr := f.AnyResult()
			if !f.Done() || v != o.value || anyV != o.value || f.Canceled() != o.canceled {
				t.Errorf("done %t, value %v, canceled %t", f.Done(), v, f.Canceled())
			}
			for _, err := range []error{err, anyErr, f.Err()} {
				if !errors.Is(err, o.err) || (err == nil) != (o.err == nil) {
					t.Errorf("error %v, want %v", err, o.err)
				}
			}
		})
	}
}

func TestOutcomeIsSetOnce(t *testing.T) {
	for first, o := range outcomes {
		l := testLoop(t)
		f := future.New[int](l.Context())
		if err := o.set(f); err != nil {
			t.Fatal(err)
		}
		v, err := f.Result()
		for _, again := range []error{f.SetResult(8), f.SetError(io.ErrUnexpectedEOF)} {
			if !errors.Is(again, future.ErrInvalidState) {
				t.Errorf("%s, and then a second outcome: %v", first, again)
			}
		}
		if f.Cancel(nil) {
			t.Errorf("%s: a request to cancel was taken", first)
		}
		if v2, err2 := f.Result(); v2 != v || err2 != err {
			t.Errorf("%s: the outcome has changed to %v, %v", first, v2, err2)
		}
	}
}

func TestSetErrorOfNil(t *testing.T) {
	l := testLoop(t)
	f := future.New[int](l.Context())
	mustPanic(t, "future: SetError(nil); use SetResult for success", func() { _ = f.SetError(nil) })
	mustPanic(t, "future: OnDone(nil)", func() { f.OnDone(nil) })
	if f.Done() {
		t.Error("the future is done")
	}
}

func TestCauseOfACancellationIsKept(t *testing.T) {
	l := testLoop(t)
	f := future.New[int](l.Context())
	f.Cancel(io.EOF)
	var canceled *loop.CanceledError
	if !errors.As(f.Err(), &canceled) || canceled.Cause != io.EOF {
		t.Errorf("the error is %v", f.Err())
	}
}

func TestWaitersOfAllKindsAreToldInOrderOfComing(t *testing.T) {
	for name, o := range outcomes {
		t.Run(name, func(t *testing.T) {
			l := testLoop(t)
			var log looptest.Journal
			f := future.New[int](l.Context())
			await := func(name string) {
				spawn(l.Context(), name, func(ctx context.Context) error {
					_ = f.Wait(ctx)
					log.Add("%s", name)
					return nil
				})
				l.RunUntilIdle()
			}
			f.OnDone(log.Callback("callback 1"))
			await("task 1")
			f.OnDone(log.Callback("callback 2"))
			f.AddWaiter(lowlevel.Func(log.Callback("runnable")))
			await("task 2")
			await("task 3")
			f.OnDone(log.Callback("callback 3"))
			if err := o.set(f); err != nil {
				t.Fatal(err)
			}
			log.Want(t) // no waiter runs inside the call
			l.CallSoon(log.Callback("a later callback"))
			run(t, l)
			log.Want(t, "callback 1", "task 1", "callback 2", "runnable", "task 2", "task 3", "callback 3", "a later callback")
		})
	}
}

func TestNothingRunsInsideTheCompletion(t *testing.T) {
	l := testLoop(t)
	var log looptest.Journal
	first, second := future.New[int](l.Context()), future.New[int](l.Context())
	first.OnDone(func() {
		log.Add("first")
		_ = second.SetResult(1)
		log.Add("second is set")
	})
	second.OnDone(log.Callback("second"))
	spawn(l.Context(), "completer", func(ctx context.Context) error {
		_ = first.SetResult(1)
		log.Add("first is set")
		return nil
	})
	run(t, l)
	log.Want(t, "first is set", "first", "second is set", "second")
}

func TestOnDoneOfWhatIsDone(t *testing.T) {
	l := testLoop(t)
	var log looptest.Journal
	f := future.New[int](l.Context())
	_ = f.SetResult(1)
	l.CallSoon(log.Callback("ready before"))
	c := f.OnDone(log.Callback("callback"))
	log.Want(t)
	if c.Remove() {
		t.Error("a callback of a future that is done was removed")
	}
	l.RunOnce()
	log.Want(t, "ready before", "callback")
}

func TestRemoveOfCallbacks(t *testing.T) {
	names := []string{"first", "second", "third", "last"}
	for _, gone := range [][]int{{0}, {1}, {3}, {0, 1}, {1, 0}, {3, 0}, {0, 1, 2, 3}} {
		l := testLoop(t)
		var log, want looptest.Journal
		f := future.New[int](l.Context())
		var callbacks []future.Callback
		for _, name := range names {
			callbacks = append(callbacks, f.OnDone(log.Callback(name)))
		}
		removed := map[int]bool{}
		for _, at := range gone {
			removed[at] = true
			if !callbacks[at].Remove() || callbacks[at].Remove() {
				t.Errorf("Remove of the %s must report true, then false", names[at])
			}
		}
		f.OnDone(log.Callback("new")) // comes last, also if the first place is free
		_ = f.SetResult(1)
		for i, c := range callbacks {
			if c.Remove() {
				t.Errorf("Remove of the %s after the future is done", names[i])
			}
			if !removed[i] {
				want.Add("%s", names[i])
			}
		}
		run(t, l)
		log.Want(t, append(want, "new")...)
	}
	if (future.Callback{}).Remove() {
		t.Error("Remove of the zero Callback reports true")
	}
}

func TestTheSameFunctionTwice(t *testing.T) {
	l := testLoop(t)
	n := 0
	count := func() { n++ }
	f := future.New[int](l.Context())
	f.OnDone(count)
	second := f.OnDone(count)
	if !second.Remove() || second.Remove() {
		t.Error("Remove of the second registration must report true, then false")
	}
	_ = f.SetResult(1)
	run(t, l)
	if n != 1 {
		t.Errorf("called %d times", n)
	}
}

func TestRemoveWaiter(t *testing.T) {
	l := testLoop(t)
	f := future.New[int](l.Context())
	stranger := &recorder{}
	if f.RemoveWaiter(nil) || f.RemoveWaiter(stranger) {
		t.Error("RemoveWaiter reports true for a waiter that was not added")
	}
	f.AddWaiter(stranger)
	f.AddWaiter(stranger)
	for i, want := range []bool{true, true, false} { // added twice
		if got := f.RemoveWaiter(stranger); got != want {
			t.Errorf("removal %d = %t", i, got)
		}
	}
	_ = f.SetResult(1)
	run(t, l)
	if stranger.ran != 0 {
		t.Error("a removed waiter ran")
	}
}

type recorder struct{ ran int }

func (r *recorder) Run() { r.ran++ }

func TestPanicOfACallback(t *testing.T) {
	var log looptest.Journal
	l := testLoop(t, loop.WithErrorHandler(func(f loop.Failure) { log.Add("%v", f.Err) }))
	f := future.New[int](l.Context())
	f.OnDone(func() { panic("oh") })
	f.OnDone(log.Callback("next"))
	_ = f.SetResult(1)
	run(t, l)
	log.Want(t, "panic in a callback: oh", "next")
}

func TestAwait(t *testing.T) {
	for name, o := range outcomes {
		t.Run(name, func(t *testing.T) {
			l := testLoop(t)
			f := future.New[int](l.Context())
			check := func(ctx context.Context) error {
				for _, await := range []func() (any, error){
					func() (any, error) { return f.Await(ctx) },
					func() (any, error) { return future.Untyped(f).Await(ctx) },
				} {
					if v, err := await(); v != o.value || !errors.Is(err, o.err) {
						t.Errorf("Await = %v, %v", v, err)
					}
				}
				if err := f.Wait(ctx); !errors.Is(err, o.err) {
					t.Errorf("Wait = %v", err)
				}
				return nil
			}
			spawn(l.Context(), "suspends", check)
			l.RunUntilIdle()
			if err := o.set(f); err != nil {
				t.Fatal(err)
			}
			spawn(l.Context(), "does not suspend", check)
			run(t, l)
		})
	}
}

func TestAwaitOfWhatIsDoneDoesNotSuspend(t *testing.T) {
	l := testLoop(t)
	var log looptest.Journal
	f := future.New[int](l.Context())
	_ = f.SetResult(1)
	spawn(l.Context(), "task", func(ctx context.Context) error {
		l.CallSoon(log.Callback("next turn"))
		for range 10_000 { // often, as it must not grow the stack either
			_, _ = f.Await(ctx)
			_, _ = future.Untyped(f).Await(ctx)
			_ = f.Wait(ctx)
		}
		log.Add("same turn")
		return nil
	})
	run(t, l)
	log.Want(t, "same turn", "next turn")
}

func TestCancelOfTheWaiterCancelsTheFuture(t *testing.T) {
	l := testLoop(t)
	f := future.New[int](l.Context())
	waiters := []*task.Task[int]{
		task.Go(l.Context(), f.Await),
		task.Go(l.Context(), f.Await),
	}
	l.RunUntilIdle()
	waiters[1].Cancel(io.EOF)
	run(t, l)
	for i, w := range waiters {
		var canceled *loop.CanceledError
		if !errors.As(w.Err(), &canceled) || canceled.Cause != io.EOF {
			t.Errorf("waiter %d: %v", i, w.Err())
		}
	}
	if !f.Canceled() {
		t.Error("the future is not canceled")
	}
}

func TestDerivedContextLeavesTheFutureAlone(t *testing.T) {
	l := testLoop(t)
	f := future.New[int](l.Context())
	for name, await := range map[string]func(context.Context) error{
		"Await":   func(ctx context.Context) error { _, err := f.Await(ctx); return err },
		"Wait":    f.Wait,
		"untyped": func(ctx context.Context) error { _, err := future.Untyped(f).Await(ctx); return err },
	} {
		spawn(l.Context(), name, func(ctx context.Context) error {
			ctx, cancel := context.WithCancelCause(ctx)
			l.CallLater(time.Second, func() { cancel(io.EOF) })
			if err := await(ctx); err != io.EOF {
				t.Errorf("%s ended with %v", name, err)
			}
			return nil
		})
	}
	run(t, l)
	if f.Done() {
		t.Error("the future is done")
	}
}

func TestUntyped(t *testing.T) {
	l := testLoop(t)
	number, text := future.New[int](l.Context()), future.New[string](l.Context())
	all := []future.Awaitable[any]{future.Untyped(number), future.Untyped(text)}
	if what, _ := all[0].Explain(); all[0].Done() || all[0].Loop() != l || what != "a future" {
		t.Error("the untyped view is of another future")
	}
	_ = number.SetResult(1)
	text.Cancel(nil)
	if v, err := all[0].Result(); v != 1 || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := all[1].Result(); !all[1].Canceled() || !errors.Is(err, future.ErrCanceled) {
		t.Errorf("%v", err)
	}
	x := spawn(l.Context(), "x", task.Yield)
	if future.Untyped(x).TaskOf() != x.Task() {
		t.Error("the untyped view of a task hides it")
	}
}

func TestFutureWithoutALoop(t *testing.T) {
	var f future.Future[int]
	mustPanic(t, "future: a zero Future belongs to no loop", func() { f.OnDone(func() {}) })
}

// A completion from another goroutine panics before it has changed the future.
func TestCompletionOnAnotherGoroutineLeavesTheFuturePending(t *testing.T) {
	l := testLoop(t, loop.WithDebug())
	f := future.New[int](l.Context())
	waiter := task.Go(l.Context(), f.Await)
	spawn(l.Context(), "host of the misuse", func(context.Context) error {
		ended := make(chan none)
		go func() {
			defer close(ended)
			mustPanic(t, "another goroutine", func() { _ = f.SetResult(1) })
		}()
		<-ended
		if err := f.SetResult(2); err != nil {
			t.Errorf("after a misuse that panicked: %v", err)
		}
		return nil
	})
	l.RunUntilIdle()
	if v, err := waiter.Result(); v != 2 || err != nil {
		t.Errorf("the waiter got %d, %v", v, err)
	}
}

// The model is a list of the waiters, and a list of the waiters that were woken.
func TestFutureModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLoop(loop.WithErrorHandler(func(loop.Failure) {}))
		defer l.Close()
		f := future.New[int](l.Context())
		var log, waiting, told []string
		callbacks := map[string]future.Callback{}
		done, n := false, 0
		fresh := func(kind string) string {
			n++
			return fmt.Sprint(kind, n)
		}
		register := func(name string) {
			if done {
				told = append(told, name)
			} else {
				waiting = append(waiting, name)
			}
		}
		complete := func(t *rapid.T, ok bool) {
			if ok == done {
				t.Fatalf("completion reports %t, but the future was done: %t", ok, done)
			}
			if !done {
				done = true
				told, waiting = append(told, waiting...), nil
			}
		}
		turn := func(t *rapid.T) {
			l.RunUntilIdle()
			if fmt.Sprint(log) != fmt.Sprint(told) {
				t.Fatalf("the waiters that ran are %v, want %v", log, told)
			}
			log, told = nil, nil
		}
		t.Repeat(map[string]func(*rapid.T){
			"callback": func(t *rapid.T) {
				name := fresh("c")
				callbacks[name] = f.OnDone(func() { log = append(log, name) })
				register(name)
			},
			"task": func(t *rapid.T) {
				turn(t)
				name := fresh("t")
				spawn(l.Context(), name, func(ctx context.Context) error {
					_ = f.Wait(ctx)
					log = append(log, name)
					return nil
				})
				if done {
					told = append(told, name)
				} else {
					waiting = append(waiting, name)
				}
				turn(t)
			},
			"remove": func(t *rapid.T) {
				if n == 0 {
					return
				}
				name := fmt.Sprint("c", rapid.IntRange(1, n).Draw(t, "callback"))
				want := false
				for i, w := range waiting {
					if w == name {
						waiting, want = append(waiting[:i:i], waiting[i+1:]...), true
						break
					}
				}
				if got := callbacks[name].Remove(); got != want {
					t.Fatalf("Remove of %s = %t, want %t", name, got, want)
				}
			},
			"value":  func(t *rapid.T) { complete(t, f.SetResult(1) == nil) },
			"error":  func(t *rapid.T) { complete(t, f.SetError(io.EOF) == nil) },
			"cancel": func(t *rapid.T) { complete(t, f.Cancel(nil)) },
			"turn":   turn,
			"": func(t *rapid.T) {
				if f.Done() != done {
					t.Fatalf("Done = %t", f.Done())
				}
			},
		})
	})
}

// A future with waiters cannot be completed when its loop is closed. It stays pending.
func TestFutureOfAClosedLoopStaysPending(t *testing.T) {
	for name, wait := range map[string]func(f *future.Future[int]){
		"one waits": func(f *future.Future[int]) { f.OnDone(func() {}) },
		"two wait": func(f *future.Future[int]) {
			f.OnDone(func() {})
			f.OnDone(func() {})
		},
		"the second waits": func(f *future.Future[int]) {
			first := f.OnDone(func() {})
			f.OnDone(func() {})
			first.Remove()
		},
	} {
		for how, complete := range map[string]func(f *future.Future[int]){
			"SetResult": func(f *future.Future[int]) { _ = f.SetResult(1) },
			"SetError":  func(f *future.Future[int]) { _ = f.SetError(io.EOF) },
		} {
			l := testLoop(t)
			f := future.New[int](l.Context())
			wait(f)
			l.Close()
			mustPanic(t, "on a loop that is closed", func() { complete(f) })
			if f.Done() {
				t.Errorf("%s, %s: the future is done", name, how)
			}
		}
	}
}
