package loop_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
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
		for _, kind := range []loop.Kind{loop.Stackful, loop.Stackless} {
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
	kind    loop.Kind
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
	if m.start != nil {
		opts = append(opts, loop.WithTaskFactory(m.start))
	}
	o.Loop = newLoop(t, append([]loop.Option{toldTo(&o.told)}, opts...)...)
	return o
}

// spawn makes a task of the kind asked for.
func (o *world) spawn(ctx context.Context, name string, body func(context.Context) error, steps ...step) {
	var tk *task.Task[none]
	if o.kind == loop.Stackful {
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
			t.Errorf("%v %s", tk, tk.Task().Waits())
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

func allKinds() map[loop.EventKind]bool {
	kinds := map[loop.EventKind]bool{}
	for kind := loop.TaskMade; kind <= loop.TurnBegan; kind++ {
		kinds[kind] = true
	}
	return kinds
}
