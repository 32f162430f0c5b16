package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// table compares the results with the goals, and returns the lines of the table, each as its
// cells. A row that was not measured has no line.
func table(r *results) ([][]string, error) {
	floor := math.Inf(1)
	for _, name := range floors {
		if v := r.cpu(name); v < floor { // not if v is NaN
			floor = v
		}
	}
	if math.IsInf(floor, 1) {
		return nil, errors.New("BenchmarkFloorPull with GOMAXPROCS=1 is missing, so no benchmark can be compared; run it together with the others, also with -cpu 1")
	}
	lines := [][]string{{"name", "kind", "wall", "CPU", "to pull", "to peer", "goal", "", "allocs/op"}}
	var title string
	var peer, withoutPeer row
	for _, row := range append(rows, unlisted(r)...) {
		if row.title != "" {
			title, peer = row.title, withoutPeer
		}
		if row.kind == goroutine {
			peer = row
		}
		if _, ok := r.get(row.bench, row.unit); ok {
			row.title = title
			lines = append(lines, row.cells(r, floor, peer))
		}
	}
	return lines, nil
}

// unlisted returns new rows for the benchmarks that have no row.
func unlisted(r *results) []row {
	var more []row
	for _, name := range r.names {
		if !isGrowth(name) && !isCrowd(name) && !slices.ContainsFunc(rows, func(row row) bool { return row.bench == name }) {
			title, kind, _ := strings.Cut(name, "/")
			more = append(more, row{title: title, kind: kind, bench: name, unit: ns})
		}
	}
	return more
}

// cells returns the cells of a row. peer is the row of goroutines that do the same work, if there is
// one.
func (row row) cells(r *results, floor float64, peer row) []string {
	wall, cpu := row.measured(r)
	peerWall, peerCPU := peer.measured(r)
	measured := map[measure]float64{
		theAmount:  wall,
		cpuToPull:  cpu / floor,
		cpuToPeer:  cpu / peerCPU,
		wallToPeer: wall / peerWall,
	}
	toPeer := cpuToPeer
	if row.unit != ns { // in the CPU time of a call to an idle loop is a pause
		measured[cpuToPull] = math.NaN()
		toPeer = wallToPeer
	}
	if row.goal.of == wallToPeer {
		toPeer = wallToPeer
	}
	verdict, allocated := "", math.NaN()
	if limited := measured[row.goal.of]; row.goal != none && !math.IsNaN(limited) {
		verdict = "ok"
		if limited > row.goal.most {
			verdict = "SHORT"
		}
	}
	if n, ok := r.get(row.bench, allocs); ok && row.unit == ns {
		allocated = n
	}
	return []string{row.title, row.kind, amount(wall, row.unit), number("%.1f", cpu), number("%.2f", measured[cpuToPull]),
		number("%.2f", measured[toPeer]), row.showGoal(), verdict, number("%.0f", allocated)}
}

// measured returns the value of a row in its unit, and the CPU time of an operation, if the row is the
// first of its benchmark. What was not measured is NaN.
func (row row) measured(r *results) (v, cpu float64) {
	v, ok := r.get(row.bench, row.unit)
	if !ok {
		v = math.NaN()
	}
	if row.unit != ns && row.unit != median {
		return v, math.NaN()
	}
	return v, r.cpu(row.bench)
}

func (row row) showGoal() string {
	switch row.goal.of {
	case cpuToPull:
		return fmt.Sprintf("%.2f pull", row.goal.most)
	case cpuToPeer:
		return fmt.Sprintf("%.2f peer", row.goal.most)
	case wallToPeer:
		return fmt.Sprintf("%.2f wall", row.goal.most)
	}
	if row.goal == none {
		return ""
	}
	return amount(row.goal.most, row.unit)
}

// number formats v, unless it is NaN.
func number(format string, v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf(format, v)
}

// amount formats v with its unit; nanoseconds are left out.
func amount(v float64, unit string) string {
	switch unit {
	case ns, median, percent99:
		return fmt.Sprintf("%.1f", v)
	case bytesPerTask:
		return fmt.Sprintf("%.0f B", v)
	case peakBytes:
		return fmt.Sprintf("%.0f MB", v/1e6)
	}
	return fmt.Sprint(v, " ", unit)
}

// printAligned prints the lines in columns. The first two columns and the verdict, which has no
// heading, are words, and are aligned left. The other columns are numbers, and are aligned right.
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
			if words := i < 2 || lines[0][i] == ""; words {
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
