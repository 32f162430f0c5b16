package task_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// byTurns drives two loops on this goroutine in turn, until x is done.
func byTurns(t *testing.T, a, b *loop.Loop, x future.Any) {
	t.Helper()
	for range 100 {
		if x.Done() {
			return
		}
		a.RunOnce()
		b.RunOnce()
	}
	t.Fatal("the task is not done after 100 turns")
}

// calls makes a task of a that calls body on b.
func calls[T any](a, b *loop.Loop, body func(context.Context) (T, error), opts ...task.Option) *task.Task[T] {
	return task.Go(a.Context(), func(ctx context.Context) (T, error) { return task.Call(ctx, b, body, opts...) }, task.Named("caller"))
}

func TestCall(t *testing.T) {
	type key struct{}
	a, b := virtual(t), virtual(t)
	x := task.Go(a.Context(), func(ctx context.Context) (string, error) {
		return task.Call(context.WithValue(ctx, key{}, "v"), b, func(ctx context.Context) (string, error) {
			testkit.Equal(t, "the loop of the body", lowlevel.LoopOf(ctx), b)
			testkit.Equal(t, "its name", task.NameOf(ctx), "called")
			if err := task.Yield(ctx); err != nil {
				return "", err
			}
			return ctx.Value(key{}).(string), nil
		}, task.Named("called"))
	})
	byTurns(t, a, b, x)
	v, err := x.Result()
	testkit.Equal(t, "the value", v, "v")
	testkit.Equal(t, "the error", err, nil)
}

// Call returns the error of the body, and takes it.
func TestCallOfWhatFails(t *testing.T) {
	var told failures
	for name, c := range map[string]struct {
		body func(context.Context) (int, error)
		opts []task.Option
		is   func(err error) bool
	}{
		"an error":     {fails(0, errBoom), nil, func(err error) bool { return err == errBoom }},
		"a panic":      {func(context.Context) (int, error) { panic(errBoom) }, nil, func(err error) bool { p, ok := err.(*task.PanicError); return ok && p.Value == errBoom }},
		"eager":        {fails(0, errBoom), []task.Option{task.Eager()}, func(err error) bool { return err == errBoom }},
		"a nil option": {gives(0, 1), []task.Option{nil}, func(err error) bool { _, ok := err.(*task.PanicError); return ok }},
		"canceled by other code": {func(ctx context.Context) (int, error) {
			task.Current(ctx).Cancel(errCause)
			return hangs(ctx)
		}, nil, func(err error) bool { e, ok := err.(*loop.CanceledError); return ok && e.Cause == errCause }},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := virtual(t, told.option()), virtual(t, told.option())
			x := calls(a, b, c.body, c.opts...)
			byTurns(t, a, b, x)
			if err := x.Err(); !c.is(err) {
				t.Errorf("the error is %v", err)
			}
			b.Close()
		})
	}
	told.want(t)
}

func TestCallWhereTheFactoryFails(t *testing.T) {
	a, b := virtual(t), virtual(t, loop.WithTaskFactory(func(*loop.Task) { panic("no more tasks") }))
	x := calls(a, b, hangs)
	byTurns(t, a, b, x)
	wantText(t, x.Err(), "panic in a callback: no more tasks")
}

// A Goexit of the body ends the driver of the other loop, and Call still returns an error.
func TestCallLeftByGoexit(t *testing.T) {
	for _, opts := range [][]task.Option{nil, {task.Eager()}} {
		a, b := virtual(t), virtual(t)
		x := calls(a, b, func(context.Context) (int, error) { runtime.Goexit(); return 1, nil }, opts...)
		a.RunOnce()
		testkit.Equal(t, "the Goexit ended the driver", testkit.Goexits(b.RunUntilIdle), true)
		a.RunUntilIdle()
		testkit.ErrorIs(t, x.Err(), loop.ErrGoexit)
	}
}

