package loop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
)

// A task belongs to the realm of the context with which it was spawned.
func TestMembersOfARealm(t *testing.T) {
	type key struct{}
	l := newLoop(t)
	realm := lowlevel.NewRealm(context.WithValue(l.Context(), key{}, "v"))
	inner := lowlevel.NewRealm(realm.Context())
	var in, out []*task.Task[none]
	sleeps := func(ctx context.Context) (none, error) { return none{}, task.Sleep(ctx, time.Hour) }
	inside := func(ctx context.Context) { in = append(in, task.Go(ctx, sleeps)) }
	outside := func(ctx context.Context) { out = append(out, task.Go(ctx, sleeps)) }
	inside(realm.Context())
	inside(inner.Context())
	inside(context.WithValue(realm.Context(), key{}, 1))
	in = append(in, spawn(realm.Context(), "a", func(ctx context.Context) error {
		if ctx.Value(key{}) != "v" {
			t.Errorf("the value is %v", ctx.Value(key{}))
		}
		inside(ctx)
		inside(context.WithoutCancel(ctx))
		inside(l.Bind(loop.Outside(ctx)))
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		inside(derived)
		outside(l.Context())
		outside(l.Bind(context.Background()))
		task.Submit(loop.Outside(ctx), l, func(ctx context.Context) (none, error) { inside(ctx); return none{}, nil })
		return task.Timeout(ctx, time.Hour, func(ctx context.Context, _ *task.Deadline) error {
			inside(ctx)
			return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				inside(ctx)
				of, err := task.GoIn(g, sleeps)
				in = append(in, of)
				return err
			})
		})
	}))
	l.RunUntilIdle()
	other := newLoop(t)
	elsewhere := task.Go(other.Bind(context.WithoutCancel(loop.Outside(realm.Context()))), sleeps)
	realm.End()
	realm.End()
	if !inner.Ended() || context.Cause(inner.Context()) == nil {
		t.Errorf("Ended of the inner realm: %v, Cause %v", inner.Ended(), context.Cause(inner.Context()))
	}
	l.RunUntilIdle()
	other.RunUntilIdle()
	for _, x := range in {
		if causeOf(x.Err()) != lowlevel.ErrRealmEnded {
			t.Errorf("%s of the realm: done %v", x.Name(), x.Done())
		}
	}
	for _, x := range append(out, elsewhere) {
		if x.Done() {
			t.Errorf("%s outside of the realm: %v", x.Name(), x.Err())
		}
	}
	late := lowlevel.NewRealm(inner.Context())
	if !late.Ended() || late.Context().Err() == nil {
		t.Error("a realm in a realm that has ended has not ended")
	}
}

// The end of a realm does not end the realm around it, nor one beside it.
func TestRealmsAroundAndBeside(t *testing.T) {
	l := newLoop(t)
	around := lowlevel.NewRealm(l.Context())
	realm, beside := lowlevel.NewRealm(around.Context()), lowlevel.NewRealm(around.Context())
	realm.End()
	l.RunUntilIdle()
	for _, r := range []lowlevel.Realm{around, beside} {
		if r.Ended() || r.Context().Err() != nil {
			t.Error("another realm has ended")
		}
	}
	around.End()
	if !beside.Ended() {
		t.Error("a realm outlives the one around it")
	}
}

