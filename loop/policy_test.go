package loop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// picks is a policy that records its choices, and picks by a function.
type picks struct {
	asked looptest.Journal
	pick  func(ready []*loop.Task, timePasses bool) int
}

func (p *picks) Pick(ready []*loop.Task, timePasses bool) int {
	line := ""
	for _, t := range ready {
		line += t.Name()
	}
	p.asked.Add("%s %t", line, timePasses)
	return p.pick(ready, timePasses)
}

func first([]*loop.Task, bool) int { return 0 }

func TestPolicyThatPicksTheFirstChangesNothing(t *testing.T) {
	log, events := mixed(t)
	for _, timePasses := range []bool{false, true} {
		p := &picks{pick: first}
		samelog, same := mixed(t, lowlevel.WithPolicy(p, timePasses))
		samelog.Want(t, log...)
		same.Want(t, events...)
		if len(p.asked) == 0 {
			t.Error("the policy was asked, although there was nothing to choose")
		}
	}
}

// If a task yields alone, and time may pass, the policy chooses between the task and the timer.
func TestPolicyOfALoneYield(t *testing.T) {
	p := &picks{pick: first}
	l := newLoop(t, lowlevel.WithPolicy(p, true))
	l.CallLater(time.Second, func() {})
	spawn(l.Context(), "a", func(ctx context.Context) error {
		_ = task.Yield(ctx)
		return task.Yield(ctx)
	})
	run(t, l)
	p.asked.Want(t, "a true", "a true", "a true")
}

func TestPolicyIsAskedOnlyWhereThereIsAChoice(t *testing.T) {
	p := &picks{pick: func(ready []*loop.Task, _ bool) int { return len(ready) - 1 }}
	l := newLoop(t, lowlevel.WithPolicy(p, false))
	var log looptest.Journal
	body := func(name string) {
		spawn(l.Context(), name, func(context.Context) error { log.Add("%s", name); return nil })
	}
	body("a")
	l.CallSoon(log.Callback("first callback"))
	body("b")
	body("c")
	l.CallSoon(log.Callback("second callback"))
	run(t, l)
	p.asked.Want(t, "abc false", "ab false")
	log.Want(t, "c", "b", "a", "first callback", "second callback")
}

func TestPolicyMayLetTimePass(t *testing.T) {
	p := &picks{pick: func(ready []*loop.Task, timePasses bool) int {
		if timePasses {
			return len(ready)
		}
		return 0
	}}
	l := newLoop(t, lowlevel.WithPolicy(p, true))
	var log looptest.Journal
	l.CallLater(time.Second, log.Callback("timer"))
	spawn(l.Context(), "a", func(context.Context) error { log.Add("a at %v", l.Elapsed()); return nil })
	run(t, l)
	p.asked.Want(t, "a true")
	log.Want(t, "a at 1s", "timer")
}

func TestPolicyThatPicksNobody(t *testing.T) {
	for _, at := range []int{-1, 2, 3} {
		var failures []loop.Failure
		p := &picks{pick: func([]*loop.Task, bool) int { return at }}
		l := newLoop(t, lowlevel.WithPolicy(p, false), loop.WithErrorHandler(func(f loop.Failure) { failures = append(failures, f) }))
		a, b := spawn(l.Context(), "a", task.Yield), spawn(l.Context(), "b", task.Yield)
		run(t, l)
		if len(failures) != 1 || failures[0].Kind != loop.PolicyFailed || failures[0].Err == nil {
			t.Errorf("the error handler got %+v", failures)
		}
		if errors.Join(a.Err(), b.Err()) != nil || len(p.asked) != 1 {
			t.Errorf("%v, %v, asked %v", a.Err(), b.Err(), p.asked)
		}
	}
}

// Time cannot pass if the only timer never fires.
func TestPolicyCannotLetTimePassToNever(t *testing.T) {
	p := &picks{pick: first}
	l := newLoop(t, lowlevel.WithPolicy(p, true))
	l.CallLater(math.MaxInt64, func() { t.Error("a timer ran that never fires") })
	spawn(l.Context(), "a", task.Yield)
	run(t, l)
	p.asked.Want(t)
}

func TestPolicyThatPanicsIsDropped(t *testing.T) {
	var failures []loop.Failure
	p := &picks{}
	p.pick = func([]*loop.Task, bool) int {
		if len(p.asked) < 10 {
			panic(io.EOF)
		}
		return 0
	}
	l := newLoop(t, lowlevel.WithPolicy(p, false), loop.WithErrorHandler(func(f loop.Failure) { failures = append(failures, f) }))
	var log looptest.Journal
	for _, name := range []string{"a", "b", "c"} {
		spawn(l.Context(), name, func(context.Context) error { log.Add("%s", name); return nil })
	}
	run(t, l)
	if len(failures) != 1 || failures[0].Kind != loop.PolicyFailed || !errors.Is(failures[0].Err, io.EOF) {
		t.Errorf("the error handler got %+v", failures)
	}
	p.asked.Want(t, "abc false")
	log.Want(t, "a", "b", "c")
}

