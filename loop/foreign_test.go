package loop_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// What code of others does that runs inside the loop's own steps: observers, policies,
// factories, hooks, handlers. Each test is a table: a panic and a Goexit, on stackful and
// stackless bodies, started lazily and eagerly.

var errForeign = errors.New("foreign code panicked")

var misdeeds = map[string]func(){
	"panic":  func() { panic(errForeign) },
	"Goexit": runtime.Goexit,
}

var factories = map[string]loop.TaskFactory{"lazy": nil, "eager": factory.Eager}

// inEveryWay runs test for every row of the table.
func inEveryWay(t *testing.T, test func(t *testing.T, m misuse)) {
	for what, misdeed := range misdeeds {
		for _, kind := range []lowlevel.Kind{lowlevel.Stackful, lowlevel.Stackless} {
			for when, start := range factories {
				m := misuse{misdeed: misdeed, goexit: what == "Goexit", kind: kind, start: start}
				t.Run(fmt.Sprintf("%s/%s/%s", what, [...]string{"stackful", "stackless"}[kind], when),
					func(t *testing.T) { test(t, m) })
			}
		}
	}
}

type misuse struct {
	misdeed func()
	goexit  bool
	kind    lowlevel.Kind
	start   loop.TaskFactory
}

// world is a loop with tasks that have nothing to do with each other, and do all that
// makes events.
type world struct {
	*loop.Loop
	misuse
	f     *future.Future[int] // that all wait for
	ch    chan int
	tasks []*task.Task[none] // in order of making
	told  []loop.Failure
}

func newWorld(t *testing.T, m misuse, opts ...loop.Option) *world {
	o := &world{misuse: m}
	all := []loop.Option{toldTo(&o.told)}
	if m.start != nil {
		all = append(all, loop.WithTaskFactory(m.start))
	}
	o.Loop = newLoop(t, append(all, opts...)...)
	return o
}

// spawn makes a task of the kind asked for.
func (o *world) spawn(ctx context.Context, name string, body func(context.Context) error, steps ...step) {
	var tk *task.Task[none]
	if o.kind == lowlevel.Stackful {
		tk = spawn(ctx, name, body)
	} else {
		tk = script(ctx, name, steps...)
	}
	o.tasks = append(o.tasks, tk)
}

// child makes a task that sleeps, and is canceled, and awaited by nobody.
func (o *world) child(ctx context.Context, name string) {
	o.spawn(ctx, name, func(ctx context.Context) error {
		_ = task.Sleep(ctx, time.Second)
		return nil
	}, func(context.Context, error) (task.Suspension, error) { return task.For(time.Second), nil },
		func(context.Context, error) (task.Suspension, error) { return task.Turn(), nil })
	o.tasks[len(o.tasks)-1].Cancel(nil)
}

// busy makes tasks and callbacks that cause events of every kind.
func (o *world) busy() {
	o.f, o.ch = future.New[int](o.Context()), make(chan int, 3)
	first := func(ctx context.Context) {
		o.CallLater(time.Minute, func() {}).Cancel()
		_ = o.Post(func() {})
		o.child(ctx, o.Current().Name()+"'s child")
	}
	hosts := func(what func()) { inGoroutine(what) } // which an observer may end
	hosts(func() { o.CallLater(2*time.Second, func() { _ = o.f.SetResult(1) }) })
	hosts(func() {
		o.CallLater(3*time.Second, func() {
			for range 3 {
				o.ch <- 1
			}
		})
	})
	hosts(func() { _ = o.Post(func() {}) })
	for _, name := range []string{"a", "b", "c"} {
		hosts(func() { o.bystander(name, first) })
	}
	if len(o.tasks) > 0 { // one waits for the end of another
		a := o.tasks[0]
		hosts(func() {
			o.spawn(o.Context(), "waits", func(ctx context.Context) error {
				if err := a.Wait(ctx); !a.Done() {
					return err
				}
				return nil
			}, func(context.Context, error) (task.Suspension, error) { return task.On(a), nil },
				func(context.Context, error) (task.Suspension, error) { return task.Turn(), nil })
		})
	}
}

