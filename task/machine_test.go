package task_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// goFunc is GoMachine for a function.
func goFunc[T any](ctx context.Context, f task.MachineFunc[T], opts ...task.Option) *task.Task[T] {
	return task.GoMachine(ctx, task.Machine[T](f), opts...)
}

// script makes a machine that runs the steps, and waits for the Suspension that each step returns.
// It ends with the number of its steps, or with the first error that Resume is called with.
func script(j *looptest.Journal, steps ...func(ctx context.Context) task.Suspension) task.MachineFunc[int] {
	at := 0
	return func(ctx context.Context, err error) (int, task.Suspension, error) {
		j.Add("step %d: %v", at, err)
		if err != nil || at == len(steps) {
			return at, task.End(), err
		}
		at++
		return 0, steps[at-1](ctx), nil
	}
}

func TestMachineWaits(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		f := future.New[int](ctx)
		lowlevel.LoopOf(ctx).CallLater(2*time.Second, func() { _ = f.SetResult(7) })
		a := goFunc(ctx, script(&j,
			func(context.Context) task.Suspension { return task.For(time.Second) },
			func(ctx context.Context) task.Suspension { wantTime(t, ctx, time.Second); return task.On(f) },
			func(ctx context.Context) task.Suspension { wantTime(t, ctx, 2*time.Second); return task.Turn() },
		))
		v, err := a.Await(ctx)
		testkit.Equal(t, "the value", v, 3)
		testkit.Equal(t, "the error", err, nil)
		j.Want(t, "step 0: <nil>", "step 1: <nil>", "step 2: <nil>", "step 3: <nil>")
	})
}

// For(d <= 0) and Turn each wait for one turn.
func TestMachineTurns(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		var turns func() int
		a := goFunc(ctx, script(&j,
			func(ctx context.Context) task.Suspension { turns = countTurns(ctx); return task.For(0) },
			func(context.Context) task.Suspension { return task.For(-time.Second) },
			func(context.Context) task.Suspension { return task.Turn() },
			func(context.Context) task.Suspension {
				testkit.Equal(t, "turns that passed", turns(), 3)
				return task.Turn()
			},
		))
		_, err := a.Await(ctx)
		testkit.Equal(t, "the error", err, nil)
	})
}

func TestMachineEndsWithAValue(t *testing.T) {
	play(t, func(ctx context.Context) {
		v, err := goFunc(ctx, func(context.Context, error) (string, task.Suspension, error) {
			return "v", task.End(), nil
		}).Await(ctx)
		testkit.Equal(t, "the value", v, "v")
		testkit.Equal(t, "the error", err, nil)
	})
}

// An error ends the machine, whatever Suspension Resume returns with it.
func TestMachineEndsWithAnError(t *testing.T) {
	play(t, func(ctx context.Context) {
		for _, s := range []task.Suspension{task.End(), task.Turn(), task.For(time.Hour), task.On(future.New[int](ctx))} {
			_, err := goFunc(ctx, func(context.Context, error) (int, task.Suspension, error) {
				return 1, s, errBoom
			}).Await(ctx)
			testkit.Equal(t, "the error", err, errBoom)
			wantTime(t, ctx, 0)
		}
	})
}

// Waiting for a future that is done does not suspend: Resume is called again at once.
func TestMachineOnWhatIsDone(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		done, failed := future.New[int](ctx), future.New[int](ctx)
		_ = done.SetResult(1)
		_ = failed.SetError(errBoom)
		a := goFunc(ctx, script(&j,
			func(context.Context) task.Suspension { return task.On(done) },
			func(context.Context) task.Suspension { return task.On(done) },
			func(context.Context) task.Suspension { return task.On(failed) },
		))
		yields(t, ctx, 1)
		testkit.Equal(t, "done after one turn", a.Done(), true)
		j.Want(t, "step 0: <nil>", "step 1: <nil>", "step 2: <nil>", "step 3: boom")
		testkit.Equal(t, "the error", a.Err(), errBoom)
	})
}

