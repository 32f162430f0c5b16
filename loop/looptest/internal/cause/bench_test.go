package cause_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/takt-go/takt/loop/looptest/internal/cause"
)

// program returns n runs of tasks that take this many steps each, in random orders. A run fails if
// fails returns true; before tells whether one step came before another one.
func program(seed uint64, n int, steps []int, fails func(before func(a, b cause.Step) bool) bool) []cause.Run {
	r := rand.New(rand.NewPCG(seed, 1))
	runs := make([]cause.Run, n)
	for i := range runs {
		var order []cause.Step
		left := 0
		for _, k := range steps {
			left += k
		}
		done := make([]int, len(steps))
		for ; left > 0; left-- {
			// Each interleaving is equally likely.
			at := r.IntN(left)
			task := 0
			for at >= steps[task]-done[task] {
				at -= steps[task] - done[task]
				task++
			}
			order = append(order, cause.Step{Task: int32(task), N: int32(done[task])})
			done[task]++
		}
		place := map[cause.Step]int{}
		for at, s := range order {
			place[s] = at
		}
		runs[i] = cause.Run{Order: order, Failed: fails(func(a, b cause.Step) bool { return place[a] < place[b] })}
	}
	return runs
}

func step(task, n int32) cause.Step { return cause.Step{Task: task, N: n} }

// lostUpdate fails if both tasks read, in their steps 0 and 2, before either writes, in the step
// after that.
func lostUpdate(before func(a, b cause.Step) bool) bool {
	return before(step(0, 0), step(1, 3)) && before(step(1, 2), step(0, 1))
}

// BenchmarkLearn learns from 2,000 runs.
func BenchmarkLearn(b *testing.B) {
	for _, c := range []struct{ tasks, steps int }{{2, 4}, {5, 10}, {10, 15}, {24, 15}, {100, 40}} {
		steps := make([]int, c.tasks)
		for i := range steps {
			steps[i] = c.steps
		}
		bug := map[string]func(before func(a, b cause.Step) bool) bool{
			"one rule": lostUpdate,
			"no rule": func(before func(a, b cause.Step) bool) bool {
				return before(step(0, 0), step(1, 0)) != before(step(0, 1), step(1, 1)) != before(step(0, 2), step(1, 2))
			},
		}
		for name, fails := range bug {
			runs := program(1, 2000, steps, fails)
			b.Run(fmt.Sprintf("%d tasks with %d steps, %s", c.tasks, c.steps, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					cause.Learn(runs)
				}
			})
		}
	}
}
