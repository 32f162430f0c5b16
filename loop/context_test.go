package loop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

type key string

// open reports whether done is a channel that is not closed.
func open(done <-chan struct{}) bool {
	select {
	case <-done:
		return false
	default:
		return done != nil
	}
}

func TestContextOfATaskEndsWithTheRequest(t *testing.T) {
	l := newLoop(t)
	var ctx context.Context
	sleeper := spawn(l.Context(), "sleeper", func(c context.Context) error {
		ctx = c
		return task.Sleep(c, time.Hour)
	})
	l.RunUntilIdle()
	done := ctx.Done()
	if !open(done) || ctx.Err() != nil || context.Cause(ctx) != nil {
		t.Fatalf("before the request: Err %v, Cause %v", ctx.Err(), context.Cause(ctx))
	}
	sleeper.Cancel(io.EOF)
	if open(done) || ctx.Done() != done {
		t.Error("Cancel has not closed Done")
	}
	if ctx.Err() != context.Canceled {
		t.Errorf("Err = %v", ctx.Err())
	}
	var cause *loop.CanceledError
	if !errors.As(context.Cause(ctx), &cause) || cause.Cause != io.EOF {
		t.Errorf("Cause = %v", context.Cause(ctx))
	}
	sleeper.Cancel(io.ErrUnexpectedEOF) // the first cause counts
	if context.Cause(ctx) != error(cause) {
		t.Errorf("Cause = %v after another request", context.Cause(ctx))
	}
	run(t, l)
}

// A context that has ended before its Done was called for the first time behaves like any other.
func TestContextAskedAfterItsEnd(t *testing.T) {
	l := newLoop(t)
	sleeper := spawn(l.Context(), "sleeper", func(c context.Context) error { return task.Sleep(c, time.Hour) })
	l.RunUntilIdle()
	sleeper.Cancel(io.EOF)
	ctx := sleeper.Task().Context()
	if ctx.Err() != context.Canceled || context.Cause(ctx).Error() != "canceled: EOF" || open(ctx.Done()) {
		t.Errorf("Err %v, Cause %v, Done open %t", ctx.Err(), context.Cause(ctx), open(ctx.Done()))
	}
	derived, cancel := context.WithCancel(ctx)
	defer cancel()
	if derived.Err() != context.Canceled || context.Cause(derived).Error() != "canceled: EOF" {
		t.Errorf("derived: Err %v, Cause %v", derived.Err(), context.Cause(derived))
	}
	run(t, l)
}

func TestContextOfATaskHasNoDeadline(t *testing.T) {
	l := newLoop(t)
	if at, ok := spawn(l.Context(), "", task.Yield).Task().Context().Deadline(); ok {
		t.Errorf("the deadline is %v, want none", at)
	}
}

func TestDeadlineOfABoundTask(t *testing.T) {
	l := newLoop(t)
	at := time.Now().Add(time.Hour)
	spawn(l.Context(), "parent", func(ctx context.Context) error {
		limited, cancel := context.WithDeadline(ctx, at)
		defer cancel()
		child := spawn(limited, "child", func(ctx context.Context) error {
			if got, ok := ctx.Deadline(); !ok || got != at {
				t.Errorf("the child's deadline is %v, %t", got, ok)
			}
			return nil
		})
		return child.Wait(ctx)
	})
	run(t, l)
}

func TestValuesAreInherited(t *testing.T) {
	l := newLoop(t)
	host := context.WithValue(l.Context(), key("host"), 1)
	values := func(ctx context.Context) string {
		return fmt.Sprint(ctx.Value(key("host")), ctx.Value(key("parent")), ctx.Value(key("child")), ctx.Err())
	}
	var log looptest.Journal
	spawn(context.WithValue(host, key("parent"), 2), "parent", func(ctx context.Context) error {
		log.Add("parent %s", values(ctx))
		child := spawn(context.WithValue(ctx, key("child"), 3), "child", func(ctx context.Context) error {
			log.Add("child %s", values(ctx))
			grandchild := spawn(ctx, "grandchild", func(ctx context.Context) error {
				log.Add("grandchild %s", values(ctx))
				return nil
			})
			return grandchild.Wait(ctx)
		})
		_ = child.Wait(ctx)
		sibling := spawn(ctx, "sibling", func(ctx context.Context) error {
			log.Add("sibling %s", values(ctx))
			return nil
		})
		return sibling.Wait(ctx)
	})
	run(t, l)
	log.Want(t, "parent 1 2 <nil> <nil>", "child 1 2 3 <nil>", "grandchild 1 2 3 <nil>", "sibling 1 2 <nil> <nil>")
}

