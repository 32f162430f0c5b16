package task_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// waitDone is a blocking call that returns when its context ends.
func waitDone(ctx context.Context) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestBlockingReturnsWhatFnReturns(t *testing.T) {
	play(t, func(ctx context.Context) {
		v, err := task.Blocking(ctx, func(context.Context) (string, error) { return "v", errBoom })
		testkit.Equal(t, "the value", v, "v")
		testkit.Equal(t, "the error", err, errBoom)
	})
}

func TestBlockingSuspendsOnlyItsTask(t *testing.T) {
	play(t, func(ctx context.Context) {
		gate := make(chan struct{})
		ran := false
		task.Go(ctx, func(context.Context) (int, error) {
			ran = true
			close(gate)
			return 0, nil
		})
		if _, err := task.Blocking(ctx, func(context.Context) (int, error) {
			<-gate
			return 0, nil
		}); err != nil {
			t.Error(err)
		}
		testkit.Equal(t, "the other task ran", ran, true)
	})
}

func TestBlockingByTheSystemsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		sum := runReal(t, func(ctx context.Context) (int, error) {
			sleeps := func(d time.Duration) *task.Task[int] {
				return task.Go(ctx, func(ctx context.Context) (int, error) {
					return task.Blocking(ctx, func(context.Context) (int, error) {
						time.Sleep(d) // in the fake time of synctest
						return int(d / time.Second), nil
					})
				})
			}
			all, err := task.Gather(sleeps(3*time.Second), sleeps(time.Second), sleeps(2*time.Second)).Await(ctx)
			sum := 0
			for _, v := range all {
				sum += v
			}
			return sum, err
		})
		testkit.Equal(t, "the sum", sum, 6)
		testkit.Equal(t, "the time of calls that run at the same time", time.Since(start), 3*time.Second)
	})
}

// With the system's clock, the loop notices the end of a call even while a single task yields.
func TestBlockingEndsWhileATaskYields(t *testing.T) {
	runReal(t, func(ctx context.Context) (int, error) {
		call := task.Go(ctx, func(ctx context.Context) (int, error) {
			return task.Blocking(ctx, func(context.Context) (int, error) { return 1, nil })
		})
		for !call.Done() {
			if err := task.Yield(ctx); err != nil {
				return 0, err
			}
		}
		return call.Result()
	})
}

// With a virtual clock, the loop notices the ends of calls in the order of the calls, whichever ends
// first. Time stands still until then.
func TestBlockingInOrderOfTheCalls(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		secondEnded := make(chan struct{})
		call := func(name string, fn func()) *task.Task[int] {
			return task.Go(ctx, func(ctx context.Context) (int, error) {
				_, err := task.Blocking(ctx, func(context.Context) (int, error) {
					fn()
					return 0, nil
				})
				j.Add("%s at %v", name, elapsed(ctx))
				return 0, err
			})
		}
		a := call("first", func() { <-secondEnded })
		b := call("second", func() { close(secondEnded) })
		sleeper := task.Go(ctx, func(ctx context.Context) (int, error) {
			err := task.Sleep(ctx, time.Second)
			j.Add("sleeper at %v", elapsed(ctx))
			return 0, err
		})
		if _, err := task.Gather(a, b, sleeper).Await(ctx); err != nil {
			t.Error(err)
		}
		j.Want(t, "first at 0s", "second at 0s", "sleeper at 1s")
	})
}

// The loop notices the end of a call when nothing else is ready, even if the call has ended long ago.
func TestBlockingEndsWhenNothingElseIsReady(t *testing.T) {
	play(t, func(ctx context.Context) {
		ended := make(chan struct{})
		yielded := 0
		busy := task.Go(ctx, func(ctx context.Context) (int, error) {
			<-ended
			for range 100 {
				yielded++
				if err := task.Yield(ctx); err != nil {
					return 0, err
				}
			}
			return 0, nil
		})
		if _, err := task.Blocking(ctx, func(context.Context) (int, error) {
			defer close(ended)
			return 0, nil
		}); err != nil {
			t.Error(err)
		}
		testkit.Equal(t, "turns of the busy task before that", yielded, 100)
		_, _ = busy.Await(ctx)
	})
}

