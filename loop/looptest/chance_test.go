package looptest_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// samplers have one strategy of each kind that draws. n is the number of schedules.
func samplers(seed uint64, n int) []looptest.Strategy {
	return []looptest.Strategy{looptest.Sample(seed, n), looptest.Random(seed, n), looptest.PCT(seed, n, 3)}
}

// tally counts texts, over runs that may be parallel.
type tally struct {
	mu    sync.Mutex
	times map[string]int
}

func newTally() *tally { return &tally{times: map[string]int{}} }

func (c *tally) add(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times[fmt.Sprintf(format, args...)]++
}

func (c *tally) all() []string { return slices.Sorted(maps.Keys(c.times)) }

// The first run and Run have benign values only, also where true has the probability 1.
func TestChoicesAreBenignAtFirst(t *testing.T) {
	body := func(say func(string)) looptest.Body {
		return func(_ context.Context, t *looptest.T) {
			say(fmt.Sprint(t.Choose("n", 3), t.Choose("n", 3), t.Choose("one", 1), t.Chance("p", 1), t.Chance("p", 0.5), t.Chance("p", 0)))
		}
	}
	want := "0 0 0 false false false"
	for _, s := range append(samplers(1, 5), looptest.DelayBounded(0), looptest.Exhaustive(1)) {
		first := ""
		looptest.Explore(t, s, body(func(text string) { first += text + "\n" }))
		if got, _, _ := strings.Cut(first, "\n"); got != want {
			t.Errorf("%v: the first run has %s, want %s", s, got, want)
		}
	}
	looptest.Run(t, body(func(text string) {
		if text != want {
			t.Errorf("Run has %s, want %s", text, want)
		}
	}))
}

// A T that no run has made has benign values, and generators of its own.
func TestChoicesOfATWithoutARun(t *testing.T) {
	one, two := &looptest.T{TB: t}, &looptest.T{TB: t}
	if one.Choose("n", 3) != 0 || one.Chance("p", 1) {
		t.Error("a choice is not benign")
	}
	a := []uint64{one.Rand("noise").Uint64(), one.Rand("noise").Uint64()}
	b := []uint64{two.Rand("noise").Uint64(), two.Rand("noise").Uint64()}
	if a[0] == a[1] || !slices.Equal(a, b) || one.Rand("other").Uint64() == a[0] {
		t.Errorf("%x and %x", a, b)
	}
}

func TestChoicesRefuse(t *testing.T) {
	tt := &looptest.T{TB: t}
	panics(t, `looptest: Choose("n", 0); give the site a name, and from 1 to 1048576 values`, func() { tt.Choose("n", 0) })
	panics(t, `looptest: Choose("n", 1048577)`, func() { tt.Choose("n", 1<<20+1) })
	panics(t, `looptest: Choose("", 2)`, func() { tt.Choose("", 2) })
	panics(t, `looptest: Chance("", 0.5); give the site a name`, func() { tt.Chance("", 0.5) })
	for _, p := range []float64{-0.1, 1.1, math.NaN()} {
		panics(t, "a probability between 0 and 1", func() { tt.Chance("p", p) })
	}
}

// In 10,000 throws the number of hits differs from the expected one by more than six standard
// deviations with a probability of 2e-9.
func TestChanceHasItsProbability(t *testing.T) {
	const runs = 2500
	for _, s := range samplers(1, runs) {
		hits := map[float64]int{}
		values := map[int]int{}
		looptest.Schedules(t, s, func(_ context.Context, t *looptest.T) {
			for range 4 {
				for _, p := range []float64{0.1, 0.5, 0.9, 1} {
					if t.Chance(fmt.Sprint(p), p) {
						hits[p]++
					}
				}
				values[t.Choose("four", 4)]++
			}
		}, func(looptest.Ran) {})
		for p, want := range map[float64][2]int{0.1: {820, 1180}, 0.5: {4700, 5300}, 0.9: {8820, 9180}, 1: {10000, 10000}} {
			if hits[p] < want[0] || hits[p] > want[1] {
				t.Errorf("%v: Chance(%v) is true %d times of 10,000, want %d to %d", s, p, hits[p], want[0], want[1])
			}
		}
		for value := range 4 {
			if n := values[value]; n < 2240 || n > 2770 {
				t.Errorf("%v: Choose has %d of 4 values %d times of 10,000, want 2,240 to 2,770", s, value, n)
			}
		}
	}
}

// A race of n things is n schedules, and not n!.
func TestExhaustiveRunsEveryValueOnce(t *testing.T) {
	for _, n := range []int{2, 7, 100} {
		seen := newTally()
		runs := 0
		looptest.Explore(t, looptest.Exhaustive(0), func(_ context.Context, t *looptest.T) {
			runs++
			seen.add("%d", t.Choose("winner", n))
		})
		if len(seen.times) != n || runs != n+extraRuns(n) {
			t.Errorf("%d values in %d runs, want %d in %d", len(seen.times), runs, n, n+extraRuns(n))
		}
	}
	seen := newTally()
	looptest.Explore(t, looptest.Exhaustive(0), func(_ context.Context, t *looptest.T) {
		seen.add("%d %v %d", t.Choose("a", 3), t.Chance("b", 0.001), t.Choose("a", 2))
	})
	if len(seen.times) != 12 {
		t.Errorf("%d combinations, want 12: %v", len(seen.times), seen.all())
	}
}

