package loop_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

func causeOf(err error) error {
	var canceled *loop.CanceledError
	if !errors.As(err, &canceled) {
		return nil
	}
	return canceled.Cause
}

func TestSuspendOnWhatIsDoneDoesNotSuspend(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	done := future.New[int](l.Context())
	_ = done.SetError(io.EOF)
	spawn(l.Context(), "task", func(ctx context.Context) error {
		l.CallSoon(log.Callback("next turn"))
		log.Add("%v", lowlevel.Await(ctx, done)) // the caller must ask for the outcome
		log.Add("%v", lowlevel.Suspend(ctx, task.End()))
		log.Add("%v", done.Wait(ctx))
		return nil
	})
	script(l.Context(), "machine",
		func(context.Context, error) (task.Suspension, error) { return task.On(done), nil },
		func(_ context.Context, err error) (task.Suspension, error) {
			log.Add("machine %v", err)
			return task.End(), nil
		})
	run(t, l)
	log.Want(t, "<nil>", "<nil>", "EOF", "machine EOF", "next turn")
}

func TestSuspensions(t *testing.T) {
	if !task.End().Ended() || task.End() != (loop.Suspension{}) {
		t.Error("End is not the zero Suspension")
	}
	if task.For(0) != task.Turn() || task.For(-1) != task.Turn() || task.Turn().Ended() || task.For(1).Ended() {
		t.Error("a sleep of zero or less is not a turn")
	}
	mustPanic(t, "task: On(nil); give it a future or task", func() { task.On(nil) })
}

func TestSleepersWakeInOrderOfDeadlineThenOfSleeping(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	for _, s := range []struct {
		name string
		d    time.Duration
	}{{"2a", 2}, {"1a", 1}, {"1b", 1}, {"2b", 2}, {"1c", 1}} {
		spawn(l.Context(), s.name, func(ctx context.Context) error {
			defer log.Add("%s", s.name)
			return task.Sleep(ctx, s.d*time.Second)
		})
	}
	run(t, l)
	log.Want(t, "1a", "1b", "1c", "2a", "2b")
}

func TestMachineMustNotAwait(t *testing.T) {
	l := newLoop(t)
	machine := script(l.Context(), "machine", func(ctx context.Context, _ error) (task.Suspension, error) {
		mustPanic(t, `loop: task "machine" is stackless and cannot suspend inside Resume; return a Suspension instead`,
			func() { _ = task.Sleep(ctx, time.Second) })
		return task.For(time.Second), task.Yield(ctx)
	})
	run(t, l)
	var p *loop.PanicError
	if !errors.As(machine.Err(), &p) || p.Task != "machine" {
		t.Errorf("the machine ended with %v", machine.Err())
	}
}

func TestAwaitOfAnotherLoopsFuture(t *testing.T) {
	l, other := newLoop(t), newLoop(t)
	foreign := future.New[int](other.Context())
	const text = `awaits an awaitable that belongs to another loop; pass results between loops by Post`
	body := spawn(l.Context(), "body", func(ctx context.Context) error {
		mustPanic(t, `loop: task "body" `+text, func() { _ = foreign.Wait(ctx) })
		return task.Yield(ctx) // the task still works
	})
	machine := script(l.Context(), "machine", func(context.Context, error) (task.Suspension, error) {
		return task.On(foreign), nil
	})
	run(t, l)
	if body.Err() != nil {
		t.Errorf("body: %v", body.Err())
	}
	if want := `panic in task "machine": loop: task "machine" ` + text; machine.Err() == nil || machine.Err().Error() != want {
		t.Errorf("machine: %v", machine.Err())
	}
}

