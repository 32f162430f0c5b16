package looptest

import (
	"fmt"

	"github.com/takt-go/takt/loop"
)

// A decider picks one of n choices at a choice point, and returns its index. The choices are the
// ready tasks. If n is one more than their number, the last choice is the passing of time.
type decider interface {
	decide(ready []*loop.Task, n int) int
}

// fifo decides as a loop without a policy does.
type fifo struct{}

func (fifo) decide([]*loop.Task, int) int { return 0 }

// A recorder is the lowlevel.Policy of a run. It asks a decider, and records the choices.
type recorder struct {
	by      decider
	over    func() bool // once this returns true, the recorder picks first in, first out
	choices []choice
	order   uint64 // hash of the tasks that were picked
	jumped  bool   // the last pick was a deviation, and its step has not begun yet
	passed  bool   // the last pick was the passing of time, and no timer has fired yet
}

func (r *recorder) Pick(ready []*loop.Task, timePasses bool) int {
	n := len(ready)
	if timePasses {
		n++
	}
	pick := 0
	if !r.over() {
		pick = r.by.decide(ready, n)
	}
	r.jumped = pick != 0
	r.passed = pick == len(ready)
	r.choices = append(r.choices, choice{int32(pick), int32(n)})
	r.order = mix(r.order, id(ready, pick))
	return pick
}

// mix adds v to the hash h: FNV-1a, but by words instead of bytes.
func mix(h, v uint64) uint64 { return (h ^ v) * 0x100000001b3 }

// A replayer decides by a schedule, and records the first choice point at which the schedule does
// not fit the program.
type replayer struct {
	schedule schedule
	at, next int
	parted   string
}

func (r *replayer) decide(ready []*loop.Task, n int) int {
	at := r.at
	r.at++
	if r.next == len(r.schedule.picks) || r.schedule.picks[r.next].at != at {
		return 0
	}
	d := r.schedule.picks[r.next]
	r.next++
	if d.of != n {
		r.part(fmt.Sprintf("choice point %d had %d choices, and now has %d: %s", at+1, d.of, n, names(ready)))
	}
	if d.pick >= n {
		return 0
	}
	return d.pick
}

func (r *replayer) part(how string) {
	if r.parted == "" {
		r.parted = how
	}
}

// end compares the number of choice points in the run with that of the schedule.
func (r *replayer) end() {
	if r.at != r.schedule.length {
		now := "none"
		if r.at > 0 {
			now = fmt.Sprint(r.at)
		}
		r.part(fmt.Sprintf("the run had %s, and now has %s", plural(r.schedule.length, "choice point", "choice points"), now))
	}
}

func names(tasks []*loop.Task) string {
	text := ""
	for at, t := range tasks {
		if at > 0 {
			text += ", "
		}
		text += t.Name()
	}
	return text
}
