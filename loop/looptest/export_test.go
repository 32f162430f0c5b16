package looptest

import (
	"context"
	"fmt"
	"testing"

	"github.com/takt-go/takt/loop"
)

// Deviations returns the number of deviations of a schedule, or -1 if text is not a schedule.
func Deviations(text string) int {
	s, err := parseSchedule(text)
	if err != nil {
		return -1
	}
	return len(s.picks)
}

// A Ran is the outcome of a schedule.
type Ran struct {
	Schedule string
	Order    uint64 // hash of the picked tasks
	Failed   bool
}

// Schedules runs body under every schedule of s, and calls each with the outcomes. It does not stop
// at a failure. It returns the number of steps of the first run.
func Schedules(t testing.TB, s Strategy, body Body, each func(Ran), opts ...Option) (steps int) {
	x := &explorer{outer: context.Background(), t: t, config: configure(opts, defaultMaxSteps), body: body}
	steps = x.one(fifo{}, nil).steps.count
	p := s.plan(steps, part{0, 1})
	for d := p.next(); d != nil; d = p.next() {
		r := x.one(d, nil)
		each(Ran{x.scheduleOf(r).String(), r.policy.order, r.failed()})
		p.ran(d, r.policy.choices)
	}
	return steps
}

// TraceHash runs a schedule, and returns the hash of all its events.
func TraceHash(t testing.TB, text string, body Body) uint64 {
	s, err := parseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	var events tape
	x := &explorer{outer: context.Background(), t: t, config: configure(nil, defaultMaxSteps), body: body}
	x.eager, x.passing = s.eager, s.timePasses
	x.one(&replayer{schedule: s}, func(r *run) { r.observer = events.observe })
	return events.hash
}

// Reparse reads a schedule and writes it again.
func Reparse(text string) (string, error) {
	s, err := parseSchedule(text)
	return s.String(), err
}

// Shard returns the picks of the deciders of part i of n of s, for a program with this number of
// steps. Each decider picks one of two tasks, at 50 choice points.
func Shard(s Strategy, steps, i, n int) (picks []string) {
	ready := []*loop.Task{{}, {}}
	p := s.plan(steps, part{i, n})
	for d := p.next(); d != nil; d = p.next() {
		text := ""
		for range 50 {
			text += fmt.Sprint(d.decide(ready, 2))
		}
		picks = append(picks, text)
		p.ran(d, nil)
	}
	return picks
}
