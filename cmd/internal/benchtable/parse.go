package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// results has the benchmarks of a run, in the order of their first appearance.
type results struct {
	names []string                      // without the word Benchmark and the -2 of GOMAXPROCS
	least map[string]map[string]float64 // by name, then by unit
}

// get returns the least value of a benchmark in a unit.
func (r *results) get(name, unit string) (float64, bool) {
	v, ok := r.least[name][unit]
	return v, ok
}

// benchLine matches a result: the name, GOMAXPROCS (left out if it is 1), the iterations, and
// pairs of a value and its unit.
var benchLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(\S.*)$`)

// parse reads the output of go test -bench, and skips lines that are not results. If a line
// says that something failed, parse returns an error with that line and all lines after it.
func parse(in io.Reader) (*results, error) {
	r := &results{least: map[string]map[string]float64{}}
	var failures []string
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		if failed(line) || len(failures) > 0 {
			failures = append(failures, line)
			continue
		}
		m := benchLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if err := r.add(m[1], strings.Fields(m[2])); err != nil {
			return nil, fmt.Errorf("%w in the line %q", err, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(failures) > 0 {
		return nil, errors.New("the benchmarks failed:\n" + strings.Join(failures, "\n"))
	}
	return r, nil
}

// failed reports whether a line is the first line of a failure in the output of go test.
func failed(line string) bool {
	for _, prefix := range []string{"--- FAIL", "FAIL", "panic:", "fatal error:", "# "} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// add takes the values of one line, each followed by its unit.
func (r *results) add(name string, pairs []string) error {
	if len(pairs)%2 != 0 {
		return fmt.Errorf("a value without a unit: %q", pairs[len(pairs)-1])
	}
	least := r.least[name]
	if least == nil {
		least = map[string]float64{}
		r.least[name] = least
		r.names = append(r.names, name)
	}
	for i := 0; i < len(pairs); i += 2 {
		v, err := strconv.ParseFloat(pairs[i], 64)
		if err != nil {
			return fmt.Errorf("not a number: %q", pairs[i])
		}
		unit := pairs[i+1]
		if old, ok := least[unit]; !ok || v < old {
			least[unit] = v
		}
	}
	return nil
}