// bystander makes a task that makes events, first by first.
func (o *world) bystander(name string, first func(context.Context)) {
	o.spawn(o.Context(), name, func(ctx context.Context) error {
		first(ctx)
		for _, await := range []func(context.Context) error{task.Yield, sleepsASecond, o.f.Wait, o.receives, task.Yield} {
			if err := await(ctx); err != nil {
				return err
			}
		}
		return nil
	},
		func(ctx context.Context, err error) (task.Suspension, error) { first(ctx); return task.Turn(), nil },
		func(_ context.Context, err error) (task.Suspension, error) { return task.For(time.Second), err },
		func(_ context.Context, err error) (task.Suspension, error) { return task.On(o.f), err },
		func(_ context.Context, err error) (task.Suspension, error) { return task.Turn(), err })
}

func sleepsASecond(ctx context.Context) error { return task.Sleep(ctx, time.Second) }

func (o *world) receives(ctx context.Context) error {
	_, _, err := task.Recv(ctx, o.ch)
	return err
}

// finish runs the loop to its end, in several goroutines if Goexits end them, and
// returns how many were ended.
func (o *world) finish(t *testing.T) (exits int) {
	t.Helper()
	for exits = 0; exits < 10; exits++ {
		if inGoroutine(func() {
			if err := o.Run(); err != nil {
				t.Errorf("Run: %v", err)
			}
		}) {
			break
		}
	}
	return exits
}

// ended returns the tasks that a Goexit has ended. Every other one must have succeeded, or
// been canceled as it was to be.
func (o *world) ended(t *testing.T) (names []string) {
	t.Helper()
	for _, tk := range o.tasks {
		switch err := tk.Err(); {
		case !tk.Done():
			t.Errorf("%v %s", tk, tk.Task().Status())
		case err == loop.ErrGoexit:
			names = append(names, tk.Name())
		case err != nil && !loop.IsCanceled(err):
			t.Errorf("%v: %v", tk, err)
		}
	}
	return names
}

// wantTold checks that the error handler was told of one failure of the kind.
func (o *world) wantTold(t *testing.T, kind loop.FailureKind) {
	t.Helper()
	if len(o.told) != 1 || o.told[0].Kind != kind {
		t.Fatalf("told: %v", o.told)
	}
	want := errForeign
	if o.goexit {
		want = loop.ErrGoexit
	}
	if !errors.Is(o.told[0].Err, want) {
		t.Errorf("told: %v", o.told[0].Err)
	}
}

// An observer that misbehaves at its n-th event, for every n, is dropped and reported,
// once. Another one sees that event too, and what follows. A Goexit ends the driver, and
// with it the task in whose step it was, and the makers of eager steps, but no other task.
func TestObserverThatMisbehaves(t *testing.T) {
	for what, opts := range map[string][]loop.Option{"plain": nil, "debug": {loop.WithSlowStep(time.Hour)}} {
		for _, turns := range []int{0, 1, 3, 1000} { // before the loop is closed
			t.Run(fmt.Sprintf("%s, %d turns", what, turns), func(t *testing.T) {
				inEveryWay(t, func(t *testing.T, m misuse) { observerMisbehaves(t, m, turns, opts) })
			})
		}
	}
}