func TestBlockingContext(t *testing.T) {
	type key struct{}
	play(t, func(ctx context.Context) {
		when := lowlevel.LoopOf(ctx).Now().Add(time.Hour)
		err := task.TimeoutAt(context.WithValue(ctx, key{}, "v"), when, func(ctx context.Context, _ *task.Deadline) error {
			var outside context.Context
			_, err := task.Blocking(ctx, func(ctx context.Context) (int, error) {
				outside = ctx
				testkit.Equal(t, "the value", ctx.Value(key{}), any("v"))
				_, ok := ctx.Deadline()
				testkit.Equal(t, "the context has a deadline, of a virtual clock", ok, false)
				testkit.Equal(t, "the context belongs to a loop", belongs(ctx), false)
				testkit.Panics(t, "under which nothing can await or spawn", func() { _ = task.Yield(ctx) })
				testkit.Panics(t, "under which nothing can await or spawn", func() { task.Go(ctx, hangs) })
				return 0, ctx.Err()
			})
			select {
			case <-outside.Done():
			default:
				t.Error("the context of fn has not ended after the call")
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// The limit of a scope counts virtual time, and does not shorten a limit of package context.
func TestBlockingUnderATimeoutOfVirtualTime(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.Timeout(ctx, time.Hour, func(ctx context.Context, _ *task.Deadline) error {
			_, err := task.Blocking(ctx, func(ctx context.Context) (int, error) {
				over, cancel := context.WithTimeout(ctx, 0)
				defer cancel()
				testkit.Equal(t, "the error of a real limit that has expired", over.Err(), context.DeadlineExceeded)
				return 0, nil
			})
			return err
		})
		testkit.Equal(t, "the error", err, nil)
	})
}

func TestBlockingIsCanceled(t *testing.T) {
	play(t, func(ctx context.Context) {
		var fnErr, fnCause error
		var fnEnded sync.WaitGroup
		fnEnded.Add(1)
		returnedFirst := make(chan struct{})
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			return task.Blocking(ctx, func(ctx context.Context) (int, error) {
				defer fnEnded.Done()
				<-ctx.Done()
				<-returnedFirst // Blocking does not wait for fn
				fnErr, fnCause = ctx.Err(), context.Cause(ctx)
				return 5, nil
			})
		})
		yields(t, ctx, 2)
		a.Cancel(errCause)
		yields(t, ctx, 2)
		if !a.Canceled() {
			t.Fatal("Blocking has not returned")
		}
		_, err := a.Result()
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		close(returnedFirst)
		fnEnded.Wait()
		testkit.ErrorIs(t, fnErr, context.Canceled)
		testkit.ErrorIs(t, fnCause, future.ErrCanceled)
		testkit.ErrorIs(t, causeOf(t, fnCause), errCause)
	})
}

func TestBlockingUnderATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runReal(t, func(ctx context.Context) (int, error) {
			err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
				_, err := task.Blocking(ctx, waitDone)
				return err
			})
			if _, ok := err.(*task.TimeoutError); !ok {
				t.Errorf("Timeout: %v", err)
			}
			return 0, nil
		})
	})
}

func TestBlockingUnderADerivedContext(t *testing.T) {
	play(t, func(ctx context.Context) {
		derived, cancel := context.WithCancelCause(ctx)
		lowlevel.LoopOf(ctx).CallSoon(func() { cancel(errCause) })
		_, err := task.Blocking(derived, waitDone)
		testkit.Equal(t, "the error", err, errCause)
	})
}

func TestBlockingPanicGoesOnInTheTask(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			p, _ := testkit.Panics(t, "ouch", func() {
				_, _ = task.Blocking(ctx, func(context.Context) (int, error) { panic("ouch") })
			}).(*task.PanicError)
			if p == nil || p.Value != "ouch" || p.Task != "it" || len(p.Stack) == 0 {
				t.Errorf("the panic is %v, want ouch with a stack", p)
			}
			return task.Blocking(ctx, func(context.Context) (int, error) { panic(errBoom) })
		}, task.Named("it"))
		_, err := a.Await(ctx)
		testkit.ErrorIs(t, err, errBoom)
		wantText(t, err, `panic in task "it": boom`)
	})
}

