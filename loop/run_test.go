package loop_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
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

func TestWhatBecomesReadyMeanwhileWaitsForTheNextTurn(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallSoon(func() {
		log.Add("a")
		l.CallSoon(log.Callback("a's"))
	})
	l.CallSoon(func() {
		log.Add("b")
		l.CallSoon(log.Callback("b's"))
	})
	if !l.RunOnce() {
		t.Error("RunOnce reports nothing ready for another turn")
	}
	log.Want(t, "a", "b")
	if l.RunOnce() {
		t.Error("RunOnce reports something ready for another turn")
	}
	log.Want(t, "a's", "b's")
}

func TestDueTimersGoBehindWhatIsReady(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallLater(0, log.Callback("timer"))
	l.CallSoon(log.Callback("soon"))
	l.RunOnce()
	log.Want(t, "soon", "timer")
}

// As in asyncio: the timer completes a future, the future queues its waiter, and the waiter runs.
func TestSleeperWakesOneTurnAfterItsTimer(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	spawn(l.Context(), "sleeper", func(ctx context.Context) error {
		defer log.Add("awake")
		return task.Sleep(ctx, time.Second)
	})
	l.CallLater(time.Second, func() { // armed before the sleep
		log.Add("turn of the timer")
		l.CallSoon(log.Callback("behind it"))
	})
	run(t, l)
	log.Want(t, "turn of the timer", "behind it", "awake")
}

func TestYieldTakesExactlyOneTurn(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	spawn(l.Context(), "yields", func(ctx context.Context) error {
		for _, suspend := range []func() error{
			func() error { return task.Yield(ctx) },
			func() error { return task.Sleep(ctx, 0) },
			func() error { return task.Sleep(ctx, -time.Second) },
		} {
			log.Add("task")
			if err := suspend(); err != nil {
				return err
			}
		}
		return nil
	})
	for l.RunOnce() {
		log.Add("end of turn")
	}
	log.Want(t, "task", "end of turn", "task", "end of turn", "task", "end of turn")
}

func TestRunReturnsWhenNothingIsLeft(t *testing.T) {
	l := newLoop(t)
	for what, prepare := range map[string]func(){
		"nothing at all":    func() {},
		"a callback":        func() { l.CallSoon(func() {}) },
		"a timer":           func() { l.CallLater(time.Hour, func() {}) },
		"a canceled timer":  func() { l.CallLater(time.Hour, func() {}).Cancel() },
		"a task":            func() { spawn(l.Context(), "", func(context.Context) error { return nil }) },
		"a task that fails": func() { spawn(l.Context(), "", func(context.Context) error { return errors.New("no") }) },
	} {
		prepare()
		if err := l.Run(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestRunReportsDeadlock(t *testing.T) {
	l := newLoop(t)
	ctx := l.Context()
	consumer := spawn(ctx, "consumer", future.New[int](ctx).Wait)
	waiter := spawn(ctx, "waiter", consumer.Wait)
	spawn(ctx, "ends", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
	machine := script(ctx, "machine", func(ctx context.Context, _ error) (task.Suspension, error) {
		return task.On(waiter), nil
	})
	err := l.Run()
	var deadlock *loop.DeadlockError
	if !errors.As(err, &deadlock) {
		t.Fatalf("Run = %v, want a deadlock", err)
	}
	want := []*loop.Task{consumer.Task(), waiter.Task(), machine.Task()}
	if len(deadlock.Tasks) != 3 || deadlock.Tasks[0] != want[0] || deadlock.Tasks[1] != want[1] || deadlock.Tasks[2] != want[2] {
		t.Errorf("the deadlocked tasks are %v, want %v", deadlock.Tasks, want)
	}
}

// A deadlock leaves the loop as it was: the host can complete the future, and call Run again.
func TestRunAgainAfterDeadlock(t *testing.T) {
	l := newLoop(t)
	f := future.New[int](l.Context())
	stuck := spawn(l.Context(), "stuck", f.Wait)
	if err := l.Run(); err == nil {
		t.Fatal("Run found no deadlock")
	}
	if err := f.SetResult(1); err != nil {
		t.Fatal(err)
	}
	run(t, l)
	if !stuck.Done() {
		t.Error("the task has not ended")
	}
}

func TestRunAgain(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	for i := range 3 {
		l.CallLater(time.Second, func() { log.Add("run %d at %v", i, l.Elapsed()) })
		run(t, l)
	}
	log.Want(t, "run 0 at 1s", "run 1 at 2s", "run 2 at 3s")
}

func TestRunWithRealClockWaitsForPosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, loop.WithClock(timer.NewSystem()))
		returned := false
		go func() {
			run(t, l)
			returned = true
		}()
		synctest.Wait()
		if returned {
			t.Fatal("Run did not wait")
		}
		if err := l.Post(l.Stop); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !returned {
			t.Error("Run went on after Stop")
		}
	})
}

