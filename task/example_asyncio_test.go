package task_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// This file has one example for each name of asyncio, in the order of the tables in ASYNCIO.md. The
// first example is a program of asyncio's documentation.

func factorial(name string, n int) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		f := 1
		for i := 2; i <= n; i++ {
			fmt.Printf("Task %s: Compute factorial(%d), currently i=%d...\n", name, n, i)
			if err := task.Sleep(ctx, time.Second); err != nil {
				return 0, err
			}
			f *= i
		}
		fmt.Printf("Task %s: factorial(%d) = %d\n", name, n, f)
		return f, nil
	}
}

// The program in the section about gather of asyncio's documentation.
func Example_factorial() {
	results, err := task.Run(context.Background(), func(ctx context.Context) ([]int, error) {
		return task.Gather(
			task.Go(ctx, factorial("A", 2)),
			task.Go(ctx, factorial("B", 3)),
			task.Go(ctx, factorial("C", 4)),
		).Await(ctx)
	}, loop.WithVirtualTime()) // without this option it takes three seconds
	fmt.Println(results, err)
	// Output:
	// Task A: Compute factorial(2), currently i=2...
	// Task B: Compute factorial(3), currently i=2...
	// Task C: Compute factorial(4), currently i=2...
	// Task A: factorial(2) = 2
	// Task B: Compute factorial(3), currently i=3...
	// Task C: Compute factorial(4), currently i=3...
	// Task B: factorial(3) = 6
	// Task C: Compute factorial(4), currently i=4...
	// Task C: factorial(4) = 24
	// [2 6 24] <nil>
}

// async def, await: a coroutine is a function that takes a context. To call it is to await it. It
// may suspend wherever it awaits.
func Example_await() {
	add := func(ctx context.Context, a, b int) (int, error) {
		if err := task.Sleep(ctx, time.Second); err != nil {
			return 0, err
		}
		return a + b, nil
	}
	fmt.Println(task.Run(context.Background(), func(ctx context.Context) (int, error) {
		seven, err := add(ctx, 3, 4) // a plain call: it makes no task, and needs no turn of the loop
		if err != nil {
			return 0, err
		}
		return add(ctx, seven, 1)
	}, loop.WithVirtualTime()))
	// Output: 8 <nil>
}

// asyncio.run: Run makes a loop, runs the main task, and closes the loop.
func Example_run() {
	v, err := task.Run(context.Background(), func(ctx context.Context) (string, error) {
		return "hello", task.Yield(ctx)
	})
	fmt.Println(v, err)
	// Output: hello <nil>
}

// create_task: a new task does not start before the task that makes it suspends.
func Example_createTask() {
	fmt.Println(task.Run(context.Background(), func(ctx context.Context) (string, error) {
		t := task.Go(ctx, func(context.Context) (string, error) {
			fmt.Println("in the task")
			return "its result", nil
		})
		fmt.Println("it has not started yet")
		return t.Await(ctx)
	}))
	// Output:
	// it has not started yet
	// in the task
	// its result <nil>
}

// create_task(name=...).
func Example_taskName() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		body := func(context.Context) (int, error) { return 0, nil }
		fmt.Println(task.Go(ctx, body, task.Named("worker")).Name())
		fmt.Println(task.Go(ctx, body).Name()) // main is the first task, worker the second
		return nil
	}))
	// Output:
	// worker
	// Task-3
}

// create_task(context=...): the task inherits the values of the context that Go is given.
func Example_taskContext() {
	type user struct{}
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		t := task.Go(context.WithValue(ctx, user{}, "ada"), task.Void(func(ctx context.Context) error {
			fmt.Println(ctx.Value(user{}))
			return nil
		}))
		fmt.Println(t.Task().Context().Value(user{}))
		return t.Wait(ctx)
	}))
	// Output:
	// ada
	// ada
}

// create_task(eager_start=...): the options Eager and Lazy choose for one task.
func Example_eagerStart() {
	runs := func(name string) func(context.Context) (int, error) {
		return func(context.Context) (int, error) {
			fmt.Println(name, "runs")
			return 0, nil
		}
	}
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		task.Go(ctx, runs("lazy"), task.Lazy())
		task.Go(ctx, runs("eager"), task.Eager())
		fmt.Println("both are made")
		return task.Yield(ctx)
	}))
	// Output:
	// eager runs
	// both are made
	// lazy runs
}