func TestAwaitOfItself(t *testing.T) {
	l := newLoop(t)
	var body, machine *task.Task[none]
	body = spawn(l.Context(), "body", func(ctx context.Context) error {
		mustPanic(t, `task "body"`, func() {
			l.CallSoon(func() { body.Cancel(nil) }) // ends the test if Wait does not panic
			_ = body.Wait(ctx)
		})
		return nil
	})
	machine = script(l.Context(), "machine", func(context.Context, error) (task.Suspension, error) {
		l.CallSoon(func() { machine.Cancel(nil) })
		return task.On(machine), nil
	})
	run(t, l)
	var p *loop.PanicError
	if !errors.As(machine.Err(), &p) {
		t.Errorf("machine: %v, want a panic", machine.Err())
	}
}

func TestCancelBeforeTheFirstStep(t *testing.T) {
	l := newLoop(t)
	ran := func() { t.Error("the body ran") }
	for name, start := range map[string]func() *task.Task[none]{
		"stackful": func() *task.Task[none] {
			return spawn(l.Context(), "", func(context.Context) error { ran(); return nil })
		},
		"stackless": func() *task.Task[none] {
			return script(l.Context(), "", func(context.Context, error) (task.Suspension, error) { ran(); return task.End(), nil })
		},
	} {
		x := start()
		if !x.Cancel(io.EOF) || x.Done() || x.CancelRequests() != 1 {
			t.Errorf("%s: after Cancel done is %t, with %d requests", name, x.Done(), x.CancelRequests())
		}
		run(t, l)
		if !x.Canceled() || causeOf(x.Err()) != io.EOF {
			t.Errorf("%s: ended with %v", name, x.Err())
		}
		if x.Cancel(nil) || x.CancelRequests() != 1 {
			t.Errorf("%s: a task that is done counts a request", name)
		}
	}
}

// A way is a way to suspend a task. a is the awaitable, if there is one.
type way func(ctx context.Context) (s loop.Suspension, a loop.Awaitable)

func on(a loop.Awaitable) (loop.Suspension, loop.Awaitable) { return task.On(a), a }

var waysToSuspend = map[string]way{
	"turn":   func(context.Context) (loop.Suspension, loop.Awaitable) { return task.Turn(), nil },
	"sleep":  func(context.Context) (loop.Suspension, loop.Awaitable) { return task.For(time.Hour), nil },
	"future": func(ctx context.Context) (loop.Suspension, loop.Awaitable) { return on(future.New[int](ctx)) },
	"task": func(ctx context.Context) (loop.Suspension, loop.Awaitable) {
		return on(spawn(ctx, "awaited", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) }))
	},
}

// suspendsTwice makes a task that calls first, suspends in the given way, and logs the error. Then it
// sleeps for a second, and logs that error, too.
func suspendsTwice(l *loop.Loop, kind lowlevel.Kind, first func(), suspend way, log *looptest.Journal) *task.Task[none] {
	if kind == lowlevel.Stackless {
		return script(l.Context(), "x",
			func(ctx context.Context, _ error) (task.Suspension, error) {
				first()
				s, _ := suspend(ctx)
				return s, nil
			},
			func(_ context.Context, err error) (task.Suspension, error) {
				log.Add("first: %v", err)
				return task.For(time.Second), nil
			},
			func(_ context.Context, err error) (task.Suspension, error) {
				log.Add("second: %v at %v", err, l.Elapsed())
				return task.End(), nil
			})
	}
	return spawn(l.Context(), "x", func(ctx context.Context) error {
		first()
		s, a := suspend(ctx)
		err := lowlevel.Suspend(ctx, s)
		if err == nil && a != nil {
			err = a.Err()
		}
		log.Add("first: %v", err)
		log.Add("second: %v at %v", task.Sleep(ctx, time.Second), l.Elapsed())
		return nil
	})
}