// A timer has fired and waits to run. Time passes again, and a timer with an earlier deadline fires
// behind it. Both can still be canceled.
func TestCancelOfATimerThatAnEarlierOneFollows(t *testing.T) {
	choices := []int{2, 0, 2, 0}
	l := newLoop(t, lowlevel.WithPolicy(&picks{pick: func([]*loop.Task, bool) int {
		choice := 0
		if len(choices) > 0 {
			choice, choices = choices[0], choices[1:]
		}
		return choice
	}}, true))
	start := l.Now()
	late := l.CallLater(10, func() { t.Error("the late timer ran") })
	var early loop.Handle
	spawn(l.Context(), "x", func(ctx context.Context) error {
		early = l.CallAt(start.Add(5), func() { t.Error("the early timer ran") })
		return task.Yield(ctx)
	})
	spawn(l.Context(), "y", func(context.Context) error {
		if !late.Cancel() || !early.Cancel() {
			t.Error("Cancel of a timer that waits to run returned false")
		}
		return nil
	})
	run(t, l)
	if l.Elapsed() != 10 {
		t.Errorf("the loop ran for %v", l.Elapsed())
	}
}

// A callback at the front of the queue runs before the policy is asked. Time passes only if the option
// allows it.
func TestPolicyIsNotAskedBeforeACallback(t *testing.T) {
	p := &picks{pick: func(ready []*loop.Task, _ bool) int { return len(ready) - 1 }}
	l := newLoop(t, lowlevel.WithPolicy(p, false))
	var log looptest.Journal
	l.CallLater(time.Second, log.Callback("timer"))
	l.CallSoon(log.Callback("callback"))
	for _, name := range []string{"a", "b"} {
		spawn(l.Context(), name, func(context.Context) error { log.Add("%s", name); return nil })
	}
	run(t, l)
	p.asked.Want(t, "ab false")
	log.Want(t, "callback", "b", "a", "timer")
}

// follows is a policy, and a follower.
type follows struct {
	picks
	told looptest.Journal
	fail func()
	next func()
}

func (f *follows) Made(t, by *loop.Task) {
	name := "nobody"
	if by != nil {
		name = by.Name()
	}
	f.told.Add("%s made %s", name, t.Name())
	if f.fail != nil {
		f.fail()
	}
}

func (f *follows) Next(t *loop.Task) {
	if t == nil {
		f.told.Add("a callback")
	} else {
		f.told.Add("%s", t.Name())
	}
	if f.next != nil {
		f.next()
	}
}

