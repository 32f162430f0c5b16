package trace_test

import (
	"context"
	"encoding/json"
	"expvar"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/loop/trace"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

var _ expvar.Var = (*trace.Stats)(nil)

func TestStatsOfFactorials(t *testing.T) {
	var s trace.Stats
	record(t, factorials, loop.WithObserver(s.Observe))
	var got map[string]any
	if err := json.Unmarshal([]byte(s.String()), &got); err != nil {
		t.Fatalf("%v in %s", err, s.String())
	}
	events := got["events"].(map[string]any)
	for name, want := range map[string]float64{
		"made": 4, "step": 11, "suspended": 7, "woken": 7, "done": 4, "cancel": 0,
		"timer armed": 6, "timer fired": 6, "timer canceled": 0, "posted": 0, "idle": 3,
	} {
		if events[name] != want {
			t.Errorf("%v events %q, want %v", events[name], name, want)
		}
	}
	for name, want := range map[string]float64{
		"tasks": 0, "running": 0, "waiting": 0, "ready": 0, "ready_max": 3, "timers": 0, "timers_max": 3,
		"returned": 4, "failed": 0, "panicked": 0, "canceled": 0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if s.WaitTime.Count() != 7 || s.WaitTime.Sum() != 9*time.Second || s.WaitTime.Max() != 3*time.Second {
		t.Errorf("waits: %v", &s.WaitTime)
	}
	if s.StepTime.Count() != 11 || s.StepTime.Sum() != 0 || s.ReadyLatency.Count() != 11 || s.BusyTime.Count() != 3 {
		t.Errorf("steps: %v, ready: %v, busy: %v", &s.StepTime, &s.ReadyLatency, &s.BusyTime)
	}
}

// Stats measures durations. The test advances a virtual clock inside of steps.
func TestStatsMeasure(t *testing.T) {
	clock := timer.NewVirtual()
	var s trace.Stats
	l := loop.New(loop.WithClock(clock), loop.WithObserver(s.Observe))
	defer l.Close()
	for range 2 {
		spawn(l.Context(), "", func(ctx context.Context) error {
			clock.Advance(time.Second)
			if err := task.Yield(ctx); err != nil {
				return err
			}
			clock.Advance(3 * time.Second)
			return nil
		})
	}
	if got := s.Tasks(); got != 2 {
		t.Errorf("%d tasks, want 2", got)
	}
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name            string
		h               *trace.Histogram
		count, sum, max int64
	}{
		{"steps", &s.StepTime, 4, 1 + 1 + 3 + 3, 3},
		{"ready", &s.ReadyLatency, 4, 0 + 1 + 1 + 3, 3},
		{"turns", &s.TurnTime, 2, 2 + 6, 6},
		{"busy", &s.BusyTime, 1, 8, 8},
		{"waits", &s.WaitTime, 0, 0, 0},
	} {
		if test.h.Count() != test.count || test.h.Sum() != time.Duration(test.sum)*time.Second || test.h.Max() != time.Duration(test.max)*time.Second {
			t.Errorf("%s: %v", test.name, test.h)
		}
	}
	if last, most := s.Queue(); last != 2 || most != 2 {
		t.Errorf("queue: %d, at most %d", last, most)
	}
	if now, most := s.Ready(); now != 0 || most != 2 {
		t.Errorf("ready: %d, at most %d", now, most)
	}
}

// At the end of a run the numbers of tasks and timers are zero.
func TestStatsComeDownToZero(t *testing.T) {
	for _, test := range []struct {
		opts    []loop.Option
		eagerly int64 // one task ends before it is canceled
	}{{nil, 0}, {[]loop.Option{loop.WithTaskFactory(factory.Eager)}, 1}} {
		var s trace.Stats
		record(t, everything, append(test.opts, loop.WithObserver(s.Observe))...)
		ready, _ := s.Ready()
		timers, most := s.Timers()
		if ready != 0 || timers != 0 || s.Tasks() != 0 || most != 2 {
			t.Errorf("some numbers are not zero, or there were not 2 timers at most: %v", &s)
		}
		for outcome, want := range map[trace.Outcome]int64{
			trace.Returned: 1 + test.eagerly, trace.Failed: 1, trace.Panicked: 1, trace.Canceled: 3 - test.eagerly,
		} {
			if got := s.Ended(outcome); got != want {
				t.Errorf("%d %v, want %d", got, outcome, want)
			}
		}
	}
}

// A timer that has fired may be canceled before its callback or its task runs.
func TestStatsOfTimersCanceledWhenDue(t *testing.T) {
	var s trace.Stats
	record(t, func(ctx context.Context) (none, error) {
		l := lowlevel.LoopOf(ctx)
		var due loop.Handle
		l.CallLater(time.Second, func() { due.Cancel() })
		due = l.CallLater(time.Second, func() { t.Error("a canceled callback has run") })
		l.CallLater(time.Minute, func() {}).Cancel()

		realm := lowlevel.NewRealm(ctx)
		lowlevel.CallLater(ctx, 2*time.Second, realm.Pause)
		lowlevel.CallLater(realm.Context(), 2*time.Second, func() { t.Error("a callback of a paused realm has run") })
		if err := task.Sleep(ctx, 3*time.Second); err != nil {
			return none{}, err
		}
		if now, most := s.Timers(); now != 0 || most != 5 {
			t.Errorf("%d timers, at most %d; want 0, and 5", now, most)
		}
		return none{}, nil
	}, loop.WithObserver(s.Observe))
	if fired, canceled := s.Events(loop.TimerFired), s.Events(loop.TimerCanceled); fired != 5 || canceled != 3 {
		t.Errorf("%d timers have fired and %d were canceled; want 5 and 3", fired, canceled)
	}
}

// Another goroutine may read Stats while the loop runs. The race detector checks this.
func TestStatsFromAnotherGoroutine(t *testing.T) {
	var s trace.Stats
	stop, stopped := make(chan none), make(chan none)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				if !json.Valid([]byte(s.String())) {
					t.Errorf("not JSON: %s", &s)
				}
			}
		}
	}()
	for range 20 {
		record(t, everything, loop.WithObserver(s.Observe))
	}
	close(stop)
	<-stopped
}