// Resume gets the error of the awaited task, and the error counts as taken.
func TestMachineIsToldTheErrorOfWhatItAwaits(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, fails(time.Second, errBoom))
		told := error(nil)
		v, err := goFunc(ctx, func(_ context.Context, err error) (int, task.Suspension, error) {
			if told = err; told != nil {
				return 9, task.End(), nil
			}
			return 0, task.On(a), nil
		}).Await(ctx)
		testkit.Equal(t, "the error that Resume got", told, errBoom)
		testkit.Equal(t, "the value", v, 9)
		testkit.Equal(t, "the error", err, nil)
	})
}

func TestMachineReadsTheValueOfWhatItAwaits(t *testing.T) {
	play(t, func(ctx context.Context) {
		a := task.Go(ctx, gives(time.Second, 20))
		v, err := goFunc(ctx, func(_ context.Context, err error) (int, task.Suspension, error) {
			if err != nil || !a.Done() {
				return 0, task.On(a), err
			}
			v, err := a.Result()
			return v + 1, task.End(), err
		}).Await(ctx)
		testkit.Equal(t, "the value", v, 21)
		testkit.Equal(t, "the error", err, nil)
	})
}

func TestMachineIsCanceled(t *testing.T) {
	for name, wait := range map[string]func(ctx context.Context) task.Suspension{
		"asleep":      func(context.Context) task.Suspension { return task.For(time.Hour) },
		"on a future": func(ctx context.Context) task.Suspension { return task.On(future.New[int](ctx)) },
		"for a turn":  func(context.Context) task.Suspension { return task.Turn() },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				var j looptest.Journal
				a := goFunc(ctx, script(&j, wait))
				yields(t, ctx, 1)
				testkit.Equal(t, "taken", a.Cancel(errCause), true)
				_, err := a.Await(ctx)
				testkit.ErrorIs(t, causeOf(t, err), errCause)
				testkit.Equal(t, "canceled", a.Canceled(), true)
				j.Want(t, "step 0: <nil>", "step 1: canceled: the cause")
				wantTime(t, ctx, 0)
			})
		})
	}
}

func TestMachineIsCanceledBeforeItStarts(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		a := goFunc(ctx, script(&j))
		a.Cancel(errCause)
		_, err := a.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		j.Want(t)
	})
}

func TestMachineHandlesACancellation(t *testing.T) {
	play(t, func(ctx context.Context) {
		refused := false
		a := goFunc(ctx, func(_ context.Context, err error) (int, task.Suspension, error) {
			switch {
			case refused:
				return 5, task.End(), nil
			case err != nil:
				refused = true
				return 0, task.For(time.Second), nil
			}
			return 0, task.For(time.Hour), nil
		})
		yields(t, ctx, 1)
		a.Cancel(nil)
		v, err := a.Await(ctx)
		testkit.Equal(t, "the value", v, 5)
		testkit.Equal(t, "the error", err, nil)
		wantTime(t, ctx, time.Second)
	})
}

func TestMachineMustNotAwait(t *testing.T) {
	for name, await := range map[string]func(ctx context.Context){
		"Yield": func(ctx context.Context) { _ = task.Yield(ctx) },
		"Sleep": func(ctx context.Context) { _ = task.Sleep(ctx, time.Second) },
		"Await": func(ctx context.Context) { _, _ = future.New[int](ctx).Await(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				_, err := goFunc(ctx, func(ctx context.Context, _ error) (int, task.Suspension, error) {
					await(ctx)
					return 0, task.End(), nil
				}, task.Named("m")).Await(ctx)
				wantText(t, err, `panic in task "m": loop: task "m" is stackless and cannot suspend inside Resume; return a Suspension instead`)
			})
		})
	}
}

