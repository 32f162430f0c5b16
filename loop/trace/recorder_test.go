package trace_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/loop/trace"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// find returns the first event of a kind about the task named name.
func find(t *testing.T, events []trace.Event, kind loop.EventKind, name string) trace.Event {
	t.Helper()
	at := slices.IndexFunc(events, func(e trace.Event) bool { return e.Kind == kind && e.Name == name })
	if at < 0 {
		t.Fatalf("there is no event %q of task %q", kind, name)
	}
	return events[at]
}

func TestEvents(t *testing.T) {
	events := record(t, everything).Events()
	for name, want := range map[string]trace.Event{
		"never":   {Outcome: trace.Canceled},
		"fails":   {Outcome: trace.Failed, Err: "broken"},
		"panics":  {Outcome: trace.Panicked, Err: `panic in task "panics": oh no`},
		"sleeper": {Outcome: trace.Canceled},
		"Task-5":  {Outcome: trace.Canceled},
		"main":    {Outcome: trace.Returned},
	} {
		got := find(t, events, loop.TaskDone, name)
		if got.Outcome != want.Outcome || got.Err != want.Err {
			t.Errorf("%s: %v, %q; want %v, %q", name, got.Outcome, got.Err, want.Outcome, want.Err)
		}
	}
	waits := find(t, events, loop.TaskSuspended, "Task-5")
	if waits.On != `task "sleeper"` || waits.OnTask != 2 || waits.Task != 5 || waits.By != 5 {
		t.Errorf("awaiting a task is recorded as %+v", waits)
	}
	sleeps := find(t, events, loop.TaskSuspended, "sleeper")
	if sleeps.On != "" || sleeps.Timer != (timer.Key{Deadline: int64(time.Hour), Seq: 3}) {
		t.Errorf("a sleep is recorded as %+v", sleeps)
	}
	cancel := find(t, events, loop.CancelAsked, "sleeper")
	if cancel.By != 1 || cancel.At != time.Second || cancel.Err != "broken" {
		t.Errorf("a cancellation is recorded as %+v", cancel)
	}
	for _, kind := range []loop.EventKind{loop.Posted, loop.Idle, loop.TimerCanceled} {
		find(t, events, kind, "")
	}
}

func TestEventsOfATaskThatIsRenamed(t *testing.T) {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	rec := trace.NewRecorder(1 << 14)
	l = loop.New(loop.WithVirtualTime(), loop.WithObserver(rec.Observe))
	defer l.Close()
	child := spawn(l.Context(), "before", task.Yield)
	if got := rec.Events()[0].Name; got != "before" {
		t.Errorf("the task is called %q", got)
	}
	child.SetName("after")
	for range 2 { // before the task ends, and after
		if got := rec.Events()[0].Name; got != "after" {
			t.Errorf("the task is called %q", got)
		}
		if err := l.Run(); err != nil {
			t.Fatal(err)
		}
	}
}

// The recorder reads the error of a task, but the loop still reports the error as not retrieved.
func TestRecorderTakesNoError(t *testing.T) {
	var reported []error
	rec := trace.NewRecorder(1 << 14)
	l := loop.New(loop.WithObserver(rec.Observe), loop.WithVirtualTime(),
		loop.WithErrorHandler(func(f loop.Failure) { reported = append(reported, f.Err) }))
	spawn(l.Context(), "", func(context.Context) error { return errBroken })
	_ = l.Run()
	l.Close()
	if len(reported) != 1 || reported[0] != errBroken {
		t.Errorf("reported: %v", reported)
	}
}

type worseError struct{}

func (worseError) Error() string { panic("worse") }

func TestErrorThatPanics(t *testing.T) {
	rec := trace.NewRecorder(1 << 14)
	l := loop.New(loop.WithObserver(rec.Observe), loop.WithErrorHandler(func(loop.Failure) {}))
	defer l.Close()
	child := spawn(l.Context(), "worse", func(context.Context) error { return worseError{} })
	l.CallLater(0, l.Stop)
	_ = l.Run()
	_ = child
	done := find(t, rec.Events(), loop.TaskDone, "worse")
	if want := "a trace_test.worseError (its Error method panicked)"; done.Err != want {
		t.Errorf("%q, want %q", done.Err, want)
	}
}

// yields runs a program with a known number of events.
func yields(l *loop.Loop, tasks, each int) {
	for range tasks {
		spawn(l.Context(), "", func(ctx context.Context) error {
			for range each {
				_ = task.Yield(ctx)
			}
			return nil
		})
	}
	_ = l.Run()
}

