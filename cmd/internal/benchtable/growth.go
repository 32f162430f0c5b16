package main

import (
	"fmt"
	"math"
	"strings"
)

// A growth is a benchmark of package task that is measured with 1,000 and with 16,000 of
// something: what it costs for each, and how the whole grows with their number.
type growth struct {
	title, bench, unit string
	judged             against
}

// against is what the growth is compared with.
type against uint8

const (
	linear against = iota
	stacks         // the growth of the floor, as each resumes a parked stack of its own
	nothing
)

// floorOfStacks is the bare cost of resuming parked stacks. One takes 3 KB, so the
// processor's caches have room for 1,000 and not for 16,000: that is not linear.
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

// Where these are measured, and the goal: the exponent of the growth of the whole, which is
// 1 if that is linear, may be so much more than that of what it is compared with. There is
// room for what larger amounts of memory cost the processor's caches.
const (
	growthPrefix = "Growth/"
	fewOf        = 1_000
	manyOf       = 16_000
	growthRoom   = 0.15
)

// of returns the name of the benchmark with n.
func (g growth) of(n int) string { return fmt.Sprintf("%s%s/n=%d", growthPrefix, g.bench, n) }

func isGrowth(name string) bool { return strings.HasPrefix(name, growthPrefix) }

// exponent returns that of the growth of the whole, and what each costs. ok is false if that
// was not measured.
func (g growth) exponent(r *results) (exponent, few, many float64, ok bool) {
	few, ok = r.get(g.of(fewOf), g.unit)
	many, too := r.get(g.of(manyOf), g.unit)
	return 1 + math.Log(many/few)/math.Log(manyOf/fewOf), few, many, ok && too
}

// goal returns the largest exponent that is good. ok is false if there is none.
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

// growthTable returns the lines of the section about growth, none if it was not measured.
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