func TestTasksOutsideOfARealmThatEnds(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	realm := lowlevel.NewRealm(l.Context())
	var outer lock.Mutex
	f, woken := future.New[int](l.Context()), future.New[int](l.Context())
	of := spawn(l.Context(), "of the outside", func(ctx context.Context) error { return f.Wait(ctx) })
	in := spawn(realm.Context(), "in", func(ctx context.Context) error {
		if err := outer.Lock(ctx); err != nil {
			return err
		}
		defer outer.Unlock()
		defer func() {
			log.Add("in: %v", of.Wait(ctx))
			_ = woken.SetResult(1)
		}()
		return of.Wait(ctx)
	})
	spawn(l.Context(), "waits for it", func(ctx context.Context) error {
		log.Add("waits for it: %v", in.Wait(ctx))
		return nil
	})
	spawn(l.Context(), "locks", func(ctx context.Context) error {
		log.Add("locks: %v", outer.Lock(ctx))
		return nil
	})
	spawn(l.Context(), "is woken", func(ctx context.Context) error {
		_, err := woken.Await(ctx)
		log.Add("is woken: %v", err)
		return nil
	})
	spawn(l.Context(), "ends the realm", func(ctx context.Context) error {
		if err := task.Sleep(ctx, time.Second); err != nil {
			return err
		}
		realm.End()
		log.Add("End has returned, and in is done: %v", in.Done())
		err := task.Yield(ctx)
		log.Add("after a yield in is done: %v", in.Done())
		_ = f.SetResult(1)
		return err
	})
	run(t, l)
	log.Want(t, "End has returned, and in is done: false",
		"in: canceled: loop: the realm of the task has ended",
		"after a yield in is done: true",
		"is woken: <nil>",
		"locks: <nil>",
		"waits for it: canceled: loop: the realm of the task has ended")
	if of.Err() != nil {
		t.Errorf("the task outside ended with %v", of.Err())
	}
}