func TestBlockingPanicAfterTheTaskHasGone(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			return task.Blocking(ctx, func(ctx context.Context) (int, error) {
				<-ctx.Done()
				panic("too late")
			})
		}, task.Named("it"))
		yields(t, ctx, 2)
		a.Cancel(nil)
		if err := task.Sleep(ctx, time.Second); err != nil { // takes effect after fn has returned
			t.Error(err)
		}
	}, told.option())
	told.want(t, `a callback panicked: it: panic in task "it": too late`)
}

// The panic is not lost if the loop is closed meanwhile.
func TestBlockingPanicWhileTheLoopCloses(t *testing.T) {
	var told failures
	l := virtual(t, told.option())
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		return task.Blocking(ctx, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			panic("too late")
		})
	}, task.Named("it"))
	l.RunOnce()
	l.Close()
	told.want(t, `a callback panicked: it: panic in task "it": too late`)
}

func TestBlockingGoexitOfFn(t *testing.T) {
	play(t, func(ctx context.Context) {
		_, err := task.Blocking(ctx, func(context.Context) (int, error) {
			runtime.Goexit()
			return 0, nil
		})
		testkit.ErrorIs(t, err, loop.ErrGoexit)
	})
}

// A Goexit on the stack of a body that is in Blocking ends the body, and the context of fn.
func TestBlockingLeftByGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // synctest reports a Close that hangs as a deadlock
		l := virtual(t)
		a := task.Go(l.Context(), func(ctx context.Context) (int, error) {
			l.CallSoon(runtime.Goexit) // runs on the stack of this body
			return task.Blocking(ctx, waitDone)
		})
		testkit.Equal(t, "Run ended by the Goexit", testkit.Goexits(func() { _ = l.Run() }), true)
		l.Close()
		testkit.ErrorIs(t, a.Err(), loop.ErrGoexit)
	})
}

func TestCloseWaitsForBlockingCalls(t *testing.T) {
	l := virtual(t)
	ended := false
	a := task.Go(l.Context(), func(ctx context.Context) (int, error) {
		return task.Blocking(ctx, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			for range 1000 {
				runtime.Gosched()
			}
			ended = true
			return 1, nil
		})
	})
	l.RunOnce()
	l.Close()
	testkit.Equal(t, "fn has ended", ended, true)
	_, err := a.Result()
	testkit.ErrorIs(t, causeOf(t, err), loop.ErrClosed)
}

func TestCloseWaitsForBlockingCallsPastAGoexit(t *testing.T) {
	l := virtual(t)
	ended := false
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		return task.Blocking(ctx, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			for range 1000 {
				runtime.Gosched()
			}
			ended = true
			return 1, nil
		})
	})
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		defer runtime.Goexit()
		return hangs(ctx)
	})
	l.RunOnce()
	testkit.Equal(t, "Close ended by the Goexit", testkit.Goexits(l.Close), true)
	testkit.Equal(t, "fn has ended", ended, true)
}

func TestBlockingPanics(t *testing.T) {
	l := virtual(t)
	never := func(context.Context) (int, error) {
		t.Error("fn ran")
		return 0, nil
	}
	testkit.Panics(t, "belongs to no loop", func() { _, _ = task.Blocking(context.Background(), never) })
	testkit.Panics(t, "outside every task", func() { _, _ = task.Blocking(l.Context(), never) })
}

// serve runs a loop with the system's clock on a goroutine of its own, until stop is called.
func serve(t *testing.T, opts ...loop.Option) (l *loop.Loop, stop func()) {
	t.Helper()
	var told failures
	l = loop.New(append([]loop.Option{told.option()}, opts...)...)
	over := make(chan error)
	go func() { over <- l.Run() }()
	return l, func() {
		t.Helper()
		if err := l.Post(l.Stop); err != nil {
			t.Error(err)
		}
		if err := <-over; err != nil {
			t.Errorf("Run: %v", err)
		}
		l.Close()
		told.want(t)
	}
}

