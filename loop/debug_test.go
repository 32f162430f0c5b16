package loop_test

import (
	"bytes"
	"context"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// outsideCalls are calls that are for the loop's goroutine only, and what their
// panics name.
func outsideCalls(l *loop.Loop) map[string]func() {
	ctx := l.Context()
	h := l.CallLater(time.Hour, func() {})
	other := spawn(ctx, "other", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
	return map[string]func(){
		"loop: CallSoon from":        func() { l.CallSoon(func() {}) },
		"loop: CallLater from":       func() { l.CallLater(1, func() {}) },
		"loop: CallAt from":          func() { l.CallAt(time.Time{}, func() {}) },
		"loop: Stop from":            func() { l.Stop() },
		"loop: Handle.Cancel from":   func() { h.Cancel() },
		"loop: spawning a task from": func() { spawn(ctx, "", func(context.Context) error { return nil }) },
		"loop: Cancel from":          func() { other.Cancel(nil) },
		"loop: completing a future, or Schedule, from": func() {
			f := future.New[int](ctx)
			f.OnDone(func() {})
			_ = f.SetResult(1)
		},
	}
}

func TestDebugFindsCallsFromOtherGoroutines(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	calls := outsideCalls(l)
	check := func() {
		for want, call := range calls {
			inGoroutine(func() { mustPanic(t, want+" another goroutine than the loop's; use Post", call) })
		}
	}
	l.CallSoon(check)
	spawn(l.Context(), "task", func(ctx context.Context) error {
		check()
		_ = task.Yield(ctx)
		check()
		return nil
	})
	l.RunUntilIdle()
}

// A call that is refused has done nothing.
func TestDebugRefusesCancelBeforeTheContextEnds(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	spawn(l.Context(), "x", func(ctx context.Context) error {
		x := loop.Current(ctx)
		s := loop.Enter(ctx)
		inGoroutine(func() {
			mustPanic(t, "loop: Cancel from another goroutine than the loop's", func() { x.Cancel(nil) })
			mustPanic(t, "loop: Cancel from another goroutine than the loop's", func() { s.Cancel(nil) })
		})
		if ctx.Err() != nil || s.Context().Err() != nil || x.Cancelling() != 0 {
			t.Errorf("the contexts ended with %v and %v, after %d requests", ctx.Err(), s.Context().Err(), x.Cancelling())
		}
		return nil
	})
	run(t, l)
}

func TestDebugFindsSuspensionOnAnotherGoroutine(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	spawn(l.Context(), "task", func(ctx context.Context) error {
		inGoroutine(func() {
			mustPanic(t, "loop: suspending from another goroutine than the loop's; use Post", func() { _ = task.Sleep(ctx, time.Second) })
		})
		return nil
	})
	run(t, l)
}

// Without debug mode a loop that sleeps still finds them: it would not wake.
func TestSleepingLoopFindsCallsFromOtherGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, loop.WithClock(timer.NewSystem()))
		calls := outsideCalls(l)
		go func() {
			defer func() { _ = l.Post(l.Stop) }()
			synctest.Wait()
			for want, call := range calls {
				mustPanic(t, want+" another goroutine than the loop's; use Post", call)
			}
		}()
		run(t, l)
	})
}

func TestDebugAllowsTheLoopsOwnCalls(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	var log journal
	use := func(who string) {
		l.CallSoon(func() {}).Cancel()
		l.CallLater(1, func() {}).Cancel()
		spawn(l.Context(), "", func(context.Context) error { return nil }).Cancel(nil)
		log.add("%s", who)
	}
	ctx := l.Context()
	use("host")
	l.CallSoon(func() { use("callback") })
	spawn(ctx, "stackful", func(ctx context.Context) error {
		use("stackful")
		_ = task.Yield(ctx)
		use("stackful again")
		return nil
	})
	script(ctx, "machine", func(context.Context, error) (task.Suspension, error) {
		use("machine")
		return task.Turn(), nil
	})
	spawn(ctx, "unwound", func(ctx context.Context) error {
		defer use("deferred call")
		return future.New[int](ctx).Wait(ctx)
	})
	inGoroutine(l.RunUntilIdle) // whoever drives is the loop's goroutine
	log.expect(t, "host", "callback", "stackful", "machine", "stackful again")
	use("host between runs")
	inGoroutine(l.Close)
	log.expect(t, "host between runs", "deferred call")
}

func TestDebugWithEagerTasks(t *testing.T) {
	l := newLoop(t, loop.WithDebug(), loop.WithTaskFactory((*loop.Task).StepNow))
	var log journal
	spawn(l.Context(), "outer", func(ctx context.Context) error {
		spawn(ctx, "inner", func(ctx context.Context) error {
			l.CallSoon(log.writes("of inner"))
			_ = task.Yield(ctx)
			l.CallSoon(log.writes("of inner, later"))
			return nil
		})
		l.CallSoon(log.writes("of outer"))
		return nil
	})
	run(t, l)
	log.expect(t, "of inner", "of outer", "of inner, later")
}