// What a task of an ended realm awaited does not wake it later. The policy sees no ended task.
func TestNothingRefersToTheTasksOfAnEndedRealm(t *testing.T) {
	var log looptest.Journal
	l := newLoop(t, lowlevel.WithPolicy(endFollower{t}, false), lowlevel.WithFollower(endFollower{t}),
		loop.WithObserver(func(e loop.Event) {
			if e.Task != nil && e.Task.Name() == "in" && e.Task.Done() && e.Kind != loop.TaskDone {
				t.Errorf("%v of a task that is done", e.Kind)
			}
		}))
	realm := lowlevel.NewRealm(l.Context())
	f := future.New[int](l.Context())
	for range 3 {
		spawn(realm.Context(), "in", f.Wait)
		spawn(realm.Context(), "in", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
	}
	l.RunUntilIdle()
	l.CallSoon(func() {
		for range 3 { // these are in the queue, and the policy has seen them, when the realm ends
			spawn(l.Context(), "out", task.Yield)
			spawn(realm.Context(), "in", func(context.Context) error { t.Error("the task runs"); return nil })
		}
	})
	spawn(l.Context(), "ends the realm", func(ctx context.Context) error {
		realm.End()
		if err := task.Yield(ctx); err != nil {
			return err
		}
		before := l.Stats().Ready
		_ = f.SetResult(1)
		log.Add("%d more are ready", l.Stats().Ready-before)
		return nil
	})
	run(t, l)
	log.Want(t, "0 more are ready")
	if l.Stats().Tasks != 0 || l.Stats().Timers != 0 {
		t.Errorf("left: %+v", l.Stats())
	}
}

// All tasks of the realm are unwound before the driver ends by a Goexit.
func TestGoexitWhileARealmEnds(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	realm := lowlevel.NewRealm(l.Context())
	for _, name := range []string{"a", "b", "c"} {
		spawn(realm.Context(), name, func(ctx context.Context) error {
			defer runtime.Goexit()
			defer log.Add("%s: over", name)
			return task.Sleep(ctx, time.Hour)
		})
	}
	l.RunUntilIdle()
	l.CallSoon(realm.End)
	l.CallSoon(func() { log.Add("a callback") })
	if inGoroutine(l.RunUntilIdle) {
		t.Error("the driver has returned")
	}
	log.Want(t, "a: over", "b: over", "c: over")
	l.RunUntilIdle()
	log.Want(t, "a callback")
}

// If code ends a realm and then panics or calls Goexit, the realm ends all the same.
func TestRealmsOfFailingCode(t *testing.T) {
	for _, with := range []string{"a panic", "a Goexit"} {
		for where, start := range map[string]func(l *loop.Loop, fails func()){
			"in a callback": func(l *loop.Loop, fails func()) { l.CallSoon(fails) },
			"in a task": func(l *loop.Loop, fails func()) {
				spawn(l.Context(), "fails", func(context.Context) error { fails(); return nil })
			},
			"in a machine": func(l *loop.Loop, fails func()) {
				script(l.Context(), "fails", func(context.Context, error) (task.Suspension, error) { fails(); return task.End(), nil })
			},
		} {
			t.Run(with+" "+where, func(t *testing.T) {
				l := newLoop(t, loop.WithErrorHandler(func(loop.Failure) {}))
				var log looptest.Journal
				realm := lowlevel.NewRealm(l.Context())
				spawn(realm.Context(), "in", func(ctx context.Context) error {
					defer log.Add("in: over")
					return task.Sleep(ctx, time.Hour)
				})
				l.RunUntilIdle()
				start(l, func() {
					realm.End()
					if with == "a panic" {
						panic("oh")
					}
					runtime.Goexit()
				})
				spawn(l.Context(), "next", func(context.Context) error { log.Add("next"); return nil })
				if returned := inGoroutine(l.RunUntilIdle); returned != (with == "a panic") {
					t.Errorf("the driver has returned: %v", returned)
				}
				l.RunUntilIdle()
				log.Want(t, "in: over", "next")
			})
		}
	}
}

// After a Goexit in the last step of a turn, RunOnce runs a turn, and not only the tasks of the realm.
func TestRunOnceAfterAGoexitThatEndedARealm(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	realm := lowlevel.NewRealm(l.Context())
	spawn(realm.Context(), "in", func(ctx context.Context) error {
		defer log.Add("in: over")
		return task.Sleep(ctx, time.Hour)
	})
	l.RunUntilIdle()
	l.CallSoon(func() { realm.End(); runtime.Goexit() })
	inGoroutine(l.RunUntilIdle)
	l.CallSoon(log.Callback("a callback"))
	l.RunOnce()
	log.Want(t, "in: over", "a callback")
}

// The driver calls the error handler when it knows already which task takes the next step. That task, too,
// is unwound.
func TestTheErrorHandlerEndsARealm(t *testing.T) {
	var realm lowlevel.Realm
	l := newLoop(t, loop.WithUnretrievedLimit(0), loop.WithErrorHandler(func(loop.Failure) { realm.End() }))
	realm = lowlevel.NewRealm(l.Context())
	spawn(l.Context(), "fails", func(context.Context) error { return io.EOF })
	never := future.New[int](l.Context())
	spawn(l.Context(), "makes tasks", func(ctx context.Context) error {
		for range 20 {
			ended := realm.Ended()
			spawn(realm.Context(), "in", func(ctx context.Context) error { // holds a stack, so the next one needs a new stack
				if ended {
					t.Error("a task of an ended realm runs")
				}
				return never.Wait(ctx)
			})
			if err := task.Yield(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	run(t, l)
	if !realm.Ended() {
		t.Error("the handler was not called")
	}
}

// A lone task that yields suspends if it has ended a realm.
func TestALoneYieldAfterTheEndOfARealm(t *testing.T) {
	l := newLoop(t)
	realm := lowlevel.NewRealm(l.Context())
	in := spawn(realm.Context(), "in", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
	l.RunUntilIdle()
	spawn(l.Context(), "yields", func(ctx context.Context) error {
		realm.End()
		err := task.Yield(ctx)
		if !in.Done() {
			t.Error("the task of the realm is not done")
		}
		return err
	})
	l.RunUntilIdle()
}

// A factory may start a task that was ended with its realm.
func TestATaskIsStartedAfterTheEndOfItsRealm(t *testing.T) {
	var kept []*loop.Task
	l := newLoop(t, loop.WithTaskFactory(func(t *loop.Task) { kept = append(kept, t) }))
	realm := lowlevel.NewRealm(l.Context())
	body := func(context.Context) error { t.Error("the task runs"); return nil }
	spawn(realm.Context(), "a", body)
	spawn(realm.Context(), "b", body)
	realm.End()
	l.RunUntilIdle()
	kept[0].Enqueue()
	kept[1].StepNow()
	run(t, l)
}

func TestBodiesThatGoOnAwaitingInAnEndedRealm(t *testing.T) {
	var failures []loop.Failure
	l := newLoop(t, toldTo(&failures))
	realm := lowlevel.NewRealm(l.Context())
	sleep := func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) }
	bearable := spawn(realm.Context(), "bearable", stubborn(1000, sleep))
	stuck := spawn(realm.Context(), "stuck", stubborn(5000, sleep))
	steps := make([]step, 5000)
	for i := range steps {
		steps[i] = func(context.Context, error) (task.Suspension, error) { return task.For(time.Hour), nil }
	}
	machine := script(realm.Context(), "machine", steps...)
	fails := spawn(realm.Context(), "fails", func(ctx context.Context) error {
		_ = task.Sleep(ctx, time.Hour)
		return io.EOF
	})
	l.CallSoon(func() { l.CallSoon(realm.End) })
	run(t, l)
	if len(failures) != 2 || failures[0].Task != stuck.Task() || failures[1].Task != machine.Task() || failures[0].Kind != loop.TaskStuck {
		t.Errorf("failures: %+v", failures)
	}
	if bearable.Err() != nil || causeOf(stuck.Err()) != lowlevel.ErrRealmEnded || fails.Err() != io.EOF {
		t.Errorf("bearable %v, stuck %v, fails %v", bearable.Err(), stuck.Err(), fails.Err())
	}
}

// A task that the end of its realm unwinds reports nothing, whatever its body ends with. Code that awaits it gets
// that.
func TestTasksOfAnEndedRealmReportNothing(t *testing.T) {
	wraps := func(ctx context.Context) error {
		return fmt.Errorf("the work: %v", task.Sleep(ctx, time.Hour))
	}
	must := func(ctx context.Context) error {
		if err := task.Sleep(ctx, time.Hour); err != nil {
			panic(err)
		}
		return nil
	}
	for name, body := range map[string]func(ctx context.Context) error{
		"wraps the error": wraps,
		"panics":          must,
		"in a group": func(ctx context.Context) error {
			return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				if err := g.Go(wraps); err != nil {
					return err
				}
				if err := g.Go(must); err != nil {
					return err
				}
				panic(task.Sleep(ctx, time.Hour))
			})
		},
		"behind a shield": func(ctx context.Context) error {
			task.Shield(task.Go(ctx, task.Void(wraps))).Cancel(nil)
			return wraps(ctx)
		},
		"reports": func(ctx context.Context) error {
			err := wraps(ctx)
			lowlevel.Report(task.Current(ctx).Loop(), loop.Failure{Kind: loop.PartFailed, Task: task.Current(ctx), Err: err})
			return err
		},
	} {
		for _, ender := range []string{"another task", "itself", "itself, and Close follows"} {
			for _, kind := range []string{"stackful", "stackless", "wrapped"} {
				if kind != "stackful" && name != "wraps the error" && name != "panics" {
					continue
				}
				t.Run(name+", "+kind+", ended by "+ender, func(t *testing.T) {
					var failures []loop.Failure
					l := newLoop(t, toldTo(&failures), loop.WithUnretrievedLimit(0))
					realm := lowlevel.NewRealm(l.Context())
					body := func(ctx context.Context) error {
						if ender != "another task" {
							realm.End()
						}
						if ender == "itself, and Close follows" {
							l.Stop()
						}
						return body(ctx)
					}
					before := spawn(realm.Context(), "before", func(context.Context) error { return io.EOF })
					var x *task.Task[none]
					switch kind {
					case "stackful":
						x = spawn(realm.Context(), "x", body)
					case "stackless":
						x = script(realm.Context(), "x", func(context.Context, error) (task.Suspension, error) {
							if ender != "another task" {
								realm.End()
							}
							return task.For(time.Hour), nil
						}, func(_ context.Context, err error) (task.Suspension, error) {
							if name == "panics" {
								panic(err)
							}
							return task.End(), fmt.Errorf("the work: %v", err)
						})
					case "wrapped":
						x = spawn(realm.Context(), "x", body)
						lowlevel.Wrap(x.Task(), func(b lowlevel.Body) lowlevel.Body { return panicking{b} })
					}
					if ender == "another task" {
						l.CallLater(time.Second, realm.End)
					}
					if err := l.Run(); err != nil {
						t.Error(err)
					}
					l.Close()
					if len(failures) != 1 || failures[0].Task != before.Task() {
						t.Errorf("failures %v, want that of the task that ended before", failures)
					}
					if err := x.Err(); err == nil || x.Canceled() || !strings.Contains(err.Error(), lowlevel.ErrRealmEnded.Error()) && kind != "wrapped" {
						t.Errorf("x: %v", err)
					}
				})
			}
		}
	}
}

// panicking is a body that panics when the body in it has ended.
type panicking struct{ lowlevel.Body }

func (b panicking) Step(t *loop.Task, err error) loop.Suspension {
	_ = b.Body.Step(t, err)
	panic("after the end")
}

func TestCloseAndRealms(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	realm, ended := lowlevel.NewRealm(l.Context()), lowlevel.NewRealm(l.Context())
	for _, r := range []lowlevel.Realm{realm, ended} {
		spawn(r.Context(), "x", func(ctx context.Context) error {
			defer func() {
				realm.End()
				log.Add("%v", task.Sleep(ctx, time.Hour))
			}()
			return task.Sleep(ctx, time.Hour)
		})
	}
	l.RunUntilIdle()
	ended.End()
	l.Close()
	log.Want(t, "canceled: loop: closed", "canceled: loop: closed")
	if context.Cause(realm.Context()).Error() != "canceled: loop: closed" {
		t.Errorf("Cause %v", context.Cause(realm.Context()))
	}
	realm.End()
	lowlevel.NewRealm(newLoop(t).Context()).End()
	mustPanic(t, "loop: NewRealm on a loop that is closed", func() { lowlevel.NewRealm(l.Context()) })
}

// A Blocking call of a task goes on, its context ends, and nothing waits for it but the clock.
func TestBlockingInARealmThatEnds(t *testing.T) {
	l := newLoop(t)
	realm := lowlevel.NewRealm(l.Context())
	told := false
	in := spawn(realm.Context(), "in", func(ctx context.Context) error {
		_, err := task.Blocking(ctx, func(ctx context.Context) (none, error) {
			<-ctx.Done()
			told = true
			return none{}, errors.New("dropped")
		})
		return err
	})
	l.CallSoon(func() { l.CallSoon(realm.End) })
	run(t, l)
	if causeOf(in.Err()) != lowlevel.ErrRealmEnded || !told {
		t.Errorf("in: %v, told %v", in.Err(), told)
	}
}

func TestEveryDriverEndsRealms(t *testing.T) {
	for name, drive := range map[string]func(l *loop.Loop){
		"Run":          func(l *loop.Loop) { l.CallSoon(l.Stop); _ = l.Run() },
		"RunOnce":      func(l *loop.Loop) { l.RunOnce() },
		"RunUntilIdle": (*loop.Loop).RunUntilIdle,
		"RunFor":       func(l *loop.Loop) { l.RunFor(-1) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			realm := lowlevel.NewRealm(l.Context())
			in := spawn(realm.Context(), "in", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
			ran := 0
			l.RunUntilIdle()
			l.CallSoon(func() { ran++ })
			realm.End()
			drive(l)
			if !in.Done() || ran != 1 {
				t.Errorf("done %v, ran %d", in.Done(), ran)
			}
			next := lowlevel.NewRealm(l.Context())
			in = spawn(next.Context(), "in", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
			l.RunUntilIdle()
			l.CallSoon(next.End)
			drive(l)
			if !in.Done() {
				t.Error("a realm that a callback ends")
			}
		})
	}
}

func TestContextOfARealmIsNoTasks(t *testing.T) {
	l := newLoop(t)
	realm := lowlevel.NewRealm(l.Context())
	mustPanic(t, "loop: this needs a task, and was called with the realm's context outside every task", func() { _ = task.Yield(realm.Context()) })
	spawn(l.Context(), "a", func(context.Context) error {
		mustPanic(t, `loop: this was called in task "a" with the realm's context`, func() { _ = task.Yield(realm.Context()) })
		return nil
	})
	run(t, l)
}