func TestSubmit(t *testing.T) {
	type key struct{}
	l, stop := serve(t)
	defer stop()
	ctx := context.WithValue(context.Background(), key{}, "v")
	v, err := task.Submit(ctx, l, func(ctx context.Context) (string, error) {
		testkit.Equal(t, "the task's name", task.Current(ctx).Name(), "submitted")
		if err := task.Yield(ctx); err != nil {
			return "", err
		}
		return ctx.Value(key{}).(string), nil
	}, task.Named("submitted")).Wait(ctx)
	testkit.Equal(t, "the value", v, "v")
	testkit.Equal(t, "the error", err, nil)
	_, err = task.Submit(ctx, l, fails(0, errBoom)).Wait(ctx)
	testkit.Equal(t, "the error", err, errBoom)
}

func TestSubmitFromManyGoroutines(t *testing.T) {
	l, stop := serve(t)
	defer stop()
	const n = 50
	total := 0 // only the loop's goroutine uses it
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			v, err := task.Submit(t.Context(), l, func(ctx context.Context) (int, error) {
				total++
				return i, task.Yield(ctx)
			}).Wait(t.Context())
			if v != i || err != nil {
				t.Errorf("Submit: %v, %v; want %d", v, err, i)
			}
		})
	}
	all.Wait()
	if v, err := task.Submit(t.Context(), l, func(context.Context) (int, error) { return total, nil }).Wait(t.Context()); v != n || err != nil {
		t.Errorf("%d bodies ran, %v; want %d", v, err, n)
	}
}

// The loop may be run after the call of Submit.
func TestSubmitToALoopThatIsNotRunningYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loop.New()
		defer l.Close()
		got := make(chan int)
		go func() {
			v, _ := task.Submit(context.Background(), l, gives(time.Second, 4)).Wait(context.Background())
			got <- v
		}()
		synctest.Wait() // now the goroutine waits for the result
		go func() {
			v := <-got
			testkit.Equal(t, "the value", v, 4)
			_ = l.Post(l.Stop)
		}()
		if err := l.Run(); err != nil {
			t.Error(err)
		}
	})
}

func TestSubmitPanicInTheBody(t *testing.T) {
	l, stop := serve(t)
	defer stop()
	_, err := task.Submit(context.Background(), l, func(context.Context) (int, error) { panic("ouch") }).Wait(context.Background())
	p, ok := err.(*task.PanicError)
	if !ok || p.Value != "ouch" {
		t.Errorf("Submit: %v", err)
	}
}

// If other code cancels the task, Wait returns that cancellation, even if the context of Submit has
// ended meanwhile.
func TestSubmitOfATaskThatOtherCodeCancels(t *testing.T) {
	for name, ends := range map[string]bool{"the context goes on": false, "the context ends too": true} {
		t.Run(name, func(t *testing.T) {
			l := virtual(t)
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			byOther := errors.New("by other code")
			result := make(chan error, 1)
			release := l.Hold()
			go func() {
				defer release()
				_, err := task.Submit(ctx, l, func(ctx context.Context) (int, error) {
					x := task.Current(ctx)
					l.CallSoon(func() { x.Cancel(byOther) })
					_, err := hangs(ctx)
					l.CallSoon(func() {
						l.CallSoon(func() { // now the task is done, and its callbacks have run
							if ends {
								cancel(errCause)
							}
						})
					})
					return 0, err
				}).Wait(ctx)
				result <- err
			}()
			if err := l.Run(); err != nil {
				t.Error(err)
			}
			err := <-result
			var e *loop.CanceledError
			if !errors.As(err, &e) || e.Cause != byOther {
				t.Errorf("Submit: %v", err)
			}
		})
	}
}

