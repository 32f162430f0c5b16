package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
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

// run is Run with a virtual clock.
func run[T any](ctx context.Context, main func(context.Context) (T, error), opts ...loop.Option) (T, error) {
	return task.Run(ctx, main, append([]loop.Option{loop.WithVirtualTime()}, opts...)...)
}

func TestRunReturnsTheResultOfMain(t *testing.T) {
	v, err := run(context.Background(), gives(time.Second, "v"))
	testkit.Equal(t, "the value", v, "v")
	testkit.Equal(t, "the error", err, nil)
	_, err = run(context.Background(), fails(time.Second, errBoom))
	testkit.Equal(t, "the error", err, errBoom)
}

func TestRunMain(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(context.Background(), key{}, "v")
	var l *loop.Loop
	_, err := run(ctx, func(ctx context.Context) (int, error) {
		testkit.Equal(t, "the name of main", task.Current(ctx).Name(), "main")
		testkit.Equal(t, "the value of Run's context", ctx.Value(key{}), any("v"))
		l = lowlevel.LoopOf(ctx)
		return task.Go(ctx, func(ctx context.Context) (int, error) {
			testkit.Equal(t, "the value in another task", ctx.Value(key{}), any("v"))
			return 0, nil
		}).Await(ctx)
	})
	testkit.Equal(t, "the error", err, nil)
	testkit.Equal(t, "the error of Post after Run", l.Post(func() {}), loop.ErrClosed)
}

func TestRunInheritsTheDeadline(t *testing.T) {
	when := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(context.Background(), when)
	defer cancel()
	_, err := run(ctx, func(ctx context.Context) (int, error) {
		at, ok := ctx.Deadline()
		if !ok || !at.Equal(when) {
			t.Errorf("the deadline is %v, %v", at, ok)
		}
		return 0, nil
	})
	testkit.Equal(t, "the error", err, nil)
}

func TestRunCancelsWhatIsLeftInOrderOfCreationAndAwaitsIt(t *testing.T) {
	var j looptest.Journal
	var told failures
	v, err := run(context.Background(), func(ctx context.Context) (int, error) {
		for _, name := range []string{"a", "b", "c"} {
			task.Go(ctx, func(ctx context.Context) (int, error) {
				_, err := hangs(ctx)
				j.Add("%s: %v", name, err)
				_ = task.Sleep(ctx, time.Second)
				j.Add("%s ends at %v", name, elapsed(ctx))
				return 0, err
			})
		}
		return 1, task.Yield(ctx)
	}, told.option())
	testkit.Equal(t, "the value", v, 1)
	testkit.Equal(t, "the error", err, nil)
	j.Want(t, "a: canceled", "b: canceled", "c: canceled", "a ends at 1s", "b ends at 1s", "c ends at 1s")
	told.want(t)
}

func TestRunAwaitsWhatIsLeftInWhicheverWayMainEnds(t *testing.T) {
	leftover := func(ctx context.Context, ended *bool) {
		task.Go(ctx, func(ctx context.Context) (int, error) {
			_, err := hangs(ctx)
			yields(t, ctx, 5)
			*ended = true
			return 0, err
		})
		yields(t, ctx, 1)
	}
	for name, end := range map[string]func() (int, error){
		"a value": func() (int, error) { return 1, nil },
		"error":   func() (int, error) { return 0, errBoom },
		"panic":   func() (int, error) { panic("ouch") },
	} {
		t.Run(name, func(t *testing.T) {
			ended := false
			func() {
				defer func() { _ = recover() }()
				_, _ = run(context.Background(), func(ctx context.Context) (int, error) {
					leftover(ctx, &ended)
					return end()
				})
			}()
			testkit.Equal(t, "the task that was left has ended", ended, true)
		})
	}
}

