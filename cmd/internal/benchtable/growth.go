package main

import (
	"fmt"
	"math"
	"strings"
)

// A growth is a benchmark of package task that is measured with 1,000 and with 16,000 elements:
// the cost for each element, and how the total cost grows with their number.
type growth struct {
	title, bench, unit string
	judged             against
}

// against says what a growth is compared with.
type against uint8

const (
	linear against = iota
	stacks         // the growth of the floor, because each element resumes a parked stack
	nothing
)

// floorOfStacks measures the bare cost of resuming parked stacks. A stack takes 3 KB, so the
// processor's caches hold 1,000 of them but not 16,000. So the cost does not grow linearly.
var floorOfStacks = growth{"floor: parked iter.Pull coroutines, each resumed once", "floor-stacks", nsEach, nothing}

var growths = []growth{
	floorOfStacks,
	{"WaitFor(Shield(f)) of one f", "shields", nsEach, stacks},
	{"cancel tasks in Recv", "recv-cancel", nsEach, stacks},
	{"cancel tasks in Lock", "lock-cancel", nsEach, stacks},
	{"callbacks removed in reverse", "callbacks", nsEach, linear},
	{"10 turns with tasks in Recv", "recv-turns", nsEach, linear},
	{"cancel a chain", "chain-cancel", nsEach, linear},
	{"cancel diamonds, log n deep", "diamond-cancel", nsEach, linear},
	{"Shutdown of a chain", "shutdown", nsEach, linear},
	{"WriteGraph of a chain: time", "graph", nsEach, linear},
	{"WriteGraph of a chain: size", "graph", bytesEach, linear},
	{"deadlock report of a chain", "deadlock", nsEach, linear},
}

// The numbers of elements that are measured, and the goal. The exponent of the growth of the
// total cost is 1 if the growth is linear. It may be larger by growthRoom than the exponent that
// it is compared with, because larger amounts of memory fit less well into the caches.
const (
	growthPrefix = "Growth/"
	fewOf        = 1_000
	manyOf       = 16_000
	growthRoom   = 0.15
)

// of returns the name of the benchmark with n elements.
func (g growth) of(n int) string { return fmt.Sprintf("%s%s/n=%d", growthPrefix, g.bench, n) }

func isGrowth(name string) bool { return strings.HasPrefix(name, growthPrefix) }

// exponent returns the exponent of the growth of the total cost, and the cost for each element
// with few and with many elements. ok is false if these were not measured.
func (g growth) exponent(r *results) (exponent, few, many float64, ok bool) {
	few, ok = r.get(g.of(fewOf), g.unit)
	many, too := r.get(g.of(manyOf), g.unit)
	return 1 + math.Log(many/few)/math.Log(manyOf/fewOf), few, many, ok && too
}

// goal returns the largest exponent that meets the goal. ok is false if there is no goal.
func (g growth) goal(r *results) (goal float64, ok bool) {
	switch g.judged {
	case linear:
		return 1 + growthRoom, true
	case stacks:
		floor, _, _, ok := floorOfStacks.exponent(r)
		return floor + growthRoom, ok
	}
	return 0, false
}

// growthTable returns the lines of the section about growth, or none if no growth was measured.
func growthTable(r *results) [][]string {
	lines := [][]string{{"growth", "for each", "n=1,000", "n=16,000", "exponent", "", "goal"}}
	for _, g := range growths {
		exponent, few, many, ok := g.exponent(r)
		if !ok {
			continue
		}
		verdict, shown := "", ""
		if goal, ok := g.goal(r); ok {
			verdict, shown = "ok", fmt.Sprintf("%.2f", goal)
			if exponent > goal {
				verdict = "SHORT"
			}
		}
		lines = append(lines, []string{g.title, strings.TrimSuffix(g.unit, "/each"), fmt.Sprintf("%.0f", few),
			fmt.Sprintf("%.0f", many), fmt.Sprintf("%.2f", exponent), verdict, shown})
	}
	if len(lines) == 1 {
		return nil
	}
	return lines
}