// A request is delivered once, also if it comes before the task suspends, or comes twice.
func TestCancellationIsDeliveredOnce(t *testing.T) {
	requests := map[string]struct {
		before, while, want int
	}{
		"while suspended":          {0, 1, 1},
		"twice while suspended":    {0, 2, 2},
		"before it suspends":       {1, 0, 1},
		"twice before it suspends": {2, 0, 2},
	}
	for kindName, kind := range map[string]lowlevel.Kind{"stackful": lowlevel.Stackful, "stackless": lowlevel.Stackless} {
		for wayName, suspend := range waysToSuspend {
			for when, r := range requests {
				t.Run(kindName+"/"+wayName+"/"+when, func(t *testing.T) {
					l := newLoop(t)
					var log looptest.Journal
					var x *task.Task[none]
					cancel := func(n int) {
						for range n {
							if !x.Cancel(io.EOF) {
								t.Error("the request was not counted")
							}
						}
					}
					x = suspendsTwice(l, kind, func() { cancel(r.before) }, suspend, &log)
					l.RunOnce()
					cancel(r.while)
					run(t, l)
					log.Want(t, "first: canceled: EOF", "second: <nil> at 1s")
					if x.Err() != nil || x.CancelRequests() != r.want {
						t.Errorf("the task ended with %v and %d requests, want nil and %d", x.Err(), x.CancelRequests(), r.want)
					}
				})
			}
		}
	}
}

// As in asyncio, a request that has ended a sleep cannot be taken back any more.
func TestUncancelBeforeDelivery(t *testing.T) {
	short := map[string]way{
		"turn":  waysToSuspend["turn"],
		"sleep": func(context.Context) (loop.Suspension, loop.Awaitable) { return task.For(1), nil },
	}
	for _, c := range []struct {
		way, when, want string
	}{
		{"turn", "running", "first: <nil>"},
		{"turn", "suspended", "first: <nil>"},
		{"sleep", "running", "first: <nil>"},
		{"sleep", "suspended", "first: canceled"},
	} {
		for kindName, kind := range map[string]lowlevel.Kind{"stackful": lowlevel.Stackful, "stackless": lowlevel.Stackless} {
			t.Run(c.way+"/"+c.when+"/"+kindName, func(t *testing.T) {
				l := newLoop(t)
				var log looptest.Journal
				var x *task.Task[none]
				takeBack := func(when string) {
					if when != c.when {
						return
					}
					x.Cancel(nil)
					if n := x.Uncancel(); n != 0 {
						t.Errorf("%d requests are left, want 0", n)
					}
				}
				x = suspendsTwice(l, kind, func() { takeBack("running") }, short[c.way], &log)
				l.RunOnce()
				takeBack("suspended")
				run(t, l)
				if log[0] != c.want {
					t.Errorf("the first log line is %q, want %q", log[0], c.want)
				}
			})
		}
	}
}

// If a sleeper is canceled in the same turn in which its timer is due, that timer must not end the next
// sleep.
func TestCancelInTheTurnOfTheTimerLeavesNoStaleWake(t *testing.T) {
	for kindName, kind := range map[string]lowlevel.Kind{"stackful": lowlevel.Stackful, "stackless": lowlevel.Stackless} {
		for _, order := range []string{"request, timer", "timer, request", "step, timer"} {
			t.Run(kindName+"/"+order, func(t *testing.T) {
				clock := timer.NewVirtual()
				l := newLoop(t, loop.WithClock(clock))
				var log looptest.Journal
				var x *task.Task[none]
				cancel := func() { x.Cancel(nil) }
				if order == "request, timer" {
					l.CallLater(time.Second, cancel)
				}
				x = suspendsTwice(l, kind, func() {}, func(context.Context) (loop.Suspension, loop.Awaitable) {
					return task.For(time.Second), nil
				}, &log)
				l.RunOnce()
				switch order {
				case "timer, request":
					l.CallLater(time.Second, cancel)
				case "step, timer":
					cancel()
				}
				clock.Advance(time.Second)
				run(t, l)
				log.Want(t, "first: canceled", "second: <nil> at 2s")
			})
		}
	}
}