// TaskGroup and its create_task: WithGroup returns when all tasks of the group have ended. A task
// that fails cancels the others.
func Example_taskGroup() {
	_, err := task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		var a, b *task.Task[int]
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) (err error) {
			if a, err = task.GoIn(g, func(context.Context) (int, error) { return 1, nil }); err != nil {
				return err
			}
			b, err = task.GoIn(g, func(context.Context) (int, error) { return 2, nil })
			return err
		})
		fmt.Println(a.Done(), b.Done(), err)

		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			return errors.Join(
				g.Go(func(context.Context) error { return errors.New("disk full") }, task.Named("writer")),
				g.Go(func(ctx context.Context) error {
					err := task.Sleep(ctx, time.Hour)
					fmt.Println("sleeper:", err)
					return err
				}),
			)
		})
	}), loop.WithVirtualTime())
	fmt.Println(err)
	// Output:
	// true true <nil>
	// sleeper: canceled
	// writer: disk full
}

// How to end a task group early.
func Example_terminateGroup() {
	fmt.Println(task.Run(context.Background(), func(ctx context.Context) (string, error) {
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			if err := g.Go(func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) }); err != nil {
				return err
			}
			g.Cancel()
			return nil
		})
		return fmt.Sprint("after ", lowlevel.LoopOf(ctx).Elapsed()), err
	}, loop.WithVirtualTime()))
	// Output: after 0s <nil>
}

// sleep, by a virtual clock.
func Example_sleep() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		l := lowlevel.LoopOf(ctx)
		for range 3 {
			if err := task.Sleep(ctx, time.Second); err != nil {
				return err
			}
			fmt.Println(l.Elapsed())
		}
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// 1s
	// 2s
	// 3s
}

// sleep(0): everything that is ready runs first.
func Example_sleepZero() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		task.Go(ctx, task.Void(func(context.Context) error {
			fmt.Println("the other one")
			return nil
		}))
		fmt.Println("before")
		err := task.Yield(ctx) // task.Sleep(ctx, 0) is the same
		fmt.Println("after")
		return err
	}))
	// Output:
	// before
	// the other one
	// after
}

// sleepThen returns a body that sleeps for d and returns v.
func sleepThen[T any](d time.Duration, v T) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) { return v, task.Sleep(ctx, d) }
}

// failsWith returns a body that fails at once.
func failsWith(text string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return "", errors.New(text) }
}

// gather: the results are in the order of the arguments.
func Example_gather() {
	fmt.Println(task.Run(context.Background(), func(ctx context.Context) ([]string, error) {
		return task.Gather(
			task.Go(ctx, sleepThen(2*time.Second, "late")),
			task.Go(ctx, sleepThen(1*time.Second, "early")),
		).Await(ctx)
	}, loop.WithVirtualTime()))
	// Output: [late early] <nil>
}

// gather(return_exceptions=True): an error is one of the outcomes.
func Example_gatherReturnExceptions() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		outcomes, err := task.Collect(
			task.Go(ctx, sleepThen(time.Second, "fine")),
			task.Go(ctx, failsWith("broken")),
		).Await(ctx)
		for _, o := range outcomes {
			fmt.Printf("%q, %v\n", o.Value, o.Err)
		}
		return err
	}), loop.WithVirtualTime())
	// Output:
	// "fine", <nil>
	// "", broken
}

// eager_task_factory: Go runs the first step of each task before it returns.
func Example_eagerTaskFactory() {
	_, _ = task.Run(context.Background(), func(ctx context.Context) (int, error) {
		t := task.Go(ctx, func(context.Context) (int, error) { return 42, nil })
		fmt.Println("done when Go returns:", t.Done())
		return t.Result()
	}, loop.WithTaskFactory(factory.Eager))
	// Output: done when Go returns: true
}

// create_eager_task_factory: in place of custom_task_constructor there is a hook, which sees every
// task before its first step.
func Example_createEagerTaskFactory() {
	named := factory.NewEager(func(t *loop.Task, outcome future.Any) {
		t.SetName(fmt.Sprint("job ", t.ID()))
		outcome.OnDone(func() { fmt.Println(t.Name(), "has ended") })
	})
	_, _ = task.Run(context.Background(), func(ctx context.Context) (int, error) {
		return task.Go(ctx, sleepThen(time.Second, 1)).Await(ctx)
	}, loop.WithTaskFactory(named), loop.WithVirtualTime())
	// Output:
	// job 2 has ended
	// job 1 has ended
}