func observerMisbehaves(t *testing.T, m misuse, turns int, opts []loop.Option) {
	missing := allKinds()
	for n := 1; ; n++ {
		events, hit := 0, loop.Event{}
		var seen []loop.EventKind
		o := newWorld(t, m, append(opts,
			loop.WithObserver(func(e loop.Event) {
				if events++; events == n {
					hit = e
					m.misdeed()
				}
			}),
			loop.WithObserver(func(e loop.Event) { seen = append(seen, e.Kind) }))...)
		o.busy()
		exits := 0
		if turns < 1000 {
			for range turns {
				if !inGoroutine(func() { o.RunOnce() }) {
					exits++
				}
			}
		} else {
			exits = o.finish(t)
		}
		if !inGoroutine(o.Close) {
			exits++
		}
		if events < n {
			if turns == 1000 && len(missing) > 0 {
				t.Errorf("there was no event of %v", missing)
			}
			return
		}
		delete(missing, hit.Kind)
		o.wantTold(t, loop.ObserverFailed)
		if events != n || len(seen) < n || seen[n-1] != hit.Kind {
			t.Errorf("told %d times, and the other one saw %v", events, seen)
		}
		ended := o.ended(t)
		for _, name := range ended {
			mine := hit.By != nil && (hit.By.Name() == name || hit.By.Name() == name+"'s child") ||
				hit.By == nil && hit.Kind == loop.TimerCanceled && hit.Task.Name() == name
			if !m.goexit || !mine {
				t.Errorf("a Goexit ended %s", name)
			}
		}
		if !m.goexit && exits > 0 || exits > 1 {
			t.Errorf("%d goroutines were ended", exits)
		}
		if t.Failed() {
			t.Fatalf("at event %d, %s", n, describe(hit))
		}
	}
}

// A Goexit of an observer that is told of a suspension unwinds the body: what that awaits in
// its deferred calls fails at once.
func TestAwaitOfABodyThatAnObserverEnds(t *testing.T) {
	var told []loop.Failure
	l := newLoop(t, toldTo(&told), loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.TaskSuspended {
			runtime.Goexit()
		}
	}))
	var err error
	x := spawn(l.Context(), "x", func(ctx context.Context) error {
		defer func() { err = task.Sleep(ctx, time.Second) }()
		return task.Sleep(ctx, time.Minute)
	})
	if inGoroutine(func() { _ = l.Run() }) {
		t.Error("the driver was not ended")
	}
	if !loop.IsCanceled(err) || x.Err() != loop.ErrGoexit || l.Elapsed() != 0 {
		t.Errorf("the deferred await ended with %v after %v, the task with %v", err, l.Elapsed(), x.Err())
	}
	run(t, l)
}

// A Goexit of an observer that is told of the end of a task leaves no task running.
func TestNothingRunsAfterAGoexitOfAnObserver(t *testing.T) {
	inEveryWay(t, func(t *testing.T, m misuse) {
		if !m.goexit {
			return
		}
		o := newWorld(t, m, loop.WithObserver(func(e loop.Event) {
			if e.Kind == loop.TaskDone {
				runtime.Goexit()
			}
		}))
		o.CallSoon(func() { o.spawn(o.Context(), "x", func(context.Context) error { return nil }) })
		if inGoroutine(func() { _ = o.Run() }) {
			t.Error("the driver was not ended")
		}
		if x := o.Current(); x != nil {
			t.Errorf("%v is running", x)
		}
		run(t, o.Loop)

		o = newWorld(t, m, loop.WithObserver(func(e loop.Event) {
			if e.Kind == loop.TaskDone {
				runtime.Goexit()
			}
		}))
		o.spawn(o.Context(), "x", sleepsASecond, func(context.Context, error) (task.Suspension, error) { return task.For(1), nil })
		o.RunUntilIdle()
		if inGoroutine(o.Close) {
			t.Error("what closes the loop was not ended")
		}
		if x := o.Current(); x != nil {
			t.Errorf("%v is running in a loop that is closed", x)
		}
	})
}

// What a Goexit has left of a turn runs before what comes from outside meanwhile.
func TestTurnThatAGoexitEnds(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallSoon(runtime.Goexit)
	l.CallSoon(func() {
		log.Add("the rest")
		l.CallSoon(log.Callback("what follows"))
	})
	inGoroutine(func() { _ = l.Run() })
	_ = l.Post(log.Callback("a post"))
	run(t, l)
	log.Want(t, "the rest", "what follows", "a post")
}

func allKinds() map[loop.EventKind]bool {
	kinds := map[loop.EventKind]bool{}
	for kind := loop.TaskMade; kind <= loop.TurnBegan; kind++ {
		kinds[kind] = true
	}
	return kinds
}