func TestMachineMaySpawnCancelAndComplete(t *testing.T) {
	play(t, func(ctx context.Context) {
		victim, f := task.Go(ctx, hangs), future.New[int](ctx)
		var child *task.Task[int]
		_, err := goFunc(ctx, func(ctx context.Context, err error) (int, task.Suspension, error) {
			if child == nil {
				testkit.Equal(t, "the current task", task.Current(ctx).Name(), "m")
				child = task.Go(ctx, gives(time.Second, 3))
				victim.Cancel(nil)
				_ = f.SetResult(2)
				return 0, task.On(task.Gather[future.Awaitable[int]](child, f)), nil
			}
			return 0, task.End(), err
		}, task.Named("m")).Await(ctx)
		testkit.Equal(t, "the error", err, nil)
		v, _ := child.Result()
		testkit.Equal(t, "the result of the child", v, 3)
		_, _ = victim.Await(ctx)
		testkit.Equal(t, "the other task is canceled", victim.Canceled(), true)
	})
}

func TestMachinePanics(t *testing.T) {
	for _, f := range []loop.TaskFactory{factory.Lazy, factory.Eager} {
		play(t, func(ctx context.Context) {
			first := goFunc(ctx, func(context.Context, error) (int, task.Suspension, error) { panic(errBoom) })
			again := false
			second := goFunc(ctx, func(context.Context, error) (int, task.Suspension, error) {
				if again {
					panic(errBoom)
				}
				again = true
				return 0, task.Turn(), nil
			})
			for _, a := range []*task.Task[int]{first, second} {
				_, err := a.Await(ctx)
				if p := new(task.PanicError); !errors.As(err, &p) || len(p.Stack) == 0 {
					t.Errorf("the error of the task that panicked is %v", err)
				}
				testkit.ErrorIs(t, err, errBoom)
			}
		}, loop.WithTaskFactory(f))
	}
}

func TestMachineOnItselfOrAnotherLoopPanics(t *testing.T) {
	other := virtual(t)
	foreign := future.New[int](other.Context())
	play(t, func(ctx context.Context) {
		var a *task.Task[int]
		a = goFunc(ctx, func(context.Context, error) (int, task.Suspension, error) { return 0, task.On(a), nil }, task.Named("a"))
		_, err := a.Await(ctx)
		wantText(t, err, `panic in task "a": loop: task "a" awaits itself, and would never end`)
		_, err = goFunc(ctx, func(context.Context, error) (int, task.Suspension, error) {
			return 0, task.On(foreign), nil
		}, task.Named("b")).Await(ctx)
		wantText(t, err, `panic in task "b": loop: task "b" awaits an awaitable that belongs to another loop; pass results between loops by Post`)
		testkit.Panics(t, "task: On(nil)", func() { task.On(nil) })
	})
}

func TestMachineEager(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		a := goFunc(ctx, script(&j))
		testkit.Equal(t, "done at once", a.Done(), true)
		b := goFunc(ctx, script(&j, func(context.Context) task.Suspension { return task.Turn() }))
		testkit.Equal(t, "done at once", b.Done(), false)
		j.Want(t, "step 0: <nil>", "step 0: <nil>")
		_, err := b.Await(ctx)
		testkit.Equal(t, "the error", err, nil)
	}, loop.WithTaskFactory(factory.Eager))
}

// Combinators treat both kinds of bodies in the same way.
func TestMachinesCombine(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			a, b := task.GoMachine(ctx, &sleepMachine{1, time.Second}), mustGoIn(t, g, gives(2*time.Second, 2))
			got, err := task.Gather(a, b).Await(ctx)
			wantResults(t, got, err, 1, 2)
			_, err = task.WaitFor(ctx, task.GoMachine(ctx, &sleepMachine{1, time.Hour}), time.Second)
			wantTimeout(t, ctx, err, 3*time.Second)
			return nil
		})
		testkit.Equal(t, "the error", err, nil)
	})
}

func TestMachineIsUnwoundByClose(t *testing.T) {
	var j looptest.Journal
	l := virtual(t)
	a := goFunc(l.Context(), script(&j, func(context.Context) task.Suspension { return task.For(time.Hour) }))
	l.RunUntilIdle()
	l.Close()
	testkit.ErrorIs(t, causeOf(t, a.Err()), loop.ErrClosed)
	j.Want(t, "step 0: <nil>", "step 1: canceled: loop: closed")
}