func TestDeadlockDetectionWithRealClock(t *testing.T) {
	l := newLoop(t, loop.WithClock(timer.NewSystem()), loop.WithDeadlockDetection())
	run(t, l) // nothing to do
	spawn(l.Context(), "stuck", future.New[int](l.Context()).Wait)
	var deadlock *loop.DeadlockError
	if err := l.Run(); !errors.As(err, &deadlock) {
		t.Errorf("Run = %v, want a deadlock", err)
	}
}

// A task that waits under a standard context with a time limit is not deadlocked.
func TestDeadlockDetectionMindsDerivedContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, loop.WithClock(timer.NewSystem()), loop.WithDeadlockDetection())
		limited := spawn(l.Context(), "limited", func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			return future.New[int](ctx).Wait(ctx)
		})
		run(t, l)
		if err := limited.Err(); err != context.DeadlineExceeded {
			t.Errorf("the task ended with %v", err)
		}
		if l.Elapsed() != time.Minute {
			t.Errorf("the task ended after %v", l.Elapsed())
		}
	})
}

func TestStopFinishesTheTurn(t *testing.T) {
	for name, drive := range map[string]func(*loop.Loop){
		"Run":          func(l *loop.Loop) { _ = l.Run() },
		"RunUntilIdle": (*loop.Loop).RunUntilIdle,
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			var log looptest.Journal
			l.CallSoon(func() {
				log.Add("stop")
				l.Stop()
				l.CallSoon(log.Callback("next turn"))
			})
			spawn(l.Context(), "task", func(ctx context.Context) error {
				log.Add("task")
				err := task.Yield(ctx)
				log.Add("task, next turn")
				return err
			})
			l.CallSoon(log.Callback("same turn"))
			drive(l)
			log.Want(t, "stop", "task", "same turn")
			drive(l)
			log.Want(t, "next turn", "task, next turn")
		})
	}
}

func TestStopInATask(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	spawn(l.Context(), "stops", func(ctx context.Context) error {
		l.Stop()
		err := task.Sleep(ctx, time.Hour)
		log.Add("slept")
		return err
	})
	run(t, l)
	if l.Elapsed() != 0 {
		t.Error("time has passed")
	}
	run(t, l)
	log.Want(t, "slept")
}

func TestStopBeforeRunMeansOneTurn(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallSoon(func() {
		log.Add("turn 1")
		l.CallSoon(log.Callback("turn 2"))
	})
	l.Stop()
	run(t, l)
	log.Want(t, "turn 1")
	run(t, l)
	log.Want(t, "turn 2")
}

func TestStopBeforeRunOfNothing(t *testing.T) {
	l := newLoop(t, loop.WithClock(timer.NewSystem())) // without Stop, Run would wait for ever
	l.Stop()
	run(t, l)
}

