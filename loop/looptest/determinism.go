package looptest

import (
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
)

// A tape records the events of a run, as text, and a hash of all of them.
type tape struct {
	hash   uint64
	events []string
	timers bool // one was armed
}

func (tp *tape) observe(e loop.Event) {
	tp.timers = tp.timers || e.Kind == loop.TimerArmed
	text := eventText(e)
	for _, b := range []byte(text) {
		tp.hash = mix(tp.hash, uint64(b))
	}
	if len(tp.events) < maxTape {
		tp.events = append(tp.events, text)
	}
}

// maxTape is how many events a tape keeps as text.
const maxTape = 100_000

func eventText(e loop.Event) string {
	text := fmt.Sprintf("%v %v", e.At, e.Kind)
	if e.Task != nil {
		text += " " + e.Task.Name()
	}
	if e.By != nil && e.By != e.Task {
		text += " by " + e.By.Name()
	}
	if e.On != nil {
		what, _ := e.On.Explain()
		text += " on " + what
	}
	if e.Timer.Seq != 0 {
		text += fmt.Sprintf(" until %v", time.Duration(e.Timer.Deadline))
	}
	return text
}

// compare runs s twice more. It returns an empty string if both runs are the same as r, which ran
// under s before. Otherwise it describes the first difference.
func (x *explorer) compare(s schedule, r *run) (parted string) {
	var one, two tape
	first := x.again(s, func(run *run) { run.lane, run.events = r.lane, one.observe })
	second := x.again(s, func(run *run) { run.lane, run.events = r.lane, two.observe })
	if one.timers {
		x.timers.Store(true)
	}
	difference := ""
	switch {
	case one.hash != two.hash:
		difference = firstDifference(one.events, two.events)
	case first.failed() != second.failed():
		difference = "\tthe events are the same, but only one of the runs fails"
	case r.failed() != first.failed(), r.policy.order != first.policy.order:
		difference = "\ttwo runs are the same, but an earlier run was different"
	default:
		return ""
	}
	parted = "looptest: the program is not deterministic: two runs under the same schedule differ. " +
		"Look for the order of a map, the wall clock, randomness, a variable that the runs share, or a goroutine that the program starts.\n\n" + difference
	for _, run := range []*run{r, first, second} {
		if run.failed() {
			return (&report{note: parted + "\n\nOne of the runs failed:", failure: run.failures()}).String()
		}
	}
	return parted
}

func firstDifference(one, two []string) string {
	at := 0
	for at < len(one) && at < len(two) && one[at] == two[at] {
		at++
	}
	event := func(events []string) string {
		if at < len(events) {
			return cut(events[at], maxLine)
		}
		return "(the end)"
	}
	text := ""
	for _, e := range one[max(0, at-5):at] {
		text += "\t   both   " + cut(e, maxLine) + "\n"
	}
	return text + fmt.Sprintf("\t   first  %s\n\t   second %s\n\tat event %d", event(one), event(two), at+1)
}