// A choice may have very many values. They cost no memory for each of them as long as they are not run.
func TestExhaustiveOfVeryManyValues(t *testing.T) {
	runs := 0
	looptest.Explore(t, looptest.Exhaustive(20), func(_ context.Context, t *looptest.T) {
		for range 1000 {
			t.Choose("wide", 1<<20)
		}
		runs++
	})
	if want := 20 + extraRuns(20); runs != want {
		t.Errorf("%d runs, want %d", runs, want)
	}
	for _, s := range samplers(1, 20) {
		looptest.Explore(t, s, func(_ context.Context, t *looptest.T) { t.Choose("wide", 1<<20) })
	}
}

// For DelayBounded a value that is not 0 is a deviation, as a pick is. The order has one other option, and
// each choice two: 1 + 2 + 2 schedules have one deviation, 1·2 + 1·2 + 2·2 two, and 1·2·2 three.
func TestDelayBoundedCountsValues(t *testing.T) {
	for d, want := range []int{1, 1 + 5, 1 + 5 + 8, 1 + 5 + 8 + 4} {
		seen := newTally()
		looptest.Explore(t, looptest.DelayBounded(d), func(ctx context.Context, t *looptest.T) {
			order := ""
			together(ctx, t, func(context.Context) { order += "A" }, func(context.Context) { order += "B" })
			x, y := t.Choose("x", 3), t.Choose("y", 3)
			deviations := min(x, 1) + min(y, 1)
			if order != "AB" {
				deviations++
			}
			seen.add("%s %d %d", order, x, y)
			if deviations > d {
				t.Errorf("%s %d %d", order, x, y)
			}
		})
		if len(seen.times) != want {
			t.Errorf("DelayBounded(%d) runs %d schedules, want %d: %v", d, len(seen.times), want, seen.all())
		}
	}
}

// While a loop is closed, and in a Cleanup, choices are benign. In a deferred call that a FailNow runs they
// are choices as elsewhere. The noise goes on everywhere.
func TestChoicesAtTheEndOfARun(t *testing.T) {
	atEnd := newTally()
	body := func(ctx context.Context, t *looptest.T) {
		drawn := func(where string) { atEnd.add("%s %d %v", where, t.Choose(where, 2), t.Rand("x") != nil) }
		t.Cleanup(func() { drawn("cleanup") })
		spawn(ctx, "left", func(ctx context.Context) error {
			defer drawn("closing")
			return task.Sleep(ctx, task.NoLimit)
		})
		pauses(ctx, 1)
		defer drawn("failing")
		t.FailNow()
	}
	looptest.Schedules(t, looptest.Exhaustive(0), body, func(looptest.Ran) {})
	want := []string{"cleanup 0 true", "closing 0 true", "failing 0 true", "failing 1 true"}
	if got := atEnd.all(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A callback, the first step of an eager task, and a stackless task choose as a body does. Each choice is
// replayed.
func TestChoicesOutsideOfBodies(t *testing.T) {
	for _, opts := range [][]looptest.Option{nil, {looptest.Eager()}, {looptest.Eager(), looptest.TimePasses()}} {
		values := ""
		body := func(ctx context.Context, t *looptest.T) {
			values = ""
			choose := func(site string) { values += fmt.Sprint(site, t.Choose(site, 2), " ") }
			done := spawn(ctx, "first", func(ctx context.Context) error { choose("step"); return nil })
			lowlevel.LoopOf(ctx).CallSoon(func() { choose("callback") })
			lowlevel.LoopOf(ctx).CallLater(1, func() { choose("timer") })
			steppers(ctx, t, []int{2}, func(int, int) { choose("machine") })
			must(t, done.Wait(ctx))
			must(t, task.Sleep(ctx, 2))
			done.OnDone(func() { choose("done") })
			pauses(ctx, 1)
		}
		seen := newTally()
		looptest.Schedules(t, looptest.Random(1, 300), body, func(r looptest.Ran) {
			want := values
			seen.add("%s", want)
			replayed := record(t, func(tb testing.TB) { looptest.Replay(tb, r.Schedule, body) })
			if values != want || replayed.Failed() {
				t.Fatalf("a schedule has %s, and its replay %s; %s", want, values, replayed.report())
			}
		}, opts...)
		for _, part := range []string{"step1", "callback1", "timer1", "machine1 ", "done1"} {
			if !slices.ContainsFunc(seen.all(), func(text string) bool { return strings.Contains(text, part) }) {
				t.Errorf("no schedule has %s: %v", part, seen.all())
			}
		}
	}
}