// shield: canceling the task that waits does not cancel the shielded task.
func Example_shield() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		saving := task.Go(ctx, sleepThen(time.Second, "saved"))
		caller := task.Go(ctx, func(ctx context.Context) (string, error) {
			return task.Shield(saving).Await(ctx)
		})
		if err := task.Yield(ctx); err != nil {
			return err
		}
		caller.Cancel(nil)
		_, err := caller.Await(ctx)
		fmt.Println("the caller:", err)
		v, err := saving.Await(ctx)
		fmt.Println("what it waited for:", v, err)
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// the caller: canceled
	// what it waited for: saved <nil>
}

// timeout: a body under a time limit.
func Example_timeout() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		err := task.Timeout(ctx, 10*time.Second, func(ctx context.Context, _ *task.Deadline) error {
			return task.Sleep(ctx, time.Hour)
		})
		fmt.Println(errors.Is(err, context.DeadlineExceeded), "after", lowlevel.LoopOf(ctx).Elapsed())
		return nil
	}), loop.WithVirtualTime())
	// Output: true after 10s
}

// timeout_at: the limit is an instant.
func Example_timeoutAt() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		when := lowlevel.LoopOf(ctx).Now().Add(20 * time.Second)
		err := task.TimeoutAt(ctx, when, func(ctx context.Context, _ *task.Deadline) error {
			return task.Sleep(ctx, 10*time.Second)
		})
		fmt.Println(err)
		return nil
	}), loop.WithVirtualTime())
	// Output: <nil>
}

// The methods when, reschedule and expired of Timeout.
func Example_timeoutReschedule() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		l := lowlevel.LoopOf(ctx)
		var limit *task.Deadline
		err := task.Timeout(ctx, task.NoLimit, func(ctx context.Context, scope *task.Deadline) error {
			limit = scope
			_, limited := scope.When()
			fmt.Println("limited:", limited)
			if err := scope.Reschedule(l.Now().Add(time.Minute)); err != nil {
				return err
			}
			return task.Sleep(ctx, time.Hour)
		})
		var expired *task.TimeoutError
		fmt.Println("expired:", limit.Expired(), errors.As(err, &expired), l.Elapsed())
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// limited: false
	// expired: true true 1m0s
}

// wait_for: a task that takes longer than the limit is canceled.
func Example_waitFor() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		t := task.Go(ctx, sleepThen(time.Hour, "too late"))
		_, err := task.WaitFor(ctx, t, time.Second)
		fmt.Println(errors.Is(err, context.DeadlineExceeded), "and the task was canceled:", t.Canceled())
		return nil
	}), loop.WithVirtualTime())
	// Output: true and the task was canceled: true
}

// wait: until the first task is done, and then with a time limit.
func Example_wait() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		slow := task.Go(ctx, sleepThen(2*time.Second, "slow"), task.Named("slow"))
		fast := task.Go(ctx, sleepThen(1*time.Second, "fast"), task.Named("fast"))
		done, pending, err := task.Wait(ctx, task.NoLimit, task.FirstCompleted, slow, fast)
		fmt.Println(done, pending, err)
		done, pending, err = task.Wait(ctx, 100*time.Millisecond, task.AllCompleted, slow, fast)
		fmt.Println(done, pending, err)
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// [task "fast"] [task "slow"] <nil>
	// [task "fast"] [task "slow"] <nil>
}

// as_completed: the tasks in the order in which they complete, and a time limit.
func Example_asCompleted() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		three := task.Go(ctx, sleepThen(3*time.Second, "three"))
		one := task.Go(ctx, sleepThen(1*time.Second, "one"))
		two := task.Go(ctx, sleepThen(2*time.Second, "two"))
		for t, err := range task.AsCompleted(ctx, 2500*time.Millisecond, three, one, two) {
			if err != nil {
				fmt.Println(err)
				break
			}
			fmt.Println(t.Result())
		}
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// one <nil>
	// two <nil>
	// time limit of 2.5s expired
}

// to_thread: a call that blocks runs on another goroutine.
func Example_toThread() {
	fmt.Println(task.Run(context.Background(), func(ctx context.Context) (bool, error) {
		text, err := task.Blocking(ctx, func(context.Context) ([]byte, error) {
			return os.ReadFile("doc.go") // would hold up the loop elsewhere
		})
		return len(text) > 0, err
	}))
	// Output: true <nil>
}

