package loop_test

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// outsideCalls are calls that only the loop's goroutine may make, with the operation that the panic
// names.
func outsideCalls(l *loop.Loop) []outsideCall {
	ctx := l.Context()
	h := l.CallLater(time.Hour, func() {})
	var scope lowlevel.Scope
	other := spawn(ctx, "other", func(ctx context.Context) error {
		scope = lowlevel.Enter(ctx)
		return task.Sleep(ctx, time.Hour)
	})
	f, g := future.New[int](ctx), future.New[int](ctx)
	registered := g.OnDone(func() {})
	added := lowlevel.AddPort(l, &waitingForever{make(chan int)})
	owner := new(nobody)
	owned := new(future.Promise[int])
	owned.Init(l, owner)
	l.RunUntilIdle()
	return []outsideCall{
		{"CallSoon", func() { l.CallSoon(func() {}) }},
		{"CallLater", func() { l.CallLater(1, func() {}) }},
		{"CallAt", func() { l.CallAt(time.Time{}, func() {}) }},
		{"Stop", func() { l.Stop() }},
		{"Handle.Cancel", func() { h.Cancel() }},
		{"spawning a task", func() { spawn(ctx, "", func(context.Context) error { return nil }) }},
		{"Cancel", func() { other.Cancel(nil) }},
		{"Cancel", func() { scope.Cancel(nil) }},
		{"Exit", func() { scope.Exit() }},
		{"SetDeadline", func() { scope.SetDeadline(time.Time{}) }},
		{"Uncancel", func() { other.Uncancel() }},
		{"SetName", func() { other.SetName("x") }},
		{"Wrap", func() { lowlevel.Wrap(other.Task(), nil) }},
		{"Stack", func() { other.Task().Stack() }},
		{"AtIdle", func() { lowlevel.AtIdle(l, lowlevel.Func(func() {})) }},
		{"Offload", func() { lowlevel.Offload(l, func() {}, func() {}) }},
		{"AddPort", func() { lowlevel.AddPort(l, nil) }},
		{"PortHandle.Remove", func() { added.Remove() }},
		{"Bind", func() { l.Bind(context.Background()) }},
		{"SetResult", func() { _ = f.SetResult(1) }},
		{"SetError", func() { _ = f.SetError(errors.New("x")) }},
		{"Cancel", func() { f.Cancel(nil) }},
		{"waiting for a future, or OnDone,", func() { f.OnDone(func() {}) }},
		{"Remove", func() { registered.Remove() }},
		{"Complete", func() { owned.Complete(1, nil) }},
		{"Fail", func() { owned.Fail(errors.New("x")) }},
		{"completing a future, or Schedule,", func() { lowlevel.Schedule(l, lowlevel.Func(func() {})) }},
	}
}

type outsideCall struct {
	what string
	call func()
}

// waitingForever is a port of a channel on which no value comes.
type waitingForever struct{ on chan int }

func (w *waitingForever) Try() bool                    { return false }
func (w *waitingForever) Selected(reflect.Value, bool) {}
func (w *waitingForever) Case() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(w.on)}
}

// nobody is the owner of a future, and refuses to cancel it.
type nobody struct{ _ int }

func (*nobody) Cancel(error) bool                    { return false }
func (*nobody) Describe() (string, []loop.Awaitable) { return "a future", nil }

// mustPanic checks that the call panics on the goroutine of the caller.
func (c outsideCall) mustPanic(t *testing.T) {
	t.Helper()
	mustPanic(t, "loop: "+c.what+" from another goroutine than the loop's; use Post", c.call)
}

func TestDebugFindsCallsFromOtherGoroutines(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	calls := outsideCalls(l)
	check := func() {
		for _, c := range calls {
			inGoroutine(func() { c.mustPanic(t) })
		}
	}
	l.CallSoon(check)
	spawn(l.Context(), "task", func(ctx context.Context) error {
		check()
		_ = task.Yield(ctx)
		check()
		return nil
	})
	l.RunUntilIdle()
}