// A policy that misbehaves at its n-th choice is dropped and reported, once. A Goexit ends
// the driver, and no task.
func TestPolicyThatMisbehaves(t *testing.T) {
	inEveryWay(t, func(t *testing.T, m misuse) {
		for n := 1; ; n++ {
			p := &picks{pick: first}
			p.pick = func([]*loop.Task, bool) int {
				if len(p.asked) == n {
					m.misdeed()
				}
				return 0
			}
			o := newWorld(t, m, lowlevel.WithPolicy(p, n%2 == 0))
			o.busy()
			exits := o.finish(t)
			o.Close()
			if len(p.asked) < n {
				if n < 5 {
					t.Errorf("there were only %d choices", len(p.asked))
				}
				return
			}
			o.wantTold(t, loop.PolicyFailed)
			if ended := o.ended(t); len(ended) > 0 || len(p.asked) != n || (exits == 1) != m.goexit || exits > 1 {
				t.Fatalf("at choice %d: asked %d times, %d exits, ended %v", n, len(p.asked), exits, ended)
			}
		}
	})
}

// An error handler that misbehaves harms nothing, wherever it is called: a failure of a
// callback, of an observer and of a policy is told by the driver, and Close tells all that
// is left.
func TestErrorHandlerThatMisbehaves(t *testing.T) {
	inEveryWay(t, func(t *testing.T, m misuse) {
		var logged strings.Builder
		testkit.LogTo(t, slog.NewTextHandler(&logged, nil))
		var told []loop.FailureKind
		handler := loop.WithErrorHandler(func(f loop.Failure) {
			told = append(told, f.Kind)
			m.misdeed()
		})
		var observed loop.EventKind
		observer := loop.WithObserver(func(e loop.Event) {
			if e.Kind == loop.TimerFired {
				observed = e.Kind
				panic(errForeign)
			}
		})
		o := newWorld(t, m, handler, observer, lowlevel.WithPolicy(&picks{pick: func([]*loop.Task, bool) int { return -1 }}, false))
		o.busy()
		for range 3 {
			o.CallSoon(func() { panic(errForeign) })
		}
		failing := spawn(o.Context(), "failing", func(context.Context) error { return errForeign })
		spawn(o.Context(), "failing too", func(context.Context) error { return errForeign })
		exits := o.finish(t)
		if !inGoroutine(o.Close) {
			exits++
		}
		if ended := o.ended(t); len(ended) > 0 || !failing.Done() {
			t.Errorf("ended: %v", ended)
		}
		want := []loop.FailureKind{loop.PolicyFailed, loop.CallbackFailed, loop.CallbackFailed, loop.CallbackFailed,
			loop.ObserverFailed, loop.ErrorUnretrieved, loop.ErrorUnretrieved}
		slices.Sort(told)
		slices.Sort(want)
		if !slices.Equal(told, want) || observed == 0 {
			t.Errorf("told of %v, want %v", told, want)
		}
		// One Goexit goes on in Close, which tells of two failures.
		switch panics := strings.Count(logged.String(), "the error handler panicked"); {
		case m.goexit && (exits != len(want)-1 || panics > 0), !m.goexit && (exits > 0 || panics != len(want)):
			t.Errorf("%d exits, logged:\n%v", exits, &logged)
		}
	})
}

// What slog itself does harms nothing either.
func TestSlogThatPanics(t *testing.T) {
	testkit.LogTo(t, brokenSlog{})
	stderr := os.Stderr
	defer func() { os.Stderr = stderr }()
	os.Stderr, _ = os.Open(os.DevNull)
	defer os.Stderr.Close()
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	bystander := spawn(l.Context(), "bystander", sleepsASecond)
	l.CallSoon(func() { panic(errForeign) })
	run(t, l)
	if err := bystander.Err(); err != nil {
		t.Error(err)
	}
}

type brokenSlog struct{ slog.Handler }

func (brokenSlog) Enabled(context.Context, slog.Level) bool  { return true }
func (brokenSlog) Handle(context.Context, slog.Record) error { panic(errForeign) }