func TestRunOnceDoesNotWait(t *testing.T) {
	l := newLoop(t)
	l.CallLater(time.Second, func() { t.Error("ran before its time") })
	if l.RunOnce() {
		t.Error("RunOnce reports something ready")
	}
	if l.Elapsed() != 0 {
		t.Error("the clock has jumped")
	}
}

func TestAtIdleOfAHostThatRunsOnce(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallSoon(func() { l.CallSoon(log.Callback("ready")) })
	lowlevel.AtIdle(l, lowlevel.Func(log.Callback("idle")))
	for range 3 {
		l.RunOnce()
	}
	log.Want(t, "ready", "idle")
}

func TestRunUntilIdleDoesNotWait(t *testing.T) {
	clock := timer.NewVirtual()
	l := newLoop(t, loop.WithClock(clock))
	var log looptest.Journal
	spawn(l.Context(), "task", func(ctx context.Context) error {
		for range 3 {
			_ = task.Yield(ctx)
		}
		log.Add("sleeps")
		_ = task.Sleep(ctx, time.Second)
		log.Add("awake at %v", l.Elapsed())
		return nil
	})
	l.RunUntilIdle()
	log.Want(t, "sleeps")
	l.RunUntilIdle()
	log.Want(t)
	clock.Advance(time.Second)
	l.RunUntilIdle()
	log.Want(t, "awake at 1s")
}