func TestCancellationIsNotInherited(t *testing.T) {
	for name, derive := range map[string]func(context.Context) context.Context{
		"own context":   func(ctx context.Context) context.Context { return ctx },
		"value context": func(ctx context.Context) context.Context { return context.WithValue(ctx, key("k"), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			var child *task.Task[none]
			parent := spawn(l.Context(), "parent", func(ctx context.Context) error {
				child = spawn(derive(ctx), "child", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
				return task.Sleep(ctx, time.Hour)
			})
			l.RunUntilIdle()
			parent.Cancel(nil)
			ctx := child.Task().Context()
			if ctx.Err() != nil || context.Cause(ctx) != nil || !open(ctx.Done()) {
				t.Errorf("the child's context has ended: %v, %v", ctx.Err(), context.Cause(ctx))
			}
			run(t, l)
			if child.Err() != nil || !parent.Canceled() {
				t.Errorf("child %v, parent %v", child.Err(), parent.Err())
			}
		})
	}
}

// If a canceled task spawns another one with its own context, the new task is not canceled.
func TestSpawnByACanceledTask(t *testing.T) {
	l := newLoop(t)
	var child *task.Task[none]
	parent := spawn(l.Context(), "parent", func(ctx context.Context) error {
		err := task.Sleep(ctx, time.Hour)
		child = spawn(ctx, "cleanup", func(ctx context.Context) error {
			if ctx.Err() != nil || context.Cause(ctx) != nil {
				t.Errorf("the context has ended: %v, %v", ctx.Err(), context.Cause(ctx))
			}
			return task.Sleep(ctx, time.Second)
		})
		return errors.Join(err, child.Wait(ctx))
	})
	l.RunUntilIdle()
	parent.Cancel(nil)
	run(t, l)
	if child.Err() != nil {
		t.Errorf("child: %v", child.Err())
	}
}

func TestCancellationIsEdgeTriggered(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	sleeper := spawn(l.Context(), "sleeper", func(ctx context.Context) error {
		log.Add("%v", task.Sleep(ctx, time.Hour))
		log.Add("%v, Err %v", task.Sleep(ctx, time.Second), ctx.Err())
		return nil
	})
	l.RunUntilIdle()
	sleeper.Cancel(nil)
	run(t, l)
	log.Want(t, "canceled", "<nil>, Err context canceled")
	if sleeper.Err() != nil || sleeper.CancelRequests() != 1 {
		t.Errorf("the task ended with %v and %d requests, want nil and 1", sleeper.Err(), sleeper.CancelRequests())
	}
}

// After Uncancel the old context stays canceled, but may still be used to await. Task.Context returns a
// fresh context from then on.
func TestUncancelGivesTheTaskAnotherContext(t *testing.T) {
	l := newLoop(t)
	var sleeper *task.Task[none]
	sleeper = spawn(l.Context(), "sleeper", func(ctx context.Context) error {
		self := lowlevel.Current(ctx)
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		if self.Context() != ctx {
			t.Error("the body was given another context")
		}
		if err := task.Sleep(ctx, time.Hour); err == nil {
			t.Error("the sleep was not canceled")
		}
		if n := sleeper.Uncancel(); n != 1 || self.Context() != ctx {
			t.Errorf("after one Uncancel %d of 2 requests are left, or the context is another one", n)
		}
		if n := sleeper.Uncancel(); n != 0 {
			t.Errorf("after two Uncancels %d requests are left", n)
		}
		if ctx.Err() != context.Canceled || open(ctx.Done()) || context.Cause(ctx) == nil {
			t.Errorf("the old context has not stayed ended: %v", ctx.Err())
		}
		renewed := self.Context()
		if renewed == ctx || renewed.Err() != nil || context.Cause(renewed) != nil || !open(renewed.Done()) {
			t.Errorf("the fresh context has Err %v, Cause %v", renewed.Err(), context.Cause(renewed))
		}
		if err := task.Sleep(derived, 1); err == nil {
			t.Error("an await under a context derived from the old one succeeds, want an error")
		}
		fresh, cancelFresh := context.WithCancel(renewed)
		defer cancelFresh()
		for _, good := range []context.Context{ctx, renewed, fresh} {
			if err := task.Sleep(good, time.Second); err != nil {
				t.Errorf("an await under %v returned %v", good, err)
			}
		}
		if lowlevel.Current(ctx) != self || lowlevel.Current(renewed) != self {
			t.Error("the contexts belong to another task")
		}
		sleeper.Cancel(io.EOF) // ends the fresh context, too
		if open(renewed.Done()) || causeOf(context.Cause(renewed)) != io.EOF || fresh.Err() == nil {
			t.Errorf("after a new request the cause of the fresh context is %v, want EOF", context.Cause(renewed))
		}
		return nil
	})
	l.RunUntilIdle()
	sleeper.Cancel(nil)
	sleeper.Cancel(nil)
	run(t, l)
	if sleeper.Uncancel() != 0 {
		t.Error("requests are left")
	}
}

// After Uncancel, a task that is spawned with the old context is not canceled.
func TestSpawnAfterUncancel(t *testing.T) {
	l := newLoop(t)
	var x *task.Task[none]
	x = spawn(l.Context(), "x", func(ctx context.Context) error {
		x.Cancel(nil)
		x.Uncancel()
		for _, ctx := range []context.Context{ctx, context.WithValue(ctx, key("k"), 1), lowlevel.Current(ctx).Context()} {
			child := spawn(ctx, "child", func(ctx context.Context) error {
				if ctx.Err() != nil || context.Cause(ctx) != nil {
					t.Errorf("the child's context has ended: %v", context.Cause(ctx))
				}
				return task.Yield(ctx)
			})
			if err := child.Wait(ctx); err != nil {
				t.Errorf("the child ended with %v", err)
			}
		}
		return nil
	})
	run(t, l)
}

func TestUncancelOfNothing(t *testing.T) {
	l := newLoop(t)
	x := spawn(l.Context(), "x", task.Yield)
	if x.Uncancel() != 0 || x.CancelRequests() != 0 {
		t.Error("the number of requests is not 0")
	}
	run(t, l)
}

func TestContextOfTheLoopEndsWithClose(t *testing.T) {
	l := newLoop(t)
	ctx := l.Context()
	done := ctx.Done()
	if !open(done) || ctx.Err() != nil {
		t.Error("the loop's context has ended before Close")
	}
	l.Close()
	var canceled *loop.CanceledError
	if open(done) || ctx.Err() != context.Canceled || !errors.As(context.Cause(ctx), &canceled) || canceled.Cause != loop.ErrClosed {
		t.Errorf("Err %v, Cause %v", ctx.Err(), context.Cause(ctx))
	}
}

func TestFromContext(t *testing.T) {
	l := newLoop(t)
	spawn(l.Context(), "task", func(ctx context.Context) error {
		derived, cancel := context.WithCancel(context.WithValue(ctx, key("k"), 1))
		defer cancel()
		for _, ctx := range []context.Context{ctx, derived, l.Context(), context.WithoutCancel(derived)} {
			if lowlevel.LoopOf(ctx) != l {
				t.Errorf("%v belongs to another loop", ctx)
			}
		}
		if lowlevel.Current(ctx) != lowlevel.Current(derived) || lowlevel.Current(ctx).Name() != "task" {
			t.Error("Current is not the running task")
		}
		return nil
	})
	run(t, l)
	mustPanic(t, "loop: the context context.Background belongs to no loop; use the context that the task's body was handed, or Loop.Context",
		func() { lowlevel.LoopOf(context.Background()) })
	mustPanic(t, "loop: the context context.Background belongs to no loop", func() { future.New[int](context.Background()) })
	mustPanic(t, "loop: the context context.Background belongs to no loop", func() { spawn(context.Background(), "", task.Yield) })
	mustPanic(t, "loop: the context context.Background belongs to no loop", func() { _ = task.Yield(context.Background()) })
}

func TestContextString(t *testing.T) {
	l := newLoop(t)
	x := spawn(l.Context(), "x", task.Yield)
	if got := fmt.Sprint(l.Context(), " ", x.Task().Context()); got != `loop.Context loop.Context(task 1)` {
		t.Errorf("%s", got)
	}
}

func TestContextStringWhileTheNameChanges(t *testing.T) {
	l := newLoop(t)
	spawn(l.Context(), "x", func(ctx context.Context) error {
		printed := make(chan string)
		go func() { printed <- fmt.Sprint(ctx) }()
		lowlevel.Current(ctx).SetName("y")
		if got := <-printed; got != "loop.Context(task 1)" {
			t.Errorf("%s", got)
		}
		return nil
	})
	run(t, l)
}

func TestBind(t *testing.T) {
	l := newLoop(t)
	outside, cancel := context.WithCancelCause(context.WithValue(context.Background(), key("k"), 1))
	defer cancel(nil)
	ctx := l.Bind(outside)
	if lowlevel.LoopOf(ctx) != l || !belongs(ctx) || ctx.Value(key("k")) != 1 {
		t.Error("the bound context does not belong to the loop, or has lost its values")
	}
	var log looptest.Journal
	bound := spawn(ctx, "bound", func(ctx context.Context) error {
		log.Add("value %v", ctx.Value(key("k")))
		return task.Sleep(ctx, time.Hour)
	})
	l.RunUntilIdle()
	cancel(io.EOF)
	never := spawn(ctx, "never", func(context.Context) error { t.Error("ran"); return nil })
	run(t, l)
	log.Want(t, "value 1")
	if causeOf(bound.Err()) != io.EOF || causeOf(never.Err()) != io.EOF {
		t.Errorf("bound %v, never %v", bound.Err(), never.Err())
	}
	mustPanic(t, "loop: this needs a task", func() { _ = task.Yield(ctx) })
}

func TestOutside(t *testing.T) {
	l := newLoop(t)
	var x *task.Task[none]
	x = spawn(context.WithValue(l.Context(), key("k"), 1), "x", func(ctx context.Context) error {
		out := loop.Outside(ctx)
		if belongs(out) || !belongs(ctx) || out.Value(key("k")) != 1 || out.Err() != nil {
			t.Error("the outside context belongs to a loop, or has lost its values")
		}
		mustPanic(t, "loop: this is the context of a Blocking call, or of loop.Outside, under which nothing can await or spawn", func() { _ = task.Yield(out) })
		x.Cancel(io.EOF)
		if out.Err() != context.Canceled || causeOf(context.Cause(out)) != io.EOF {
			t.Errorf("Err %v, Cause %v", out.Err(), context.Cause(out))
		}
		return nil
	})
	run(t, l)
	if belongs(context.Background()) {
		t.Error("context.Background belongs to a loop")
	}
}

// Each misuse of a context has its own message. Every function that suspends panics with it, also if the
// context is derived from the wrong one.
func TestMisuseOfContexts(t *testing.T) {
	l := newLoop(t)
	mustMisuse := func(ctx context.Context, want string) {
		t.Helper()
		value := context.WithValue(ctx, key("k"), 1)
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		for _, ctx := range []context.Context{ctx, value, derived} {
			mustPanic(t, want, func() { lowlevel.Current(ctx) })
			mustPanic(t, want, func() { _ = task.Sleep(ctx, time.Second) })
			mustPanic(t, want, func() { _ = task.Yield(ctx) })
			mustPanic(t, want, func() { _ = future.New[int](l.Context()).Wait(ctx) })
		}
	}
	var finished, suspended context.Context
	spawn(l.Context(), "finished", func(ctx context.Context) error { finished = ctx; return nil })
	spawn(l.Context(), "suspended", func(ctx context.Context) error { suspended = ctx; return task.Sleep(ctx, time.Second) })
	l.RunUntilIdle()

	mustMisuse(suspended, `loop: the context of task "suspended" was used while its loop is not running; a host uses Loop.Context to spawn`)
	mustMisuse(finished, `loop: the context of task "finished" was used after the task ended (no task is running)`)
	mustMisuse(l.Context(), "loop: this needs a task, and was called with the loop's context outside every task; spawn one with task.Go")

	l.CallSoon(func() {
		mustMisuse(suspended, `loop: the context of task "suspended" was used where no task is running; a callback cannot suspend: spawn a task with task.Go(l.Context(), ...); another goroutine uses Post or task.Submit`)
		mustMisuse(l.Context(), "loop: this needs a task")
	})
	spawn(l.Context(), "thief", func(ctx context.Context) error {
		mustMisuse(suspended, `loop: the context of task "suspended" was used where task "thief" is running`)
		mustMisuse(finished, `loop: the context of task "finished" was used after the task ended (task "thief" is running)`)
		mustMisuse(l.Context(), `loop: this was called in task "thief" with the loop's context; use the context that the task's body was handed`)
		return nil
	})
	run(t, l)
}

// The panic of a misuse ends only the task that made it, and becomes the error of that task.
func TestMisuseEndsTheTaskOnly(t *testing.T) {
	l := newLoop(t)
	bad := spawn(l.Context(), "bad", func(context.Context) error { return task.Yield(l.Context()) })
	good := spawn(l.Context(), "good", task.Yield)
	run(t, l)
	var p *loop.PanicError
	if !errors.As(bad.Err(), &p) || p.Task != "bad" || good.Err() != nil {
		t.Errorf("bad: %v, good: %v", bad.Err(), good.Err())
	}
}

// After the first step of an eager task, the spawner is the current task again.
func TestContextOfTheSpawnerDuringAnEagerStep(t *testing.T) {
	l := newLoop(t, loop.WithTaskFactory((*loop.Task).StepNow))
	spawn(l.Context(), "outer", func(outer context.Context) error {
		spawn(outer, "inner", func(inner context.Context) error {
			mustPanic(t, `the context of task "outer" was used where task "inner" is running`, func() { _ = task.Yield(outer) })
			return task.Yield(inner)
		})
		return task.Yield(outer)
	})
	run(t, l)
}

func TestContextIsSafeFromOtherGoroutines(t *testing.T) {
	l := newLoop(t)
	var all sync.WaitGroup
	stop := make(chan none)
	task.Go(context.WithValue(l.Context(), key("k"), 1), func(ctx context.Context) (none, error) {
		self := lowlevel.Current(ctx)
		for range 4 {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					_, _ = ctx.Deadline()
					if err := ctx.Err(); err != nil && err != context.Canceled {
						t.Errorf("Err = %v", err)
					}
					if v := ctx.Value(key("k")); v != 1 {
						t.Errorf("Value = %v", v)
					}
					_ = context.Cause(ctx)
					_ = open(ctx.Done())
					_ = lowlevel.LoopOf(ctx)
				}
			})
		}
		for range 500 {
			self.Cancel(io.EOF)
			if err := task.Yield(ctx); err == nil {
				t.Error("a yield after Cancel returned nil")
			}
			self.Uncancel()
			if err := task.Yield(ctx); err != nil {
				t.Errorf("a yield after Uncancel returned %v", err)
			}
		}
		close(stop)
		return none{}, nil
	})
	run(t, l)
	all.Wait()
}

