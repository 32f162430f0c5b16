// Command benchtable reads the output of Go benchmarks and prints one table: what
// each costs, the ratio to a bare iter.Pull round trip that was measured in the
// same runs, and whether that meets its goal. `make bench` calls it:
//
//	go test ./task -run '^$' -bench . | go run ./cmd/internal/benchtable
//
// A second table has how what must stay linear grows: see BenchmarkGrowth. What resumes
// parked stacks is compared with bare coroutines that do the same.
//
// Where a benchmark was run more than once, the least of each measure counts: what
// disturbs a benchmark only ever adds to it.
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