func TestSubmitGivesUp(t *testing.T) {
	l, stop := serve(t)
	defer stop()
	ctx, cancel := context.WithCancelCause(context.Background())
	const n = 50
	var started, over sync.WaitGroup
	started.Add(n)
	told := make(chan error, n)
	for range n {
		over.Go(func() {
			_, err := task.Submit(ctx, l, func(ctx context.Context) (int, error) {
				started.Done()
				_, err := hangs(ctx)
				told <- err
				return 0, err
			}).Wait(ctx)
			if err != errCause {
				t.Errorf("Submit: %v, want %v", err, errCause)
			}
		})
	}
	started.Wait()
	cancel(errCause)
	over.Wait()
	for range n {
		testkit.ErrorIs(t, causeOf(t, <-told), errCause)
	}
}

// When its context ends, Wait returns at once, and does not wait until the task has cleaned up.
func TestSubmitGivesUpAtOnce(t *testing.T) {
	l, stop := serve(t)
	defer stop()
	ctx, cancel := context.WithCancelCause(context.Background())
	started, gate := make(chan struct{}), make(chan struct{})
	go func() {
		<-started
		cancel(errCause)
	}()
	_, err := task.Submit(ctx, l, func(ctx context.Context) (int, error) {
		close(started)
		_, _ = hangs(ctx)
		_, _, _ = task.Recv(ctx, gate)
		return 1, nil
	}).Wait(ctx)
	testkit.Equal(t, "the error of Wait", err, errCause)
	_ = l.Post(func() { close(gate) })
}

// If the context has ended before, the body never runs, with either factory.
func TestSubmitWithAContextThatHasEnded(t *testing.T) {
	for _, f := range []struct {
		name string
		make loop.TaskFactory
	}{{"lazy", factory.Lazy}, {"eager", factory.Eager}} {
		t.Run(f.name, func(t *testing.T) {
			l, stop := serve(t, loop.WithTaskFactory(f.make))
			defer stop()
			ctx, cancel := context.WithCancelCause(context.Background())
			cancel(errCause)
			ran := false
			_, err := task.Submit(ctx, l, func(context.Context) (int, error) {
				ran = true
				return 0, nil
			}).Wait(ctx)
			testkit.Equal(t, "the error of Wait", err, errCause)
			// Posts run in order: when this one has run, the post before it has run, too.
			now, _ := task.Submit(context.Background(), l, func(ctx context.Context) (bool, error) {
				return ran, task.Yield(ctx)
			}).Wait(context.Background())
			testkit.Equal(t, "the body ran", now, false)
		})
	}
}

func TestSubmitToAClosedLoop(t *testing.T) {
	l := loop.New()
	l.Close()
	_, err := task.Submit(context.Background(), l, hangs).Wait(context.Background())
	testkit.Equal(t, "the error", err, loop.ErrClosed)
}

func TestSubmitWhileTheLoopIsClosed(t *testing.T) {
	for _, started := range []bool{false, true} {
		l := loop.New(loop.WithVirtualTime())
		waits, got := make(chan struct{}), make(chan error)
		go func() {
			_, err := task.Submit(context.Background(), l, func(ctx context.Context) (int, error) {
				close(waits)
				return hangs(ctx)
			}).Wait(context.Background())
			got <- err
		}()
		for started {
			l.RunUntilIdle()
			select {
			case <-waits:
				started = false
			default:
				runtime.Gosched()
			}
		}
		l.Close()
		testkit.ErrorIs(t, <-got, loop.ErrClosed)
	}
}

func TestSubmitMisusePanics(t *testing.T) {
	play(t, func(ctx context.Context) {
		testkit.Panics(t, "task: Submit with the context of a loop", func() {
			_, _ = task.Submit(ctx, lowlevel.LoopOf(ctx), hangs).Wait(ctx)
		})
		testkit.Panics(t, "task: Submit with the context of a loop", func() {
			_, _ = task.Submit(lowlevel.LoopOf(ctx).Context(), lowlevel.LoopOf(ctx), hangs).Wait(lowlevel.LoopOf(ctx).Context())
		})
	})
}

