package looptest_test

import (
	"fmt"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// Random strategies run each schedule once, and end when there are no more.
func TestNoScheduleTwice(t *testing.T) {
	for _, p := range append([]program{lattice(3, 3, 2), choices(6, 9), choices(7, 10)}, programs...) {
		t.Run(p.name, func(t *testing.T) {
			want := allOf(t, p)
			for _, s := range []looptest.Strategy{looptest.Random(1, 1e6), looptest.Sample(2, 1e6), looptest.PCT(3, 1e6, 3), lastLeft{}, wrapped{looptest.Random(4, 1e6)}} {
				for _, parallel := range []bool{false, true} {
					opts := p.opts
					if parallel {
						opts = append([]looptest.Option{looptest.Parallel()}, opts...)
					}
					var l log
					r := explore(t, s, l.of(p), opts...)
					if r.Failed() {
						t.Fatal(r.report())
					}
					for schedule, times := range l.times {
						if times != 1 || want[schedule] == 0 {
							t.Errorf("%v, parallel %v: %s was run %d times, want %d", s, parallel, schedule, times, min(1, want[schedule]))
						}
					}
					text := fmt.Sprintf("looptest: all %d schedules have been run", len(want))
					if len(want) == 1 {
						text = "looptest: the only schedule has been run"
					}
					if len(l.times) != len(want) || r.said() != text {
						t.Errorf("%v, parallel %v: %d of %d schedules were run; it says %q, want %q", s, parallel, len(l.times), len(want), r.said(), text)
					}
				}
			}
		})
	}
}

// While an exploration goes on, its tree is in order, and counts its bytes.
func TestTreeIsInOrder(t *testing.T) {
	for _, p := range []program{lattice(3, 3, 3), choices(6, 9), choices(7, 10), lattice(1, 20)} {
		for n := 1; n < 3000; n *= 3 {
			for _, opts := range [][]looptest.Option{nil, {looptest.Parallel()}} {
				tree := looptest.Grow(t, looptest.Random(1, n), p.body, opts...)
				if want := min(n+1, p.all); tree.Done != want && opts == nil {
					t.Errorf("%s: Random(1, %d) runs %d schedules, want %d", p.name, n, tree.Done, want)
				}
			}
		}
	}
}

// If the memory for the tree is not enough, the exploration goes on, and says that all schedules have been
// run only if they have.
func TestTreeHasABound(t *testing.T) {
	for _, most := range []int{1, 100, 1000, 5000} {
		looptest.SetMaxVisited(t, most)
		for _, p := range []program{lattice(3, 3, 2), choices(6, 9), choices(7, 10), lattice(1, 6)} {
			want := allOf(t, p)
			for _, opts := range [][]looptest.Option{nil, {looptest.Parallel()}} {
				// The last thing that the tree takes in is a tail, or the options of one node.
				if tree := looptest.Grow(t, looptest.Random(1, 2000), p.body, opts...); tree.Bytes > most+200 || !tree.Over && tree.Done < 2000 {
					t.Errorf("%s: %+v, with %d bytes", p.name, tree, most)
				}
				var l log
				r := explore(t, looptest.Random(1, 2000), l.of(p), opts...)
				twice := false
				for _, times := range l.times {
					twice = twice || times > 1
				}
				switch {
				case r.Failed():
					t.Error(r.report())
				case r.said() != "" && len(l.times) != len(want):
					t.Errorf("%s: %d of %d schedules were run, but it says %q", p.name, len(l.times), len(want), r.said())
				case r.said() != "" && twice && r.said() != "looptest: all schedules have been run":
					t.Errorf("%s: some schedules were run twice, but it says %q", p.name, r.said())
				case most == 1 && !twice && len(want) > 10:
					t.Errorf("%s: no schedule was run twice with a tree of 1 byte", p.name)
				}
			}
		}
	}
}
