package main

import (
	"fmt"
	"math"
	"strings"
)

// A growth is a benchmark of package task that is measured with 1,000 and with 16,000 of
// something: what it costs for each, and how the whole grows with their number.
type growth struct{ title, bench, unit string }

var growths = []growth{
	{"callbacks removed in reverse", "callbacks", nsEach},
	{"WaitFor(Shield(f)) of one f", "shields", nsEach},
	{"10 turns with tasks in Recv", "recv-turns", nsEach},
	{"cancel tasks in Recv", "recv-cancel", nsEach},
	{"cancel tasks in Lock", "lock-cancel", nsEach},
	{"cancel a chain", "chain-cancel", nsEach},
	{"cancel diamonds, log n deep", "diamond-cancel", nsEach},
	{"Shutdown of a chain", "shutdown", nsEach},
	{"WriteGraph of a chain: time", "graph", nsEach},
	{"WriteGraph of a chain: size", "graph", bytesEach},
	{"deadlock report of a chain", "deadlock", nsEach},
}

// Where these are measured, and the goal: the exponent of the growth of the whole. 1 is
// linear; there is room for what larger amounts of memory cost the processor's caches.
const (
	growthPrefix = "Growth/"
	fewOf        = 1_000
	manyOf       = 16_000
	growthGoal   = 1.15
)

// of returns the name of the benchmark with n.
func (g growth) of(n int) string { return fmt.Sprintf("%s%s/n=%d", growthPrefix, g.bench, n) }

func isGrowth(name string) bool { return strings.HasPrefix(name, growthPrefix) }

// growthTable returns the lines of the section about growth, none if it was not measured.
func growthTable(r *results) [][]string {
	lines := [][]string{{"growth", "for each", "n=1,000", "n=16,000", "exponent", "", "goal"}}
	for _, g := range growths {
		few, ok := r.get(g.of(fewOf), g.unit)
		many, too := r.get(g.of(manyOf), g.unit)
		if !ok || !too {
			continue
		}
		exponent, verdict := 1+math.Log(many/few)/math.Log(manyOf/fewOf), "ok"
		if exponent > growthGoal {
			verdict = "SHORT"
		}
		lines = append(lines, []string{g.title, strings.TrimSuffix(g.unit, "/each"), fmt.Sprintf("%.0f", few),
			fmt.Sprintf("%.0f", many), fmt.Sprintf("%.2f", exponent), verdict, fmt.Sprintf("%.2f", growthGoal)})
	}
	if len(lines) == 1 {
		return nil
	}
	return lines
}