func TestRingKeepsTheNewest(t *testing.T) {
	var all []string
	small := trace.NewRecorder(1 << 13)
	big := trace.NewRecorder(1 << 20)
	l := loop.New(loop.WithVirtualTime(), loop.WithObserver(small.Observe), loop.WithObserver(big.Observe))
	defer l.Close()
	for round := range 10 {
		yields(l, 7, round)
		kept, every := small.Events(), big.Events()
		if dropped := small.Dropped(); dropped != uint64(len(every)-len(kept)) || big.Dropped() != 0 {
			t.Errorf("dropped %d and %d of %d, kept %d", dropped, big.Dropped(), len(every), len(kept))
		}
		if !slices.Equal(kept, every[len(every)-len(kept):]) {
			t.Errorf("round %d: the kept events are not the newest ones", round)
		}
		if len(kept) < len(every) && len(kept) != 1<<13/8*7/48 {
			t.Errorf("%d events kept in 8 kB", len(kept))
		}
		if small.Hash() != big.Hash() {
			t.Error("the hash depends on the budget")
		}
		all = append(all, fmt.Sprint(small.Hash()))
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != 10 {
		t.Error("the hash did not change in some round")
	}
}

// Names, errors and descriptions stay within the budget, however many there are. Those of the newest
// events are kept.
func TestTextsStayWithinTheBudget(t *testing.T) {
	const budget = 1 << 16
	rec := trace.NewRecorder(budget)
	l := loop.New(loop.WithVirtualTime(), loop.WithObserver(rec.Observe),
		loop.WithErrorHandler(func(loop.Failure) {}))
	defer l.Close()
	for i := range 20_000 {
		child := spawn(l.Context(), fmt.Sprintf("a task with a name of its own, %d", i), func(context.Context) error { return nil })
		if i%8 > 0 {
			child.SetName("common")
		}
		if i%1000 == 999 {
			_ = l.Run()
		}
	}
	if got := rec.TextBytes(); got > budget/8 {
		t.Errorf("%d bytes of texts, the budget for them is %d", got, budget/8)
	}
	events := rec.Events()
	last := events[len(events)-2] // before Idle
	if last.Name != "common" {
		t.Errorf("the last event is %+v", last)
	}
	named, lost := 0, 0
	for _, e := range events {
		if e.Kind != loop.TaskDone {
			continue
		}
		switch {
		case strings.HasPrefix(e.Name, "a task with"):
			named++
		case e.Name == "…":
			lost++
		case e.Name != "common":
			t.Fatalf("a task is called %q", e.Name)
		}
	}
	if named == 0 || lost > named {
		t.Errorf("%d names are there and %d are lost", named, lost)
	}
}

func TestRecorderRefusesASmallBudget(t *testing.T) {
	for _, budget := range []int{-1, 0, 3071} {
		mustPanic(t, fmt.Sprintf("trace: NewRecorder(%d); the budget is in bytes, give it 3072 or more", budget), func() {
			trace.NewRecorder(budget)
		})
	}
	trace.NewRecorder(3072)
}

func TestRecorderRefusesAHugeBudget(t *testing.T) {
	mustPanic(t, fmt.Sprintf("trace: NewRecorder(%d); the budget is in bytes, give it %d or less, such as 1 << 20", math.MaxInt, min(1<<40, math.MaxInt/2+1)), func() {
		trace.NewRecorder(math.MaxInt)
	})
}

func TestEmptyRecorder(t *testing.T) {
	rec := trace.NewRecorder(3072)
	if len(rec.Events()) != 0 || rec.Dropped() != 0 || text(t, rec) != "" {
		t.Error("a new recorder is not empty")
	}
	if rec.Hash() != trace.NewRecorder(1<<20).Hash() {
		t.Error("two new recorders have different hashes")
	}
}

func TestHashIsThatOfTheRun(t *testing.T) {
	hash := record(t, everything).Hash()
	for range 100 {
		if got := record(t, everything).Hash(); got != hash {
			t.Fatalf("two runs have the hashes %x and %x", hash, got)
		}
	}
	if got := record(t, factorials).Hash(); got == hash {
		t.Error("another program has the same hash")
	}
}

// The hash depends on times under a virtual clock, but not with the real clock.
func TestHashOfTimes(t *testing.T) {
	run := func(d time.Duration, clock timer.Clock) uint64 {
		rec := trace.NewRecorder(1 << 14)
		l := loop.New(loop.WithClock(clock), loop.WithObserver(rec.Observe), loop.WithDeadlockDetection())
		defer l.Close()
		spawn(l.Context(), "", func(ctx context.Context) error { return task.Sleep(ctx, d) })
		_ = l.Run()
		return rec.Hash()
	}
	if run(time.Second, timer.NewVirtual()) == run(2*time.Second, timer.NewVirtual()) {
		t.Error("sleeps of 1s and 2s of virtual time have the same hash")
	}
	real := run(time.Millisecond, timer.NewSystem())
	for range 10 {
		if got := run(time.Millisecond, timer.NewSystem()); got != real {
			t.Errorf("two runs with the real clock have the hashes %x and %x", got, real)
		}
	}
}

// Two runs of a random program have the same hash and events. A recorder with a small budget keeps
// the newest events, and has the same hash.
func TestRandomPrograms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		tasks := rapid.IntRange(1, 12).Draw(t, "tasks")
		budget := rapid.IntRange(3072, 20_000).Draw(t, "budget")
		run := func(budget int) *trace.Recorder {
			rec := trace.NewRecorder(budget)
			l := loop.New(loop.WithVirtualTime(), loop.WithObserver(rec.Observe),
				loop.WithErrorHandler(func(loop.Failure) {}))
			chaos(l, rand.New(rand.NewPCG(seed, 0)), tasks)
			_ = l.Run() // some tasks wait forever
			l.Close()
			return rec
		}
		whole, again, part := run(1<<20), run(1<<20), run(budget)
		if whole.Hash() != again.Hash() || !slices.Equal(whole.Events(), again.Events()) {
			t.Fatal("two runs differ")
		}
		if whole.Hash() != part.Hash() {
			t.Fatal("the hash depends on the budget")
		}
		all, kept := whole.Events(), part.Events()
		if uint64(len(all)-len(kept)) != part.Dropped() {
			t.Fatalf("%d events, %d kept, %d dropped", len(all), len(kept), part.Dropped())
		}
		for i, e := range all[len(all)-len(kept):] {
			if got := kept[i]; got.Kind != e.Kind || got.Task != e.Task || got.At != e.At || got.Timer != e.Timer || got.Outcome != e.Outcome {
				t.Fatalf("the kept event is %+v, want %+v", got, e)
			}
		}
		checkPerfetto(t, whole)
		checkPerfetto(t, part)
		//		checkTimeline(t, whole)
		//		checkTimeline(t, part)
	})
}

