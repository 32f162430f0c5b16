package main

// A row of the table is a benchmark in one of its units, and its goal.
type row struct {
	title, kind string
	bench, unit string
	goal        goal
}

// A goal is the largest value that meets it. A goal of 0 means that there is none.
type goal struct {
	most float64
	of   measure
}

// measure says what a goal limits.
type measure uint8

const (
	theAmount  measure = iota // in the unit of the row
	cpuToPull                 // the ratio of the CPU time to that of a bare iter.Pull round trip
	cpuToPeer                 // the ratio of the CPU time to that of goroutines that do the same work
	wallToPeer                // the ratio of the wall time to theirs
)

func pull(most float64) goal   { return goal{most, cpuToPull} }
func peer(most float64) goal   { return goal{most, cpuToPeer} }
func wall(most float64) goal   { return goal{most, wallToPeer} }
func atMost(most float64) goal { return goal{most, theAmount} }

var none goal

// The floor is a bare iter.Pull round trip. It is measured before and after the other
// benchmarks, and the least value counts.
var floors = []string{"FloorPull", "FloorPullAgain"}

// goroutine is the kind of a row in which goroutines do the work without takt. It is the peer of the
// rows after it that have the same title.
const goroutine = "goroutine"

// rows has the benchmarks of package task, in the order of the table. A benchmark that is not
// here comes last, without a goal. A row without a title has that of the row before it.
var rows = []row{
	{"bare iter.Pull round trip", "floor", "FloorPull", ns, none},
	{"the same, at the end", "floor", "FloorPullAgain", ns, none},
	{"bare ring: push, pop, run", "floor", "FloorRing", ns, none},
	{"the same, at the end", "floor", "FloorRingAgain", ns, none},
	{"iter.Pull round trip, 1000 in turn", "floor", "FloorPullCold", ns, none},
	{"allocation of a task and its body", "floor", "FloorAlloc/stackful", ns, none},
	{"the same, a machine", "floor", "FloorAlloc/stackless", ns, none},
	{"yield, 1 task", goroutine, "Yield1/goroutine", ns, none},
	{"", "stackful", "Yield1/stackful", ns, pull(0.2)},
	{"", "stackless", "Yield1/stackless", ns, pull(0.2)},
	{"yield, 100 tasks", goroutine, "Yield100/goroutine", ns, none},
	{"", "stackful", "Yield100/stackful", ns, peer(1)},
	{"", "stackless", "Yield100/stackless", ns, pull(0.3)},
	{"spawn and await, batches of 1000", goroutine, "SpawnLazy/goroutine", ns, none},
	{"", "stackful", "SpawnLazy/stackful", ns, peer(0.7)},
	{"", "stackless", "SpawnLazy/stackless", ns, pull(1.4)},
	{"spawn eager, completes at once", "stackful", "SpawnEager/stackful", ns, pull(2)},
	{"", "stackless", "SpawnEager/stackless", ns, pull(1)},
	{"ping-pong, a fresh future each", goroutine, "PingPong/goroutine", ns, none},
	{"", "stackful", "PingPong/stackful", ns, peer(0.7)},
	{"", "stackless", "PingPong/stackless", ns, pull(1.2)},
	{"Gather of 1000 that yield once, per task", goroutine, "Gather/goroutine", ns, none},
	{"", "stackful", "Gather/stackful", ns, peer(1)},
	{"", "stackless", "Gather/stackless", ns, peer(0.7)},
	{"frame of 10,000 machines, each", "shared", "Frame/shared/leave=0", ns, none},
	{"the same, 1 machine leaves", "shared", "Frame/shared/leave=1", ns, none},
	{"the same, 100 machines leave", "shared", "Frame/shared/leave=100", ns, none},
	{"the same, with a shield each", "shields", "Frame/shields/leave=0", ns, none},
	{"the same, 1 machine leaves", "shields", "Frame/shields/leave=1", ns, none},
	{"the same, 100 machines leave", "shields", "Frame/shields/leave=100", ns, none},
	{"CallSoon, bursts of 1000", "callback", "CallSoon", ns, pull(0.35)},
	{"timer armed and fired", goroutine, "TimerFired/goroutine", ns, none},
	{"", "system clock", "TimerFired/system", ns, pull(8)},
	{"", "virtual clock", "TimerFired/virtual", ns, none},
	{"timer armed and canceled", goroutine, "TimerCanceled/goroutine", ns, none},
	{"", "loop", "TimerCanceled/loop", ns, pull(1.5)},
	{"Post from another goroutine", goroutine, "Post/goroutine", ns, none},
	{"", "loop", "Post/loop", ns, wall(1)},
	{"call to a busy loop, and its answer", goroutine, "RoundTrip/goroutine/busy", ns, none},
	{"", "Post", "RoundTrip/loop/busy", ns, wall(1.5)},
	{"the same, an idle loop: median", goroutine, "RoundTrip/goroutine/idle", median, none},
	{"", "Post", "RoundTrip/loop/idle", median, wall(1.5)},
	{"the same, an idle loop: 99 %", goroutine, "RoundTrip/goroutine/idle", percent99, none},
	{"", "Post", "RoundTrip/loop/idle", percent99, wall(1.5)},
	{"request to a busy loop, and its result", goroutine, "Request/goroutine/busy", ns, none},
	{"", "Submit", "Request/loop/busy", ns, wall(1.5)},
	{"the same, an idle loop: median", goroutine, "Request/goroutine/idle", median, none},
	{"", "Submit", "Request/loop/idle", median, wall(1.5)},
	{"the same, an idle loop: 99 %", goroutine, "Request/goroutine/idle", percent99, none},
	{"", "Submit", "Request/loop/idle", percent99, wall(1.5)},
	{"made, parked, woken, ended; 100,000 tasks", goroutine, "Parked/goroutine", ns, none},
	{"", "stackful", "Parked/stackful", ns, peer(1.2)},
	{"", "stackless", "Parked/stackless", ns, pull(9)},
	{"made, asleep, awaited; 1,000,000 tasks", "stackful", "Asleep/stackful", ns, pull(65)},
	{"", "stackless", "Asleep/stackless", ns, pull(25)},
	{"memory of a parked task", "stackful", "Parked/stackful", bytesPerTask, atMost(3000)},
	{"", "stackless", "Parked/stackless", bytesPerTask, atMost(200)},
	{"memory of 1,000,000 tasks asleep", "stackful", "Asleep/stackful", peakBytes, atMost(3.5e9)},
	{"", "stackless", "Asleep/stackless", peakBytes, atMost(400e6)},
}

// The units, as the benchmarks report them.
const (
	ns           = "ns/op"
	cpuNs        = "cpu-ns/op"
	median       = "p50-ns"
	percent99    = "p99-ns"
	bytesPerTask = "B/task"
	peakBytes    = "peak-B"
	allocs       = "allocs/op"
	nsEach       = "ns/each"
	bytesEach    = "B/each"
)