// A Follower is told of each task, and of each entry of the ready queue that runs. It is told of no
// entry that was canceled, and not of the first step of an eager task.
func TestPolicyFollows(t *testing.T) {
	for mode := range 4 {
		eager, spare := mode&1 != 0, mode&2 != 0
		t.Run(fmt.Sprintf("eager %t, spare %t", eager, spare), func(t *testing.T) {
			p := &follows{picks: picks{pick: func(ready []*loop.Task, _ bool) int { return len(ready) - 1 }}}
			opts := []loop.Option{lowlevel.WithPolicy(p, false), lowlevel.WithFollower(p)}
			if eager {
				opts = append(opts, loop.WithTaskFactory(factory.Eager))
			}
			if spare {
				opts = append(opts, lowlevel.WithSpare(newSpare(t)))
			}
			l := newLoop(t, opts...)
			l.CallSoon(func() {})
			h := l.CallSoon(func() {})
			h.Cancel()
			l.CallSoon(func() {
				spawn(l.Context(), "a", func(ctx context.Context) error {
					spawn(ctx, "b", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
					return task.Yield(ctx)
				})
			})
			run(t, l)
			want := []string{"a callback", "a callback", "nobody made a", "a", "a made b", "a", "b", "a callback", "b"}
			if eager {
				want = []string{"a callback", "a callback", "nobody made a", "a made b", "a", "a callback", "b"}
			}
			p.told.Want(t, want...)
		})
	}
}

func TestFollowerThatPanicsIsDropped(t *testing.T) {
	var failures []loop.Failure
	p := &follows{picks: picks{pick: first}, fail: func() { panic(io.EOF) }}
	l := newLoop(t, lowlevel.WithPolicy(p, false), lowlevel.WithFollower(p), loop.WithErrorHandler(func(f loop.Failure) { failures = append(failures, f) }))
	a := spawn(l.Context(), "a", task.Yield)
	spawn(l.Context(), "b", task.Yield)
	run(t, l)
	if len(failures) != 1 || failures[0].Kind != loop.PolicyFailed || !errors.Is(failures[0].Err, io.EOF) || a.Err() != nil {
		t.Errorf("the error handler got %+v; %v", failures, a.Err())
	}
	p.told.Want(t, "nobody made a")
	p.asked.Want(t)
}

// With a Spare, a body that suspends asks the Follower. A panic there is not one of the body.
func TestFollowerThatPanicsOnAStack(t *testing.T) {
	for what, fail := range map[string]func(p *follows){
		"Pick": func(p *follows) { p.pick = func([]*loop.Task, bool) int { panic(io.EOF) } },
		"Next": func(p *follows) { p.next = func() { panic(io.EOF) } },
	} {
		t.Run(what, func(t *testing.T) {
			s := newSpare(t)
			var failures []loop.Failure
			p := &follows{picks: picks{pick: first}}
			l := loop.New(loop.WithVirtualTime(), lowlevel.WithPolicy(p, false), lowlevel.WithFollower(p), toldTo(&failures), lowlevel.WithSpare(s))
			var log looptest.Journal
			for _, name := range []string{"a", "b", "c"} {
				spawn(l.Context(), name, func(ctx context.Context) error {
					for i := range 3 {
						log.Add("%s %d", name, i)
						if name == "b" && i == 1 {
							fail(p)
						}
						if err := task.Yield(ctx); err != nil {
							return err
						}
					}
					return nil
				})
			}
			run(t, l)
			l.Close()
			log.Want(t, "a 0", "b 0", "c 0", "a 1", "b 1", "c 1", "a 2", "b 2", "c 2")
			if len(failures) != 1 || failures[0].Kind != loop.PolicyFailed || !errors.Is(failures[0].Err, io.EOF) {
				t.Errorf("the error handler got %+v", failures)
			}
		})
	}
}

// A Goexit of the policy ends the driver. The driver that asks the policy unwinds no task. A body that
// asks it unwinds its own task, and no other one.
func TestPolicyThatCallsGoexit(t *testing.T) {
	for _, onStack := range []bool{false, true} {
		s := newSpare(t)
		var failures []loop.Failure
		var log looptest.Journal
		exits := false
		p := &follows{picks: picks{pick: func([]*loop.Task, bool) int {
			if exits {
				runtime.Goexit()
			}
			return 0
		}}}
		opts := []loop.Option{loop.WithVirtualTime(), lowlevel.WithPolicy(p, false), lowlevel.WithFollower(p), toldTo(&failures)}
		if onStack {
			opts = append(opts, lowlevel.WithSpare(s))
		}
		l := loop.New(opts...)
		tasks := map[string]*task.Task[none]{}
		for _, name := range []string{"a", "b", "c"} {
			tasks[name] = spawn(l.Context(), name, func(ctx context.Context) error {
				for i := range 2 {
					log.Add("%s %d", name, i)
					exits = name == "b" && i == 0
					if err := task.Yield(ctx); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if inGoroutine(func() { _ = l.Run() }) {
			t.Error("the driver has not ended")
		}
		run(t, l)
		for name, task := range tasks {
			var want error
			if onStack && name == "b" {
				want = loop.ErrGoexit
			}
			if task.Err() != want {
				t.Errorf("on the body's stack %t: task %s ended with %v, want %v", onStack, name, task.Err(), want)
			}
		}
		l.Close()
		if onStack {
			log.Want(t, "a 0", "b 0", "c 0", "a 1", "c 1")
		} else {
			log.Want(t, "a 0", "b 0", "c 0", "a 1", "b 1", "c 1")
		}
		if len(failures) != 1 || failures[0].Kind != loop.PolicyFailed {
			t.Errorf("the error handler got %+v", failures)
		}
	}
}

// A Follower is told of the steps of a task that yields alone, also without a policy.
func TestFollowerOfALoneYield(t *testing.T) {
	for _, spare := range []bool{false, true} {
		p := new(follows)
		s := newSpare(t)
		opts := []loop.Option{loop.WithVirtualTime(), lowlevel.WithFollower(p)}
		if spare {
			opts = append(opts, lowlevel.WithSpare(s))
		}
		l := loop.New(opts...)
		spawn(l.Context(), "a", func(ctx context.Context) error {
			return errors.Join(task.Yield(ctx), task.Yield(ctx))
		})
		script(l.Context(), "machine", func(context.Context, error) (task.Suspension, error) { return task.For(1), nil },
			func(context.Context, error) (task.Suspension, error) { return task.Turn(), nil },
			func(context.Context, error) (task.Suspension, error) { return task.Turn(), nil })
		run(t, l)
		l.Close()
		p.told.Want(t, "nobody made a", "nobody made machine", "a", "machine", "a", "a", "a callback", "machine", "machine", "machine")
	}
}