// A game calls RunOnce once in every frame, and moves the clock by the time of a frame.
func TestHostDrivenByFrames(t *testing.T) {
	clock := timer.NewVirtual()
	l := newLoop(t, loop.WithClock(clock))
	var log looptest.Journal
	blink := spawn(l.Context(), "blink", func(ctx context.Context) error {
		for i := range 3 {
			log.Add("blink %d", i)
			if err := task.Sleep(ctx, 25*time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	})
	const frame = 10 * time.Millisecond
	for n := 0; !blink.Done(); n++ {
		log.Add("frame %d", n)
		l.RunOnce()
		clock.Advance(frame)
	}
	// The timers fire in frames 3, 7 and 11, and the sleeper runs in the frame after.
	log.Want(t, "frame 0", "blink 0", "frame 1", "frame 2", "frame 3",
		"frame 4", "blink 1", "frame 5", "frame 6", "frame 7",
		"frame 8", "blink 2", "frame 9", "frame 10", "frame 11", "frame 12")
}

func TestNextDeadline(t *testing.T) {
	l := newLoop(t)
	if at, ok := l.NextDeadline(); ok || !at.IsZero() {
		t.Errorf("NextDeadline without timers = %v, %t", at, ok)
	}
	l.CallLater(time.Minute, func() {})
	spawn(l.Context(), "sleeper", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
	l.RunOnce()
	if at, ok := l.NextDeadline(); !ok || at != l.Clock().Start().Add(time.Second) {
		t.Errorf("NextDeadline = %v, %t, want the sleeper's", at, ok)
	}
	run(t, l)
	if _, ok := l.NextDeadline(); ok {
		t.Error("a deadline is left")
	}
}

func TestNextDeadlineOfATimerThatNeverFires(t *testing.T) {
	l := newLoop(t)
	l.CallLater(math.MaxInt64, func() {})
	if at, ok := l.NextDeadline(); ok || !at.IsZero() {
		t.Errorf("NextDeadline = %v, %t", at, ok)
	}
}

func TestLoopsAreIndependent(t *testing.T) {
	var log looptest.Journal
	var loops []*loop.Loop
	for n := range 3 {
		l := newLoop(t)
		loops = append(loops, l)
		spawn(l.Context(), "counts", func(ctx context.Context) error {
			for i := range 2 {
				log.Add("loop %d turn %d", n, i)
				_ = task.Yield(ctx)
			}
			return task.Sleep(ctx, time.Duration(n)*time.Hour)
		})
	}
	for more := true; more; {
		more = false
		for _, l := range loops {
			more = l.RunOnce() || more
		}
	}
	log.Want(t, "loop 0 turn 0", "loop 1 turn 0", "loop 2 turn 0",
		"loop 0 turn 1", "loop 1 turn 1", "loop 2 turn 1")
	for n, l := range loops {
		run(t, l)
		if want := time.Duration(n) * time.Hour; l.Elapsed() != want {
			t.Errorf("loop %d stands at %v, want %v", n, l.Elapsed(), want)
		}
	}
}

func TestLoopInsideATaskOfAnother(t *testing.T) {
	outer := newLoop(t)
	var log looptest.Journal
	spawn(outer.Context(), "outer", func(ctx context.Context) error {
		inner := newLoop(t)
		spawn(inner.Context(), "inner", func(ctx context.Context) error {
			log.Add("inner sleeps")
			defer log.Add("inner awake")
			return task.Sleep(ctx, time.Hour)
		})
		if err := inner.Run(); err != nil {
			return err
		}
		log.Add("outer goes on")
		return task.Sleep(ctx, time.Second)
	})
	run(t, outer)
	log.Want(t, "inner sleeps", "inner awake", "outer goes on")
	if outer.Elapsed() != time.Second {
		t.Errorf("the outer clock stands at %v", outer.Elapsed())
	}
}

func TestDrivingTwiceAtOnce(t *testing.T) {
	drives := map[string]func(*loop.Loop){
		"Run":          func(l *loop.Loop) { _ = l.Run() },
		"RunOnce":      func(l *loop.Loop) { l.RunOnce() },
		"RunUntilIdle": (*loop.Loop).RunUntilIdle,
	}
	for name, drive := range drives {
		want := "loop: " + name + " on a loop that is running already"
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			checks := 0
			check := func() {
				checks++
				mustPanic(t, want, func() { drive(l) })
				inGoroutine(func() { mustPanic(t, want, func() { drive(l) }) })
			}
			spawn(l.Context(), "task", func(context.Context) error { check(); return nil })
			l.CallSoon(check)
			run(t, l)
			if checks != 2 {
				t.Errorf("%d of 2 checks made", checks)
			}
		})
	}
}

// A task that yields while nothing else is ready goes on without the ready queue. Other events keep
// their place in the order: the order is the same as with an observer, which turns this shortcut off.
func TestLoneYield(t *testing.T) {
	type program struct {
		l   *loop.Loop
		ctx context.Context
		log *looptest.Journal
	}
	ch := make(chan int, 1)
	for _, c := range []struct {
		name  string
		first func(p program) // run by the task in its first step, before two yields
		then  func(p program) // run in its second step
		want  looptest.Journal
	}{
		{"nothing", func(program) {}, nil, looptest.Journal{"0", "1", "2", "turns 3"}},
		{"callback", func(p program) { p.l.CallSoon(p.log.Callback("callback")) },
			nil, looptest.Journal{"0", "callback", "1", "2", "turns 3"}},
		{"post", func(p program) {
			posted := make(chan error)
			go func() { posted <- p.l.Post(p.log.Callback("posted")) }()
			p.log.Add("%v", <-posted)
		}, nil, looptest.Journal{"0", "<nil>", "1", "posted", "2", "turns 3"}},
		{"timer", func(p program) {
			p.l.CallLater(time.Second, p.log.Callback("timer"))
			p.l.Clock().(*timer.Virtual).Advance(time.Second)
		}, nil, looptest.Journal{"0", "1", "timer", "2", "turns 3"}},
		{"timer to come", func(p program) { p.l.CallLater(time.Second, p.log.Callback("timer")) },
			nil, looptest.Journal{"0", "1", "2", "timer", "turns 4"}},
		{"idle", func(p program) { lowlevel.AtIdle(p.l, lowlevel.Func(p.log.Callback("idle"))) },
			nil, looptest.Journal{"0", "1", "2", "idle", "turns 4"}},
		{"stop", func(p program) { p.l.Stop() }, nil, looptest.Journal{"0", "turns 1", "1", "2", "turns 3"}},
		{"cancel", func(p program) { p.l.Current().Cancel(nil) }, nil, looptest.Journal{"0", "canceled", "turns 2"}},
		{"context", func(p program) {
			ctx, cancel := context.WithCancelCause(p.ctx)
			spawn(ctx, "bounded", func(ctx context.Context) error {
				defer p.log.Add("bounded ends")
				return task.Sleep(ctx, time.Second)
			})
			cancel(nil)
		}, nil, looptest.Journal{"0", "1", "2", "turns 3"}},
		{"channel", func(p program) {
			spawn(p.ctx, "receiver", func(ctx context.Context) error {
				v, _, err := task.Recv(ctx, ch)
				p.log.Add("received %d", v)
				return err
			})
		}, func(p program) { ch <- 1 }, looptest.Journal{"0", "1", "2", "received 1", "turns 3"}},
		{"spawn", func(p program) {
			spawn(p.ctx, "other", func(context.Context) error { p.log.Add("other"); return nil })
		}, nil, looptest.Journal{"0", "other", "1", "2", "turns 3"}},
	} {
		for _, kind := range []string{"stackful", "stackless"} {
			for _, seen := range []bool{false, true} {
				name := fmt.Sprintf("%s/%s/observer=%t", c.name, kind, seen)
				t.Run(name, func(t *testing.T) {
					var opts []loop.Option
					if seen {
						opts = append(opts, loop.WithObserver(func(loop.Event) {}))
					}
					l := newLoop(t, opts...)
					var log looptest.Journal
					at := 0
					advance := func(ctx context.Context, err error) (more bool) {
						if err != nil {
							log.Add("%v", err)
							return false
						}
						log.Add("%d", at)
						switch p := (program{l, ctx, &log}); {
						case at == 0:
							c.first(p)
						case at == 1 && c.then != nil:
							c.then(p)
						}
						at++
						return at < 3
					}
					if kind == "stackful" {
						task.Go(l.Context(), func(ctx context.Context) (none, error) {
							var err error
							for advance(ctx, err) {
								err = task.Yield(ctx)
							}
							return none{}, err
						})
					} else {
						task.GoMachine(l.Context(), task.MachineFunc[none](func(ctx context.Context, err error) (none, task.Suspension, error) {
							if !advance(ctx, err) {
								return none{}, task.End(), err
							}
							return none{}, task.Turn(), nil
						}))
					}
					for range 2 {
						run(t, l)
						if turns := fmt.Sprintf("turns %d", l.Stats().Turns); !slices.Contains(log, turns) {
							log.Add("%s", turns)
						}
					}
					log.Want(t, c.want...)
				})
			}
		}
	}
}

// RunOnce runs one turn, also for a task that yields alone.
func TestRunOnceOfALoneYield(t *testing.T) {
	l := newLoop(t)
	yields := 0
	task.Go(l.Context(), func(ctx context.Context) (none, error) {
		for ; yields < 3; yields++ {
			if err := task.Yield(ctx); err != nil {
				return none{}, err
			}
		}
		return none{}, nil
	})
	for want := range 4 {
		if more := l.RunOnce(); yields != want || more != (want < 3) {
			t.Errorf("after %d turns there were %d yields, more: %t", want+1, yields, more)
		}
	}
}

// willing is a Port: its nth Try succeeds.
type willing struct {
	asked, n int
	then     func()
}

func (w *willing) Try() bool {
	if w.asked++; w.asked == w.n {
		w.then()
		return true
	}
	return false
}

func (w *willing) Case() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(make(chan none))}
}

