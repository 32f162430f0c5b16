package main

import (
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// The cost of a schedule on one core: go test -run '^$' -bench . -benchtime 2000x -cpu 1 .
func BenchmarkSchedules(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	for _, nodes := range []int{3, 5} {
		b.Run(strconv.Itoa(nodes), func(b *testing.B) {
			b.ReportAllocs()
			s := setting{nodes: nodes, ran: &totals{}}
			looptest.Explore(b, looptest.Sample(1, b.N), s.run)
			b.ReportMetric(float64(s.ran.runs)/b.Elapsed().Seconds(), "schedules/s")
			b.ReportMetric(s.ran.virtual.Seconds()/b.Elapsed().Seconds(), "virtual-s/s")
		})
	}
}
