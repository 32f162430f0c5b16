package looptest

import (
	"context"
	"testing"
)

// Deviations returns the number of deviations of a schedule, or -1 if text is not a schedule.
func Deviations(text string) int {
	s, err := parseSchedule(text)
	if err != nil {
		return -1
	}
	return len(s.deviations)
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
	first := x.one(fifo{}, nil).outcome()
	search := s.Begin(Exploration{Steps: first.Steps, Points: first.Points, MaxSteps: x.maxSteps, Factor: 1, Parts: 1})
	for w := search.Next(); w != nil; w = search.Next() {
		r := x.one(w, nil)
		each(Ran{x.scheduleOf(r).String(), r.policy.order, r.failed()})
		search.Ran(w, r.outcome())
	}
	return first.Steps
}

// First explores body as Explore does, but does not report. It returns after how
// many schedules of s body fails first, and 0 if it never does. A systematic strategy ends after limit
// schedules. The schedule that is first in, first out must not fail; it is not counted.
func First(t testing.TB, s Strategy, body Body, limit int, opts ...Option) int {
	if all, ok := s.(systematic); ok {
		all.limit = limit
		s = all
	}
	x := &explorer{outer: context.Background(), t: t, config: configure(opts, defaultMaxSteps), strategy: s, body: body}
	x.env = environment{factor: 1, shard: 1, shards: 1}
	x.seed = x.env.seedOf(s)
	x.begin()
	first := x.first()
	if len(x.failing) > 0 {
		t.Errorf("the first run fails:\n%s", first.failures())
	}
	x.runAll(first)
	if len(x.failing) == 0 {
		return 0
	}
	return x.started
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
	x.again(s, func(r *run) { r.events = events.observe })
	return events.hash
}

// Reparse reads a schedule and writes it again.
func Reparse(text string) (string, error) {
	s, err := parseSchedule(text)
	return s.String(), err
}

// RunInput runs an input of Fuzz. fuzzing says that the fuzzer runs.
func RunInput(t testing.TB, body Body, input []byte, fuzzing bool, opts ...Option) {
	runInput(t, configure(opts, defaultMaxSteps), body, input, fuzzing)
}

// InputOf returns the input of Fuzz for a schedule.
func InputOf(t testing.TB, text string, body Body, opts ...Option) []byte {
	s, err := parseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	x := &explorer{outer: context.Background(), t: t, config: configure(opts, defaultMaxSteps), body: body}
	return inputOf(x, kept{schedule: s})
}

// CorpusOf returns the folder of the corpus of a test.
func CorpusOf(test string) string { return corpusOf(test) }