// If the other loop is the caller's own loop, Call makes a task there and awaits it.
func TestCallOnTheSameLoop(t *testing.T) {
	play(t, func(ctx context.Context) {
		v, err := task.Call(ctx, lowlevel.LoopOf(ctx), func(ctx context.Context) (string, error) {
			return task.NameOf(ctx), task.Sleep(ctx, time.Second)
		}, task.Named("called"))
		testkit.Equal(t, "the value", v, "called")
		testkit.Equal(t, "the error", err, nil)
		wantTime(t, ctx, time.Second)
	})
}

// If the caller is canceled, Call returns at once, although no goroutine drives the other loop.
// When the other loop is driven again, the body does not run, or is canceled.
func TestCallIsCanceled(t *testing.T) {
	for _, started := range []bool{false, true} {
		a, b := virtual(t), virtual(t)
		var cause error
		ran := false
		x := calls(a, b, func(ctx context.Context) (int, error) {
			ran = true
			_, err := hangs(ctx)
			cause = causeOf(t, err)
			testkit.Equal(t, "its context has ended", ctx.Err(), context.Canceled)
			return 0, err
		})
		a.RunUntilIdle()
		if started {
			b.RunUntilIdle()
		}
		x.Cancel(errCause)
		a.RunUntilIdle()
		testkit.Equal(t, "the cause", causeOf(t, x.Err()), errCause)
		b.RunUntilIdle()
		testkit.Equal(t, "the body ran", ran, started)
		if started {
			testkit.Equal(t, "the cause on the other loop", causeOf(t, cause), errCause)
		}
		for left := range b.Tasks() {
			t.Errorf("%v is left", left)
		}
		a.RunUntilIdle()
	}
}

// A time limit ends a Call although no goroutine drives the other loop. The end of a derived
// context does so, too.
func TestCallUnderALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := virtual(t)
		runReal(t, func(ctx context.Context) (int, error) {
			_, err := task.Within(ctx, time.Second, func(ctx context.Context) (int, error) { return task.Call(ctx, b, hangs) })
			testkit.ErrorIs(t, err, context.DeadlineExceeded)
			derived, cancel := context.WithCancelCause(ctx)
			lowlevel.LoopOf(ctx).CallLater(time.Second, func() { cancel(errCause) })
			_, err = task.Call(derived, b, hangs)
			testkit.Equal(t, "the error under a derived context", err, errCause)
			return 0, nil
		})
		b.RunUntilIdle()
		for left := range b.Tasks() {
			t.Errorf("%v is left", left)
		}
	})
}

// A clean-up may use Call with a context that does not end.
func TestCallToCleanUp(t *testing.T) {
	a, b := virtual(t), virtual(t)
	x := task.Go(a.Context(), func(ctx context.Context) (int, error) {
		_, canceled := hangs(ctx)
		_, err := task.Call(ctx, b, gives(0, 1))
		testkit.ErrorIs(t, err, future.ErrCanceled) // the context has ended: the body never runs
		v, err := task.Call(context.WithoutCancel(ctx), b, gives(0, 7))
		testkit.Equal(t, "the value", v, 7)
		testkit.Equal(t, "the error", err, nil)
		testkit.Equal(t, "what the next suspension delivers", task.Yield(ctx), nil)
		return 0, canceled
	})
	a.RunUntilIdle()
	x.Cancel(errCause)
	byTurns(t, a, b, x)
	testkit.Equal(t, "the cause", causeOf(t, x.Err()), errCause)
}

// If the body has ended, a cancellation of the caller does not drop the result, even if the
// caller's loop has not noticed the result yet.
func TestCallKeepsTheResult(t *testing.T) {
	for name, body := range map[string]func(context.Context) (int, error){
		"a value": gives(0, 7), "an error": fails(0, errBoom),
	} {
		for _, noticed := range []bool{false, true} {
			var told failures
			a, b := virtual(t, told.option()), virtual(t, told.option())
			x := task.Go(a.Context(), func(ctx context.Context) (int, error) {
				v, err := task.Call(ctx, b, body)
				if name == "a value" {
					testkit.Equal(t, "the value", v, 7)
					testkit.Equal(t, "the error", err, nil)
				} else {
					testkit.Equal(t, "the error", err, errBoom)
				}
				testkit.Equal(t, "what the next suspension delivers", causeOf(t, task.Yield(ctx)), errCause)
				return 1, nil
			})
			a.RunUntilIdle()
			b.RunUntilIdle()
			if noticed {
				_ = a.Post(func() { x.Cancel(errCause) }) // runs in the turn in which the result comes
			} else {
				x.Cancel(errCause)
			}
			a.RunUntilIdle()
			v, err := x.Result()
			testkit.Equal(t, "the value of the task", v, 1)
			testkit.Equal(t, "its error", err, nil)
			b.Close()
			told.want(t)
		}
	}
}

