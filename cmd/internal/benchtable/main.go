// Command benchtable reads the output of Go benchmarks and prints a table. For each benchmark
// the table has its cost, the ratio to a bare iter.Pull round trip of the same runs, and whether
// that ratio meets its goal. `make bench` calls it:
//
//	go test ./task -run '^$' -bench . | go run ./cmd/internal/benchtable
//
// A second table has the growth of costs that must be linear: see BenchmarkGrowth. A benchmark
// that resumes parked stacks is compared with bare coroutines that do the same.
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
	if lines = growthTable(measured); lines == nil {
		return nil
	}
	if _, err := fmt.Fprintln(out); err != nil {
		return err
	}
	return printAligned(out, lines)
}