// A factory or hook that misbehaves ends the call that makes the task, and the task if it
// has not started it. Everything else goes on.
func TestFactoryThatMisbehaves(t *testing.T) {
	inEveryWay(t, func(t *testing.T, m misuse) {
		start := m.start
		if start == nil {
			start = factory.Lazy
		}
		for name, f := range map[string]struct {
			factory loop.TaskFactory
			starts  bool
		}{
			"before":        {func(x *loop.Task) { m.misdeed(); start(x) }, false},
			"after":         {func(x *loop.Task) { start(x); m.misdeed() }, true},
			"lazy hook":     {factory.NewLazy(func(*loop.Task, future.Any) { m.misdeed() }), false},
			"eager hook":    {factory.NewEager(func(*loop.Task, future.Any) { m.misdeed() }), false},
			"canceled":      {func(x *loop.Task) { x.Cancel(nil); m.misdeed() }, false},
			"in a wrapping": {func(x *loop.Task) { lowlevel.Wrap(x, func(b lowlevel.Body) lowlevel.Body { m.misdeed(); return b }) }, false},
			"wraps in nil":  {func(x *loop.Task) { lowlevel.Wrap(x, func(b lowlevel.Body) lowlevel.Body { return nil }) }, false},
		} {
			t.Run(name, func(t *testing.T) {
				goexit := m.goexit && name != "wraps in nil"
				ran := 0
				var made *loop.Task
				o := newWorld(t, m, loop.WithTaskFactory(func(x *loop.Task) {
					if x.Name() != "new" {
						start(x)
						return
					}
					made = x
					f.factory(x)
				}))
				o.busy()
				body := func(context.Context) error { ran++; return nil }
				var went any
				maker := spawn(o.Context(), "maker", func(ctx context.Context) error {
					defer func() {
						went = recover()
						if x := o.Current(); x == nil || x.Name() != "maker" {
							t.Errorf("the current task is %v", x)
						}
					}()
					if m.kind == lowlevel.Stackful {
						spawn(ctx, "new", body)
					} else {
						script(ctx, "new", func(ctx context.Context, _ error) (task.Suspension, error) { return task.End(), body(ctx) })
					}
					t.Error("the call that makes the task returned")
					return nil
				})
				exits := o.finish(t)
				if ended := o.ended(t); len(ended) > 0 {
					t.Errorf("ended: %v", ended)
				}
				if !made.Done() || !made.Outcome().Done() || (ran == 1) != f.starts {
					t.Errorf("the new task %s, its body ran %d times", made.Status(), ran)
				}
				if f.starts != (made.Outcome().Err() == nil) || !f.starts && !loop.IsCanceled(made.Outcome().Err()) {
					t.Errorf("the new task: %v", made.Outcome().Err())
				}
				if goexit != (maker.Err() == loop.ErrGoexit) || goexit != (exits == 1) || goexit != (went == nil) {
					t.Errorf("the maker: %v, %d exits, %v", maker.Err(), exits, went)
				}
				o.Close()
				if len(o.told) > 0 {
					t.Errorf("told: %v", o.told)
				}
			})
		}
	})
}

// What is offloaded, and what follows on it, ends no process, no task, and no other call.
func TestOffloadThatMisbehaves(t *testing.T) {
	inEveryWay(t, func(t *testing.T, m misuse) {
		for _, closes := range []bool{false, true} {
			o := newWorld(t, m)
			o.busy()
			done := 0
			lowlevel.Offload(o.Loop, m.misdeed, func() { done++ })
			lowlevel.Offload(o.Loop, func() {}, func() { done++; m.misdeed() })
			lowlevel.Offload(o.Loop, func() {}, func() { done++; m.misdeed() })
			lowlevel.Offload(o.Loop, func() {}, func() { done++ })
			exits := 0
			if !closes {
				exits = o.finish(t)
			}
			if !inGoroutine(o.Close) {
				exits++
			}
			if done != 4 {
				t.Errorf("closed at once: %t: %d of 4 calls were followed by done", closes, done)
			}
			for _, x := range o.tasks {
				if !x.Done() {
					t.Errorf("%v %s", x, x.Task().Status())
				}
			}
			want := []loop.FailureKind{loop.OffloadFailed, loop.CallbackFailed, loop.CallbackFailed}
			if m.goexit {
				want = nil // a Goexit of work is an end like another, that of done ends the driver
			}
			var told []loop.FailureKind
			for _, f := range o.told {
				told = append(told, f.Kind)
			}
			if !slices.Equal(told, want) {
				t.Errorf("closed at once: %t: told of %v, want %v", closes, told, want)
			}
			if !m.goexit && exits > 0 || m.goexit && exits == 0 {
				t.Errorf("closed at once: %t: %d exits", closes, exits)
			}
		}
	})
}