// mixed runs a program with a bit of everything, and logs what it did.
func mixed(t *testing.T, opts ...loop.Option) (log journal, events journal) {
	opts = append(opts,
		loop.WithErrorHandler(func(f loop.Failure) { log.add("failure: %v", f.Err) }),
		loop.WithObserver(func(e loop.Event) { events.add("%s", describe(e)) }))
	l := newLoop(t, opts...)
	ctx := l.Context()
	f := future.New[int](ctx)
	worker := func(name string, rounds int) *task.Task[none] {
		return spawn(ctx, name, func(ctx context.Context) error {
			for i := range rounds {
				log.add("%s %d at %v", name, i, l.Elapsed())
				var err error
				switch i % 3 {
				case 0:
					err = task.Yield(ctx)
				case 1:
					err = task.Sleep(ctx, time.Duration(rounds)*time.Second)
				case 2:
					err = spawn(ctx, name+"'s", func(context.Context) error { return nil }).Wait(ctx)
				}
				if err != nil {
					log.add("%s: %v", name, err)
				}
			}
			return nil
		})
	}
	workers := []*task.Task[none]{worker("a", 4), worker("b", 7), worker("c", 7)}
	waiter := spawn(ctx, "waiter", f.Wait)
	script(ctx, "machine",
		func(context.Context, error) (task.Suspension, error) { return task.Turn(), nil },
		func(context.Context, error) (task.Suspension, error) { return task.For(time.Second), nil },
		func(context.Context, error) (task.Suspension, error) {
			log.add("machine cancels b: %t", workers[1].Cancel(nil))
			return task.On(workers[0]), nil
		},
		func(context.Context, error) (task.Suspension, error) { panic("machine") })
	l.CallSoon(func() { panic("callback") })
	l.CallLater(3*time.Second, func() {
		log.add("waiter canceled: %t", waiter.Cancel(nil))
		l.CallSoon(func() { panic("callback again") })
	})
	spawn(ctx, "panics", func(ctx context.Context) error {
		_ = task.Sleep(ctx, 2*time.Second)
		panic("body")
	})
	run(t, l)
	for _, w := range workers {
		log.add("%s: %v", w.Name(), w.Err())
	}
	log.add("end at %v", l.Elapsed())
	return log, events
}

func TestDebugKeepsTheOrderOfEvents(t *testing.T) {
	for name, factory := range map[string]loop.TaskFactory{
		"lazy": (*loop.Task).Enqueue, "eager": (*loop.Task).StepNow,
	} {
		t.Run(name, func(t *testing.T) {
			log, events := mixed(t, loop.WithTaskFactory(factory))
			if len(log) < 20 || len(events) < 80 {
				t.Fatalf("a short program: %d lines, %d events", len(log), len(events))
			}
			debugLog, debugEvents := mixed(t, loop.WithTaskFactory(factory), loop.WithSlowStep(time.Hour))
			debugLog.expect(t, log...)
			debugEvents.expect(t, events...)
		})
	}
}

// The label is the task's also after another one was stepped eagerly, and nobody's in
// a callback.
func TestProfileLabels(t *testing.T) {
	own := func() string { // the labels of the goroutine that calls it
		var b bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
			t.Fatal(err)
		}
		for group := range strings.SplitSeq(b.String(), "\n\n") {
			if strings.Contains(group, "pprof.writeGoroutine") {
				_, text, _ := strings.Cut(group, "labels: ")
				text, _, _ = strings.Cut(text, "\n")
				return text
			}
		}
		return "not found"
	}
	var got []string
	note := func() { got = append(got, own()) }
	l := newLoop(t, loop.WithDebug(), loop.WithTaskFactory((*loop.Task).StepNow))
	outer := func(ctx context.Context) error {
		note()
		spawn(ctx, "inner", func(ctx context.Context) error { note(); return task.Yield(ctx) })
		script(ctx, "machine", func(context.Context, error) (task.Suspension, error) { note(); return task.Turn(), nil })
		note()
		l.CallSoon(note)
		return task.Yield(ctx)
	}
	l.CallSoon(func() { spawn(l.Context(), "outer", outer) })
	run(t, l)
	note()
	want := []string{`{"task":"outer"}`, `{"task":"inner"}`, `{"task":"machine"}`, `{"task":"outer"}`, "", ""}
	if !slices.Equal(got, want) {
		t.Errorf("labels %q, want %q", got, want)
	}
}