// run_coroutine_threadsafe: a goroutine submits a body to a loop, and waits for its result.
func Example_runCoroutineThreadsafe() {
	l := loop.New()
	defer l.Close()
	go func() { // another goroutine
		v, err := task.Submit(context.Background(), l, sleepThen(time.Microsecond, "from the loop")).Wait(context.Background())
		fmt.Println(v, err)
		_ = l.Post(l.Stop)
	}()
	fmt.Println(l.Run())
	// Output:
	// from the loop <nil>
	// <nil>
}

// current_task: Current panics outside of tasks, and the loop's method Current returns nil there.
func Example_currentTask() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		fmt.Println(task.Current(ctx).Name())
		lowlevel.LoopOf(ctx).CallSoon(func() {
			fmt.Println(lowlevel.LoopOf(ctx).Current()) // nil: a callback is not a task
		})
		return task.Yield(ctx)
	}))
	// Output:
	// main
	// <nil>
}

// all_tasks, in order of creation.
func Example_allTasks() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		task.Go(ctx, sleepThen(time.Second, 1), task.Named("b"))
		task.Go(ctx, sleepThen(time.Second, 2), task.Named("a"))
		fmt.Println(task.All(ctx)) // in order of creation
		return nil
	}), loop.WithVirtualTime())
	// Output: [task "main" task "b" task "a"]
}

// The methods done, result and exception of Task.
func Example_result() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		t := task.Go(ctx, failsWith("broken"))
		fmt.Println(t.Done(), errors.Is(t.Err(), future.ErrInvalidState))
		if err := task.Yield(ctx); err != nil {
			return err
		}
		v, err := t.Result()
		fmt.Printf("%v %q %v\n", t.Done(), v, err)
		return nil
	}))
	// Output:
	// false true
	// true "" broken
}

// The methods add_done_callback and remove_done_callback of Task.
func Example_addDoneCallback() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		t := task.Go(ctx, sleepThen(time.Second, "result"))
		t.OnDone(func() { fmt.Println(t.Result()) })
		removed := t.OnDone(func() { fmt.Println("is not called") }).Remove()
		fmt.Println("removed:", removed)
		return t.Wait(ctx)
	}), loop.WithVirtualTime())
	// Output:
	// removed: true
	// result <nil>
}

// The methods get_stack and print_stack of Task.
func Example_getStack() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		t := task.Go(ctx, sleepThen(time.Second, 1))
		if err := task.Yield(ctx); err != nil {
			return err
		}
		for _, frame := range t.Task().Stack()[:1] { // innermost first
			fmt.Println(path.Base(frame.Function))
		}
		return nil
	}), loop.WithVirtualTime())
	// Output: task.Sleep
}

// The methods get_name and set_name of Task.
func Example_setName() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		t := task.Go(ctx, sleepThen(0, 1))
		fmt.Println(t.Name())
		t.SetName("reader")
		fmt.Println(t.Name())
		return nil
	}))
	// Output:
	// Task-2
	// reader
}

// The methods cancel and cancelled of Task: the body gets the cancellation as the error of its
// await.
func Example_cancel() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		t := task.Go(ctx, func(ctx context.Context) (string, error) {
			defer fmt.Println("cleaned up")
			if err := task.Sleep(ctx, time.Hour); err != nil {
				return "", err
			}
			return "finished", nil
		})
		if err := task.Yield(ctx); err != nil {
			return err
		}
		fmt.Println(t.Cancel(errors.New("no longer needed")), t.Canceled())
		_, err := t.Await(ctx)
		fmt.Println(err, errors.Is(err, future.ErrCanceled), t.Canceled())
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// true false
	// cleaned up
	// canceled: no longer needed true true
}

// The methods uncancel and cancelling of Task: a body that handles a cancellation and goes on takes
// the request back.
func Example_uncancel() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		t := task.Go(ctx, func(ctx context.Context) (string, error) {
			if err := task.Sleep(ctx, time.Hour); err != nil {
				me := task.Current(ctx)
				fmt.Println(err, me.CancelRequests(), me.Uncancel())
			}
			return "went on", task.Sleep(ctx, time.Second)
		})
		if err := task.Yield(ctx); err != nil {
			return err
		}
		t.Cancel(nil)
		fmt.Println(t.Await(ctx))
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// canceled 1 0
	// went on <nil>
}