// Done must never be closed while Err is nil: then package context panics.
func TestDerivingOnOtherGoroutinesDuringCancelAndUncancel(t *testing.T) {
	l := newLoop(t)
	task.Go(l.Context(), func(ctx context.Context) (none, error) {
		self := lowlevel.Current(ctx)
		var all sync.WaitGroup
		for range 200 {
			renewed := self.Context()
			for range 2 {
				all.Go(func() {
					_, cancel := context.WithCancel(renewed)
					cancel()
					if err := renewed.Err(); (err == nil) != open(renewed.Done()) && renewed.Err() == err {
						t.Errorf("Err is %v, but Done says otherwise", err)
					}
				})
			}
			self.Cancel(nil)
			self.Uncancel()
		}
		all.Wait()
		return none{}, nil
	})
	run(t, l)
}

// The context of a bounded task ends with the task, whether Done was called before or not.
func TestContextAfterABoundedTask(t *testing.T) {
	for _, asked := range []bool{false, true} {
		l := newLoop(t)
		outer, cancel := context.WithCancel(l.Context())
		defer cancel()
		var ctx context.Context
		spawn(outer, "x", func(own context.Context) error {
			ctx = own
			if asked {
				_ = ctx.Done()
			}
			return nil
		})
		run(t, l)
		if ctx.Err() != context.Canceled {
			t.Fatalf("Err is %v", ctx.Err())
		}
		if cause := context.Cause(ctx); cause != context.Canceled {
			t.Errorf("Cause is %v", cause)
		}
		derived, stop := context.WithCancel(ctx)
		defer stop()
		<-derived.Done()
		if outer.Err() != nil {
			t.Error("the context around the task has ended, too")
		}
	}
}

