package looptest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/loop/looptest"
)

// Sample finds each bug of the first collection: with three seeds in 2,000 schedules, and in the
// stretched program with one seed in 20,000. BenchmarkStrategies measures more.
func TestSampleFindsEveryBug(t *testing.T) {
	forEachBug(t, func(t *testing.T, b *bug) {
		for seed := range uint64(3) {
			if b.first(t, looptest.Sample(seed, 2000), asItIs, 2000) == 0 {
				t.Errorf("%v does not find it", looptest.Sample(seed, 2000))
			}
		}
		if testkit.Race { // the stretched programs take too much memory: see fewer
			return
		}
		if b.first(t, looptest.Sample(1, never), looptest.Stretched, never) == 0 {
			t.Error("Sample does not find it in the stretched program")
		}
	})
}

// polling returns a part that yields until the flag is set. Then it sets its own flag.
func polling(flag, own *bool) part {
	return func(ctx context.Context) {
		for !*flag {
			yield(ctx)
		}
		*own = true
	}
}

// A correct program that polls ends under every schedule of Sample, also if the tasks that it waits for
// take many steps.
func TestSampleIsFair(t *testing.T) {
	setting := func(steps int, flag *bool) part { return after(steps, func(context.Context) { *flag = true }) }
	programs := map[string]func(flags []bool) []part{
		"a poller":                func(f []bool) []part { return []part{polling(&f[0], &f[1]), setting(3, &f[0])} },
		"a poller for many steps": func(f []bool) []part { return []part{polling(&f[0], &f[1]), setting(40, &f[0])} },
		"pollers for one task": func(f []bool) []part {
			return []part{polling(&f[0], &f[1]), polling(&f[0], &f[2]), polling(&f[0], &f[3]), setting(20, &f[0])}
		},
		"pollers for each other": func(f []bool) []part {
			return []part{polling(&f[2], &f[3]), polling(&f[1], &f[2]), polling(&f[0], &f[1]), setting(5, &f[0])}
		},
		"a poller and two that set": func(f []bool) []part {
			return []part{polling(&f[2], &f[3]), setting(5, &f[0]), after(2, polling(&f[0], &f[1])), after(9, polling(&f[1], &f[2]))}
		},
	}
	for name, parts := range programs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			looptest.Explore(t, looptest.Sample(1, 3000/fewer), func(ctx context.Context, t *looptest.T) {
				together(ctx, t, parts(make([]bool, 4))...)
			}, looptest.MaxSteps(3000))
		})
	}
}

// When all short schedules of a program that polls have been run, there are only longer ones left. The
// task that the others poll for runs all the same, and Explore does not say that all schedules were run.
func TestNoScheduleTwiceIsFair(t *testing.T) {
	for _, s := range samplers(1, 1000) {
		r := explore(t, s, func(ctx context.Context, t *looptest.T) {
			done, seen := false, false
			together(ctx, t, polling(&done, &seen), func(context.Context) { done = true })
		}, looptest.MaxSteps(200))
		if r.Failed() {
			t.Errorf("%v: %s", s, r.report())
		}
		if logs := strings.Join(r.logs, "\n"); strings.Contains(logs, "schedules have been run") {
			t.Errorf("%v: %s", s, logs)
		}
	}
}
