package looptest

import (
	"fmt"

	"github.com/takt-go/takt/loop"
)

// A decider picks one of n at a choice point. ready are the tasks; if n is one more,
// the last pick lets time pass.
type decider interface {
	decide(ready []*loop.Task, n int) int
}

// fifo decides as a loop without a policy.
type fifo struct{}

func (fifo) decide([]*loop.Task, int) int { return 0 }

// A recorder is the lowlevel.Policy of a run: it asks a decider and notes what it said.
type recorder struct {
	by      decider
	over    func() bool // from then on it is first in, first out
	choices []choice
	order   uint64 // hash of who was picked
	jumped  bool   // the last pick was not the first, and its step has not begun yet
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

// mix adds v to the hash h (FNV-1a, a word at a time).
func mix(h, v uint64) uint64 { return (h ^ v) * 0x100000001b3 }

// A replayer decides as a schedule says, and notes where it no longer fits.
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
		r.part(fmt.Sprintf("at choice point %d there were %d to pick from, and now there are %d: %s", at+1, d.of, n, names(ready)))
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

// end notes it if the run has made fewer or more choices than the schedule's.
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
