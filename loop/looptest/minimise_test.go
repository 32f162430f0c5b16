package looptest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// minimised explores body, which must fail in the first schedule of s. The budget is one that the minimiser does not
// use up. It returns the report, how many runs there were, and how many deviations the report has.
func minimised(t *testing.T, s looptest.Strategy, body looptest.Body, opts ...looptest.Option) (r *recording, runs, deviations int) {
	t.Helper()
	r = explore(t, s, func(ctx context.Context, t *looptest.T) { runs++; body(ctx, t) },
		append([]looptest.Option{looptest.MinimiseFor(time.Hour), looptest.Unexplained()}, opts...)...)
	if deviations = looptest.Deviations(r.replay()); deviations < 0 {
		t.Fatalf("no failure: %s", r.report())
	}
	return r, runs, deviations
}

// once is a strategy of one schedule.
func once(pick func(p *looptest.ChoicePoint) int) looptest.Strategy {
	return &outside{n: 1, pick: pick}
}

// crowd is a program with 2,000 steps: 20 tasks that take 100 each. It fails if B is so many steps ahead of A at
// some moment. Each step ahead needs a deviation.
func crowd(ahead int) looptest.Body {
	return func(ctx context.Context, t *looptest.T) {
		var took [20]int
		most := 0
		steppers(ctx, t, slices.Repeat([]int{100}, 20), func(machine, _ int) {
			took[machine]++
			most = max(most, took[1]-took[0])
		})
		if most >= ahead {
			t.Errorf("B was %d steps ahead", most)
		}
	}
}

// biased deviates at some 300 choice points of crowd, and prefers B.
func biased() looptest.Strategy {
	random := rand.New(rand.NewPCG(1, 1))
	return once(func(p *looptest.ChoicePoint) int {
		switch v := random.IntN(40); {
		case v < 2:
			return p.Draw(random)
		case v < 6:
			for i := range p.Len() {
				if p.Task(i).Name() == "B" {
					return i
				}
			}
			return p.Draw(random)
		}
		return 0
	})
}

// The bar: 300 deviations of a body with 2,000 steps come down to 30 or fewer in 5 seconds. The test counts runs in place
// of seconds: a run takes about 1 ms on a slow machine.
func TestMinimiseManyDeviations(t *testing.T) {
	for _, ahead := range []int{1, 10, 20} {
		began := time.Now()
		found, left, runs := looptest.Shrink(t, biased(), crowd(ahead))
		t.Logf("%d of %d deviations are left after %d runs, %v", left, found, runs, time.Since(began).Round(time.Millisecond))
		if found < 250 || left > min(30, 2*ahead) || runs > 2000 {
			t.Errorf("%d steps ahead: %d of %d deviations are left after %d runs, want up to %d", ahead, left, found, runs, min(30, 2*ahead))
		}
	}
}

// Values get as small as the failure allows, and the number of runs grows with their logarithm.
func TestMinimiseMakesValuesSmaller(t *testing.T) {
	for _, c := range []struct{ found, least int }{{1, 1}, {7, 1}, {7, 6}, {7, 7}, {1 << 19, 300_000}, {1<<20 - 1, 1}, {1<<20 - 1, 1<<20 - 1}} {
		values := map[string]int{"size": c.found, "other": 5}
		s := once(func(p *looptest.ChoicePoint) int { return values[p.Site()] })
		r, runs, _ := minimised(t, s, func(_ context.Context, t *looptest.T) {
			t.Choose("other", 10)
			if t.Choose("size", 1<<20) >= c.least {
				t.Error("too large")
			}
		})
		if runs > 100 || !strings.Contains(r.report(), fmt.Sprintf("size, use 1: %d\n", c.least)) || strings.Contains(r.report(), "other") {
			t.Errorf("%+v: %d runs\n%s", c, runs, r.report())
		}
	}
}

// Choices are left out before picks: a fault is left out if the order alone fails.
func TestMinimiseLeavesOutChoicesFirst(t *testing.T) {
	r, _, deviations := minimised(t, once(func(p *looptest.ChoicePoint) int { return p.Len() - 1 }), func(ctx context.Context, t *looptest.T) {
		order := ""
		together(ctx, t, func(context.Context) { order += "A" }, func(context.Context) { order += "B" })
		lost := t.Choose("lost", 2)
		if order == "BA" || lost == 1 {
			t.Error("a fault, or the order")
		}
	})
	if deviations != 1 || strings.Contains(r.report(), "lost") {
		t.Error(r.report())
	}
}