// print_call_graph and format_call_graph. task.PrintGraph shows the stacks, too.
func Example_printCallGraph() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		l := lowlevel.LoopOf(ctx)
		l.CallLater(time.Second, func() { _ = l.WriteGraph(os.Stdout, false) })
		c := task.Go(ctx, sleepThen(3*time.Second, 0), task.Named("C"))
		_, err := task.Gather(
			task.Go(ctx, sleepThen(2*time.Second, 0), task.Named("A")),
			task.Go(ctx, func(ctx context.Context) (int, error) { return task.Shield(c).Await(ctx) }, task.Named("B")),
		).Await(ctx)
		return err
	}), loop.WithVirtualTime())
	// Output:
	// main awaits a gather of 2
	// ├─ A sleeps until 2s
	// └─ B awaits a shield
	//    └─ C sleeps until 3s
}

// loop.set_task_factory: this factory prints the name of every task.
func Example_setTaskFactory() {
	told := func(t *loop.Task) {
		fmt.Println("made:", t.Name())
		factory.Lazy(t)
	}
	_, _ = task.Run(context.Background(), func(ctx context.Context) (int, error) {
		return task.Go(ctx, sleepThen(0, 1), task.Named("child")).Await(ctx)
	}, loop.WithTaskFactory(told))
	// Output:
	// made: main
	// made: child
}

// call_soon, call_later, call_at, and the method cancel of their handles.
func Example_callLater() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	l.CallLater(time.Second, func() { fmt.Println("later, at", l.Elapsed()) })
	l.CallAt(l.Now().Add(time.Minute), func() { fmt.Println("at", l.Elapsed()) })
	l.CallSoon(func() { fmt.Println("soon") })
	never := l.CallSoon(func() { fmt.Println("never") })
	fmt.Println("canceled:", never.Cancel())
	fmt.Println(l.Run())
	// Output:
	// canceled: true
	// soon
	// later, at 1s
	// at 1m0s
	// <nil>
}

// call_soon_threadsafe: a goroutine posts a function to the loop.
func Example_callSoonThreadsafe() {
	l := loop.New()
	defer l.Close()
	go func() { // another goroutine
		_ = l.Post(func() {
			fmt.Println("on the loop")
			l.Stop()
		})
	}()
	fmt.Println(l.Run())
	// Output:
	// on the loop
	// <nil>
}

// loop.time: a duration since the start of the loop's clock, or an instant.
func Example_time() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		l := lowlevel.LoopOf(ctx)
		err := task.Sleep(ctx, 90*time.Second)
		fmt.Println(l.Elapsed(), l.Now())
		return err
	}), loop.WithVirtualTime())
	// Output: 1m30s 2000-01-01 00:01:30 +0000 UTC
}

// loop.create_future, and the methods set_result and set_exception of Future.
func Example_createFuture() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		f := future.New[string](ctx)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { _ = f.SetResult("there") })
		fmt.Println(f.Await(ctx))
		fmt.Println(f.SetError(errors.New("too late")))
		return nil
	}), loop.WithVirtualTime())
	// Output:
	// there <nil>
	// future: invalid state: SetError on a future that is done
}

// The methods cancel, cancelled, done, result and exception of Future.
func Example_cancelFuture() {
	l := loop.New()
	defer l.Close()
	f := future.New[int](l.Context())
	fmt.Println(f.Cancel(nil), f.Done(), f.Canceled(), f.Err())
	fmt.Println(f.Cancel(nil))
	// Output:
	// true true true canceled
	// false
}

// run_forever, stop, is_running and close.
func Example_runForever() {
	l := loop.New()
	l.CallLater(time.Microsecond, func() {
		fmt.Println("running:", l.Running())
		l.Stop()
	})
	fmt.Println(l.Run(), l.Running())
	l.Close()
	// Output:
	// running: true
	// <nil> false
}

// run_until_complete.
func Example_runUntilComplete() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	fmt.Println(task.RunUntilDone(l, task.Go(l.Context(), sleepThen(time.Second, "result"))))
	// Output: result <nil>
}

// set_exception_handler and call_exception_handler.
func Example_setExceptionHandler() {
	l := loop.New(loop.WithErrorHandler(func(f loop.Failure) { fmt.Println(f.Kind, "-", f.Err) }))
	l.CallSoon(func() { panic("oops") })
	task.Go(l.Context(), failsWith("broken"))
	l.RunUntilIdle()
	l.Close() // reports the errors that no code has taken
	// Output:
	// a callback panicked - panic in a callback: oops
	// a task failed and its error was never retrieved - broken
}