// Wait panics in a body or callback, with any context, because it would block the loop.
func TestSubmitInsideALoopPanics(t *testing.T) {
	for _, opts := range [][]loop.Option{nil, {loop.WithSlowStep(time.Hour)}} {
		play(t, func(ctx context.Context) {
			l := lowlevel.LoopOf(ctx)
			over, cancel := context.WithCancel(context.Background())
			cancel()
			submit := func() {
				testkit.Panics(t, "task: Wait of a Submission in a body or callback would block its loop", func() {
					_, _ = task.Submit(over, l, hangs).Wait(over)
				})
			}
			submit()
			l.CallSoon(submit)
			yields(t, ctx, 1)
			task.GoMachine(ctx, task.MachineFunc[int](func(context.Context, error) (int, task.Suspension, error) {
				submit()
				return 0, task.End(), nil
			}))
			yields(t, ctx, 1)
		}, opts...)
	}
}

// A body can wait for a task of another loop inside a blocking call.
func TestSubmitToAnotherLoop(t *testing.T) {
	l, stop := serve(t)
	defer stop()
	play(t, func(ctx context.Context) {
		v, err := task.Blocking(ctx, func(ctx context.Context) (int, error) {
			return task.Submit(ctx, l, gives(0, 7)).Wait(ctx)
		})
		testkit.Equal(t, "the value", v, 7)
		testkit.Equal(t, "the error", err, nil)
	})
}

// Submit of a nil body panics in the caller, and does not wait for a task that is never made.
func TestSubmitOfANilBodyPanics(t *testing.T) {
	l, stop := serve(t)
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends a Submit that would hang
		_, _ = task.Submit(context.Background(), l, func(ctx context.Context) (int, error) {
			return 0, task.Yield(ctx)
		}).Wait(context.Background())
		cancel()
	}()
	testkit.Panics(t, "nil", func() { _, _ = task.Submit[int](ctx, l, nil).Wait(ctx) })
}

// If an option or the factory panics, Wait returns an error.
func TestSubmitWhereTheTaskCannotBeMade(t *testing.T) {
	l := loop.New(loop.WithTaskFactory(func(*loop.Task) { panic("no more tasks") }),
		loop.WithErrorHandler(func(loop.Failure) {}))
	defer l.Close()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	hung := errors.New("Wait would wait forever")
	got := make(chan error)
	go func() {
		_, err := task.Submit(ctx, l, hangs).Wait(ctx)
		got <- err
	}()
	for failed := false; !failed; { // until the post has run
		l.CallSoon(func() {})
		l.RunUntilIdle()
		select {
		case err := <-got:
			if err == nil {
				t.Error("Wait returned no error")
			}
			return
		default:
			runtime.Gosched()
		}
		for range l.Tasks() {
			failed = true
		}
	}
	cancel(hung)
	if err := <-got; err == hung {
		t.Error(err)
	}
}

// Close waits for blocking calls, and such a call may itself wait for the loop. synctest reports a
// Close that hangs as a deadlock.
func TestCloseEndsWhatWaitsForTheLoop(t *testing.T) {
	submits := func(l *loop.Loop) error {
		_, err := task.Submit(context.Background(), l, hangs).Wait(context.Background())
		return err
	}
	for name, start := range map[string]func(l *loop.Loop, ended chan<- error){
		"a blocking call in Submit": func(l *loop.Loop, ended chan<- error) {
			task.Go(l.Context(), func(ctx context.Context) (int, error) {
				return task.Blocking(ctx, func(context.Context) (int, error) {
					ended <- submits(l)
					return 0, nil
				})
			})
		},
		"a blocking call that waits for a goroutine in Submit": func(l *loop.Loop, ended chan<- error) {
			task.Go(l.Context(), func(ctx context.Context) (int, error) {
				return task.Blocking(ctx, func(context.Context) (int, error) {
					var third sync.WaitGroup
					third.Go(func() { ended <- submits(l) })
					third.Wait()
					return 0, nil
				})
			})
		},
		"a blocking call that waits for the end of the loop's context": func(l *loop.Loop, ended chan<- error) {
			task.Go(l.Context(), func(ctx context.Context) (int, error) {
				return task.Blocking(ctx, func(context.Context) (int, error) {
					<-l.Context().Done()
					ended <- loop.ErrClosed
					return 0, nil
				})
			})
		},
		"a deferred call that waits for a goroutine in Submit": func(l *loop.Loop, ended chan<- error) {
			var third sync.WaitGroup
			third.Go(func() { ended <- submits(l) })
			task.Go(l.Context(), func(ctx context.Context) (int, error) {
				defer third.Wait()
				return hangs(ctx)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := virtual(t)
				ended := make(chan error, 1)
				start(l, ended)
				for range 2 { // runs the first body, and the body that it submits
					l.RunUntilIdle()
					synctest.Wait()
				}
				l.Close()
				testkit.Equal(t, "the error of the wait", <-ended, loop.ErrClosed)
			})
		})
	}
}

