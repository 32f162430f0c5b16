package looptest_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// endlessTree chooses so often that no exploration runs all its schedules.
func endlessTree(_ context.Context, t *looptest.T) {
	for range 40 {
		t.Choose("node", 4)
	}
}

// A budget of time is in place of the number of schedules: the exploration ends when the time is over, and
// not before.
func TestFor(t *testing.T) {
	const budget = 20 * time.Millisecond
	lasts := func(what string, s looptest.Strategy, opts ...looptest.Option) {
		t.Helper()
		began := time.Now()
		if r := explore(t, s, endlessTree, opts...); r.Failed() {
			t.Errorf("%s: %s", what, r.report())
		}
		if took := time.Since(began); took < budget {
			t.Errorf("%s: the exploration took %v, want %v or more", what, took, budget)
		}
	}
	for _, s := range []looptest.Strategy{looptest.Sample(1, 1), looptest.Random(1, 0), looptest.PCT(1, 1, 3), looptest.Exhaustive(1), wrapped{looptest.Random(1, 1)}} {
		lasts(s.String(), s, looptest.For(budget))
		lasts(s.String()+" on all cores", s, looptest.For(budget), looptest.Parallel())
	}
	lasts("both factories", looptest.Random(1, 1), looptest.For(budget), looptest.BothFactories())
	t.Setenv("TAKT_FOR", budget.String())
	lasts("TAKT_FOR", looptest.Random(1, 1))
	lasts("TAKT_FOR and For", looptest.Random(1, 1), looptest.For(1000*time.Hour)) // the variable wins
}

// Before the time is over, an exploration ends if it finds a failure, or if there is nothing more to run.
func TestForEndsBefore(t *testing.T) {
	for name, body := range map[string]looptest.Body{
		"nothing more to run": lattice(2, 2).body,
		"a failure":           func(ctx context.Context, t *looptest.T) { endlessTree(ctx, t); t.Error("no") },
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range []looptest.Strategy{looptest.Sample(1, 1), looptest.Exhaustive(1), looptest.DelayBounded(1)} {
				r := explore(t, s, body, looptest.For(1000*time.Hour))
				if r.Failed() != (name == "a failure") {
					t.Errorf("%v: %s", s, r.report())
				}
			}
		})
	}
}

// A limited has a time limit, as a test under go test -timeout.
type limited struct {
	testing.TB
	end time.Time
}

func (l limited) Deadline() (time.Time, bool) { return l.end, !l.end.IsZero() }

func TestForFitsIntoTheTimeout(t *testing.T) {
	body := func(context.Context, *looptest.T) {}
	for _, c := range []struct {
		limit  time.Duration // 0 for none
		budget time.Duration
		want   string
	}{
		{time.Minute, time.Hour, "looptest: the exploration is to last 1h0m0s, but go test ends the test in 1m0s; give go test a longer -timeout, or 0 for none"},
		{2 * time.Hour, time.Hour, ""},
		{0, time.Hour, ""},
	} {
		var end time.Time
		if c.limit > 0 {
			end = time.Now().Add(c.limit)
		}
		r := record(t, func(tb testing.TB) { looptest.Explore(limited{tb, end}, few, body, looptest.For(c.budget)) })
		if r.report() != c.want {
			t.Errorf("%v of %v: %q, want %q", c.budget, c.limit, r.report(), c.want)
		}
	}
}

// severalBugs fails in five ways: two panics, two texts and an endless run. Numbers and quoted texts do not
// make a failure another one.
func severalBugs(ctx context.Context, t *looptest.T) {
	switch n := t.Choose("bug", 30); {
	case n < 10:
	case n < 13:
		panic(fmt.Sprintf("broken %d", n))
	case n < 16:
		panic("broken in another way")
	case n < 20:
		t.Errorf("name %q, %d", fmt.Sprint("x", n), n)
	case n < 24:
		t.Error("something else")
	case n < 28:
		for task.Yield(ctx) == nil {
		}
	}
}