// If a waiter is canceled after the result has come and before its next step, it gets the cancellation.
// asyncio does the same.
func TestCancelOfATaskThatWasWoken(t *testing.T) {
	l := newLoop(t)
	f := future.New[int](l.Context())
	var got error
	waiter := spawn(l.Context(), "waiter", func(ctx context.Context) error {
		_, got = f.Await(ctx)
		return nil
	})
	l.RunUntilIdle()
	_ = f.SetResult(1)
	waiter.Cancel(io.EOF)
	if e := lowlevel.PendingCancel(waiter.Task()); e == nil || e.Cause != io.EOF {
		t.Errorf("the pending request is %v, want EOF", e)
	}
	run(t, l)
	if causeOf(got) != io.EOF || lowlevel.PendingCancel(waiter.Task()) != nil {
		t.Errorf("the await ended with %v, want the cause EOF and no pending request", got)
	}
}

func TestCancelOfItselfBeforeTheEnd(t *testing.T) {
	l := newLoop(t)
	for name, end := range map[string]error{"value": nil, "error": io.ErrUnexpectedEOF} {
		var x *task.Task[none]
		x = spawn(l.Context(), name, func(context.Context) error {
			x.Cancel(io.EOF)
			return end
		})
		run(t, l)
		if end == nil && causeOf(x.Err()) != io.EOF {
			t.Errorf("a value after an undelivered request: %v, want canceled", x.Err())
		}
		if end != nil && x.Err() != end {
			t.Errorf("an error after an undelivered request: %v, want the error", x.Err())
		}
	}
}

