package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// results has the benchmarks of all runs, in the order of their first appearance.
type results struct {
	names []string // without the word Benchmark and the -2 of GOMAXPROCS
	one   values   // of the runs with GOMAXPROCS=1
	more  values   // of the other runs
}

// values are the least values of the benchmarks in a kind of runs, by name, then by unit.
type values map[string]map[string]float64

// get returns the least value of a benchmark in a unit. If there are runs with more than one
// processor, it is the value of these.
func (r *results) get(name, unit string) (float64, bool) {
	if v, ok := r.more[name][unit]; ok {
		return v, true
	}
	v, ok := r.one[name][unit]
	return v, ok
}

// cpu returns the CPU time of an operation, from the runs with GOMAXPROCS=1, or NaN. If the
// platform does not tell the CPU time, it is the wall time in these runs.
func (r *results) cpu(name string) float64 {
	for _, unit := range []string{cpuNs, ns} {
		if v, ok := r.one[name][unit]; ok {
			return v
		}
	}
	return math.NaN()
}

// cpuIsKnown reports whether the benchmarks have measured CPU time.
func (r *results) cpuIsKnown() bool {
	_, ok := r.one[floors[0]][cpuNs]
	return ok
}

// benchLine matches a result: the name, GOMAXPROCS (left out if it is 1), the iterations, and
// pairs of a value and its unit.
var benchLine = regexp.MustCompile(`^Benchmark(\S+?)(-\d+)?\s+\d+\s+(\S.*)$`)

// parse reads the output of go test -bench, and skips lines that are not results. If a line
// says that something failed, parse returns an error with that line and all lines after it.
func parse(in io.Reader) (*results, error) {
	r := &results{one: values{}, more: values{}}
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
		runs := r.more
		if m[2] == "" {
			runs = r.one
		}
		if r.one[m[1]] == nil && r.more[m[1]] == nil {
			r.names = append(r.names, m[1])
		}
		if err := runs.add(m[1], strings.Fields(m[3])); err != nil {
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
func (v values) add(name string, pairs []string) error {
	if len(pairs)%2 != 0 {
		return fmt.Errorf("a value without a unit: %q", pairs[len(pairs)-1])
	}
	least := v[name]
	if least == nil {
		least = map[string]float64{}
		v[name] = least
	}
	for i := 0; i < len(pairs); i += 2 {
		value, err := strconv.ParseFloat(pairs[i], 64)
		if err != nil {
			return fmt.Errorf("not a number: %q", pairs[i])
		}
		unit := pairs[i+1]
		if old, ok := least[unit]; !ok || value < old {
			least[unit] = value
		}
	}
	return nil
}