// Outside keeps a deadline of real time, and hides a deadline of virtual time.
func TestOutsideKeepsADeadlineOfRealTime(t *testing.T) {
	until := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		clock timer.Clock
		kept  bool
	}{"real": {timer.NewSystem(), true}, "virtual": {timer.NewVirtual(), false}} {
		l := newLoop(t, loop.WithClock(c.clock))
		ctx, cancel := context.WithDeadline(l.Context(), until)
		defer cancel()
		at, ok := loop.Outside(ctx).Deadline()
		if ok != c.kept || ok && !at.Equal(until) {
			t.Errorf("%s: the deadline is %v, %v", name, at, ok)
		}
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	if at, ok := loop.Outside(ctx).Deadline(); !ok || !at.Equal(until) {
		t.Errorf("context of no loop: the deadline is %v, %v", at, ok)
	}
}

// asking is a context that calls asked once, in its Done. It counts how many contexts wait for its end:
// package context registers them by the method AfterFunc.
type asking struct {
	context.Context
	asked func()
	done  chan struct{} // not that of the Context
	waits int
}

func (a *asking) Done() <-chan struct{} {
	if asked := a.asked; asked != nil {
		a.asked = nil
		asked()
	}
	return a.done
}

func (a *asking) AfterFunc(func()) (stop func() bool) {
	a.waits++
	return sync.OnceValue(func() bool {
		a.waits--
		return true
	})
}

