package looptest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// fifoSchedule is the schedule without deviations. Each part of an exploration may begin with it.
const fifoSchedule = "deviations: []"

// runParts runs all parts of an exploration. It returns how often each schedule was run, and the sum of
// the numbers of schedules that the parts say are all. No schedule may be run twice.
func runParts(t *testing.T, s looptest.Strategy, parts int, p program) (times map[string]int, total int) {
	t.Helper()
	times = map[string]int{}
	for part := range parts {
		t.Setenv("TAKT_SHARD", fmt.Sprintf("%d/%d", part+1, parts))
		var l log
		r := explore(t, s, l.of(p), p.opts...)
		if r.Failed() {
			t.Fatalf("%s: %v, part %d/%d: %s", p.name, s, part+1, parts, r.report())
		}
		for schedule, n := range l.times {
			if times[schedule] += n; times[schedule] > 1 && schedule != fifoSchedule {
				t.Errorf("%s: %v, part %d/%d: %s was run %d times", p.name, s, part+1, parts, schedule, times[schedule])
			}
		}
		if text := r.said(); text != "" {
			done := -1
			if _, err := fmt.Sscanf(strings.Replace(text, "the only schedule", "all 1", 1), "looptest: all %d ", &done); err != nil {
				t.Errorf("%s: %v, part %d/%d: it says %q", p.name, s, part+1, parts, text)
			}
			total += done
		}
	}
	return times, total
}

// same reports whether both have the same schedules.
func same(got, want map[string]int) bool {
	for schedule := range got {
		if want[schedule] == 0 {
			return false
		}
	}
	return len(got) == len(want)
}

// The parts of an exploration together run each schedule exactly once, whatever the strategy, the number
// of parts and the shape of the program.
func TestPartsAreAPartition(t *testing.T) {
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			want := allOf(t, p)
			for _, parts := range []int{2, 3, 17} {
				if fewer > 1 && parts != 3 {
					continue
				}
				for _, s := range []looptest.Strategy{
					looptest.Sample(1, 1e6), looptest.Random(2, 1e6), looptest.PCT(3, 1e6, 3), looptest.Exhaustive(0), lastLeft{}, wrapped{looptest.Random(4, 1e6)},
				} {
					if got, total := runParts(t, s, parts, p); !same(got, want) || total != len(want) {
						t.Errorf("%v in %d parts: %d schedules were run, and the parts say %d; want %d", s, parts, len(got), total, len(want))
					}
				}
			}
		})
	}
}

// The same for a strategy that does not run all schedules.
func TestPartsOfDelayBounded(t *testing.T) {
	for _, p := range programs {
		for bound := range 3 {
			s := looptest.DelayBounded(bound)
			want, _ := runParts(t, s, 1, p)
			for _, parts := range []int{2, 5, 30} {
				if got, _ := runParts(t, s, parts, p); !same(got, want) {
					t.Errorf("%s: %v in %d parts: %d schedules were run, want %d", p.name, s, parts, len(got), len(want))
				}
			}
		}
	}
}

// A strategy that runs n schedules runs n in all parts together.
func TestPartsShareTheNumber(t *testing.T) {
	p := lattice(8, 8, 8)
	for _, n := range []int{0, 1, 5, 100} {
		for _, parts := range []int{1, 3, 7} {
			for _, s := range []looptest.Strategy{looptest.Sample(1, n), looptest.Random(2, n), looptest.PCT(3, n, 3), wrapped{looptest.Random(4, n)}} {
				if got, total := runParts(t, s, parts, p); len(got) != n+1 || total != 0 { // and the first run
					t.Errorf("%v in %d parts: %d schedules were run, want %d; %d are said to be all", s, parts, len(got), n+1, total)
				}
			}
		}
	}
}

// A strategy of a program may pass its work on to a systematic one. Then its parts are a partition, too.
func TestPartsOfAWrappedStrategy(t *testing.T) {
	for _, p := range programs {
		want, _ := runParts(t, looptest.Exhaustive(0), 1, p)
		for _, parts := range []int{1, 2, 7} {
			if got, _ := runParts(t, again{looptest.Exhaustive(0)}, parts, p); !same(got, want) {
				t.Errorf("%s: in %d parts: %d schedules were run, want %d", p.name, parts, len(got), len(want))
			}
		}
	}
}

// again is a strategy of a program. It does what another strategy does, but not with its Search.
type again struct{ looptest.Strategy }

func (a again) Begin(e looptest.Exploration) looptest.Search { return search{a.Strategy.Begin(e)} }

type search struct{ looptest.Search }