// If fn has returned, a cancellation does not drop its result.
func TestBlockingKeepsWhatFnHasReturned(t *testing.T) {
	for name, fn := range map[string]func(context.Context) (int, error){
		"a value":  func(context.Context) (int, error) { return 7, nil },
		"an error": func(context.Context) (int, error) { return 0, errBoom },
		"a panic":  func(context.Context) (int, error) { panic(errBoom) },
	} {
		check := func(t *testing.T, ctx context.Context, v int, err error) {
			t.Helper()
			if name == "a value" {
				testkit.Equal(t, "the value", v, 7)
				testkit.Equal(t, "the error", err, nil)
			} else {
				testkit.ErrorIs(t, err, errBoom)
			}
			testkit.ErrorIs(t, causeOf(t, task.Yield(ctx)), errCause) // the next suspension delivers it
		}
		call := func(t *testing.T, ctx context.Context) {
			t.Helper()
			v, err := 0, error(nil)
			func() {
				defer func() {
					if p, ok := recover().(*task.PanicError); ok {
						err = p
					}
				}()
				v, err = task.Blocking(ctx, fn)
			}()
			check(t, ctx, v, err)
		}
		// Before the cancellation comes, the loop has noticed the end, and has woken the task.
		t.Run(name+", noticed", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := virtual(t)
				a := task.Go(l.Context(), func(ctx context.Context) (int, error) {
					call(t, ctx)
					return 1, nil
				})
				l.RunOnce()
				lowlevel.Offload(l, func() {}, func() { a.Cancel(errCause) })
				synctest.Wait() // both calls have returned: the loop notices both ends in one turn
				l.RunUntilIdle()
				v, err := a.Result()
				testkit.Equal(t, "the value of the task", v, 1)
				testkit.Equal(t, "the error of the task", err, nil)
			})
		})
		// With the real clock, it is enough that fn has returned.
		t.Run(name+", not noticed", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runReal(t, func(ctx context.Context) (int, error) {
					a := task.Go(ctx, func(ctx context.Context) (int, error) {
						call(t, ctx)
						return 1, nil
					})
					_ = task.Yield(ctx)
					synctest.Wait() // fn has returned
					a.Cancel(errCause)
					v, err := a.Await(ctx)
					testkit.Equal(t, "the value of the task", v, 1)
					testkit.Equal(t, "the error of the task", err, nil)
					return 0, nil
				})
			})
		})
	}
}

// With a virtual clock, fn counts as returned when the loop has noticed its end, and not before. So a
// program does the same in every run.
func TestBlockingIsCanceledBeforeItsEndIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		play(t, func(ctx context.Context) {
			a := task.Go(ctx, func(ctx context.Context) (int, error) {
				_, err := task.Blocking(ctx, func(context.Context) (int, error) { return 7, nil })
				testkit.ErrorIs(t, causeOf(t, err), errCause)
				return 1, nil
			})
			yields(t, ctx, 1)
			synctest.Wait()
			a.Cancel(errCause)
			v, err := a.Await(ctx)
			testkit.Equal(t, "the value of the task", v, 1)
			testkit.Equal(t, "the error of the task", err, nil)
		})
	})
}

