package loop_test

import (
	"context"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

func names(l *loop.Loop) (all looptest.Journal) {
	for t := range l.Tasks() {
		all.Add("%s", t.Name())
	}
	return all
}

func TestTasksAreInOrderOfCreation(t *testing.T) {
	l := newLoop(t)
	for i, name := range []string{"c", "a", "b", "d"} {
		spawn(l.Context(), name, func(ctx context.Context) error { return task.Sleep(ctx, time.Duration(4-i)) })
	}
	got := names(l)
	got.Want(t, "c", "a", "b", "d")
	l.CallLater(2, func() { // b and d have slept enough, and b is about to end
		got = names(l)
		got.Want(t, "c", "a", "b")
	})
	run(t, l)
	got = names(l)
	got.Want(t)
}

func TestTasksSpawnedAndEndedDuringTheIteration(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	all := map[string]*task.Task[none]{}
	for _, name := range []string{"old", "a", "b", "c", "d", "e"} {
		all[name] = spawn(l.Context(), name, func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
	}
	l.RunUntilIdle()
	end := func(names ...string) {
		for _, name := range names {
			all[name].Cancel(nil)
		}
		l.RunUntilIdle()
	}
	for x := range l.Tasks() {
		log.Add("%s", x.Name())
		switch x.Name() {
		case "a":
			end("a") // itself, the first
		case "b":
			end("b", "c") // itself and the next one
		case "d":
			end("e") // the last
			all["f"] = spawn(l.Context(), "f", task.Yield)
		case "f":
			end("old", "d", "f") // all that are left
		}
	}
	log.Want(t, "old", "a", "b", "d", "f")
	for range l.Tasks() {
		t.Error("a task is left")
	}
	for range l.Tasks() { // there is no task to yield
		break
	}
}

func TestTasksMayBeLeftEarly(t *testing.T) {
	l := newLoop(t)
	for range 3 {
		spawn(l.Context(), "", task.Yield)
	}
	n := 0
	for range l.Tasks() {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("the iteration yielded %d tasks, want 2", n)
	}
}

func TestCurrent(t *testing.T) {
	l := newLoop(t)
	if l.Current() != nil || l.Running() {
		t.Error("Current or Running is wrong before Run")
	}
	l.CallSoon(func() {
		if l.Current() != nil || !l.Running() {
			t.Error("Current or Running is wrong in a callback")
		}
	})
	x := spawn(l.Context(), "x", func(ctx context.Context) error {
		for range 2 {
			if lowlevel.Current(ctx) != l.Current() || l.Current().Name() != "x" || !l.Running() {
				t.Error("Current or Running is wrong in a body")
			}
			_ = task.Yield(ctx)
		}
		return nil
	})
	script(l.Context(), "machine", func(ctx context.Context, _ error) (task.Suspension, error) {
		if lowlevel.Current(ctx) != l.Current() || l.Current().Name() != "machine" {
			t.Error("Current is wrong in a machine")
		}
		return task.On(x), nil
	})
	x.OnDone(func() {
		if l.Current() != nil {
			t.Error("Current is not nil in a callback of a future")
		}
	})
	run(t, l)
	if l.Current() != nil || l.Running() {
		t.Error("Current or Running is wrong after Run")
	}
}

func TestTimeOfTheLoop(t *testing.T) {
	clock := timer.NewVirtual()
	l := newLoop(t, loop.WithClock(clock))
	clock.Advance(time.Minute)
	if l.Clock() != timer.Clock(clock) || l.Elapsed() != time.Minute || l.Now() != clock.Start().Add(time.Minute) {
		t.Errorf("Elapsed %v, Now %v", l.Elapsed(), l.Now())
	}
	real := loop.New()
	defer real.Close()
	if real.Clock().Jumps() {
		t.Error("the default clock is virtual")
	}
}

func TestNilOptionsAreRefused(t *testing.T) {
	mustPanic(t, "loop: WithClock(nil); use timer.NewSystem or timer.NewVirtual", func() { loop.WithClock(nil) })
	mustPanic(t, "loop: WithTaskFactory(nil); use factory.Lazy or factory.Eager", func() { loop.WithTaskFactory(nil) })
	mustPanic(t, "loop: WithErrorHandler(nil); leave the option out for the default", func() { loop.WithErrorHandler(nil) })
	mustPanic(t, "loop: WithObserver(nil); leave the option out for none", func() { loop.WithObserver(nil) })
	mustPanic(t, "loop: WithSlowStep(0s); give a positive duration", func() { loop.WithSlowStep(0) })
}

func TestObserversAreToldInOrderOfTheOptions(t *testing.T) {
	var log looptest.Journal
	observer := func(name string) loop.Option {
		return loop.WithObserver(func(e loop.Event) { log.Add("%s %v", name, e.Kind) })
	}
	l := newLoop(t, observer("first"), observer("second"))
	l.CallLater(time.Second, func() {}).Cancel()
	log.Want(t, "first timer armed", "second timer armed", "first timer canceled", "second timer canceled")
}

// If an option is given twice, the last one counts.
func TestLastOptionCounts(t *testing.T) {
	clock := timer.NewVirtual()
	l := newLoop(t, loop.WithClock(timer.NewSystem()), loop.WithClock(clock))
	if l.Clock() != timer.Clock(clock) {
		t.Error("the loop uses the first clock, want the last")
	}
}

func TestReport(t *testing.T) {
	var got []loop.Failure
	l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { got = append(got, f) }))
	want := loop.Failure{Kind: loop.ShutdownFailed, Err: context.Canceled}
	lowlevel.Report(l, want)
	if len(got) != 1 || got[0] != want {
		t.Errorf("the error handler got %+v, want %+v", got, want)
	}
}