// A task that the factory never starts ends when it is canceled.
func TestRunEndsWhatTheFactoryNeverStarts(t *testing.T) {
	var a *task.Task[int]
	_, err := run(context.Background(), func(ctx context.Context) (int, error) {
		a = task.Go(ctx, hangs, task.Named("a"))
		return 0, nil
	}, loop.WithTaskFactory(func(t *loop.Task) {
		if t.Name() != "a" {
			t.Enqueue()
		}
	}))
	testkit.Equal(t, "the error", err, nil)
	testkit.Equal(t, "a is canceled", a.Canceled(), true)
}

// Run also ends if a task was not started because the factory's hook panicked.
func TestRunAfterAPanicOfAHook(t *testing.T) {
	_, err := run(context.Background(), func(ctx context.Context) (int, error) {
		testkit.Panics(t, "hook", func() { task.Go(ctx, hangs, task.Named("a")) })
		return 0, nil
	}, loop.WithTaskFactory(factory.NewLazy(func(t *loop.Task, _ future.Any) {
		if t.Name() == "a" {
			panic("hook")
		}
	})))
	testkit.Equal(t, "the error", err, nil)
}

func TestRunTellsWhatFailsInTheEnd(t *testing.T) {
	var told failures
	v, err := run(context.Background(), func(ctx context.Context) (int, error) {
		task.Go(ctx, stubborn(time.Second, 0, errBoom), task.Named("late"))
		task.Go(ctx, func(ctx context.Context) (int, error) {
			_, _ = hangs(ctx)
			panic("ouch")
		}, task.Named("panicking"))
		task.Go(ctx, hangs, task.Named("canceled"))
		task.Go(ctx, stubborn(0, 1, nil), task.Named("refusing"))
		return 1, task.Yield(ctx)
	}, told.option())
	testkit.Equal(t, "the value", v, 1)
	testkit.Equal(t, "the error", err, nil)
	told.want(t,
		"a task failed while the program was closing: late: boom",
		`a task failed while the program was closing: panicking: panic in task "panicking": ouch`)
}

// Close unwinds tasks that are made while the program ends.
func TestRunUnwindsWhatIsSpawnedInTheEnd(t *testing.T) {
	var told failures
	var late *task.Task[int]
	_, err := run(context.Background(), func(ctx context.Context) (int, error) {
		task.Go(ctx, func(ctx context.Context) (int, error) {
			_, err := hangs(ctx)
			late = task.Go(ctx, hangs)
			yields(t, ctx, 2)
			return 0, err
		})
		return 0, task.Yield(ctx)
	}, told.option())
	testkit.Equal(t, "the error", err, nil)
	testkit.ErrorIs(t, causeOf(t, late.Err()), loop.ErrClosed)
	told.want(t)
}

func TestRunPanicsAsMainDoes(t *testing.T) {
	for _, value := range []any{"ouch", errBoom} {
		p, ok := testkit.Panics(t, "", func() {
			_, _ = run(context.Background(), func(ctx context.Context) (int, error) {
				_ = task.Yield(ctx)
				panic(value)
			})
		}).(*task.PanicError)
		if !ok || p.Value != value || p.Task != "main" || len(p.Stack) == 0 {
			t.Errorf("Run panicked with %v", p)
		}
	}
}

// The panic of another task, which main returns as an error, is an error of Run.
func TestRunReturnsThePanicOfAnother(t *testing.T) {
	var told failures
	_, err := run(context.Background(), func(ctx context.Context) (int, error) {
		_, err := task.Go(ctx, func(context.Context) (int, error) { panic("ouch") }, task.Named("it")).Await(ctx)
		wantText(t, err, `panic in task "it": ouch`)
		return 0, errors.Unwrap(err)
	}, told.option())
	testkit.Equal(t, "the error", err, nil)
	told.want(t)
}