// A refused call has changed nothing.
func TestDebugRefusesCancelBeforeTheContextEnds(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	spawn(l.Context(), "x", func(ctx context.Context) error {
		x := lowlevel.Current(ctx)
		s := lowlevel.Enter(ctx)
		inGoroutine(func() {
			mustPanic(t, "loop: Cancel from another goroutine than the loop's", func() { x.Cancel(nil) })
			mustPanic(t, "loop: Cancel from another goroutine than the loop's", func() { s.Cancel(nil) })
		})
		if ctx.Err() != nil || s.Context().Err() != nil || x.CancelRequests() != 0 {
			t.Errorf("the contexts ended with %v and %v, after %d requests", ctx.Err(), s.Context().Err(), x.CancelRequests())
		}
		return nil
	})
	run(t, l)
}

func TestDebugFindsSuspensionOnAnotherGoroutine(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	spawn(l.Context(), "task", func(ctx context.Context) error {
		inGoroutine(func() {
			mustPanic(t, "loop: suspending from another goroutine than the loop's; use Post", func() { _ = task.Sleep(ctx, time.Second) })
		})
		return nil
	})
	run(t, l)
}

// Without debug mode a sleeping loop still refuses these calls, because they would not wake it.
func TestSleepingLoopFindsCallsFromOtherGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, loop.WithClock(timer.NewSystem()))
		calls := outsideCalls(l)
		go func() {
			defer func() { _ = l.Post(l.Stop) }()
			synctest.Wait()
			for _, c := range calls {
				c.mustPanic(t)
			}
		}()
		run(t, l)
	})
}

func TestDebugAllowsTheLoopsOwnCalls(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	var log looptest.Journal
	use := func(who string) {
		l.CallSoon(func() {}).Cancel()
		l.CallLater(1, func() {}).Cancel()
		spawn(l.Context(), "", func(context.Context) error { return nil }).Cancel(nil)
		log.Add("%s", who)
	}
	ctx := l.Context()
	use("host")
	l.CallSoon(func() { use("callback") })
	spawn(ctx, "stackful", func(ctx context.Context) error {
		use("stackful")
		_ = task.Yield(ctx)
		use("stackful again")
		return nil
	})
	script(ctx, "machine", func(context.Context, error) (task.Suspension, error) {
		use("machine")
		return task.Turn(), nil
	})
	spawn(ctx, "unwound", func(ctx context.Context) error {
		defer use("deferred call")
		return future.New[int](ctx).Wait(ctx)
	})
	inGoroutine(l.RunUntilIdle) // the goroutine that drives the loop is the loop's goroutine
	log.Want(t, "host", "callback", "stackful", "machine", "stackful again")
	use("host between runs")
	inGoroutine(l.Close)
	log.Want(t, "host between runs", "deferred call")
}

func TestDebugWithEagerTasks(t *testing.T) {
	l := newLoop(t, loop.WithDebug(), loop.WithTaskFactory((*loop.Task).StepNow))
	var log looptest.Journal
	spawn(l.Context(), "outer", func(ctx context.Context) error {
		spawn(ctx, "inner", func(ctx context.Context) error {
			l.CallSoon(log.Callback("of inner"))
			_ = task.Yield(ctx)
			l.CallSoon(log.Callback("of inner, later"))
			return nil
		})
		l.CallSoon(log.Callback("of outer"))
		return nil
	})
	run(t, l)
	log.Want(t, "of inner", "of outer", "of inner, later")
}

// mixed runs a program that uses many parts of the library, and logs its events.
func mixed(t *testing.T, opts ...loop.Option) (log looptest.Journal, events looptest.Journal) {
	opts = append(opts,
		loop.WithErrorHandler(func(f loop.Failure) { log.Add("failure: %v", f.Err) }),
		loop.WithObserver(func(e loop.Event) { events.Add("%s", describe(e)) }))
	l := newLoop(t, opts...)
	ctx := l.Context()
	f := future.New[int](ctx)
	worker := func(name string, rounds int) *task.Task[none] {
		return spawn(ctx, name, func(ctx context.Context) error {
			for i := range rounds {
				log.Add("%s %d at %v", name, i, l.Elapsed())
				var err error
				switch i % 3 {
				case 0:
					err = task.Yield(ctx)
				case 1:
					err = task.Sleep(ctx, time.Duration(rounds)*time.Second)
				case 2:
					err = spawn(ctx, name+"'s", func(context.Context) error { return nil }).Wait(ctx)
				}
				if err != nil {
					log.Add("%s: %v", name, err)
				}
			}
			return nil
		})
	}
	workers := []*task.Task[none]{worker("a", 4), worker("b", 7), worker("c", 7)}
	waiter := spawn(ctx, "waiter", f.Wait)
	script(ctx, "machine",
		func(context.Context, error) (task.Suspension, error) { return task.Turn(), nil },
		func(context.Context, error) (task.Suspension, error) { return task.For(time.Second), nil },
		func(context.Context, error) (task.Suspension, error) {
			log.Add("machine cancels b: %t", workers[1].Cancel(nil))
			return task.On(workers[0]), nil
		},
		func(context.Context, error) (task.Suspension, error) { panic("machine") })
	l.CallSoon(func() { panic("callback") })
	l.CallLater(3*time.Second, func() {
		log.Add("waiter canceled: %t", waiter.Cancel(nil))
		l.CallSoon(func() { panic("callback again") })
	})
	spawn(ctx, "panics", func(ctx context.Context) error {
		_ = task.Sleep(ctx, 2*time.Second)
		panic("body")
	})
	run(t, l)
	for _, w := range workers {
		log.Add("%s: %v", w.Name(), w.Err())
	}
	log.Add("end at %v", l.Elapsed())
	return log, events
}