// The numbers that another goroutine reads were true at some moment.
func TestStatsWhileTheyChange(t *testing.T) {
	var s trace.Stats
	var h trace.Histogram
	h.Add(time.Hour)
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	done := spawn(l.Context(), "", func(context.Context) error { return nil })
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 4 { // more than most machines have processors for: a reader is also stopped in the middle of a call
		readers.Go(func() {
			for ; !stop.Load(); runtime.Gosched() {
				for range 1000 {
					if n := s.Tasks(); n < 0 || n > 1 {
						t.Errorf("%d tasks; there is one at most", n)
						return
					}
				}
				if longest := h.Quantile(1); longest != time.Hour {
					t.Errorf("the quantile 1 is %v, want 1h", longest)
					return
				}
			}
		})
	}
	for range 300_000 {
		s.Observe(loop.Event{Kind: loop.TaskMade, Task: done.Task()})
		s.Observe(loop.Event{Kind: loop.TaskDone, Task: done.Task()})
		h.Add(1)
	}
	stop.Store(true)
	readers.Wait()
}

func TestStatsOfUnknownKinds(t *testing.T) {
	var s trace.Stats
	s.Observe(loop.Event{Kind: 200})
	if s.Events(200) != 0 || s.Ended(200) != 0 {
		t.Error("an unknown kind is counted")
	}
}

// A histogram is compared with the list of all durations.
func TestHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		durations := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(-5, 2000), rapid.Int64Range(0, math.MaxInt64/64), rapid.Int64Range(0, math.MaxInt64)), 1, 50).Draw(t, "durations")
		var h trace.Histogram
		var sum, most time.Duration
		for _, n := range durations {
			d := max(time.Duration(n), 0)
			h.Add(time.Duration(n))
			sum += min(d, math.MaxInt64-sum)
			most = max(most, d)
		}
		if h.Count() != int64(len(durations)) || h.Sum() != sum || h.Max() != most {
			t.Fatalf("the histogram of %v is %v", durations, &h)
		}
		if !json.Valid([]byte(h.String())) {
			t.Fatalf("not JSON: %s", h.String())
		}
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		got, below := h.Quantile(q), 0
		for _, n := range durations {
			if time.Duration(n) <= got {
				below++
			}
		}
		if float64(below) < q*float64(len(durations)) || got > most {
			t.Fatalf("Quantile(%v) of %v is %v", q, durations, got)
		}
		least := time.Duration(max(slices.Min(durations), 0))
		if got := h.Quantile(0); got < least || least >= 256 && least <= 137*time.Second && got > 2*least {
			t.Fatalf("Quantile(0) of %v is %v", durations, got)
		}
	})
}

func TestHistogramBuckets(t *testing.T) {
	var h trace.Histogram
	for _, d := range []time.Duration{0, 1, 256, 257, 512, time.Millisecond, time.Hour} {
		h.Add(d)
	}
	want := `{"count": 7, "sum": 3600001001026, "max": 3600000000000, "p50": 512, "p90": 3600000000000, "p99": 3600000000000, ` +
		`"buckets": {"0": 1, "256": 2, "512": 2, "1048576": 1, "+Inf": 1}}`
	if got := h.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if h.Quantile(0) != 0 || new(trace.Histogram).Quantile(1) != 0 {
		t.Error("the quantile 0, or a quantile of an empty histogram, is not 0")
	}
	for _, q := range []float64{-0.1, 1.1, math.NaN()} {
		mustPanic(t, fmt.Sprintf("trace: Quantile(%v); give a share from 0 to 1, such as 0.99", q), func() { h.Quantile(q) })
	}
}
