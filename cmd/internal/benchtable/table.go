package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// table compares the results with the goals, and returns the lines of the table, each as its
// cells. A row that was not measured has no line.
func table(r *results) ([][]string, error) {
	floor, ok := least(r, floors)
	if !ok {
		return nil, errors.New("BenchmarkFloorPull is missing, so no benchmark can be compared; run it together with the others")
	}
	lines := [][]string{{"name", "kind", "ns/op", "ratio", "goal", "", "allocs/op"}}
	title := ""
	for _, row := range append(rows, unlisted(r)...) {
		if row.title == "" {
			row.title = title
		}
		title = row.title
		if v, ok := r.get(row.bench, row.unit); ok {
			lines = append(lines, row.cells(v, floor, r))
		}
	}
	return lines, nil
}

func least(r *results, names []string) (v float64, ok bool) {
	for _, name := range names {
		if one, has := r.get(name, ns); has && (!ok || one < v) {
			v, ok = one, true
		}
	}
	return v, ok
}

// unlisted returns new rows for the benchmarks that have no row.
func unlisted(r *results) []row {
	var more []row
	for _, name := range r.names {
		if !isGrowth(name) && !slices.ContainsFunc(rows, func(row row) bool { return row.bench == name }) {
			title, kind, _ := strings.Cut(name, "/")
			more = append(more, row{title: title, kind: kind, bench: name, unit: ns})
		}
	}
	return more
}

func (row row) cells(v, floor float64, r *results) []string {
	compared, ratio, goal, verdict, allocated := v, "", "", "", ""
	if row.unit == ns || row.unit == cpuNs {
		compared = v / floor
		ratio = fmt.Sprintf("%.2f", compared)
		if n, ok := r.get(row.bench, allocs); ok {
			allocated = fmt.Sprintf("%.0f", n)
		}
	}
	if row.goal != 0 {
		goal, verdict = row.showGoal(), "ok"
		if compared > row.goal {
			verdict = "SHORT"
		}
	}
	return []string{row.title, row.kind, amount(v, row.unit), ratio, goal, verdict, allocated}
}

func (row row) showGoal() string {
	if row.unit == ns || row.unit == cpuNs {
		return fmt.Sprintf("%.2f", row.goal)
	}
	return amount(row.goal, row.unit)
}

// amount formats v with its unit; ns/op is left out.
func amount(v float64, unit string) string {
	switch unit {
	case ns, cpuNs:
		return fmt.Sprintf("%.1f", v)
	case bytesPerTask:
		return fmt.Sprintf("%.0f B", v)
	case peakBytes:
		return fmt.Sprintf("%.0f MB", v/1e6)
	case seconds:
		return fmt.Sprintf("%.2f s", v)
	}
	return fmt.Sprint(v, " ", unit)
}

// printAligned prints the lines in columns. The first two columns and the verdict are words, and
// are aligned left. The other columns are numbers, and are aligned right.
func printAligned(out io.Writer, lines [][]string) error {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range lines {
		var s strings.Builder
		for i, cell := range line {
			if words := i < 2 || i == 5; words {
				fmt.Fprintf(&s, "%-*s  ", widths[i], cell)
			} else {
				fmt.Fprintf(&s, "%*s  ", widths[i], cell)
			}
		}
		if _, err := fmt.Fprintln(out, strings.TrimRight(s.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}
