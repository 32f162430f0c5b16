package loop_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

func goexit() { runtime.Goexit() }

// eager is a task factory that starts each task at once.
func eager(t *loop.Task) { t.StepNow() }

func TestTasksTakeTurnsInOrder(t *testing.T) {
	l := newLoop(t)
	var log, want looptest.Journal
	for i := range 5 {
		spawn(l.Context(), "", func(ctx context.Context) error {
			for turn := range 10 {
				log.Add("%d.%d", turn, i)
				if err := task.Yield(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for turn := range 10 {
		for i := range 5 {
			want.Add("%d.%d", turn, i)
		}
	}
	run(t, l)
	log.Want(t, want...)
}

// Callbacks, machines and bodies run in the order in which they became ready, on any stack.
func TestOrderOnSharedStacks(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	body := func(name string) {
		spawn(l.Context(), name, func(ctx context.Context) error {
			log.Add("%s begins", name)
			l.CallSoon(log.Callback(name + "'s callback"))
			err := task.Yield(ctx)
			log.Add("%s ends", name)
			return err
		})
	}
	machine := func(name string) {
		script(l.Context(), name, func(context.Context, error) (task.Suspension, error) {
			log.Add("%s begins", name)
			l.CallSoon(log.Callback(name + "'s callback"))
			return task.Turn(), nil
		}, func(context.Context, error) (task.Suspension, error) {
			log.Add("%s ends", name)
			return task.End(), nil
		})
	}
	body("a")
	machine("b")
	l.CallSoon(log.Callback("c"))
	body("d")
	machine("e")
	run(t, l)
	log.Want(t, "a begins", "b begins", "c", "d begins", "e begins",
		"a's callback", "a ends", "b's callback", "b ends", "d's callback", "d ends", "e's callback", "e ends")
}

// goroutines returns the number of goroutines. The runtime stops all of them to make the profile. The
// result of runtime.NumGoroutine can be wrong by thousands while goroutines begin or end.
func goroutines(t *testing.T) int {
	t.Helper()
	n, ok := runtime.GoroutineProfile(make([]runtime.StackRecord, 10_000))
	if !ok {
		t.Fatal("more goroutines than any test makes")
	}
	return n
}

func TestStacksAreUsedAgain(t *testing.T) {
	l := newLoop(t)
	before := goroutines(t)
	for range 1000 {
		spawn(l.Context(), "", func(context.Context) error { return nil })
	}
	run(t, l)
	for range 1000 {
		spawn(l.Context(), "", task.Yield)
		run(t, l)
	}
	if n := goroutines(t) - before; n > 1 {
		t.Errorf("2000 tasks, one at a time, made %d stacks", n)
	}
}

func TestMachinesHaveNoStacks(t *testing.T) {
	l := newLoop(t)
	before := goroutines(t)
	for range 1000 {
		script(l.Context(), "", func(context.Context, error) (task.Suspension, error) { return task.For(time.Second), nil })
	}
	l.RunUntilIdle()
	if n := goroutines(t) - before; n > 0 { // fewer, if a goroutine that was counted before has ended
		t.Errorf("1000 suspended machines hold %d goroutines", n)
	}
	run(t, l)
}

func TestFreeStacksAreLimited(t *testing.T) {
	l := newLoop(t)
	before := goroutines(t)
	const n = 4500
	for range n {
		spawn(l.Context(), "", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
	}
	l.RunUntilIdle()
	if held := goroutines(t) - before; held > n {
		t.Errorf("%d suspended bodies hold %d goroutines", n, held)
	}
	run(t, l)
	for goroutines(t)-before > 4096 { // the other stacks are about to end
		runtime.Gosched()
	}
	l.Close()
	for goroutines(t) > before {
		runtime.Gosched()
	}
}

func TestPanicOfABodyKeepsItsStack(t *testing.T) {
	for name, kind := range map[string]func(ctx context.Context) *task.Task[none]{
		"stackful": func(ctx context.Context) *task.Task[none] {
			return spawn(ctx, "x", func(ctx context.Context) error {
				_ = task.Yield(ctx)
				panicsInCallback()
				return nil
			})
		},
		"stackless": func(ctx context.Context) *task.Task[none] {
			return script(ctx, "x",
				func(context.Context, error) (task.Suspension, error) { return task.Turn(), nil },
				func(context.Context, error) (task.Suspension, error) { panicsInCallback(); return task.End(), nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			x := kind(l.Context())
			other := spawn(l.Context(), "other", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
			run(t, l)
			var p *loop.PanicError
			if !errors.As(x.Err(), &p) || p.Task != "x" || !strings.Contains(string(p.Stack), "panicsInCallback") {
				t.Errorf("the task ended with %+v", x.Err())
			}
			if other.Err() != nil {
				t.Errorf("the other task ended with %v", other.Err())
			}
		})
	}
}

// culprits are the places from which a Goexit can come.
var culprits = map[string]struct {
	factory loop.TaskFactory
	start   func(l *loop.Loop, log *looptest.Journal)
}{
	"body": {(*loop.Task).Enqueue, func(l *loop.Loop, log *looptest.Journal) {
		spawn(l.Context(), "culprit", func(context.Context) error {
			defer log.Add("culprit's deferred call")
			goexit()
			return nil
		})
	}},
	"body after a suspension": {(*loop.Task).Enqueue, func(l *loop.Loop, log *looptest.Journal) {
		spawn(l.Context(), "culprit", func(ctx context.Context) error {
			defer log.Add("culprit's deferred call")
			_ = task.Sleep(ctx, time.Second)
			goexit()
			return nil
		})
	}},
	"machine": {(*loop.Task).Enqueue, func(l *loop.Loop, log *looptest.Journal) {
		script(l.Context(), "culprit", func(context.Context, error) (task.Suspension, error) {
			defer log.Add("culprit's deferred call")
			goexit()
			return task.End(), nil
		})
	}},
	"callback": {(*loop.Task).Enqueue, func(l *loop.Loop, log *looptest.Journal) {
		l.CallSoon(func() {
			defer log.Add("culprit's deferred call")
			goexit()
		})
	}},
	"timer": {(*loop.Task).Enqueue, func(l *loop.Loop, log *looptest.Journal) {
		l.CallLater(time.Second, func() {
			defer log.Add("culprit's deferred call")
			goexit()
		})
	}},
	"eager body": {eager, func(l *loop.Loop, log *looptest.Journal) {
		spawn(l.Context(), "spawner", func(ctx context.Context) error {
			spawn(ctx, "culprit", func(context.Context) error {
				defer log.Add("culprit's deferred call")
				goexit()
				return nil
			})
			log.Add("the spawner went on")
			return nil
		})
	}},
	"eager machine": {eager, func(l *loop.Loop, log *looptest.Journal) {
		spawn(l.Context(), "spawner", func(ctx context.Context) error {
			script(ctx, "culprit", func(context.Context, error) (task.Suspension, error) {
				defer log.Add("culprit's deferred call")
				goexit()
				return task.End(), nil
			})
			log.Add("the spawner went on")
			return nil
		})
	}},
	"eager body in a callback": {eager, func(l *loop.Loop, log *looptest.Journal) {
		l.CallSoon(func() {
			spawn(l.Context(), "culprit", func(context.Context) error {
				defer log.Add("culprit's deferred call")
				goexit()
				return nil
			})
			log.Add("the callback went on")
		})
	}},
}

// A Goexit from any place, on any stack, ends the driver. The deferred calls of all bodies run, and no
// task is left.
func TestGoexit(t *testing.T) {
	for _, debug := range []bool{false, true} {
		for name, culprit := range culprits {
			t.Run(fmt.Sprintf("%s/debug=%t", name, debug), func(t *testing.T) {
				opts := []loop.Option{loop.WithTaskFactory(culprit.factory)}
				if debug {
					opts = append(opts, loop.WithDebug())
				}
				var log looptest.Journal
				ends := map[string]int{}
				var bystanders []*task.Task[none]
				var l *loop.Loop
				bystander := func(name string, await func(context.Context) error) {
					bystanders = append(bystanders, spawn(l.Context(), name, func(ctx context.Context) error {
						defer func() {
							ends[name]++
							if err := task.Sleep(ctx, time.Second); err == nil {
								t.Errorf("%s: an await in a deferred call succeeded", name)
							}
						}()
						return await(ctx)
					}))
				}
				driven := false
				returned := inGoroutine(func() {
					l = newLoop(t, opts...)
					defer l.Close()
					f := future.New[int](l.Context())
					bystander("sleeps", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
					bystander("waits", f.Wait)
					l.CallSoon(func() {}) // runs on the stack of a bystander
					culprit.start(l, &log)
					bystander("yields", func(ctx context.Context) error {
						for range 3 {
							if err := task.Yield(ctx); err != nil {
								return err
							}
						}
						return task.Sleep(ctx, time.Hour)
					})
					_ = l.Run()
					driven = true
				})
				if returned || driven {
					t.Error("the driving goroutine has not ended")
				}
				log.Want(t, "culprit's deferred call")
				for _, b := range bystanders {
					if ends[b.Name()] != 1 && !(ends[b.Name()] == 0 && b.Canceled()) {
						t.Errorf("%s: its deferred call ran %d times", b.Name(), ends[b.Name()])
					}
					if !b.Done() || b.Err() != loop.ErrGoexit && causeOf(b.Err()) != loop.ErrClosed {
						t.Errorf("%s: done is %t, and the error is %v", b.Name(), b.Done(), b.Err())
					}
				}
				if ends["sleeps"] != 1 || ends["waits"] != 1 {
					t.Errorf("the deferred calls ran this often: %v; want 1 for sleeps and waits", ends)
				}
			})
		}
	}
}

// A Goexit in a callback that runs on top of a suspended body ends that body, too. After that, the event
// that the body waited for wakes no task.
func TestGoexitOfACallbackTakesTheBodyBelow(t *testing.T) {
	for name, await := range map[string]func(ctx context.Context, f *future.Future[int]) error{
		"sleep":  func(ctx context.Context, _ *future.Future[int]) error { return task.Sleep(ctx, time.Hour) },
		"future": func(ctx context.Context, f *future.Future[int]) error { return f.Wait(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			f := future.New[int](l.Context())
			below := spawn(l.Context(), "below", func(ctx context.Context) error { return await(ctx, f) })
			l.CallSoon(goexit)
			if inGoroutine(func() { run(t, l) }) {
				t.Error("Run returned from a Goexit")
			}
			if below.Err() != loop.ErrGoexit {
				t.Fatalf("the body below ended with %v", below.Err())
			}
			if at, ok := l.NextDeadline(); ok {
				t.Errorf("its timer is still armed, for %v", at)
			}
			_ = f.SetResult(1)
			run(t, l)
			if l.Elapsed() != 0 {
				t.Errorf("the loop waited until %v for a task that has ended", l.Elapsed())
			}
		})
	}
}

// A Goexit in the error handler, which reports a panic in a callback, ends the driver only, and no body.
func TestGoexitOfTheErrorHandlerTakesNoBody(t *testing.T) {
	l := newLoop(t, loop.WithErrorHandler(func(loop.Failure) { goexit() }))
	x := spawn(l.Context(), "x", func(ctx context.Context) error {
		l.CallSoon(func() { panic("oh") })
		return task.Sleep(ctx, time.Hour)
	})
	if inGoroutine(func() { _ = l.Run() }) {
		t.Error("Run returned from a Goexit")
	}
	run(t, l)
	if err := x.Err(); err != nil {
		t.Errorf("x ended with %v", err)
	}
}

func TestRunAgainAfterGoexit(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallSoon(goexit)
	l.CallSoon(log.Callback("same turn"))
	sleeper := spawn(l.Context(), "sleeper", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
	if inGoroutine(func() { run(t, l) }) {
		t.Error("Run returned from a Goexit")
	}
	if l.Running() || l.Current() != nil {
		t.Error("the loop is running, or has a current task, after a Goexit")
	}
	run(t, l)
	log.Want(t, "same turn")
	if sleeper.Err() != nil {
		t.Errorf("the sleeper ended with %v", sleeper.Err())
	}
}

// A driver that has locked its thread can make stacks, switch to them and close the loop.
func TestDriverWithALockedThread(t *testing.T) {
	if !inGoroutine(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		l := newLoop(t)
		for range 3 {
			spawn(l.Context(), "", func(ctx context.Context) error {
				spawn(ctx, "child", task.Yield)
				return task.Sleep(ctx, time.Second)
			})
		}
		run(t, l)
		spawn(l.Context(), "", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
		l.RunUntilIdle()
		l.Close()
	}) {
		t.Error("the driver has not returned")
	}
}

func TestEagerStepsNest(t *testing.T) {
	l := newLoop(t, loop.WithTaskFactory(eager))
	var log looptest.Journal
	var nest func(ctx context.Context, depth int) error
	nest = func(ctx context.Context, depth int) error {
		if depth < 100 {
			child := spawn(ctx, "", func(ctx context.Context) error { return nest(ctx, depth+1) })
			if lowlevel.Current(ctx).ID() != uint64(depth+1) {
				t.Errorf("at depth %d the current task is %v", depth, lowlevel.Current(ctx))
			}
			if depth%2 == 0 {
				return child.Wait(ctx)
			}
		}
		return task.Yield(ctx)
	}
	root := spawn(l.Context(), "", func(ctx context.Context) error { return nest(ctx, 0) })
	root.OnDone(log.Callback("root is done"))
	run(t, l)
	log.Want(t, "root is done")
	if root.Err() != nil {
		t.Error(root.Err())
	}
}

// fragile is a body that panics, and an outcome whose Done panics after that.
type fragile struct {
	future.Promise[int]
	turns int
}

func (*fragile) Cancel(error) bool                    { return false }
func (*fragile) Describe() (string, []loop.Awaitable) { return "a fragile future", nil }

func (f *fragile) Fail(_ *loop.Task, err error) { f.Complete(0, err) }

func (f *fragile) Step(*loop.Task, error) loop.Suspension { f.turns = -1; panic("the body's") }

func (f *fragile) Done() bool {
	if f.turns < 0 {
		panic("the outcome's")
	}
	return f.Future.Done()
}

// A panic on a stack, but outside of the body, goes on in Run.
func TestPanicOnAStackOutsideOfTheBody(t *testing.T) {
	l := newLoop(t)
	f := new(fragile)
	f.Init(l, f)
	lowlevel.Spawn(l.Context(), new(loop.Task), lowlevel.Stackful, f, f, "", lowlevel.AsAsked)
	mustPanic(t, "the outcome's", func() { _ = l.Run() })
}

// Stacks that take turns are parked on each other's coroutines. If one of them ends by a Goexit, the
// others go on where they were parked, and Run ends. The same happens in debug mode, where stacks are not
// shared.
func TestAStackEndsWhileOthersAreParkedOnItsCoroutine(t *testing.T) {
	const n = 5
	for goes := range n {
		for turns := range 2 * n {
			t.Run(fmt.Sprintf("%d of %d after %d turns", goes, n, turns), func(t *testing.T) {
				shared := takeTurns(t, n, goes, turns)
				shared.Want(t, takeTurns(t, n, goes, turns, loop.WithDebug())...)
			})
		}
	}
}

// takeTurns runs n bodies. In every turn, each body asks for the stack of another one. The body number
// goes calls Goexit in the turn number turns. Later takeTurns closes the loop.
func takeTurns(t *testing.T, n, goes, turns int, opts ...loop.Option) (log looptest.Journal) {
	l := loop.New(opts...)
	var tasks []*loop.Task
	for i := range n {
		tasks = append(tasks, spawn(l.Context(), "", func(ctx context.Context) error {
			defer log.Callback(fmt.Sprintf("%d is unwound", i))()
			for turn := 0; ; turn++ {
				log.Add("%d in turn %d", i, turn)
				if i == goes && turn == turns {
					runtime.Goexit()
				}
				if err := task.Yield(ctx); err != nil {
					return err
				}
				other := tasks[(i+turn)%n]
				if len(other.Stack()) == 0 && !other.Done() {
					t.Errorf("body %d gets an empty stack of %v", i, other)
				}
			}
		}).Task())
	}
	if inGoroutine(func() { _ = l.Run() }) {
		t.Error("Run returned from a Goexit")
	}
	for range 3 {
		l.RunOnce()
	}
	l.Close()
	return log
}

// A deferred call of a body panics while a Goexit unwinds the body. The panic is the error of the task, and the Goexit
// goes on: it ends the driver, and no other body. This holds for all places where the driver may be parked.
func TestPanicDuringAGoexit(t *testing.T) {
	for n := range 5 {
		for yields := range 5 {
			l := newLoop(t)
			others := 0
			other := func(ctx context.Context) error {
				for range 6 {
					if err := task.Yield(ctx); err != nil {
						return err
					}
				}
				others++
				return nil
			}
			for range n {
				spawn(l.Context(), "before", other)
			}
			culprit := spawn(l.Context(), "culprit", func(ctx context.Context) error {
				defer func() { panic("oh") }()
				for range yields {
					if err := task.Yield(ctx); err != nil {
						return err
					}
				}
				runtime.Goexit()
				return nil
			})
			spawn(l.Context(), "after", other)
			if inGoroutine(func() { _ = l.Run() }) {
				t.Errorf("%d bodies, %d yields: Run returned from a Goexit", n, yields)
			}
			if p := (*loop.PanicError)(nil); !errors.As(culprit.Err(), &p) {
				t.Errorf("%d bodies, %d yields: the body ended with %v, want its panic", n, yields, culprit.Err())
			}
			run(t, l)
			if others != n+1 {
				t.Errorf("%d of %d other bodies have ended", others, n+1)
			}
		}
	}
}