func (w *willing) Selected(reflect.Value, bool) {}

// If a port calls Stop, Run returns at once, also if nothing is ready.
func TestStopByAPort(t *testing.T) {
	for n := range 10 {
		synctest.Test(t, func(t *testing.T) {
			l := newLoop(t, loop.WithClock(timer.NewSystem()))
			var stopped time.Duration
			lowlevel.AddPort(l, &willing{n: n + 1, then: func() {
				stopped = l.Elapsed()
				l.Stop()
			}})

			var again func()
			again = func() { l.CallLater(time.Second, again) }
			again()
			run(t, l)
			if took := l.Elapsed() - stopped; took != 0 {
				t.Errorf("Stop in Try number %d: Run returned %v after Stop", n+1, took)
			}
		})
	}
}

// A function runs also if it is posted just before the loop waits, after its last look for events.
func TestPostWhileTheLoopGoesToSleep(t *testing.T) {
	var log looptest.Journal
	var l *loop.Loop
	posted := false
	l = newLoop(t, loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.Idle && !posted {
			posted = true
			_ = l.Post(log.Callback("the post"))
		}
	}))
	run(t, l)
	log.Want(t, "the post")
}

// A failure in the last step of a turn is reported before the driver returns, also if a Runnable is
// registered by AtIdle.
func TestFailureInTheLastStepIsToldBeforeTheDriverReturns(t *testing.T) {
	for name, drive := range map[string]func(*loop.Loop){
		"RunOnce":                func(l *loop.Loop) { l.RunOnce() },
		"Run, stopped":           func(l *loop.Loop) { l.Stop(); _ = l.Run() },
		"RunUntilIdle, stopped":  func(l *loop.Loop) { l.Stop(); l.RunUntilIdle() },
		"RunOnce, one at idle":   func(l *loop.Loop) { lowlevel.AtIdle(l, lowlevel.Func(func() {})); l.RunOnce() },
		"Run, one at idle":       func(l *loop.Loop) { lowlevel.AtIdle(l, lowlevel.Func(l.Stop)); _ = l.Run() },
		"RunUntilIdle":           (*loop.Loop).RunUntilIdle,
		"Run of a stackful task": func(l *loop.Loop) { spawn(l.Context(), "x", sleepsASecond); l.Stop(); _ = l.Run() },
	} {
		t.Run(name, func(t *testing.T) {
			var told []loop.Failure
			l := newLoop(t, toldTo(&told))
			l.CallSoon(func() { panic(errForeign) })
			drive(l)
			if len(told) != 1 || told[0].Kind != loop.CallbackFailed {
				t.Errorf("the error handler got %v", told)
			}
		})
	}
}