func TestKeepGoing(t *testing.T) {
	wants := []string{"broken 1", "broken in another way", `name "x`, "something else", "has not ended after 50 steps"}
	for _, s := range []looptest.Strategy{looptest.Random(1, 500), looptest.Sample(1, 500), looptest.DelayBounded(1)} {
		for _, parallel := range []bool{false, true} {
			opts := []looptest.Option{looptest.MaxSteps(50), looptest.Unexplained(), looptest.MinimiseFor(50 * time.Millisecond)}
			if parallel {
				opts = append(opts, looptest.Parallel())
			}
			for _, n := range []int{1, 3, 5, 100} {
				r := explore(t, s, severalBugs, append(opts, looptest.KeepGoing(n))...)
				if len(r.errors) != min(n, len(wants)) {
					t.Errorf("%v, KeepGoing(%d): %d failures; %s", s, n, len(r.errors), r.report())
				}
				for _, want := range wants {
					reports := 0
					for _, report := range r.errors {
						// The first lines say what failed; the interleaving says it again.
						head, _, _ := strings.Cut(report, "It fails with")
						if strings.Contains(head, want) {
							reports++
						}
					}
					if reports > 1 || reports == 0 && n >= len(wants) {
						t.Errorf("%v, KeepGoing(%d): %d reports of %q; %s", s, n, reports, want, r.report())
					}
				}
				for _, report := range r.errors {
					contains(t, report, "It fails with 1 deviation from first in, first out ("+s.String()+", after ") // minimised
				}
				if after := r.afters(); len(slices.Compact(after)) < len(r.errors) {
					t.Errorf("%v, KeepGoing(%d): the failures are found after %v schedules", s, n, after)
				}
			}
		}
	}
	t.Setenv("TAKT_KEEP_GOING", "4")
	if r := explore(t, looptest.DelayBounded(1), severalBugs, looptest.KeepGoing(2), looptest.MaxSteps(50), looptest.Unexplained()); len(r.errors) != 4 {
		t.Errorf("TAKT_KEEP_GOING=4: %d failures", len(r.errors))
	}
}

// With both factories a failure that both show is reported once, and one that only the eager one shows is
// found, too.
func TestKeepGoingWithBothFactories(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		eager := false
		worker := spawn(ctx, "worker", func(context.Context) error { eager = true; return nil })
		switch bug := t.Choose("bug", 3); {
		case bug == 1:
			t.Error("both")
		case bug == 2 && eager:
			t.Error("eager only")
		}
		must(t, worker.Wait(ctx))
	}
	for n, want := range map[int][]string{1: {"both"}, 2: {"both", "eager only"}, 5: {"both", "eager only"}} {
		r := explore(t, looptest.Exhaustive(0), body, looptest.BothFactories(), looptest.KeepGoing(n))
		var got []string
		for _, report := range r.errors {
			first, _, _ := strings.Cut(report, "\n")
			got = append(got, first[strings.LastIndex(first, ": ")+2:])
		}
		if !slices.Equal(got, want) {
			t.Errorf("KeepGoing(%d): %q, want %q", n, got, want)
		}
	}
}

// afters returns after how many schedules each failure was found.
func (r *recording) afters() (all []int) {
	for _, report := range r.errors {
		all = append(all, (&recording{errors: []string{report}}).after())
	}
	return all
}

var seedInText = regexp.MustCompile(`, TAKT_SEED=(\d+)`)

