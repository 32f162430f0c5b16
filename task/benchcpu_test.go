package task_test

import (
	"testing"
	"time"
)

// measure measures do, which makes b.N operations: its wall time, its allocations, and the CPU time
// of the process meanwhile. `make bench` takes the CPU time from a run with GOMAXPROCS=1. There it
// contains the work of the garbage collector, which otherwise may be done by another processor at the
// same time, and the work of other goroutines, if the benchmark has any.
func measure(b *testing.B, do func()) {
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	do()
	b.StopTimer()
	reportCPU(b, cpuTime()-before, b.N)
}

// reportCPU reports the CPU time of n operations. Where a platform does not tell it, cmd/internal/benchtable
// uses the wall time of the run with GOMAXPROCS=1.
func reportCPU(b *testing.B, cpu time.Duration, n int) {
	if cpuTimeIsKnown {
		b.ReportMetric(float64(cpu)/float64(n), "cpu-ns/op")
	}
}

// clocks add up the time of the parts of a benchmark that are measured.
type clocks struct{ wall, cpu time.Duration }

func (c *clocks) time(do func()) {
	began, before := time.Now(), cpuTime()
	do()
	c.wall += time.Since(began)
	c.cpu += cpuTime() - before
}

// report reports the times of n operations, in place of the time of the whole benchmark.
func (c *clocks) report(b *testing.B, n int) {
	b.ReportMetric(float64(c.wall)/float64(n), "ns/op")
	reportCPU(b, c.cpu, n)
}
