package sim

import (
	"fmt"
	"slices"
	"strings"
)

// damage counts what a crash has destroyed.
type damage struct {
	lost, torn int      // writes
	undone     []string // kinds of changes
}

// writes counts the writes of a log, of which the pieces in kept are left.
func (r *damage) writes(log []piece, kept []bool) {
	for i := 0; i < len(log); {
		first, n := i, 0
		for ; i < len(log) && log[i].call == log[first].call; i++ {
			if kept[i] {
				n++
			}
		}
		switch {
		case n == i-first:
		case log[first].truncates():
			r.undone = append(r.undone, "truncate")
		case n == 0:
			r.lost++
		default:
			r.torn++
		}
	}
}

func (r *damage) String() string {
	var parts []string
	add := func(n int, what, how string) {
		if n > 1 {
			what += "s"
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s %s", n, what, how))
		}
	}
	add(r.lost, "write", "lost")
	if r.lost > 0 && r.torn > 0 {
		parts = append(parts, fmt.Sprintf("%d torn", r.torn))
	} else {
		add(r.torn, "write", "torn")
	}
	slices.Sort(r.undone)
	for len(r.undone) > 0 {
		kind := r.undone[0]
		all := len(r.undone)
		r.undone = slices.DeleteFunc(r.undone, func(other string) bool { return other == kind })
		add(all-len(r.undone), kind, "undone")
	}
	return strings.Join(parts, ", ")
}