// If the body fails after the caller was canceled, the other loop reports the error.
func TestCallThatGaveUpTakesNoError(t *testing.T) {
	var told failures
	a, b := virtual(t), virtual(t, told.option())
	x := calls(a, b, stubborn(0, 0, errBoom), task.Named("called"))
	a.RunUntilIdle()
	b.RunUntilIdle()
	x.Cancel(nil)
	a.RunUntilIdle()
	b.RunUntilIdle()
	b.Close()
	told.want(t, "a task failed and its error was never retrieved: called: boom")
}

// If the other loop is closed, at any time before the result comes, the error is ErrClosed.
func TestCallOnALoopThatIsClosed(t *testing.T) {
	for name, c := range map[string]struct{ before, started, deaf bool }{
		"before": {before: true}, "before the body has begun": {}, "while the body runs": {started: true},
		"while the body swallows the end": {started: true, deaf: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told failures
				a, b := virtual(t), loop.New(loop.WithVirtualTime(), told.option())
				x := calls(a, b, func(ctx context.Context) (int, error) {
					v, err := hangs(ctx)
					if c.deaf {
						err = nil
					}
					return v, err
				})
				if c.before {
					b.Close()
				}
				a.RunUntilIdle()
				if c.started {
					b.RunUntilIdle()
				}
				b.Close()
				synctest.Wait() // until the end of the loop's context has taken effect
				a.RunUntilIdle()
				testkit.Equal(t, "the error", x.Err(), loop.ErrClosed)
				told.want(t)
			})
		})
	}
}

// If the caller's loop is closed, the task on the other loop is canceled, and its result is dropped.
func TestCallFromALoopThatIsClosed(t *testing.T) {
	for _, started := range []bool{false, true} {
		a, b := virtual(t), virtual(t)
		x := calls(a, b, hangs)
		a.RunUntilIdle()
		if started {
			b.RunUntilIdle()
		}
		a.Close()
		testkit.Equal(t, "the cause", causeOf(t, x.Err()), loop.ErrClosed)
		b.RunUntilIdle()
		for left := range b.Tasks() {
			t.Errorf("%v is left", left)
		}
	}
}

// Two loops run on goroutines of their own, and call each other many times. The race detector
// checks this.
func TestCallBetweenGoroutines(t *testing.T) {
	for _, f := range []loop.TaskFactory{factory.Lazy, factory.Eager} {
		const n = 50
		a, stopA := serve(t, loop.WithTaskFactory(f))
		b, stopB := serve(t, loop.WithTaskFactory(f))
		total := map[*loop.Loop]int{a: 0, b: 0} // each loop changes only its own number
		counts := map[*loop.Loop]*int{a: new(int), b: new(int)}
		add := func(ctx context.Context) (int, error) {
			*counts[lowlevel.LoopOf(ctx)]++
			return 1, task.Yield(ctx)
		}
		var all sync.WaitGroup
		for i := range n {
			from, to := a, b
			if i%2 == 1 {
				from, to = b, a
			}
			all.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				v, err := task.Submit(ctx, from, func(ctx context.Context) (int, error) {
					there, err := task.Call(ctx, to, func(ctx context.Context) (int, error) {
						back, err := task.Call(ctx, from, add)
						here, _ := add(ctx)
						return back + here, err
					})
					if i%5 == 0 { // this caller is canceled at once
						task.Current(ctx).Cancel(nil)
						_, _ = task.Call(ctx, to, hangs)
					}
					return there, err
				}).Wait(ctx)
				if i%5 != 0 && (v != 2 || err != nil) {
					t.Errorf("call %d: %d, %v", i, v, err)
				}
			})
		}
		all.Wait()
		for _, l := range []*loop.Loop{a, b} {
			total[l], _ = task.Submit(t.Context(), l, func(ctx context.Context) (int, error) { return *counts[l], nil }).Wait(t.Context())
		}
		testkit.Equal(t, "bodies that ran", total[a]+total[b], 2*n)
		stopA()
		stopB()
	}
}