func TestRunPanicOutranksADeadlockInTheEnd(t *testing.T) {
	testkit.Panics(t, "ouch", func() {
		_, err := run(context.Background(), func(ctx context.Context) (int, error) {
			task.Go(ctx, func(ctx context.Context) (int, error) {
				_, _ = hangs(ctx)
				return hangs(ctx) // for ever, since it is not canceled again
			})
			yields(t, ctx, 1)
			panic("ouch")
		}, loop.WithErrorHandler(func(loop.Failure) {}))
		t.Errorf("Run returned %v", err)
	})
}

func TestRunGoexit(t *testing.T) {
	for _, where := range []string{"main", "another task"} {
		t.Run("in "+where, func(t *testing.T) {
			var j looptest.Journal
			exited := testkit.Goexits(func() {
				defer j.Add("the caller of Run is unwound")
				_, _ = run(context.Background(), func(ctx context.Context) (int, error) {
					defer j.Add("main is unwound")
					task.Go(ctx, func(ctx context.Context) (int, error) {
						defer j.Add("the other task is unwound")
						if where != "main" {
							yields(t, ctx, 1)
							runtime.Goexit()
						}
						return hangs(ctx)
					})
					yields(t, ctx, 1)
					if where == "main" {
						runtime.Goexit()
					}
					return hangs(ctx)
				})
			})
			testkit.Equal(t, "the goroutine ended", exited, true)
			if where == "main" {
				j.Want(t, "main is unwound", "the other task is unwound", "the caller of Run is unwound")
			} else {
				j.Want(t, "the other task is unwound", "main is unwound", "the caller of Run is unwound")
			}
		})
	}
}

// t.FailNow calls Goexit.
func TestRunFailNow(t *testing.T) {
	reached := false
	inner := testing.T{}
	if !testkit.Goexits(func() {
		_, _ = run(context.Background(), func(ctx context.Context) (int, error) {
			yields(t, ctx, 1)
			inner.FailNow()
			return 0, nil
		})
		reached = true
	}) || reached || !inner.Failed() {
		t.Error("FailNow did not end the goroutine that called Run")
	}
}

func TestRunContextThatEndedBefore(t *testing.T) {
	for _, f := range []loop.TaskFactory{factory.Lazy, factory.Eager} {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errCause)
		ran := false
		_, err := run(ctx, func(context.Context) (int, error) {
			ran = true
			return 0, nil
		}, loop.WithTaskFactory(f))
		testkit.Equal(t, "main ran", ran, false)
		testkit.ErrorIs(t, err, future.ErrCanceled)
		testkit.ErrorIs(t, err, context.Canceled)
		testkit.ErrorIs(t, err, errCause)
	}
}

// If the context ends in a turn, the loop notices that at the beginning of the next turn.
func TestRunContextEnds(t *testing.T) {
	for range 20 {
		ctx, cancel := context.WithCancelCause(context.Background())
		var j looptest.Journal
		_, err := run(ctx, func(ctx context.Context) (int, error) {
			task.Go(ctx, func(ctx context.Context) (int, error) {
				for n := range 3 {
					j.Add("turn %d", n+1)
					if n == 1 {
						cancel(errCause)
					}
					yields(t, ctx, 1)
				}
				return 0, nil
			})
			_, err := hangs(ctx)
			j.Add("main: %v", err)
			testkit.ErrorIs(t, ctx.Err(), context.Canceled)
			testkit.ErrorIs(t, causeOf(t, err), errCause)
			return 0, err
		})
		j.Want(t, "turn 1", "turn 2", "turn 3", "main: canceled: the cause")
		testkit.ErrorIs(t, err, future.ErrCanceled)
		testkit.ErrorIs(t, err, errCause)
		wantText(t, err, "canceled: the cause")
	}
}

func TestRunContextEndsAndMainReturnsSomethingElse(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	v, err := run(ctx, func(ctx context.Context) (int, error) {
		cancel()
		_, err := hangs(ctx)
		testkit.ErrorIs(t, err, future.ErrCanceled)
		return 7, nil
	})
	testkit.Equal(t, "the value", v, 7)
	testkit.Equal(t, "the error", err, nil)

	ctx, cancel = context.WithCancel(context.Background())
	_, err = run(ctx, func(ctx context.Context) (int, error) {
		cancel()
		_, _ = hangs(ctx)
		return 0, errBoom
	})
	testkit.Equal(t, "the error", err, errBoom)
}

func TestRunContextWithADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := task.Run(ctx, hangs)
		testkit.ErrorIs(t, err, context.DeadlineExceeded)
		testkit.ErrorIs(t, err, future.ErrCanceled)
	})
}

// The end of Run's context does not cancel the other tasks. The end of main does.
func TestRunContextEndsForMainOnly(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	_, _ = run(ctx, func(ctx context.Context) (int, error) {
		a := task.Go(ctx, gives(time.Second, 1))
		cancel()
		_, _ = hangs(ctx)
		testkit.Equal(t, "requests to cancel the other task", a.CancelRequests(), 0)
		_, err := a.Await(ctx)
		testkit.Equal(t, "the error of the other task", err, nil)
		return 0, nil
	})
}

// If a task has canceled main, the error of Run does not match the cause.
func TestRunMainIsCanceledFromInside(t *testing.T) {
	_, err := run(context.Background(), func(ctx context.Context) (int, error) {
		task.Current(ctx).Cancel(errCause)
		return hangs(ctx)
	})
	testkit.ErrorIs(t, err, future.ErrCanceled)
	testkit.ErrorIs(t, causeOf(t, err), errCause)
	if errors.Is(err, errCause) {
		t.Error("the error matches the cause")
	}
}

// The same holds if Run's context ends, too: in the same turn, or while the tasks that are left are
// ending.
func TestRunMainIsCanceledFromInsideAndItsContextEnds(t *testing.T) {
	for name, inTheEnd := range map[string]bool{"at once": false, "in the end": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			byATask := errors.New("by a task")
			_, err := run(ctx, func(ctx context.Context) (int, error) {
				main := task.Current(ctx)
				task.Go(ctx, func(ctx context.Context) (int, error) {
					main.Cancel(byATask)
					if inTheEnd {
						_, _ = hangs(ctx)
						_ = task.Yield(ctx)
					}
					cancel(errCause)
					return 0, task.Yield(ctx)
				})
				return hangs(ctx)
			})
			testkit.Equal(t, "the cause", causeOf(t, err), byATask)
			if errors.Is(err, errCause) {
				t.Error("the error matches the cause of the context, but a task has canceled main")
			}
		})
	}
}

// uncomparable is an error that panics when it is compared by ==.
type uncomparable struct{ parts []string }

func (u uncomparable) Error() string { return strings.Join(u.parts, " ") }

func TestRunContextEndsWithAnUncomparableCause(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	_, err := run(ctx, func(ctx context.Context) (int, error) {
		cancel(uncomparable{[]string{"a"}})
		return hangs(ctx)
	})
	testkit.ErrorIs(t, err, future.ErrCanceled)
	if !errors.As(err, new(uncomparable)) {
		t.Errorf("%v does not match the cause", err)
	}
}

// If Run's context ends, and main returns the Err of its own context, main counts as canceled, and
// the error of Run matches the cause of Run's context.
func TestRunContextEndsAndMainReturnsItsErr(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	_, err := run(ctx, func(ctx context.Context) (int, error) {
		cancel(errCause)
		_, _ = hangs(ctx)
		return 0, ctx.Err()
	})
	testkit.ErrorIs(t, err, future.ErrCanceled)
	testkit.ErrorIs(t, err, errCause)
}