// chaos spawns tasks that sleep, yield, spawn, await and cancel each other, and fail.
func chaos(l *loop.Loop, r *rand.Rand, tasks int) {
	var all []*task.Task[none]
	shared := future.New[none](l.Context())
	var body func(ctx context.Context) error
	add := func(ctx context.Context) {
		if len(all) < 4*tasks {
			all = append(all, spawn(ctx, []string{"", "one", "two", "</script>"}[r.IntN(4)], body))
		}
	}
	body = func(ctx context.Context) error {
		for range r.IntN(8) {
			var err error
			switch r.IntN(9) {
			case 0:
				err = task.Sleep(ctx, time.Duration(r.IntN(3000)))
			case 1:
				err = task.Yield(ctx)
			case 2:
				add(ctx)
			case 3:
				all[r.IntN(len(all))].Cancel(nil)
			case 4:
				if other := all[r.IntN(len(all))]; other.Task() != lowlevel.Current(ctx) {
					err = other.Wait(ctx)
				}
			case 5:
				err = task.Timeout(ctx, 100, func(ctx context.Context, _ *task.Deadline) error { return task.Sleep(ctx, 200) })
			case 6:
				err = shared.Wait(ctx)
			case 7:
				l.CallLater(time.Duration(r.IntN(1000)), func() { add(l.Context()) })
			case 8:
				if r.IntN(4) == 0 {
					panic(errBroken)
				}
				err = errBroken
			}
			if err != nil && !errors.Is(err, future.ErrCanceled) {
				return err
			}
		}
		return nil
	}
	for range tasks {
		add(l.Context())
	}
	l.CallLater(5000, func() { _ = shared.SetResult(none{}) })
}

// An event allocates nothing, apart from the exceptions in the documentation of Recorder.
func TestRecorderDoesNotAllocate(t *testing.T) {
	var events []loop.Event
	record(t, everything, loop.WithObserver(func(e loop.Event) { events = append(events, e) }))
	rec := trace.NewRecorder(1 << 14)
	var stats trace.Stats
	for _, observe := range []func(loop.Event){rec.Observe, stats.Observe, trace.Runtime()} {
		for _, e := range events {
			if e.Kind == loop.TaskDone && e.Task.Name() == "panics" {
				continue // the text of its error allocates
			}
			observe(e)
			if n := testing.AllocsPerRun(20, func() { observe(e) }); n != 0 {
				t.Errorf("%v of %v: %v allocations", e.Kind, e.Task, n)
			}
		}
	}
}
