package looptest

import (
	"fmt"

	"github.com/takt-go/takt/loop"
)

// A tape records the events of a run: a running hash, and the events as text.
type tape struct {
	hash   uint64
	events []string
}

func (tp *tape) observe(e loop.Event) {
	for _, v := range []uint64{uint64(e.Kind), uint64(e.At), idOf(e.Task), idOf(e.By), uint64(e.Timer.Deadline), e.Timer.Seq} {
		tp.hash = mix(tp.hash, v)
	}
	if len(tp.events) < maxTape {
		tp.events = append(tp.events, eventText(e))
	}
}

// maxTape is how many events are kept as text.
const maxTape = 100_000

func idOf(t *loop.Task) uint64 {
	if t == nil {
		return 0
	}
	return t.ID()
}

func eventText(e loop.Event) string {
	text := fmt.Sprintf("%v %v", e.At, e.Kind)
	if e.Task != nil {
		text += " " + e.Task.Name()
	}
	if e.By != nil && e.By != e.Task {
		text += " by " + e.By.Name()
	}
	if e.On != nil {
		text += " on " + e.On.Explain().What
	}
	return text
}

// checkDeterminism runs first in, first out twice, and says where the runs part.
func (x *explorer) checkDeterminism() (first *run, parted string) {
	var one, two tape
	first = x.one(fifo{}, func(r *run) {
		r.observer = func(e loop.Event) {
			if e.Kind == loop.TaskMade {
				r.tasks++
			}
			one.observe(e)
		}
	})
	second := x.one(fifo{}, func(r *run) { r.observer = two.observe })
	x.done += 2
	if one.hash == two.hash && first.failed() == second.failed() {
		return first, ""
	}
	return first, "looptest: the program is not deterministic: two runs under the same schedule differ. " +
		"Look for a map's order, the wall clock, randomness, or a goroutine of the program's own.\n\n" + firstDifference(one.events, two.events)
}

func firstDifference(one, two []string) string {
	at := 0
	for at < len(one) && at < len(two) && one[at] == two[at] {
		at++
	}
	event := func(events []string) string {
		if at < len(events) {
			return events[at]
		}
		return "(the end)"
	}
	text := ""
	for _, e := range one[max(0, at-5):at] {
		text += "\t   both   " + e + "\n"
	}
	return text + fmt.Sprintf("\t   first  %s\n\t   second %s\n\tat event %d", event(one), event(two), at+1)
}
