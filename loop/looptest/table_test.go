package looptest_test

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// The comparison of the strategies: see BenchmarkStrategies.

const (
	seeds = 21
	never = 20_000 // an exploration ends after this number of schedules
)

// A rival is a strategy in the comparison.
type rival struct {
	name  string
	seeds int
	make  func(seed uint64) looptest.Strategy
}

var rivals = []rival{
	{"Sample", seeds, func(seed uint64) looptest.Strategy { return looptest.Sample(seed, never) }},
	{"Random", seeds, func(seed uint64) looptest.Strategy { return looptest.Random(seed, never) }},
	{"PCT, depth 3", seeds, func(seed uint64) looptest.Strategy { return looptest.PCT(seed, never, 3) }},
	{"PCT, depth 5", seeds, func(seed uint64) looptest.Strategy { return looptest.PCT(seed, never, 5) }},
	{"DelayBounded(2)", 1, func(uint64) looptest.Strategy { return looptest.DelayBounded(2) }},
}

// A collection is a set of bugs in the comparison.
type collection struct {
	name string
	bugs []bug
	form func(looptest.Body) looptest.Body
}

func asItIs(body looptest.Body) looptest.Body { return body }

var collections = []collection{
	{"first", bugs, asItIs},
	{"first, stretched", bugs, looptest.Stretched},
	{"second", field, asItIs},
}

// first returns after how many schedules of s the bug shows, and 0 if it does not show within limit.
func (b *bug) first(t testing.TB, s looptest.Strategy, form func(looptest.Body) looptest.Body, limit int) int {
	return looptest.First(t, s, form(b.buggy), limit, append([]looptest.Option{looptest.MaxSteps(3000)}, b.opts...)...)
}

// A cell is the outcome of a strategy for a collection.
type cell struct {
	mean   float64  // the geometric mean of the medians of the bugs
	worst  int      // the largest median
	misses int      // the explorations that did not find their bug
	each   []string // a line for each bug: the median, the misses, the largest number, the name
}

// measure explores every bug of a collection with every seed. A miss counts as the limit.
func (r rival) measure(t testing.TB, c collection) cell {
	found := make([][]int, len(c.bugs))
	var workers sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for at := range next {
				for seed := range r.seeds {
					found[at] = append(found[at], c.bugs[at].first(t, r.make(uint64(seed+1)), c.form, never))
				}
			}
		})
	}
	for at := range c.bugs {
		next <- at
	}
	close(next)
	workers.Wait()
	var sum cell
	logs := 0.0
	for at, after := range found {
		missed := 0
		for i, n := range after {
			if n == 0 {
				after[i] = never
				missed++
			}
		}
		slices.Sort(after)
		median := after[len(after)/2]
		logs += math.Log(float64(median))
		sum.worst = max(sum.worst, median)
		sum.misses += missed
		sum.each = append(sum.each, fmt.Sprintf("%6d %3d %6d %s", median, missed, after[len(after)-1], c.bugs[at].name))
	}
	sum.mean = math.Exp(logs / float64(len(found)))
	return sum
}

func (c cell) String() string {
	worst := fmt.Sprint(c.worst)
	if c.worst == never {
		worst = "never"
	}
	return fmt.Sprintf("%.1f / %s / %d", c.mean, worst, c.misses)
}

// BenchmarkStrategies makes the table of the strategies: make explore. It explores each bug of each
// collection by each strategy, with 21 seeds, up to 20,000 schedules. A cell has the geometric mean of
// the bugs' medians of the number of schedules to the first failure; the worst median; and how many
// explorations did not find their bug. Such an exploration counts as 20,000 schedules. The run that is
// first in, first out is not counted. DelayBounded has no seeds, so it explores each bug once.
func BenchmarkStrategies(b *testing.B) {
	cells := map[[2]string]cell{}
	for _, r := range rivals {
		for _, c := range collections {
			b.Run(r.name+"/"+c.name, func(b *testing.B) {
				for b.Loop() {
					cells[[2]string{r.name, c.name}] = r.measure(b, c)
				}
				got := cells[[2]string{r.name, c.name}]
				b.ReportMetric(got.mean, "schedules")
				b.ReportMetric(float64(got.worst), "worst")
				b.ReportMetric(float64(got.misses), "misses")
				b.ReportMetric(0, "ns/op")
				if testing.Verbose() {
					slices.Sort(got.each)
					fmt.Println(strings.Join(got.each, "\n"))
				}
			})
		}
	}
	fmt.Print(table(cells))
}

// table returns the cells as a table in Markdown.
func table(cells map[[2]string]cell) string {
	var text strings.Builder
	fmt.Fprintf(&text, "\n%s, %d cores, %s/%s, %s\n\n| strategy |", cmp.Or(processor(), "an unknown processor"), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	for _, c := range collections {
		fmt.Fprintf(&text, " %s (%d bugs) |", c.name, len(c.bugs))
	}
	text.WriteString("\n|---|" + strings.Repeat("---|", len(collections)) + "\n")
	for _, r := range rivals {
		fmt.Fprintf(&text, "| %s |", r.name)
		for _, c := range collections {
			if got, ok := cells[[2]string{r.name, c.name}]; ok {
				fmt.Fprintf(&text, " %v |", got)
			} else {
				text.WriteString(" |")
			}
		}
		text.WriteString("\n")
	}
	return text.String()
}

// processor returns the name of the processor, if Linux tells it.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if key, name, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(name)
		}
	}
	return ""
}