// The loop expects the end of a context that bounds a task only if the context has a time limit. It
// always expects the end of a context that a task awaits under.
func TestDeadlockDetectionMindsHowContextsEnd(t *testing.T) {
	for _, c := range []struct {
		name           string
		limited, bound bool
		deadlock       bool
	}{
		{"bound, limited", true, true, false},
		{"bound", false, true, true},
		{"awaits, limited", true, false, false},
		{"awaits", false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLoop(t, loop.WithClock(timer.NewSystem()), loop.WithDeadlockDetection())
				derive := func(ctx context.Context) context.Context {
					var cancel context.CancelFunc
					if c.limited {
						ctx, cancel = context.WithTimeout(ctx, time.Minute)
					} else {
						ctx, cancel = context.WithCancel(ctx)
						time.AfterFunc(time.Minute, cancel)
					}
					t.Cleanup(cancel)
					return ctx
				}
				ctx := l.Context()
				if c.bound {
					ctx = derive(ctx)
				}
				spawn(ctx, "x", func(ctx context.Context) error {
					if !c.bound {
						ctx = derive(ctx)
					}
					return future.New[int](ctx).Wait(ctx)
				})
				err := l.Run()
				if _, deadlock := err.(*loop.DeadlockError); deadlock != c.deadlock {
					t.Errorf("Run = %v, want a deadlock: %t", err, c.deadlock)
				}
				if !c.deadlock && l.Elapsed() != time.Minute {
					t.Errorf("Run took %v, want 1m", l.Elapsed())
				}
			})
		})
	}
}