// A schedule that fails in another way is not taken: another kind of failure, another place, or another message. It is
// the same failure if only numbers and texts in quotes differ.
func TestMinimiseKeepsTheFailure(t *testing.T) {
	bothOrOne := map[bool]string{true: "both", false: "one"}
	for _, c := range []struct {
		name string
		body func(ctx context.Context, t *looptest.T, a, b int)
		want int // deviations
	}{
		{"the same", func(ctx context.Context, t *looptest.T, a, b int) { t.Errorf("%d lost by %q", a+b, bothOrOne[b > 0]) }, 1},
		{"another place", func(ctx context.Context, t *looptest.T, a, b int) {
			if b > 0 {
				t.Error("lost")
			} else {
				t.Error("lost")
			}
		}, 2},
		{"another message", func(ctx context.Context, t *looptest.T, a, b int) { t.Error(bothOrOne[b > 0]) }, 2},
		{"another kind", func(ctx context.Context, t *looptest.T, a, b int) {
			if b > 0 {
				panic("lost")
			}
			t.Error("lost")
		}, 2},
		{"another kind without a name", func(ctx context.Context, t *looptest.T, a, b int) {
			if b > 0 { // a deadlock
				_ = task.Sleep(ctx, task.NoLimit)
			} else { // a timer that is left
				lowlevel.LoopOf(ctx).CallLater(time.Hour, func() {})
			}
		}, 2},
		{"a panic with another number", func(ctx context.Context, t *looptest.T, a, b int) { panic(fmt.Sprintf("worker %d: lost %d", b, a)) }, 1},
		{"another panic", func(ctx context.Context, t *looptest.T, a, b int) { panic(bothOrOne[b > 0]) }, 2},
		{"no message", func(ctx context.Context, t *looptest.T, a, b int) { t.Fail() }, 1},
		{"a log, which is no message", func(ctx context.Context, t *looptest.T, a, b int) {
			if b > 0 {
				t.Log("lost")
			}
			t.FailNow()
		}, 1},
	} {
		r, _, deviations := minimised(t, once(func(p *looptest.ChoicePoint) int { return 1 }), func(ctx context.Context, t *looptest.T) {
			if a, b := t.Choose("a", 2), t.Choose("b", 2); a > 0 {
				c.body(ctx, t, a, b)
			}
		})
		if deviations != c.want {
			t.Errorf("%s: %d deviations, want %d:\n%s", c.name, deviations, c.want, r.report())
		}
	}
}

func TestMinimiseKeepsWhatTheFailureNeeds(t *testing.T) {
	r, _, deviations := minimised(t, once(func(p *looptest.ChoicePoint) int { return 1 }), func(ctx context.Context, t *looptest.T) {
		sum := 0
		for range 6 {
			sum += t.Choose("a", 2)
		}
		together(ctx, t, func(context.Context) { sum++ }, func(context.Context) { sum *= 2 })
		if sum == 6*2+1 { // all choices, and B before A
			t.Error("all of them")
		}
	})
	if deviations != 7 {
		t.Errorf("%d deviations, want 7:\n%s", deviations, r.report())
	}
}

// A shrunk schedule may need each of its many deviations, where another one needs few. Random schedules lead there,
// or, if these never fail, schedules like the shrunk one. The result is the same each time.
func TestMinimiseRestarts(t *testing.T) {
	for _, c := range []struct {
		name              string
		many, few, others int // it fails if the first ones of many choices are 1, or few of them and all others
	}{
		{"random", 20, 0, 3},
		{"like the shrunk one", 24, 16, 1},
	} {
		body := func(_ context.Context, t *looptest.T) {
			count := func(site string, n int) (ones int) {
				all := true
				for range n {
					if all = t.Choose(site, 2) == 1 && all; all {
						ones++
					}
				}
				return ones
			}
			a, b := count("a", c.many), count("b", c.others)
			if a == c.many || a >= c.few && b == c.others {
				t.Error("bad")
			}
		}
		found := func(p *looptest.ChoicePoint) int { return map[string]int{"a": 1}[p.Site()] }
		before, after, schedule := looptest.Restart(t, once(found), body)
		if before != c.many || after != c.few+c.others {
			t.Errorf("%s: %d deviations, then %d; want %d, then %d", c.name, before, after, c.many, c.few+c.others)
		}
		if _, _, again := looptest.Restart(t, once(found), body); again != schedule {
			t.Errorf("%s: another schedule: %s, then %s", c.name, schedule, again)
		}
	}
}

func TestMinimiseWithoutTime(t *testing.T) {
	panics(t, "looptest: MinimiseFor(-1ns); give 0 or more", func() { looptest.MinimiseFor(-1) })
	for _, budget := range []time.Duration{0, 1} {
		r, runs, deviations := minimised(t, biased(), crowd(10), looptest.MinimiseFor(budget))
		if deviations < 250 || runs > 10 {
			t.Errorf("MinimiseFor(%d): %d deviations after %d runs", budget, deviations, runs)
		}
		again := record(t, func(tb testing.TB) { looptest.Replay(tb, r.replay(), crowd(10)) })
		contains(t, again.report(), "steps ahead")
	}
}