func TestDebugKeepsTheOrderOfEvents(t *testing.T) {
	for name, factory := range map[string]loop.TaskFactory{
		"lazy": (*loop.Task).Enqueue, "eager": (*loop.Task).StepNow,
	} {
		t.Run(name, func(t *testing.T) {
			log, events := mixed(t, loop.WithTaskFactory(factory))
			if len(log) < 20 || len(events) < 80 {
				t.Fatalf("the program is too short: %d lines, %d events", len(log), len(events))
			}
			debugLog, debugEvents := mixed(t, loop.WithTaskFactory(factory), loop.WithSlowStep(time.Hour))
			debugLog.Want(t, log...)
			debugEvents.Want(t, events...)
		})
	}
}

// calls makes the calls that bodies make, on a goroutine of the body's own.
func calls(ctx context.Context, log *looptest.Journal, f *future.Future[int], x *loop.Task) {
	l := lowlevel.LoopOf(ctx)
	l.CallSoon(log.Callback("callback"))
	spawn(ctx, "child", func(context.Context) error { log.Add("child"); return nil })
	if err := f.SetResult(1); err != nil {
		log.Add("SetResult: %v", err)
	}
	x.Cancel(nil)
	_ = task.Yield(ctx)
	if stack := lowlevel.Current(ctx).Stack(); len(stack) != 2 || !strings.HasSuffix(stack[0].Function, ".calls") {
		log.Add("Stack: %v", stack) // the part of this goroutine's stack that belongs to the body
	}
}

// everyMode calls what with lazy and eager tasks, with and without debug mode.
func everyMode(t *testing.T, what func(t *testing.T, opts ...loop.Option)) {
	for name, factory := range map[string]loop.TaskFactory{"lazy": (*loop.Task).Enqueue, "eager": (*loop.Task).StepNow} {
		t.Run(name, func(t *testing.T) { what(t, loop.WithTaskFactory(factory)) })
		t.Run(name+", debug", func(t *testing.T) { what(t, loop.WithTaskFactory(factory), loop.WithDebug()) })
	}
}

// Under an iter.Pull of its own, a body may make the same calls as elsewhere, on the other goroutine.
func TestBodyUnderAPullOfItsOwn(t *testing.T) {
	everyMode(t, func(t *testing.T, opts ...loop.Option) {
		l := newLoop(t, opts...)
		var log looptest.Journal
		f := future.New[int](l.Context())
		x := spawn(l.Context(), "x", future.New[int](l.Context()).Wait)
		spawn(l.Context(), "body", func(ctx context.Context) error {
			next, stop := iter.Pull(func(yield func(int) bool) {
				calls(ctx, &log, f, x.Task())
				for i := range 3 {
					_ = task.Sleep(ctx, time.Second)
					if !yield(i) {
						return
					}
				}
			})
			defer stop()
			for i, ok := next(); ok; i, ok = next() {
				log.Add("%d at %v", i, l.Elapsed())
				_ = task.Yield(ctx)
			}
			return nil
		})
		// Callbacks run on the stack of either goroutine.
		l.CallLater(1500*time.Millisecond, log.Callback("late callback"))
		run(t, l)
		slices.Sort(log[:2]) // an eager child comes before the callback, a lazy one after it
		log.Want(t, "callback", "child", "0 at 1s", "late callback", "1 at 2s", "2 at 3s")
		if !f.Done() || !x.Canceled() {
			t.Errorf("the future is done: %t; x was canceled: %t", f.Done(), x.Canceled())
		}
	})
}