func TestRunDeadlock(t *testing.T) {
	var j looptest.Journal
	var told failures
	v, err := run(context.Background(), func(ctx context.Context) (int, error) {
		defer j.Add("main is unwound")
		task.Go(ctx, hangs, task.Named("other"))
		_, err := hangs(ctx)
		testkit.ErrorIs(t, causeOf(t, err), loop.ErrClosed)
		return 1, nil
	}, told.option())
	testkit.Equal(t, "the value", v, 0)
	var deadlock *loop.DeadlockError
	if !errors.As(err, &deadlock) {
		t.Fatalf("Run: %v", err)
	}
	testkit.Equal(t, "tasks that are left", len(deadlock.Tasks), 2)
	testkit.Equal(t, "tasks in a circle", len(deadlock.Cycle), 0)
	wantText(t, err, "loop: deadlock: nothing can wake the 2 tasks that are left\n\tmain awaits a future\n\tother awaits a future")
	j.Want(t, "main is unwound")
	told.want(t)
}

func TestRunDeadlockInACircle(t *testing.T) {
	_, err := run(context.Background(), func(ctx context.Context) (int, error) {
		var b *task.Task[int]
		a := task.Go(ctx, func(ctx context.Context) (int, error) { return task.Shield(b).Await(ctx) }, task.Named("a"))
		b = task.Go(ctx, func(ctx context.Context) (int, error) {
			_, err := task.Gather(a, task.Go(ctx, gives(0, 1))).Await(ctx)
			return 0, err
		}, task.Named("b"))
		return b.Await(ctx)
	})
	wantText(t, err, `loop: deadlock: nothing can wake the 3 tasks that are left
	main awaits task "b"
	a awaits a shield
	b awaits a gather of 2
	in a circle: b -> a -> b`)
	var deadlock *loop.DeadlockError
	if !errors.As(err, &deadlock) || len(deadlock.Cycle) != 2 {
		t.Errorf("Run: %v", err)
	}
}

func TestRunDeadlockByTheSystemsClock(t *testing.T) {
	_, err := task.Run(context.Background(), hangs, loop.WithDeadlockDetection())
	wantText(t, err, "loop: deadlock: nothing can wake the task that is left\n\tmain awaits a future")
}

func TestRunWithDebugNamesTheSpawnSite(t *testing.T) {
	_, file, line, _ := runtime.Caller(0)
	_, err := run(context.Background(), func(ctx context.Context) (int, error) {
		return task.Go(ctx, hangs, task.Named("a")).Await(ctx)
	}, loop.WithDebug())
	text := fmt.Sprint(err)
	if want := "\n\ta awaits a future\n\t\tspawned at " + place(file, line+2); !strings.HasSuffix(text, want) {
		t.Errorf("Run: %s\nwant a text that ends with %s", text, want)
	}
}

func TestRunLoopStoppedEarly(t *testing.T) {
	var told failures
	var mainErr error
	v, err := run(context.Background(), func(ctx context.Context) (int, error) {
		lowlevel.LoopOf(ctx).CallLater(time.Second, lowlevel.LoopOf(ctx).Stop)
		_, mainErr = hangs(ctx)
		return 1, mainErr
	}, told.option())
	testkit.Equal(t, "the value", v, 0)
	wantText(t, err, "task: the loop was stopped before main ended")
	testkit.ErrorIs(t, mainErr, future.ErrCanceled)
	told.want(t)
}

// If main stops the loop and ends in the same step, Run still awaits the tasks that are left.
func TestRunLoopStoppedAsMainEnds(t *testing.T) {
	var told failures
	var j looptest.Journal
	v, err := run(context.Background(), func(ctx context.Context) (int, error) {
		task.Go(ctx, func(ctx context.Context) (int, error) {
			_, err := hangs(ctx)
			j.Add("clean-up: %v", task.Sleep(ctx, time.Second))
			return 0, err
		}, task.Named("left"))
		yields(t, ctx, 1)
		lowlevel.LoopOf(ctx).Stop()
		return 1, nil
	}, told.option())
	testkit.Equal(t, "the value", v, 1)
	testkit.Equal(t, "the error", err, nil)
	j.Want(t, "clean-up: <nil>")
	told.want(t)
}

