package cause_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/takt-go/takt/loop/looptest/internal/cause"
)

// parity fails by no rule of a few constraints.
func parity(o *outcome) bool {
	odd := false
	for n := range int32(3) {
		odd = odd != o.before(step(0, n), step(1, n))
	}
	return odd
}

// BenchmarkLearn learns from 2,000 runs.
func BenchmarkLearn(b *testing.B) {
	for _, size := range []struct{ tasks, steps int }{{2, 4}, {5, 10}, {10, 15}, {24, 15}, {100, 40}} {
		for _, bug := range []struct {
			name  string
			fails func(o *outcome) bool
		}{{"one rule", lostUpdate}, {"no rule", parity}} {
			runs := program(1, 2000, slices.Repeat([]int{size.steps}, size.tasks), bug.fails)
			b.Run(fmt.Sprintf("%d tasks with %d steps, %s", size.tasks, size.steps, bug.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					cause.Learn(runs)
				}
			})
		}
	}
}
