package looptest_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// Each program is not deterministic, for a reason of its own. The report shows the first event that
// differs.
func TestNondeterminismIsCaught(t *testing.T) {
	shared := 0
	for _, c := range []struct {
		name string
		body looptest.Body
		want []string
	}{
		{"map order", func(ctx context.Context, t *looptest.T) {
			names := map[string]bool{}
			for i := range 20 {
				names["worker "+strconv.Itoa(i)] = true
			}
			for name := range names {
				must(t, spawn(ctx, name, func(context.Context) error { return nil }).Wait(ctx))
			}
		}, []string{"first  0s made worker ", "second 0s made worker ", " by main"}},
		{"wall clock", func(ctx context.Context, t *looptest.T) {
			for before := time.Now().UnixMilli(); time.Now().UnixMilli() == before; { // some platforms have a coarse clock
			}
			must(t, task.Sleep(ctx, time.Duration(time.Now().UnixNano())))
		}, []string{"first  0s timer armed main until ", "second 0s timer armed main until ", "both   0s step main"}},
		{"randomness", func(ctx context.Context, t *looptest.T) {
			must(t, task.Sleep(ctx, time.Duration(1+rand.Int64N(1e12))))
		}, []string{"timer armed main until"}},
		{"a goroutine of its own", func(ctx context.Context, _ *looptest.T) {
			l := lowlevel.LoopOf(ctx)
			release := l.Hold()
			posted := false
			yields, over := make(chan none), make(chan none)
			go func() {
				defer close(over)
				defer release()
				for range rand.IntN(1000) { // it counts, so a busy machine does not matter
					<-yields
				}
				_ = l.Post(func() { posted = true })
			}()
			for !posted {
				select {
				case yields <- none{}:
				case <-over:
				}
				task.Yield(ctx)
			}
		}, []string{"0s posted"}},
		{"a variable that runs share", func(ctx context.Context, _ *looptest.T) {
			shared++
			pauses(ctx, shared)
		}, []string{"first  0s ", "second 0s suspended main", "both   0s step main"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := record(t, func(tb testing.TB) { looptest.Explore(tb, looptest.Random(1, 100), c.body) })
			contains(t, r.report(), append(c.want, "not deterministic: two runs under the same schedule differ", "at event ")...)
			if r.replay() != "" {
				t.Errorf("the report offers a replay:\n%s", r.report())
			}
		})
	}
}

// A difference that does not show first in, first out is found too, in one of the later schedules
// that are run again.
func TestNondeterminismOfLaterSchedules(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		aHasRun := false
		together(ctx, t,
			func(context.Context) { aHasRun = true },
			func(ctx context.Context) {
				if !aHasRun {
					_ = task.Sleep(ctx, time.Duration(1+rand.Int64N(1e12)))
				}
			})
	}
	r := record(t, func(tb testing.TB) { looptest.Explore(tb, looptest.Random(1, 100), body) })
	contains(t, r.report(), "not deterministic", "timer armed B until")
}

// If only some runs of one schedule fail, the report says that the program is not deterministic.
func TestNondeterministicFailure(t *testing.T) {
	runs := 0
	body := func(ctx context.Context, t *looptest.T) {
		if runs++; runs == 1 {
			t.Error("only once")
		}
		together(ctx, t, func(ctx context.Context) { pauses(ctx, 1) }, func(ctx context.Context) { pauses(ctx, 1) })
	}
	r := record(t, func(tb testing.TB) { looptest.Explore(tb, looptest.Random(1, 100), body) })
	contains(t, r.report(), "not deterministic", "only once")

	// The body fails in the fifth run: the second run of the strategy, which is run again.
	runs = -4
	r = record(t, func(tb testing.TB) { looptest.Explore(tb, looptest.Random(1, 100), body) })
	contains(t, r.report(), "not deterministic", "only once")
}

func TestTraceHashIsTheSameInEveryReplay(t *testing.T) {
	forEachBug(t, func(t *testing.T, b *bug) {
		hashes := map[uint64]bool{}
		looptest.Schedules(t, looptest.Random(3, 20), b.correct, func(r looptest.Ran) {
			if r.Failed {
				t.Fatalf("%s fails", r.Schedule)
			}
			want := looptest.TraceHash(t, r.Schedule, b.correct)
			hashes[want] = true
			for range 10 / fewer {
				if got := looptest.TraceHash(t, r.Schedule, b.correct); got != want {
					t.Fatalf("%s: the hash was %x, and now is %x", r.Schedule, want, got)
				}
			}
		}, b.opts...)
		if len(hashes) < 2 {
			t.Errorf("%d different hashes", len(hashes))
		}
	})
}