// While the caller's loop waits for the result, it is not deadlocked, and its clock does not jump.
func TestCallHoldsTheCallersLoop(t *testing.T) {
	b, stop := serve(t)
	defer stop()
	play(t, func(ctx context.Context) {
		lowlevel.LoopOf(ctx).CallLater(time.Hour, func() {})
		v, err := task.Call(ctx, b, gives(time.Millisecond, 7))
		testkit.Equal(t, "the value", v, 7)
		testkit.Equal(t, "the error", err, nil)
		wantTime(t, ctx, 0)
	})
}

func TestCallExplainsItself(t *testing.T) {
	a, b := virtual(t), virtual(t)
	x := calls(a, b, gives(0, 1))
	a.RunUntilIdle()
	testkit.Equal(t, "the status", x.Task().Status(), "awaits a call on another loop")
	byTurns(t, a, b, x)
}

// If the other loop has reached its limit of posts, it refuses the call. A limit of the caller's
// loop does not refuse the result.
func TestCallAndLimitsOfPosts(t *testing.T) {
	a, b := virtual(t), virtual(t)
	b.SetPostLimit(1)
	testkit.NoError(t, b.Post(func() {}))
	x := calls(a, b, gives(0, 1))
	a.RunUntilIdle()
	testkit.Equal(t, "the error", x.Err(), loop.ErrFull)
	b.RunUntilIdle()

	a.SetPostLimit(1)
	x = calls(a, b, gives(0, 1))
	a.RunUntilIdle()
	testkit.NoError(t, a.Post(func() {}))
	b.RunUntilIdle()
	a.RunUntilIdle()
	testkit.Equal(t, "the error", x.Err(), nil)
}

// The cancellation may end the body before the caller runs. The caller still gets it once.
func TestCallIsCanceledOnceWhereTheBodyIsFirst(t *testing.T) {
	a, b := virtual(t), virtual(t)
	x := task.Go(a.Context(), func(ctx context.Context) (int, error) {
		_, err := task.Call(ctx, b, hangs)
		testkit.Equal(t, "the cause", causeOf(t, err), errCause)
		testkit.Equal(t, "what the next suspension delivers", task.Yield(ctx), nil)
		return 1, nil
	})
	a.RunUntilIdle()
	b.RunUntilIdle()
	x.Cancel(errCause)
	b.RunUntilIdle()
	a.RunUntilIdle()
	v, err := x.Result()
	testkit.Equal(t, "the value of the task", v, 1)
	testkit.Equal(t, "its error", err, nil)
}

// The cause of the body's cancellation is the cancellation of the caller, even under a context that
// does not end.
func TestCallTellsWhyItGaveUp(t *testing.T) {
	a, b := virtual(t), virtual(t)
	y := future.New[error](b.Context())
	x := task.Go(a.Context(), func(ctx context.Context) (int, error) {
		return task.Call(context.WithoutCancel(ctx), b, func(ctx context.Context) (int, error) {
			_, err := hangs(ctx)
			testkit.NoError(t, y.SetResult(err))
			return 0, err
		})
	})
	a.RunUntilIdle()
	b.RunUntilIdle()
	x.Cancel(errCause)
	a.RunUntilIdle()
	b.RunUntilIdle()
	err, _ := y.Result()
	testkit.Equal(t, "the cause of the caller's cancellation", causeOf(t, causeOf(t, err)), errCause)
}
