package ops

import (
	"fmt"
	"testing"

	"sample/holes"
)

func TestOps(t *testing.T) {
	var b box[int]
	var note string
	b.add(1)
	b.add(2)
	two := len(b.items)
	b.clear(&note)
	var log []string
	finish(&log)
	finish(&log)
	to := make(chan int, 1)
	send(to)
	stop := make(chan struct{})
	close(stop)
	got := fmt.Sprintln(wide, two, len(b.items), note,
		size(0), size(1), size(4), size(5),
		between(1, 1, 3), between(2, 1, 3), between(3, 1, 3), between(0, 1, 3),
		outside(1, 1, 3), outside(3, 1, 3), outside(0, 1, 3), outside(4, 1, 3),
		count([]string{"a", "", "b", "end", "c"}), count([]string{"a"}),
		log, found(find([][]int{{1}, {2, 3, 2}, {4}}, 3)), found(find([][]int{{1}, {2}}, 5)), len(to),
		kind(1, stop), kind(nil, nil), kind("", nil), stopped, holes.Double(2))
	want := "true 2 0 cleared none few few many true true false false false false true true 2 1 [first deferred again deferred] [1 1] [-1 -1] 1 2 true true false false 1 4\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	size(-1)
}

func found(row, at int) [2]int { return [2]int{row, at} }

// The instrumented file has the line numbers of the original.
func TestLine(t *testing.T) {
	if got := line(); got != 110 {
		t.Error(got)
	}
}