func TestCancelGoesDownWhatIsAwaited(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	waits := func(name string, await func(context.Context) error) *task.Task[none] {
		return spawn(l.Context(), name, func(ctx context.Context) error {
			err := await(ctx)
			log.Add("%s: %v", name, err)
			return err
		})
	}
	c := waits("c", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
	b := script(l.Context(), "b", func(context.Context, error) (task.Suspension, error) { return task.On(c), nil })
	a := waits("a", b.Wait)
	l.RunUntilIdle()
	a.Cancel(io.EOF)
	run(t, l)
	log.Want(t, "c: canceled: EOF", "a: canceled: EOF")
	for _, x := range []*task.Task[none]{a, b, c} {
		if !x.Canceled() || x.CancelRequests() != 1 {
			t.Errorf("%s: %v, %d requests", x.Name(), x.Err(), x.CancelRequests())
		}
	}
}

// Canceling one task cancels what it awaits, and so also the other tasks that await the same. Shield
// prevents that.
func TestCancelReachesAllWhoAwaitTheSame(t *testing.T) {
	l := newLoop(t)
	shared := spawn(l.Context(), "shared", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
	first := spawn(l.Context(), "first", shared.Wait)
	second := spawn(l.Context(), "second", shared.Wait)
	l.RunUntilIdle()
	first.Cancel(nil)
	run(t, l)
	if !shared.Canceled() || !first.Canceled() || !second.Canceled() || second.CancelRequests() != 0 {
		t.Errorf("shared %v, first %v, second %v", shared.Err(), first.Err(), second.Err())
	}
}

// An awaited task may take the request and still return a value. Then the awaiting task gets the value.
func TestAwaitedTaskMayRefuseToBeCanceled(t *testing.T) {
	l := newLoop(t)
	stubborn := task.Go(l.Context(), func(ctx context.Context) (int, error) {
		_ = task.Sleep(ctx, time.Hour)
		return 42, task.Sleep(ctx, time.Second)
	})
	parent := task.Go(l.Context(), stubborn.Await)
	l.RunUntilIdle()
	parent.Cancel(nil)
	run(t, l)
	if v, err := parent.Result(); v != 42 || err != nil || parent.CancelRequests() != 1 {
		t.Errorf("the parent got %d, %v", v, err)
	}
}

// Tasks that await each other in a circle wait forever. A request breaks the circle.
func TestCancelBreaksACircle(t *testing.T) {
	for _, size := range []int{2, 3, 10} {
		for kindName, kind := range map[string]lowlevel.Kind{"stackful": lowlevel.Stackful, "stackless": lowlevel.Stackless} {
			l := newLoop(t)
			circle := make([]*task.Task[none], size)
			for i := range circle {
				next := func() *task.Task[none] { return circle[(i+1)%size] }
				if kind == lowlevel.Stackful {
					circle[i] = spawn(l.Context(), "", func(ctx context.Context) error { return next().Wait(ctx) })
				} else {
					circle[i] = script(l.Context(), "", func(context.Context, error) (task.Suspension, error) { return task.On(next()), nil })
				}
			}
			l.RunUntilIdle()
			circle[0].Cancel(io.EOF)
			run(t, l)
			for i, x := range circle {
				if causeOf(x.Err()) != io.EOF {
					t.Errorf("%d %s: task %d ended with %v", size, kindName, i, x.Err())
				}
			}
		}
	}
}

// A request that comes back around a circle counts once.
func TestRequestAroundACircleCountsOnce(t *testing.T) {
	l := newLoop(t)
	var a, b *task.Task[none]
	a = spawn(l.Context(), "a", func(ctx context.Context) error { return b.Wait(ctx) })
	b = spawn(l.Context(), "b", func(ctx context.Context) error { return a.Wait(ctx) })
	l.RunUntilIdle()
	a.Cancel(nil)
	if a.CancelRequests() != 1 || b.CancelRequests() != 1 {
		t.Errorf("a counts %d requests, b %d", a.CancelRequests(), b.CancelRequests())
	}
	run(t, l)
}

func TestStatus(t *testing.T) {
	l := newLoop(t, loop.WithTaskFactory(func(t *loop.Task) {
		if t.Name() != "unborn" {
			t.Enqueue()
		}
	}))
	expect := func(x *task.Task[none], want string) {
		t.Helper()
		if got := x.Task().Status(); got != want {
			t.Errorf("%s %s, want %s", x.Name(), got, want)
		}
	}
	expect(spawn(l.Context(), "unborn", task.Yield), "was never started by the task factory")
	var x *task.Task[none]
	x = spawn(l.Context(), "x", func(ctx context.Context) error {
		expect(x, "is running")
		return task.Yield(ctx)
	})
	expect(x, "has not started yet")
	l.RunOnce()
	expect(x, "waits for its turn")
	l.RunOnce()
	expect(x, "is done")
	sleeper := spawn(l.Context(), "sleeper", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
	waiter := spawn(l.Context(), "waiter", sleeper.Wait)
	other := spawn(l.Context(), "other", future.New[int](l.Context()).Wait)
	l.RunUntilIdle()
	expect(sleeper, "sleeps until 1s")
	expect(waiter, `awaits task "sleeper"`)
	expect(other, "awaits a future")
}

// unwaitable is a future that panics when a waiter is added.
type unwaitable struct{ *future.Future[none] }

func (unwaitable) AddWaiter(loop.Runnable) { panic("full") }

// If AddWaiter panics, the task is not suspended, and a later request does not cancel that awaitable.
func TestAwaitableThatPanics(t *testing.T) {
	l := newLoop(t)
	f := unwaitable{future.New[none](l.Context())}
	var x *task.Task[none]
	x = spawn(l.Context(), "x", func(ctx context.Context) error {
		mustPanic(t, "full", func() { _ = lowlevel.Await(ctx, f) })
		if what := x.Task().Status(); what != "is running" || x.Task().Awaits() != nil {
			t.Errorf("after the panic x %s, and awaits %v", what, x.Task().Awaits())
		}
		return task.Yield(ctx)
	})
	spawn(l.Context(), "other", func(context.Context) error {
		x.Cancel(nil)
		return nil
	})
	run(t, l)
	if !x.Canceled() || f.Done() {
		t.Errorf("x ended with %v, f is done: %t", x.Err(), f.Done())
	}
}