// TAKT_SEED is in place of the seed of the strategy, for the picks and for the noise. With fresh it is
// another one in each run, and the report tells it.
func TestEnvironmentSeedIsTold(t *testing.T) {
	p := lattice(6, 6, 6)
	run := func(s looptest.Strategy, seed string) map[string]int {
		t.Setenv("TAKT_SEED", seed)
		var l log
		explore(t, s, l.of(p))
		return l.times
	}
	for _, c := range []struct{ one, two looptest.Strategy }{
		{looptest.Sample(1, 50), looptest.Sample(2, 50)}, {looptest.Random(1, 50), looptest.Random(2, 50)}, {looptest.PCT(1, 50, 3), looptest.PCT(2, 50, 3)},
	} {
		if !maps.Equal(run(c.one, ""), run(c.one, "1")) || !maps.Equal(run(c.one, "7"), run(c.two, "7")) {
			t.Errorf("%v: the same seed gives other schedules", c.one)
		}
		if maps.Equal(run(c.one, "7"), run(c.one, "8")) || maps.Equal(run(c.one, "7"), run(c.one, "")) {
			t.Errorf("%v: another seed gives the same schedules", c.one)
		}
	}

	var noise []uint64
	noisy := func(_ context.Context, t *looptest.T) {
		if noise = append(noise, t.Rand("noise").Uint64()); t.Choose("fails", 1000) == 999 {
			t.Error("no")
		}
	}
	findFresh := func(seed string) (found, told string, made []uint64) {
		t.Setenv("TAKT_SEED", seed)
		noise = nil
		r := explore(t, looptest.Random(1, 100_000), noisy, looptest.MinimiseFor(0), looptest.Unexplained())
		if told := seedInText.FindStringSubmatch(r.report()); told != nil {
			return r.replay(), told[1], noise
		}
		t.Fatalf("TAKT_SEED=%s: the report does not tell the seed:\n%s", seed, r.report())
		return
	}
	found, told, made := findFresh("fresh")
	again, toldAgain, madeAgain := findFresh(told)
	if found != again || told != toldAgain || !slices.Equal(made, madeAgain) {
		t.Errorf("with the seed that was told the exploration finds %s, want %s", again, found)
	}
	if _, other, _ := findFresh("fresh"); other == told {
		t.Errorf("a fresh seed is %s twice", other)
	}
	if r := explore(t, few, p.body); testing.Verbose() != seedInText.MatchString(strings.Join(r.logs, "\n")) {
		t.Errorf("the log is %q, want the seed in verbose mode only", r.logs)
	}
	t.Setenv("TAKT_SEED", "")
	if r := explore(t, looptest.Random(1, 100_000), noisy, looptest.MinimiseFor(0), looptest.Unexplained()); strings.Contains(r.report(), "TAKT_SEED") {
		t.Error(r.report())
	}
}

// Two panics with the same message are two failures if they come from different lines.
func TestKeepGoingTellsPanicsApart(t *testing.T) {
	for name, run := range map[string]func(ctx context.Context, t *looptest.T, f func()){
		"body":     func(_ context.Context, _ *looptest.T, f func()) { f() },
		"callback": func(ctx context.Context, t *looptest.T, f func()) { lowlevel.LoopOf(ctx).CallSoon(f); pauses(ctx, 2) },
		"Cleanup":  func(_ context.Context, t *looptest.T, f func()) { t.Cleanup(f) },
	} {
		var none *struct{ n int }
		r := explore(t, looptest.Exhaustive(0), func(ctx context.Context, t *looptest.T) {
			which := t.Choose("which", 4)
			run(ctx, t, func() {
				switch which {
				case 1:
					none.n++
				case 2, 3:
					none.n--
				}
			})
		}, looptest.KeepGoing(9))
		if len(r.errors) != 2 {
			t.Errorf("%s: %d failures: %s", name, len(r.errors), r.report())
		}
	}
}

// The shortest budget is still a budget if two factories share it.
func TestForWithBothFactories(t *testing.T) {
	runs := 0
	r := explore(t, looptest.Random(1, 1000), func(ctx context.Context, t *looptest.T) {
		runs++
		endlessTree(ctx, t)
	}, looptest.For(1), looptest.BothFactories())
	if r.Failed() || runs > 100 {
		t.Errorf("%d runs; %s", runs, r.report())
	}
}
