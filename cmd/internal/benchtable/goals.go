package main

// A row of the table is a benchmark in one of its units, and its goal. If the unit is time per
// operation, the goal is a ratio to the floor; otherwise it is an amount in the unit. A goal of
// 0 means that there is none.
type row struct {
	title, kind string
	bench, unit string
	goal        float64
}

// The floor is a bare iter.Pull round trip. It is measured before and after the other
// benchmarks, and the least value counts.
var floors = []string{"FloorPull", "FloorPullAgain"}

// rows has the benchmarks of package task, in the order of the table. A benchmark that is not
// here comes last, without a goal.
var rows = []row{
	{"bare iter.Pull round trip", "floor", "FloorPull", ns, 0},
	{"the same, at the end", "floor", "FloorPullAgain", ns, 0},
	{"bare ring: push, pop, run", "floor", "FloorRing", ns, 0},
	{"the same, at the end", "floor", "FloorRingAgain", ns, 0},
	{"iter.Pull round trip, 1000 in turn", "floor", "FloorPullCold", ns, 0},
	{"allocation of a task and its body", "floor", "FloorAlloc/stackful", ns, 0},
	{"the same, a machine", "floor", "FloorAlloc/stackless", ns, 0},
	{"yield, 1 task", "stackful", "Yield1/stackful", ns, 0.2},
	{"", "stackless", "Yield1/stackless", ns, 0.15},
	{"yield, 100 tasks", "stackful", "Yield100/stackful", ns, 1.0},
	{"", "stackless", "Yield100/stackless", ns, 0.2},
	{"spawn and await, batches of 1000", "stackful", "SpawnLazy/stackful", ns, 1.5},
	{"", "stackless", "SpawnLazy/stackless", ns, 1.0},
	{"spawn eager, completes at once", "stackful", "SpawnEager/stackful", ns, 1.6},
	{"", "stackless", "SpawnEager/stackless", ns, 0.8},
	{"ping-pong, a fresh future each", "stackful", "PingPong/stackful", ns, 1.4},
	{"", "stackless", "PingPong/stackless", ns, 0.6},
	{"Gather of 1000 that yield once, per task", "stackful", "Gather/stackful", ns, 3},
	{"", "stackless", "Gather/stackless", ns, 1.5},
	{"CallSoon, bursts of 1000", "callback", "CallSoon", ns, 0.35},
	{"timer armed and fired, CPU time", "callback", "TimerFired/system", cpuNs, 8},
	{"timer armed and fired, virtual clock", "callback", "TimerFired/virtual", ns, 0},
	{"timer armed and canceled", "callback", "TimerCanceled", ns, 1.5},
	{"Post from another goroutine", "callback", "Post", ns, 1.2},
	{"memory of a parked task", "stackful", "Parked/stackful", bytesPerTask, 3000},
	{"", "stackless", "Parked/stackless", bytesPerTask, 250},
	{"1,000,000 tasks asleep: time", "stackful", "Asleep/stackful", seconds, 5},
	{"", "stackless", "Asleep/stackless", seconds, 2},
	{"1,000,000 tasks asleep: memory", "stackful", "Asleep/stackful", peakBytes, 3.5e9},
	{"", "stackless", "Asleep/stackless", peakBytes, 400e6},
}

// The units, as the benchmarks report them.
const (
	ns           = "ns/op"
	cpuNs        = "cpu-ns/op"
	bytesPerTask = "B/task"
	seconds      = "s/run"
	peakBytes    = "peak-B"
	allocs       = "allocs/op"
	nsEach       = "ns/each"
	bytesEach    = "B/each"
)
