// Command benchtable reads the output of Go benchmarks and prints a table. `make bench` calls it:
//
//	(go test ./task -run '^$' -bench . ; go test ./task -run '^$' -bench . -cpu 1) | go run ./cmd/internal/benchtable
//
// For each benchmark the table has its wall time, and its CPU time in the run with GOMAXPROCS=1,
// which contains the work of the garbage collector. The ratios compare the CPU time with a bare
// iter.Pull round trip and with goroutines that do the same work, both of the same run, and the
// goals are about these ratios. Only where several processors matter, such as for a call to a loop
// on another goroutine, the goal is about the wall time.
//
// A second table has the growth of costs that must be linear: see BenchmarkGrowth. A benchmark
// that resumes parked stacks is compared with bare coroutines that do the same. `make bench-growth`
// prints a third one: see BenchmarkCrowd. It compares the CPU time of an operation with 1,000 tasks,
// callbacks and so on at the same time with that of very many, beside floors that have as many objects.
//
// If a benchmark was run more than once, the least value in each unit counts, because
// disturbances can only make a benchmark slower.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	measured, err := parse(in)
	if err != nil {
		return err
	}
	lines, err := table(measured)
	if err != nil {
		return err
	}
	if err := printAligned(out, lines); err != nil {
		return err
	}
	if !measured.cpuIsKnown() {
		if _, err := fmt.Fprintln(out, "This platform does not tell the CPU time. In its place stands the wall time with GOMAXPROCS=1."); err != nil {
			return err
		}
	}
	for _, lines := range [][][]string{growthTable(measured), crowdTable(measured)} {
		if lines == nil {
			continue
		}
		if _, err := fmt.Fprintln(out); err != nil {
			return err
		}
		if err := printAligned(out, lines); err != nil {
			return err
		}
	}
	return nil
}
