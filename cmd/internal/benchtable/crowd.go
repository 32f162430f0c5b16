package main

import (
	"fmt"
	"math"
	"strings"
)

// A crowd is a row of BenchmarkCrowd: the CPU time of an operation with 1,000 elements at the same
// time, and with many.
type crowd struct {
	title, kind, bench string
	many               int
	floor              string // what grows without takt for the same reason; a floor has none
}

const (
	crowdPrefix  = "Crowd/"
	million      = 1_000_000
	stacksAtOnce = 100_000
	crowdGoal    = 2 // how many times more an operation may cost with many
)

var crowds = []crowd{
	{"ring of objects: take, run, put back", "floor", "floor-ring", million, ""},
	{"the same in a mixed order", "floor", "floor-mixed", million, ""},
	{"allocation of a task and its machine", "floor", "floor-alloc", million, ""},
	{"slice that grows", "floor", "floor-append", million, ""},
	{"sort of n deadlines", "floor", "floor-sort", million, ""},
	{"iter.Pull round trip, n in turn", "floor", "floor-pull", stacksAtOnce, ""},
	{"iter.Pull made, parked, ended", "floor", "floor-coroutines", stacksAtOnce, ""},
	{"goroutine made, parked, ended", "floor", "floor-goroutines", stacksAtOnce, ""},
	{"yield", "stackful", "yield/stackful", stacksAtOnce, "floor-pull"},
	{"", "stackless", "yield/stackless", million, "floor-ring"},
	{"spawn and await", "stackful", "spawn/stackful", stacksAtOnce, "floor-alloc"},
	{"", "stackless", "spawn/stackless", million, "floor-alloc"},
	{"spawn eager", "stackful", "spawn-eager/stackful", stacksAtOnce, "floor-alloc"},
	{"", "stackless", "spawn-eager/stackless", million, "floor-alloc"},
	{"ping-pong of n/2 pairs", "stackful", "pingpong/stackful", stacksAtOnce, "floor-pull"},
	{"", "stackless", "pingpong/stackless", million, "floor-ring"},
	{"Gather of n that yield once", "stackful", "gather/stackful", stacksAtOnce, "floor-coroutines"},
	{"", "stackless", "gather/stackless", million, "floor-alloc"},
	{"made, parked, woken, ended", "stackful", "parked/stackful", stacksAtOnce, "floor-coroutines"},
	{"", "stackless", "parked/stackless", million, "floor-alloc"},
	{"made, asleep, ended", "stackful", "asleep/stackful", stacksAtOnce, "floor-coroutines"},
	{"", "stackless", "asleep/stackless", million, "floor-mixed"},
	{"CallSoon", "callback", "callsoon", million, "floor-ring"},
	{"Post", "callback", "post", million, "floor-append"},
	{"timer armed and fired", "callback", "timer-fired", million, "floor-sort"},
	{"timer armed and canceled", "callback", "timer-canceled", million, "floor-append"},
}

func isCrowd(name string) bool { return strings.HasPrefix(name, crowdPrefix) }

// crowdOf returns the name of a benchmark with n elements.
func crowdOf(bench string, n int) string { return fmt.Sprintf("%s%s/n=%d", crowdPrefix, bench, n) }

// growth returns the CPU time with few elements and with many, and the ratio of the two. What was
// not measured is NaN.
func (c crowd) growth(r *results) (few, many, ratio float64) {
	few, many = r.cpu(crowdOf(c.bench, fewOf)), r.cpu(crowdOf(c.bench, c.many))
	return few, many, many / few
}

// crowdTable returns the lines of the section about crowds, or none if no crowd was measured.
func crowdTable(r *results) [][]string {
	lines := [][]string{{"CPU time, n at once", "kind", "n", "n=1,000", "many", "ratio", "floor", "goal", ""}}
	title := ""
	ratios := map[string]float64{"": math.NaN()} // the floors come first
	for _, c := range crowds {
		if c.title != "" {
			title = c.title
		}
		few, many, ratio := c.growth(r)
		ratios[c.bench] = ratio
		if math.IsNaN(ratio) {
			continue
		}
		floor := ratios[c.floor]
		goal, verdict := "", ""
		if c.floor != "" {
			goal, verdict = number("%.2f", crowdGoal), "ok"
			if ratio > crowdGoal {
				verdict = "SHORT"
			}
		}
		lines = append(lines, []string{title, c.kind, fmt.Sprint(c.many), number("%.1f", few), number("%.1f", many),
			number("%.2f", ratio), number("%.2f", floor), goal, verdict})
	}
	if len(lines) == 1 {
		return nil
	}
	return lines
}