// iter.Pull works with the iterators of takt.
func TestPullOfCompletions(t *testing.T) {
	everyMode(t, func(t *testing.T, opts ...loop.Option) {
		l := newLoop(t, opts...)
		var log looptest.Journal
		spawn(l.Context(), "body", func(ctx context.Context) error {
			a := spawn(ctx, "a", func(ctx context.Context) error { return task.Sleep(ctx, 2*time.Second) })
			b := spawn(ctx, "b", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
			next, stop := iter.Pull2(task.AsCompleted(ctx, task.NoLimit, a, b))
			defer stop()
			for done, err, ok := next(); ok; done, err, ok = next() {
				log.Add("%s at %v: %v", done.Name(), l.Elapsed(), err)
			}
			return nil
		})
		run(t, l)
		log.Want(t, "b at 1s: <nil>", "a at 2s: <nil>")
	})
}

// Also under a Pull, calls from another goroutine that is no coroutine are refused, and calls from the
// stack of another loop.
func TestDebugFindsWhatIsNoCoroutineOfTheBody(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	other := newLoop(t, loop.WithDebug())
	const want = "loop: CallSoon from another goroutine than the loop's; use Post"
	spawn(l.Context(), "body", func(ctx context.Context) error {
		for range seq(func() {
			inGoroutine(func() { mustPanic(t, want, func() { l.CallSoon(func() {}) }) })
		}) {
		}
		spawn(other.Context(), "of the other", func(context.Context) error {
			mustPanic(t, want, func() { l.CallSoon(func() {}) })
			return nil
		})
		other.RunUntilIdle()
		return nil
	})
	run(t, l)
}

// seq returns a sequence of one element, which it pulls from a coroutine. The coroutine calls what
// before it yields the element.
func seq(what func()) iter.Seq[int] {
	return func(yield func(int) bool) {
		next, stop := iter.Pull(func(yield func(int) bool) { what(); yield(1) })
		defer stop()
		if v, ok := next(); ok {
			yield(v)
		}
	}
}

// Close unwinds a body that is suspended under a Pull of its own: first the sequence, then the body.
func TestCloseUnwindsABodyUnderAPull(t *testing.T) {
	everyMode(t, func(t *testing.T, opts ...loop.Option) {
		l := newLoop(t, opts...)
		var log looptest.Journal
		spawn(l.Context(), "body", func(ctx context.Context) error {
			defer log.Add("body ends")
			next, stop := iter.Pull(func(yield func(error) bool) {
				defer log.Add("sequence ends")
				yield(task.Sleep(ctx, time.Hour))
			})
			defer stop()
			err, _ := next()
			log.Add("%v", err)
			return task.Sleep(ctx, time.Hour)
		})
		l.RunUntilIdle()
		l.Close() // TestMain fails if a goroutine is left
		log.Want(t, "canceled: loop: closed", "sequence ends", "body ends")
	})
}

// A panic under a Pull ends the task, and a Goexit ends the driver, as elsewhere.
func TestPanicAndGoexitUnderAPull(t *testing.T) {
	everyMode(t, func(t *testing.T, opts ...loop.Option) {
		l := newLoop(t, opts...)
		var log looptest.Journal
		pulls := func(name string, what func()) *task.Task[none] {
			return spawn(l.Context(), name, func(ctx context.Context) error {
				defer log.Add("%s ends", name)
				for range seq(func() {
					defer log.Add("sequence of %s ends", name)
					_ = task.Yield(ctx)
					what()
				}) {
				}
				return nil
			})
		}
		panics := pulls("panics", func() { panic("oh") })
		exits := pulls("exits", runtime.Goexit)
		after := pulls("after", func() {})
		if inGoroutine(func() { _ = l.Run() }) {
			t.Error("Run returned after a Goexit")
		}
		run(t, l)
		var p *loop.PanicError
		if !errors.As(panics.Err(), &p) || p.Value != "oh" || exits.Err() != loop.ErrGoexit || after.Err() != nil {
			t.Errorf("the errors are %v, %v, %v", panics.Err(), exits.Err(), after.Err())
		}
		log.Want(t, "sequence of panics ends", "panics ends", "sequence of exits ends", "exits ends", "sequence of after ends", "after ends")
	})
}

// A callback panics or calls Goexit while it runs on the stack of a Pull.
func TestGoexitOfACallbackOverAPull(t *testing.T) {
	everyMode(t, func(t *testing.T, opts ...loop.Option) {
		l := newLoop(t, opts...)
		var log looptest.Journal
		body := spawn(l.Context(), "body", func(ctx context.Context) error {
			defer log.Add("body ends")
			for range seq(func() {
				defer log.Add("sequence ends")
				_ = task.Sleep(ctx, time.Second)
			}) {
			}
			return nil
		})
		l.CallSoon(runtime.Goexit)
		if inGoroutine(func() { _ = l.Run() }) {
			t.Error("Run returned after a Goexit")
		}
		run(t, l)
		if err := body.Err(); err != nil && err != loop.ErrGoexit {
			t.Errorf("the body's error is %v", err)
		}
		log.Want(t, "sequence ends", "body ends")
	})
}

// If the error handler calls Goexit when it is called with a slow step, the outcome of the step does not
// change.
func TestSlowStepReportKeepsThePanicOfTheStep(t *testing.T) {
	exits := 0
	l := newLoop(t, loop.WithSlowStep(1), loop.WithErrorHandler(func(f loop.Failure) {
		if f.Kind == loop.SlowStep && exits == 0 {
			exits++
			runtime.Goexit()
		}
	}))
	x := script(l.Context(), "fails", func(context.Context, error) (task.Suspension, error) { panic(errForeign) })
	for !inGoroutine(l.RunUntilIdle) {
	}
	if !errors.Is(x.Err(), errForeign) || exits != 1 {
		t.Errorf("the task's error is %v, after %d exits", x.Err(), exits)
	}
}

// A step that takes exactly as long as the limit is slow.
func TestSlowStepTakesAtLeastTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		toldToSlog(t, func(string, string) {})
		var told []loop.Failure
		l := newLoop(t, loop.WithSlowStep(time.Second), toldTo(&told))
		l.CallSoon(func() { time.Sleep(time.Second - 1) })
		run(t, l)
		if len(told) != 0 {
			t.Errorf("after a quick step the error handler got %v", told)
		}
		l.CallSoon(func() { time.Sleep(time.Second) })
		run(t, l)
		if len(told) != 1 || told[0].Kind != loop.SlowStep {
			t.Errorf("after a slow step the error handler got %v", told)
		}
	})
}