// A panic of fn has the name that the task had when it called Blocking, even if the task gets another
// name meanwhile. (The race detector reports it if fn's goroutine reads the task's name.)
func TestBlockingPanicHasTheNameOfTheCall(t *testing.T) {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	gate := make(chan struct{})
	x := task.Go(l.Context(), func(ctx context.Context) (int, error) {
		return task.Blocking(ctx, func(context.Context) (int, error) {
			<-gate
			panic(errBoom)
		})
	}, task.Named("before"))
	l.RunUntilIdle()
	close(gate)
	x.SetName("after")
	testkit.Equal(t, "Run", l.Run(), nil)
	wantText(t, x.Err(), `panic in task "before": boom`)
}

// If the task fails after Wait has given up, the loop reports the error.
func TestSubmitThatGaveUpTakesNoError(t *testing.T) {
	var told failures
	l := loop.New(told.option())
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error)
	go func() {
		_, err := task.Submit(ctx, l, func(ctx context.Context) (int, error) {
			cancel()
			_ = task.Sleep(ctx, time.Hour)
			err, _, _ := task.Recv(ctx, over) // the error that Wait has returned
			testkit.ErrorIs(t, err, context.Canceled)
			l.CallLater(0, func() { l.CallSoon(l.Stop) }) // runs a few turns after the task is done
			return 0, errBoom
		}, task.Named("failing")).Wait(ctx)
		over <- err
	}()
	testkit.Equal(t, "Run", l.Run(), nil)
	l.Close()
	told.want(t, "a task failed and its error was never retrieved: failing: boom")
}

// The context of a blocking call ends with the cancellation as its cause.
func TestBlockingTellsTheCauseOfTheCancellation(t *testing.T) {
	told := make(chan error, 1)
	play(t, func(ctx context.Context) {
		x := task.Go(ctx, func(ctx context.Context) (int, error) {
			return task.Blocking(ctx, func(ctx context.Context) (int, error) {
				<-ctx.Done()
				told <- context.Cause(ctx)
				return 0, nil
			})
		})
		yields(t, ctx, 1)
		x.Cancel(errCause)
		_ = x.Wait(ctx)
	})
	testkit.ErrorIs(t, causeOf(t, <-told), errCause)
}

// atDone is a context. The first call of its method Done calls a function, and returns the
// function's result.
type atDone struct {
	context.Context
	call func() <-chan struct{}
}

func (a *atDone) Done() <-chan struct{} {
	if call := a.call; call != nil {
		a.call = nil
		return call()
	}
	return a.Context.Done()
}

// The context may end, and cancel the task, before Wait begins to wait. Wait still returns the
// cause of the context.
func TestSubmitOfATaskThatHasEndedWithTheContext(t *testing.T) {
	l := virtual(t)
	ended, cancel := context.WithCancelCause(context.Background())
	ctx := &atDone{Context: ended, call: func() <-chan struct{} {
		cancel(errCause)
		l.RunUntilIdle()
		return nil // so that Wait notices only the end of the task
	}}
	v, err := task.Submit(ctx, l, hangs).Wait(ctx)
	testkit.Equal(t, "the value", v, 0)
	testkit.Equal(t, "the error", err, errCause)
}

// If the task cannot be made, and the context ends, Wait returns the reason why the task was not
// made.
func TestSubmitTellsWhyTheTaskCannotBeMade(t *testing.T) {
	for range 50 { // since select picks one of the two at random
		l := loop.New(loop.WithVirtualTime(), loop.WithTaskFactory(func(*loop.Task) { panic("no more tasks") }),
			loop.WithErrorHandler(func(loop.Failure) {}))
		ended, cancel := context.WithCancelCause(context.Background())
		ctx := &atDone{Context: ended}
		ctx.call = func() <-chan struct{} {
			l.RunUntilIdle()
			cancel(errCause)
			return ended.Done()
		}
		_, err := task.Submit(ctx, l, hangs).Wait(ctx)
		if err == nil || !strings.Contains(err.Error(), "no more tasks") {
			t.Errorf("Submit: %v", err)
		}
		l.Close()
	}
}
