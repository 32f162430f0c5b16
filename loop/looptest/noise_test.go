package looptest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// noise returns the noise of the runs of an exploration, in order.
func noise(t *testing.T, s looptest.Strategy, streams ...string) (all []string) {
	looptest.Explore(t, s, func(ctx context.Context, t *looptest.T) {
		text := ""
		for _, stream := range streams {
			text += fmt.Sprintf("%s %x\n", stream, t.Rand(stream).Uint64())
		}
		together(ctx, t, func(context.Context) {}, func(context.Context) {})
		all = append(all, text)
	})
	return all
}

func TestNoise(t *testing.T) {
	for _, s := range samplers(1, 50) {
		all := noise(t, s, "a", "b")
		if different := slices.Compact(slices.Sorted(slices.Values(all))); len(different) != 51 {
			t.Errorf("%v: %d schedules have a noise of their own, want 51", s, len(different))
		}
		if again := noise(t, s, "a", "b"); !slices.Equal(all, again) {
			t.Errorf("%v: the second exploration has another noise", s)
		}
		// The streams do not depend on each other, nor on the order of their first use.
		other := noise(t, s, "c", "b", "a")
		for i, text := range all {
			for line := range strings.Lines(text) {
				if !strings.Contains(other[i], line) {
					t.Fatalf("%v: with another stream the noise is\n%s\nwithout it\n%s", s, other[i], text)
				}
			}
		}
	}
	for _, s := range []looptest.Strategy{looptest.DelayBounded(1), looptest.Exhaustive(0)} {
		if all := slices.Compact(noise(t, s, "a")); len(all) != 1 {
			t.Errorf("%v has the noise %v, want one for all schedules", s, all)
		}
	}
	for at, s := range samplers(2, 50) {
		if slices.Equal(noise(t, s, "a"), noise(t, samplers(1, 50)[at], "a")) {
			t.Errorf("%v: two seeds give the same noise", s)
		}
	}
}

func TestEnvironmentSeed(t *testing.T) {
	s := looptest.Sample(1, 20)
	one := noise(t, s, "a")
	t.Setenv("TAKT_SEED", "1")
	if !slices.Equal(noise(t, s, "a"), one) || !slices.Equal(noise(t, looptest.Sample(2, 20), "a"), one) {
		t.Error("TAKT_SEED=1 is not the seed 1")
	}
	t.Setenv("TAKT_SEED", "18446744073709551615")
	two := noise(t, s, "a")
	systematic := noise(t, looptest.Exhaustive(0), "a")
	t.Setenv("TAKT_SEED", "fresh")
	three, four := noise(t, s, "a"), noise(t, s, "a")
	if slices.Equal(one, two) || slices.Equal(two, three) || slices.Equal(three, four) {
		t.Error("another seed gives the same noise")
	}
	if slices.Equal(noise(t, looptest.Exhaustive(0), "a"), systematic) {
		t.Error("TAKT_SEED does not change the noise of Exhaustive")
	}
	for _, text := range []string{"x", "-1", "1.5", "18446744073709551616", "FRESH"} {
		t.Setenv("TAKT_SEED", text)
		contains(t, explore(t, few, func(context.Context, *looptest.T) {}).report(), `looptest: TAKT_SEED="`+text+`"; give a number, or fresh`)
	}
}

// Explore does not say that all schedules have been run if noise makes more of them.
func TestNoiseIsNotExhausted(t *testing.T) {
	for _, s := range append(samplers(1, 100), looptest.Exhaustive(0)) {
		for _, noisy := range []bool{false, true} {
			r := explore(t, s, func(ctx context.Context, t *looptest.T) {
				if noisy {
					pauses(ctx, t.Rand("steps").IntN(3))
				}
				together(ctx, t, func(context.Context) {}, func(context.Context) {})
			})
			if all := strings.Contains(strings.Join(r.logs, "\n"), "all 2 schedules have been run"); all == noisy || r.Failed() {
				t.Errorf("%v, noise: %v: says that all have been run: %v; %s", s, noisy, all, r.report())
			}
		}
	}
}

// No two streams begin with the same number, and a bit of one says nothing about the bit of another.
func TestNoiseStreamsAreIndependent(t *testing.T) {
	tt := &looptest.T{TB: t}
	seen := map[uint64]string{}
	for i := range 10_000 {
		stream := fmt.Sprintf("node %d", i)
		v := tt.Rand(stream).Uint64()
		if other, ok := seen[v]; ok {
			t.Fatalf("%s and %s begin with the same number", stream, other)
		}
		seen[v] = stream
	}
	equal := 0
	var last uint64
	random := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		v := tt.Rand(fmt.Sprintf("node %d", random.IntN(10_000))).Uint64()
		for x := ^(v ^ last); x != 0; x &= x - 1 {
			equal++
		}
		last = v
	}
	if equal < 31_200 || equal > 32_800 { // 6 standard deviations
		t.Errorf("%d of 64,000 bits are equal, want about 32,000", equal)
	}
}