// A task may stop the loop while Run waits for the tasks that are left. That is no error.
func TestRunLoopStoppedInTheEnd(t *testing.T) {
	var told failures
	_, err := run(context.Background(), func(ctx context.Context) (int, error) {
		task.Go(ctx, func(ctx context.Context) (int, error) {
			_, err := hangs(ctx)
			lowlevel.LoopOf(ctx).Stop()
			_ = task.Sleep(ctx, time.Second)
			return 0, err
		}, task.Named("left"))
		return 1, task.Yield(ctx)
	}, told.option())
	testkit.Equal(t, "the error", err, nil)
	told.want(t)
}

func TestShutdownForHosts(t *testing.T) {
	var told failures
	l := virtual(t, told.option())
	testkit.Equal(t, "Shutdown without tasks", task.Shutdown(l), nil)
	a := task.Go(l.Context(), hangs, task.Named("a"))
	task.Go(l.Context(), stubborn(time.Second, 0, errBoom), task.Named("b"))
	l.RunUntilIdle()
	testkit.Equal(t, "the error", task.Shutdown(l), nil)
	testkit.Equal(t, "a is canceled", a.Canceled(), true)
	testkit.Equal(t, "the time", l.Elapsed(), time.Second)
	for left := range l.Tasks() {
		t.Errorf("%v is left", left)
	}
	told.want(t, "a task failed while the program was closing: b: boom")
	l.Close()
	told.want(t, "a task failed while the program was closing: b: boom") // Close does not report it again
}