// In debug mode Enqueue panics on another goroutine than the loop's.
func TestEnqueueOnAnotherGoroutine(t *testing.T) {
	l := newLoop(t, loop.WithDebug(), loop.WithTaskFactory(func(*loop.Task) {}))
	x := spawn(l.Context(), "x", func(context.Context) error { return nil })
	l.CallSoon(func() {
		inGoroutine(func() {
			mustPanic(t, "loop: Enqueue from another goroutine than the loop's", x.Task().Enqueue)
		})
		x.Task().Enqueue()
	})
	run(t, l)
	if !x.Done() {
		t.Error("the task has not ended")
	}
}

// StepNow, too, panics on another goroutine than the loop's.
func TestStepNowOnAnotherGoroutine(t *testing.T) {
	for kind, start := range map[string]func(ctx context.Context) *loop.Task{
		"stackful": func(ctx context.Context) *loop.Task {
			return spawn(ctx, "x", func(context.Context) error { return nil }).Task()
		},
		"machine": func(ctx context.Context) *loop.Task { return script(ctx, "x").Task() },
	} {
		t.Run(kind, func(t *testing.T) {
			l := newLoop(t, loop.WithDebug(), loop.WithTaskFactory(func(*loop.Task) {}))
			x := start(l.Context())
			l.CallSoon(func() {
				inGoroutine(func() {
					mustPanic(t, "loop: StepNow from another goroutine than the loop's", x.StepNow)
				})
				if x.Done() {
					t.Error("the task has ended on the other goroutine")
				}
				x.StepNow()
			})
			run(t, l)
			if !x.Done() {
				t.Error("the task has not ended")
			}
		})
	}
}
