package loop_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// describe returns e as one line of text.
func describe(e loop.Event) string {
	text := e.Kind.String()
	if e.Task != nil {
		text += " " + e.Task.Name()
	}
	if e.On != nil {
		what, _ := e.On.Explain()
		text += " on " + what
	}
	if e.Timer.Seq != 0 {
		text += fmt.Sprintf(" %v#%d", time.Duration(e.Timer.Deadline), e.Timer.Seq)
	}
	if e.By != nil {
		text += " by " + e.By.Name()
	}
	return text
}

// observed makes a loop, and records its events.
func observed(t *testing.T, opts ...loop.Option) (*loop.Loop, *looptest.Journal) {
	log := new(looptest.Journal)
	opts = append(opts, loop.WithObserver(func(e loop.Event) {
		if e.Kind != loop.TurnBegan {
			log.Add("%s", describe(e))
		}
	}))
	return newLoop(t, opts...), log
}

func TestEventsOfASmallProgram(t *testing.T) {
	l, log := observed(t)
	parent := spawn(l.Context(), "parent", func(ctx context.Context) error {
		child := spawn(ctx, "child", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
		return child.Wait(ctx)
	})
	parent.OnDone(func() {})
	run(t, l)
	log.Want(t,
		"made parent",
		"step parent by parent",
		"made child by parent",
		`suspended parent on task "child" by parent`,
		"step child by child",
		"timer armed child 1s#1 by child",
		"suspended child 1s#1 by child",
		"idle",
		"timer fired child 1s#1",
		"woken child",
		"step child by child",
		"woken parent by child",
		"done child by child",
		"step parent by parent",
		"done parent by parent",
		"idle",
	)
}

func TestEventsOfAMachine(t *testing.T) {
	l, log := observed(t)
	f := future.New[int](l.Context())
	script(l.Context(), "machine",
		func(context.Context, error) (task.Suspension, error) { return task.Turn(), nil },
		func(context.Context, error) (task.Suspension, error) { return task.For(time.Second), nil },
		func(context.Context, error) (task.Suspension, error) { return task.On(f), nil })
	l.CallLater(2*time.Second, func() { _ = f.SetResult(1) })
	run(t, l)
	log.Want(t,
		"made machine",
		"timer armed 2s#1",
		"step machine by machine",
		"suspended machine by machine",
		"step machine by machine",
		"timer armed machine 1s#2 by machine",
		"suspended machine 1s#2 by machine",
		"idle",
		"timer fired machine 1s#2",
		"woken machine",
		"step machine by machine",
		"suspended machine on a future by machine",
		"idle",
		"timer fired 2s#1",
		"woken machine",
		"step machine by machine",
		"done machine by machine",
		"idle",
	)
}

func TestEventsOfCancellation(t *testing.T) {
	l, log := observed(t)
	sleeper := spawn(l.Context(), "sleeper", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
	spawn(l.Context(), "canceler", func(ctx context.Context) error {
		sleeper.Cancel(nil)
		return nil
	})
	never := spawn(l.Context(), "never", func(context.Context) error { return nil })
	never.Cancel(nil)
	run(t, l)
	log.Want(t,
		"made sleeper",
		"made canceler",
		"made never",
		"cancel never",
		"step sleeper by sleeper",
		"timer armed sleeper 1h0m0s#1 by sleeper",
		"suspended sleeper 1h0m0s#1 by sleeper",
		"step canceler by canceler",
		"cancel sleeper by canceler",
		"woken sleeper by canceler",
		"done canceler by canceler",
		"done never",
		"timer canceled sleeper 1h0m0s#1",
		"step sleeper by sleeper",
		"done sleeper by sleeper",
		"idle",
	)
}

func TestEventsOfHandlesAndPosts(t *testing.T) {
	l, log := observed(t)
	l.CallSoon(func() {}).Cancel() // CallSoon and its Cancel are no events
	l.CallLater(time.Second, func() {}).Cancel()
	_ = l.Post(func() { log.Add("posted function runs") })
	run(t, l)
	log.Want(t, "timer armed 1s#1", "timer canceled 1s#1", "posted", "posted function runs", "idle")
}

func TestEventsOfEagerTasks(t *testing.T) {
	l, log := observed(t, loop.WithTaskFactory((*loop.Task).StepNow))
	l.CallSoon(func() {
		spawn(l.Context(), "ends", func(ctx context.Context) error {
			spawn(ctx, "blocks", task.Yield)
			return nil
		})
	})
	run(t, l)
	log.Want(t,
		"made ends",
		"step ends by ends",
		"made blocks by ends",
		"step blocks by blocks",
		"suspended blocks by blocks",
		"done ends by ends",
		"step blocks by blocks",
		"done blocks by blocks",
		"idle",
	)
}

// No other goroutine takes part, so every run has the same trace. The end of a standard context has
// its fixed place in it too.
func TestEventsAreTheSameInEveryRun(t *testing.T) {
	program := func() looptest.Journal {
		l, log := observed(t)
		for range 3 {
			var cancel context.CancelFunc
			spawn(l.Context(), "", func(ctx context.Context) error {
				ctx, cancel = context.WithCancel(ctx)
				return task.Sleep(ctx, time.Hour)
			})
			l.CallLater(time.Second, func() { cancel() })
			run(t, l)
		}
		return *log
	}
	first := program()
	for range 300 {
		if again := program(); len(again) != len(first) {
			again.Want(t, first...)
			return
		}
	}
}

func TestEventKindNames(t *testing.T) {
	for k := loop.TaskMade; k <= loop.TurnBegan; k++ {
		if text := k.String(); text == "" || text == fmt.Sprintf("EventKind(%d)", uint8(k)) {
			t.Errorf("event %d has no name", uint8(k))
		}
	}
	for _, k := range []loop.EventKind{0, loop.TurnBegan + 1, 255} {
		if got, want := k.String(), fmt.Sprintf("EventKind(%d)", uint8(k)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestEventsOfTurns(t *testing.T) {
	var ready []int
	l := newLoop(t, loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.TurnBegan {
			ready = append(ready, e.Ready)
		}
	}))
	for range 3 {
		spawn(l.Context(), "", task.Yield)
	}
	l.CallSoon(func() {})
	l.CallLater(time.Second, func() {})
	if got, want := l.Stats(), (loop.Stats{Spawned: 3, Tasks: 3, Ready: 4, Timers: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	run(t, l)
	if want := []int{4, 3, 1}; !slices.Equal(ready, want) {
		t.Errorf("the turns have %v, want %v", ready, want)
	}
	if got := l.Stats(); got.Turns != 3 || got.Ready != 0 || got.Timers != 0 || got.Tasks != 0 {
		t.Errorf("%+v", got)
	}
}

func TestEventsOfCancellationHaveTheCause(t *testing.T) {
	var cause error
	l := newLoop(t, loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.CancelAsked {
			cause = e.Cause
		}
	}))
	want := errors.New("why")
	spawn(l.Context(), "", task.Yield).Cancel(want)
	run(t, l)
	if cause != want {
		t.Errorf("cause %v", cause)
	}
}

// If an observer panics or ends the goroutine, at any event, the loop can still run and be closed.
func TestObserverThatFails(t *testing.T) {
	for name, fail := range map[string]func(){"panic": func() { panic("oh") }, "goexit": goexit} {
		for kind := loop.TaskMade; kind <= loop.Idle; kind++ {
			t.Run(fmt.Sprintf("%s, %v", name, kind), func(t *testing.T) {
				failed := false
				l := newLoop(t, loop.WithErrorHandler(func(loop.Failure) {}), loop.WithObserver(func(e loop.Event) {
					if !failed && e.Kind == kind {
						failed = true
						fail()
					}
				}))
				inGoroutine(func() {
					defer func() { _ = recover() }()
					spawn(l.Context(), "x", func(ctx context.Context) error {
						_ = task.Yield(ctx)
						return task.Sleep(ctx, time.Second)
					})
					_ = l.Post(func() { l.CallLater(1, func() {}).Cancel() })
					_ = l.Run()
				})
				var log looptest.Journal
				l.CallSoon(log.Callback("callback"))
				_ = l.Run() // an error would name a task that was lost
				l.Close()
				log.Want(t, "callback")
			})
		}
	}
}

// A canceled sleep is over: the next suspension of the task has no timer left from it.
func TestEventsBehindASleepThatWasCanceled(t *testing.T) {
	var timers []int64
	l := newLoop(t, loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.TaskSuspended {
			timers = append(timers, e.Timer.Deadline)
		}
	}))
	x := spawn(l.Context(), "x", func(ctx context.Context) error {
		_ = task.Sleep(ctx, 7)
		return task.Yield(ctx)
	})
	l.RunUntilIdle()
	x.Cancel(nil)
	run(t, l)
	if !slices.Equal(timers, []int64{7, 0}) {
		t.Errorf("the deadlines in the events are %v", timers)
	}
}

// A Cancel that returns false is no event.
func TestEventsOfHandlesOfThePast(t *testing.T) {
	l, log := observed(t)
	timer := l.CallLater(0, func() {})
	run(t, l)
	timer.Cancel()
	log.Want(t, "timer armed 0s#1", "timer fired 0s#1", "idle")
}

// gate is an awaitable. The test itself wakes its waiters, by ScheduleAll.
type gate struct {
	*future.Future[int]
	waiters []loop.Runnable
}

func (g *gate) AddWaiter(r loop.Runnable) { g.waiters = append(g.waiters, r) }

func TestEventsOfScheduleAll(t *testing.T) {
	l, log := observed(t)
	g := &gate{Future: future.New[int](l.Context())}
	for _, name := range []string{"a", "b"} {
		spawn(l.Context(), name, func(ctx context.Context) error { return lowlevel.Await(ctx, g) })
	}
	l.RunUntilIdle()
	*log = nil
	lowlevel.ScheduleAll(l, g.waiters)
	log.Want(t, "woken a", "woken b")
	_ = g.SetResult(1)
	run(t, l)
}

// If an observer calls Goexit at the first of several events, the other observers get all of them.
func TestGoexitOfAnObserverHidesNoEvent(t *testing.T) {
	for _, c := range []struct {
		kind loop.EventKind // of the Goexit
		then loop.EventKind
		want int
		do   func(l *loop.Loop)
	}{
		{loop.TaskWoken, loop.TaskWoken, 100, func(l *loop.Loop) {
			f := future.New[int](l.Context())
			for range 100 {
				spawn(l.Context(), "", func(ctx context.Context) error { return lowlevel.Await(ctx, f) })
			}
			l.RunUntilIdle()
			_ = f.SetResult(1)
		}},
		{loop.TaskWoken, loop.TaskWoken, 3, func(l *loop.Loop) {
			g := &gate{Future: future.New[int](l.Context())}
			for range 3 {
				spawn(l.Context(), "", func(ctx context.Context) error { return lowlevel.Await(ctx, g) })
			}
			l.RunUntilIdle()
			defer func() { _ = g.SetResult(1) }()
			lowlevel.ScheduleAll(l, g.waiters)
		}},
		{loop.Posted, loop.Posted, 3, func(l *loop.Loop) {
			for range 3 {
				_ = l.Post(func() {})
			}
		}},
		{loop.TimerArmed, loop.TaskSuspended, 1, func(l *loop.Loop) {
			spawn(l.Context(), "", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
		}},
	} {
		exits, told := false, 0
		l := newLoop(t, loop.WithErrorHandler(func(loop.Failure) {}), loop.WithObserver(func(e loop.Event) {
			if e.Kind == c.kind && !exits {
				exits = true
				goexit()
			}
		}), loop.WithObserver(func(e loop.Event) {
			if e.Kind == c.then {
				told++
			}
		}))
		inGoroutine(func() {
			c.do(l)
			_ = l.Run()
		})
		run(t, l)
		if told != c.want {
			t.Errorf("after a Goexit at %v the other observer was told of %d events %v, want %d", c.kind, told, c.then, c.want)
		}
	}
}
