package looptest_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// A constructed bug shows exactly if its events come in an order that satisfies all constraints.
// Its depth is the number of constraints that PCT needs.
type constructed struct {
	name  string
	depth int
	tasks int        // the number of tasks, main included
	logs  [][]string // the events of each task, one in each step
	order []string   // the constraints, as pairs: the first event comes before the second
	n     int        // number of schedules: enough for the confidence of the test below
}

var constructedBugs = []constructed{
	{"one comes first", 1, 3, [][]string{{"a1", "a2", "a3"}, {"b1", "b2", "b3"}}, []string{"b1", "a1"}, 4_000},
	{"one of four comes last", 1, 5, [][]string{{"a1"}, {"b1", "b2"}, {"c1", "c2"}, {"d1", "d2"}}, []string{"b2", "a1", "c2", "a1", "d2", "a1"}, 4_000},
	{"between two steps", 2, 3, [][]string{{"a1", "a2", "a3", "a4", "a5"}, {"b1", "b2", "b3"}}, []string{"a3", "b1", "b3", "a4"}, 6_000},
	{"between two steps, the other way round", 2, 4, [][]string{{"a1", "a2"}, {"b1", "b2", "b3"}, {"c1", "c2"}}, []string{"b2", "a1", "a2", "b3"}, 4_000},
	{"there and back", 3, 3, [][]string{{"a1", "a2", "a3"}, {"b1", "b2", "b3"}}, []string{"a1", "b1", "b2", "a2", "a3", "b3"}, 20_000},
	{"held back first, goes on last", 4, 4, [][]string{{"a1", "a2"}, {"b1", "b2"}, {"c1", "c2"}}, []string{"a1", "b1", "b1", "c1", "c2", "b2", "b2", "a2"}, 4_000},
}

func (c *constructed) body(ctx context.Context, t *looptest.T) {
	at := map[string]int{}
	counts := make([]int, len(c.logs))
	for i, events := range c.logs {
		counts[i] = len(events)
	}
	steppers(ctx, t, counts, func(machine, step int) { at[c.logs[machine][step]] = len(at) })
	for i := 0; i < len(c.order); i += 2 {
		if at[c.order[i]] > at[c.order[i+1]] {
			return
		}
	}
	t.Error("found")
}

// atLeast returns the probability that hits or more of n schedules find a bug, if each one finds it
// with probability p: the exact upper tail of the binomial distribution.
func atLeast(hits, n int, p float64) float64 {
	sum := 0.0
	for i := hits; i <= n; i++ {
		sum += math.Exp(choose(n, i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

// choose returns the logarithm of the binomial coefficient "n over k".
func choose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// One schedule of PCT finds a bug of depth d, in a program with t tasks and k steps, with a
// probability of at least 1/(t·k^(d-1)). For each bug the test rejects a smaller probability with a
// confidence of 99.9999 %: with a smaller probability, a run with this number of hits or more would
// be less likely than one in a million. The seed is fixed, so the test is the same in every run.
func TestPCTKeepsItsGuarantee(t *testing.T) {
	const doubt = 1e-6
	for _, c := range constructedBugs {
		t.Run(fmt.Sprintf("depth %d, %s", c.depth, c.name), func(t *testing.T) {
			t.Parallel()
			n, hits := c.n, 0
			steps := looptest.Schedules(t, looptest.PCT(1, n, c.depth), c.body, func(r looptest.Ran) {
				if r.Failed {
					hits++
				}
			})
			guarantee := 1 / (float64(c.tasks) * math.Pow(float64(steps), float64(c.depth-1)))
			t.Logf("%d tasks, %d steps: %d of %d, %.5f; guaranteed %.5f", c.tasks, steps, hits, n, float64(hits)/float64(n), guarantee)
			if p := atLeast(hits, n, guarantee); p > doubt {
				t.Errorf("without the guarantee, %d hits or more of %d would have a probability of %g, want at most %g", hits, n, p, doubt)
			}
		})
	}
}