// bad makes an option that misbehaves.
func bad[O any](_ func(*O), misdeed func()) func(*O) { return func(*O) { misdeed() } }

func noBody(context.Context) (none, error) { return none{}, nil }

var noMachine = task.MachineFunc[none](func(context.Context, error) (none, task.Suspension, error) {
	return none{}, task.End(), nil
})

// An option that misbehaves makes nothing.
func TestOptionThatMisbehaves(t *testing.T) {
	for what, misdeed := range misdeeds {
		l := newLoop(t)
		for name, fn := range map[string]func(){
			"of a loop":    func() { loop.New(bad(loop.WithDebug(), misdeed)) },
			"of a task":    func() { task.Go(l.Context(), noBody, bad(task.Named("new"), misdeed)) },
			"of a machine": func() { task.GoMachine(l.Context(), noMachine, bad(task.Named("new"), misdeed)) },
		} {
			returned := false
			inGoroutine(func() {
				defer func() { _ = recover() }()
				fn()
				returned = true
			})
			if returned {
				t.Errorf("%s %s: the call returned", what, name)
			}
		}
		if n := l.Stats().Spawned; n > 0 {
			t.Errorf("%s: %d tasks", what, n)
		}
	}
}

// A body that an observer's Goexit leaves while it suspends is suspended nowhere: its
// deferred calls cannot await, and nothing wakes it later.
func TestGoexitOfAnObserverWhileABodySuspends(t *testing.T) {
	for what, kind := range map[string]loop.EventKind{"armed": loop.TimerArmed, "suspended": loop.TaskSuspended} {
		t.Run(what, func(t *testing.T) {
			var told []loop.Failure
			l := newLoop(t, toldTo(&told), loop.WithObserver(func(e loop.Event) {
				if e.Kind == kind {
					runtime.Goexit()
				}
			}))
			x := spawn(l.Context(), "x", func(ctx context.Context) error {
				defer func() {
					if err := task.Sleep(ctx, time.Hour); !loop.IsCanceled(err) {
						t.Errorf("a deferred call could await: %v", err)
					}
				}()
				return task.Sleep(ctx, time.Second)
			})
			if inGoroutine(func() { _ = l.Run() }) {
				t.Error("the driver has not ended")
			}
			if _, armed := l.NextDeadline(); armed || x.Err() != loop.ErrGoexit {
				t.Errorf("a timer is armed: %t, the task: %v", armed, x.Err())
			}
			run(t, l)
			if len(told) != 1 || l.Elapsed() != 0 {
				t.Errorf("told %v, at %v", told, l.Elapsed())
			}
		})
	}
}

// An observer may also call Goexit when it is told that the timer of such a sleep was canceled. The task ends
// nevertheless.
func TestGoexitOfAnObserverAfterTheTimerOfATaskThatEnds(t *testing.T) {
	exitsAt := func(kind loop.EventKind) loop.Option {
		return loop.WithObserver(func(e loop.Event) {
			if e.Kind == kind {
				runtime.Goexit()
			}
		})
	}
	var told []loop.Failure
	l := newLoop(t, toldTo(&told), exitsAt(loop.TaskSuspended), exitsAt(loop.TimerCanceled))
	x := spawn(l.Context(), "x", sleepsASecond)
	if inGoroutine(func() { _ = l.Run() }) {
		t.Error("the driver has not ended")
	}
	for left := range l.Tasks() {
		t.Errorf("%v is left, and %s", left, left.Status())
	}
	if _, armed := l.NextDeadline(); armed || !x.Task().Done() || l.Current() != nil {
		t.Errorf("a timer is armed: %t; the task %s; the current task is %v", armed, x.Task().Status(), l.Current())
	}
	if inGoroutine(l.Close); !l.Closed() {
		t.Error("the loop is not closed")
	}
}