// If two goroutines call Done of a task's context for the first time at the same time, both get the same
// channel. The second context that was made meanwhile leaves nothing behind. Here one call of Done runs
// inside the other.
func TestDoneIsAskedForWhileItIsMade(t *testing.T) {
	l := newLoop(t)
	around := &asking{Context: l.Context(), done: make(chan struct{})}
	var first, second <-chan struct{}
	spawn(around, "x", func(ctx context.Context) error {
		around.asked = func() { first = ctx.Done() }
		second = ctx.Done()
		return nil
	})
	run(t, l)
	if first == nil || first != second {
		t.Errorf("Done returned %v, and then %v; want the same channel", first, second)
	}
	if open(second) {
		t.Error("Done is open after the end of the task")
	}
	if around.waits != 0 {
		t.Errorf("%d contexts still wait for the end of the context around the task", around.waits)
	}
}

// A context that is derived from a canceled task's context has ended, too, and an await under it fails at
// once. An await under the task's own context succeeds.
func TestContextDerivedFromOneThatHasEnded(t *testing.T) {
	l := newLoop(t)
	x := spawn(l.Context(), "x", func(ctx context.Context) error {
		if err := task.Sleep(ctx, time.Hour); causeOf(err) != io.EOF {
			t.Errorf("the first sleep returned %v, want a cancellation with EOF", err)
		}
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		if err := task.Sleep(derived, time.Hour); causeOf(err) != io.EOF {
			t.Errorf("the sleep under the derived context returned %v, want a cancellation with EOF", err)
		}
		return task.Sleep(ctx, time.Second)
	})
	l.CallSoon(func() { l.CallSoon(func() { x.Cancel(io.EOF) }) })
	run(t, l)
	if err := x.Err(); err != nil || l.Elapsed() != time.Second {
		t.Errorf("the task ended with %v, after %v", err, l.Elapsed())
	}
}

// A goroutine that a body has started cannot use the contexts of the loop. The panic says what can.
func TestContextOnAnotherGoroutine(t *testing.T) {
	for _, opts := range [][]loop.Option{nil, {loop.WithDebug()}} {
		l := newLoop(t, opts...)
		var other context.Context
		spawn(l.Context(), "other", func(ctx context.Context) error { other = ctx; return task.Yield(ctx) })
		spawn(l.Context(), "maker", func(ctx context.Context) error {
			for what, ctx := range map[string]context.Context{`the context of task "other"`: other, "the loop's context": l.Context()} {
				done := make(chan struct{})
				go func() {
					defer close(done)
					mustPanic(t, what+" was used on another goroutine than the loop's, which cannot await", func() { _ = task.Yield(ctx) })
				}()
				<-done
			}
			return nil
		})
		run(t, l)
	}
}