// bulky is a large machine, which a task must not keep in memory after it has ended.
type bulky struct {
	_      [1 << 10]byte
	resume task.MachineFunc[int]
}

func (h *bulky) Resume(ctx context.Context, err error) (int, task.Suspension, error) {
	return h.resume(ctx, err)
}

// mustLetGo fails the test if held, which has ended, still refers to its machine.
func mustLetGo(t *testing.T, held *task.Task[int], machine weak.Pointer[bulky]) {
	t.Helper()
	_ = held.Err()
	runtime.GC()
	if machine.Value() != nil {
		t.Error("the task still refers to its machine")
	}
	runtime.KeepAlive(held)
}

// A program may keep a task for its result. When the body has ended, the task releases its machine.
func TestMachineThatHasEndedIsLetGoOf(t *testing.T) {
	sleeps := func(_ context.Context, err error) (int, task.Suspension, error) { return 0, task.For(time.Hour), err }
	for name, c := range map[string]struct {
		resume task.MachineFunc[int]
		end    func(*loop.Loop, *task.Task[int])
	}{
		"a value":  {resume: func(context.Context, error) (int, task.Suspension, error) { return 1, task.End(), nil }},
		"an error": {resume: func(context.Context, error) (int, task.Suspension, error) { return 1, task.Turn(), errBoom }},
		"a panic":  {resume: func(context.Context, error) (int, task.Suspension, error) { panic("ouch") }},
		"canceled": {sleeps, func(_ *loop.Loop, h *task.Task[int]) { h.Cancel(nil) }},
		"closed":   {sleeps, func(l *loop.Loop, _ *task.Task[int]) { l.Close() }},
	} {
		t.Run(name, func(t *testing.T) {
			l := virtual(t)
			m := &bulky{resume: c.resume}
			kept, held := weak.Make(m), task.GoMachine(l.Context(), m)
			l.RunUntilIdle()
			if c.end != nil {
				runtime.GC()
				if kept.Value() == nil {
					t.Error("a machine that has not ended was collected")
				}
				c.end(l, held)
			}
			if !l.Closed() {
				l.RunUntilIdle()
			}
			mustLetGo(t, held, kept)
		})
	}
}

func TestMachineThatNeverStartsIsLetGoOf(t *testing.T) {
	l := virtual(t)
	m := new(bulky)
	kept, held := weak.Make(m), task.GoMachine(l.Context(), m)
	held.Cancel(nil)
	l.RunUntilIdle()
	mustLetGo(t, held, kept)
}

// Of many tasks that have ended, none keeps its machine in memory, although a loop keeps a part of some of them for
// later tasks.
func TestManyMachinesThatHaveEndedAreLetGoOf(t *testing.T) {
	const n = 1 << 14
	l := virtual(t)
	kept := make([]weak.Pointer[bulky], n)
	func() {
		gates := [4]*future.Future[int]{}
		for i := range gates {
			gates[i] = future.New[int](l.Context())
		}
		for i := range kept {
			begun, gate := false, gates[i%4]
			m := &bulky{resume: func(_ context.Context, err error) (int, task.Suspension, error) {
				if !begun {
					begun = true
					return 0, task.On(gate), err
				}
				return 0, task.End(), err
			}}
			kept[i] = weak.Make(m)
			task.GoMachine(l.Context(), m)
		}
		for _, gate := range gates { // those of one gate are no neighbors
			l.RunUntilIdle()
			setResult(gate)
		}
		l.RunUntilIdle()
	}()
	runtime.GC()
	left := 0
	for _, m := range kept {
		if m.Value() != nil {
			left++
		}
	}
	if left > 0 {
		t.Errorf("%d of %d machines are still in memory", left, n)
	}
	runtime.KeepAlive(l)
}