func TestShutdownReturnsTheErrorOfRun(t *testing.T) {
	l := virtual(t)
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		_, _ = hangs(ctx)
		return hangs(ctx)
	})
	l.RunUntilIdle()
	var deadlock *loop.DeadlockError
	if err := task.Shutdown(l); !errors.As(err, &deadlock) {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestShutdownPanics(t *testing.T) {
	l := virtual(t)
	l.CallSoon(func() { testkit.Panics(t, "running", func() { _ = task.Shutdown(l) }) })
	l.RunUntilIdle()
	l.Close()
	testkit.Panics(t, "closed", func() { _ = task.Shutdown(l) })
}

func TestShutdownPanicsOfARunningLoopWithTasks(t *testing.T) {
	l := virtual(t)
	a := task.Go(l.Context(), hangs)
	l.CallSoon(func() { testkit.Panics(t, "running", func() { _ = task.Shutdown(l) }) })
	l.RunUntilIdle()
	testkit.Equal(t, "requests to cancel the task", a.CancelRequests(), 0)
}

// The runtime prints a panic that goes on in Run with the stack of the original panic.
func TestRunPanicKeepsItsPlace(t *testing.T) {
	defer func() {
		p, ok := recover().(*task.PanicError)
		if !ok || !strings.HasPrefix(p.At, "run_test.go:") || !strings.Contains(p.Error(), "TestRunPanicKeepsItsPlace") {
			t.Errorf("the panic is %v", p)
		}
	}()
	_, _ = task.Run(context.Background(), func(context.Context) (int, error) {
		panic("ouch")
	})
}

func TestRunInsideATaskPanics(t *testing.T) {
	play(t, func(ctx context.Context) {
		testkit.Panics(t, "Run inside a task would hold up the task's loop", func() { _, _ = task.Run(ctx, gives(0, 1)) })
	})
}

// cannotBeEnded makes a task that never ends: it waits for ever after its cancellation.
func cannotBeEnded(ctx context.Context) {
	task.Go(ctx, func(ctx context.Context) (int, error) {
		_, _ = hangs(ctx)
		return hangs(ctx) // it is not canceled again
	}, task.Named("stuck"))
}

// If Run ends in a deadlock, the result of main and the errors of other tasks are not lost.
func TestRunDeadlockInTheEnd(t *testing.T) {
	for name, end := range map[string]error{"a value": nil, "an error": errBoom, "a cancellation": future.ErrCanceled} {
		t.Run(name, func(t *testing.T) {
			var told failures
			v, err := run(context.Background(), func(ctx context.Context) (int, error) {
				cannotBeEnded(ctx)
				task.Go(ctx, stubborn(0, 0, errCause), task.Named("other"))
				yields(t, ctx, 1)
				return 7, end
			}, told.option())
			var deadlock *loop.DeadlockError
			if !errors.As(err, &deadlock) || end != nil && !errors.Is(err, end) {
				t.Errorf("the error of Run is %v, want a deadlock and %v", err, end)
			}
			if end == nil {
				testkit.Equal(t, "the value", v, 7)
			}
			told.want(t, "a task failed while the program was closing: other: the cause")
		})
	}
}

func TestRunReportsADeadlockWhereMainPanics(t *testing.T) {
	var told failures
	testkit.Panics(t, "ouch", func() {
		_, _ = run(context.Background(), func(ctx context.Context) (int, error) {
			cannotBeEnded(ctx)
			yields(t, ctx, 1)
			panic("ouch")
		}, told.option())
	})
	told.want(t, "a task failed while the program was closing: no task: "+
		"loop: deadlock: nothing can wake the task that is left\n\tstuck awaits a future")
}

// If the loop is stopped before main has ended, Run cancels main with the other tasks.
func TestRunStoppedEarlyLosesNothing(t *testing.T) {
	stopsAnd := func(v int, err error, more ...func(context.Context)) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			for _, f := range more {
				f(ctx)
			}
			lowlevel.LoopOf(ctx).CallSoon(lowlevel.LoopOf(ctx).Stop)
			_, _ = hangs(ctx)
			return v, err
		}
	}
	for name, test := range map[string]struct {
		main           func(context.Context) (int, error)
		v              int
		err, reporting string
	}{
		"main refuses": {stopsAnd(7, nil), 7, "task: the loop was stopped before main ended", ""},
		"main fails": {stopsAnd(0, errBoom), 0, "task: the loop was stopped before main ended",
			"a task failed while the program was closing: main: boom"},
		"main fails and there is a deadlock": {stopsAnd(0, errBoom, cannotBeEnded), 0,
			"task: the loop was stopped before main ended\nloop: deadlock: nothing can wake the task that is left\n\tstuck awaits a future",
			"a task failed while the program was closing: main: boom"},
	} {
		t.Run(name, func(t *testing.T) {
			var told failures
			v, err := run(context.Background(), test.main, told.option())
			testkit.Equal(t, "the value", v, test.v)
			wantText(t, err, test.err)
			if test.reporting != "" {
				told.want(t, test.reporting)
			} else {
				told.want(t)
			}
		})
	}
}

// A panic goes on in Run only if the body of main has panicked. The value of the panic does not
// matter.
func TestRunGoesOnWithPanicsOfMainOnly(t *testing.T) {
	child := func(ctx context.Context) (int, error) {
		return task.Go(ctx, func(context.Context) (int, error) { panic("ouch") }, task.Named("child")).Await(ctx)
	}
	_, err := run(context.Background(), child)
	if p, ok := err.(*task.PanicError); !ok || p.Task != "child" {
		t.Errorf("the error of Run is %v, want the child's panic", err)
	}
	testkit.Panics(t, "ouch", func() {
		_, _ = run(context.Background(), func(ctx context.Context) (int, error) {
			_, err := child(ctx)
			panic(err)
		})
	})
}

// If a deadlock is the only error, Run returns it without a wrapper.
func TestRunReturnsALoneErrorAsItIs(t *testing.T) {
	_, err := run(context.Background(), func(ctx context.Context) (int, error) {
		cannotBeEnded(ctx)
		yields(t, ctx, 1)
		return 7, nil
	})
	if _, ok := err.(*loop.DeadlockError); !ok {
		t.Errorf("the error of Run is %T %v, want a *DeadlockError", err, err)
	}
}