// A failure of a callback is told before what comes next runs, wherever the callback ran.
func TestAFailureIsToldBeforeTheNextCallback(t *testing.T) {
	var log looptest.Journal
	l := newLoop(t, loop.WithErrorHandler(func(loop.Failure) { log.Add("told") }))
	spawn(l.Context(), "below", sleepsASecond)
	l.CallSoon(func() { panic(errForeign) })
	l.CallSoon(log.Callback("next"))
	run(t, l)
	log.Want(t, "told", "next")
}

// A failure of an observer is told before the next turn, however busy the loop is, before
// time passes, and before RunOnce returns.
func TestAFailureOfAnObserverIsToldSoon(t *testing.T) {
	panicsAt := func(kind loop.EventKind) loop.Option {
		return loop.WithObserver(func(e loop.Event) {
			if e.Kind == kind {
				panic(errForeign)
			}
		})
	}
	t.Run("busy", func(t *testing.T) {
		var l *loop.Loop
		l = newLoop(t, panicsAt(loop.TimerArmed), loop.WithErrorHandler(func(loop.Failure) { l.Stop() }))
		runs := 0
		var again func()
		again = func() {
			if runs++; runs == 1 {
				l.CallLater(time.Hour, func() {}).Cancel()
			}
			if runs < 10 {
				l.CallSoon(again)
			}
		}
		l.CallSoon(again)
		run(t, l)
		if runs > 2 {
			t.Errorf("the callback ran %d times", runs)
		}
	})
	t.Run("idle", func(t *testing.T) {
		var l *loop.Loop
		told := time.Duration(-1)
		l = newLoop(t, panicsAt(loop.Idle), loop.WithErrorHandler(func(loop.Failure) { told = l.Elapsed() }))
		l.CallLater(time.Second, func() {})
		run(t, l)
		if told != 0 {
			t.Errorf("told at %v", told)
		}
	})
	t.Run("RunOnce", func(t *testing.T) {
		var told []loop.Failure
		l := newLoop(t, panicsAt(loop.TaskDone), toldTo(&told))
		script(l.Context(), "x")
		l.RunOnce()
		if len(told) != 1 {
			t.Errorf("told: %v", told)
		}
	})
}

// slogThat calls a function for what it is to write.
type slogThat struct {
	brokenSlog
	does func()
}

func (h slogThat) Handle(context.Context, slog.Record) error { h.does(); return nil }

// What slog cannot write, as it panics, goes to the standard error; nothing else does.
func TestWhatGoesToTheStandardError(t *testing.T) {
	for name, c := range map[string]struct {
		does func()
		want string
	}{
		"panic":  {func() { panic("slog") }, "takt: a callback panicked"},
		"Goexit": {runtime.Goexit, ""},
		"return": {func() {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.LogTo(t, slogThat{does: c.does})
			to, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
			if err != nil {
				t.Fatal(err)
			}
			defer to.Close()
			stderr := os.Stderr
			defer func() { os.Stderr = stderr }()
			os.Stderr = to
			l := loop.New(loop.WithVirtualTime())
			defer l.Close()
			l.CallSoon(func() { panic(errForeign) })
			if returned := inGoroutine(l.RunUntilIdle); returned != (name != "Goexit") {
				t.Errorf("RunUntilIdle returned: %v", returned)
			}
			text, err := os.ReadFile(to.Name())
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" && len(text) > 0 || !strings.Contains(string(text), c.want) || !strings.Contains(string(text), errForeign.Error()) && c.want != "" {
				t.Errorf("written: %q", text)
			}
		})
	}
}
