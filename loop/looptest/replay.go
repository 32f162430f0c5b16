package looptest

import "testing"

// Replay runs body under one schedule, as text that a failure of [Explore] has printed. If body
// fails, the test fails with the same report. If body passes, the test passes, and go test -v logs
// the interleaving.
//
// A schedule may no longer fit the program, because the program was changed. Then Replay names the
// deviations that no longer occur, and runs the rest. That alone is no failure: go test -v shows it.
// So use a schedule to find out what happens. To check a fix, and to keep the bug from coming back, use
// the exploration.
//
// The schedule contains the task factory, and whether time could pass ([TimePasses]). Options for
// these have no effect.
//
// Replay panics if t, body or an option is nil.
func Replay(t testing.TB, schedule string, body Body, opts ...Option) {
	mustBeGiven("Replay", t, body)
	t.Helper()
	replay(t, configure(opts, defaultMaxSteps), schedule, body)
}

func replay(t testing.TB, c config, text string, body Body) {
	t.Helper()
	s, err := parseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	c.eager, c.passing = s.eager, s.timePasses
	outer, left := markGoroutines(t)
	lane := watch(outer)
	defer lane.end()
	x := &explorer{outer: outer, lane: lane, t: t, failed: t.Failed(), config: c, body: body}
	r, tr, tl := x.transcribe(s)
	report := &report{failure: r.failures(), world: &tr.world, steps: tr}
	if text := x.strayed(r); text != "" {
		report.failure = append(report.failure, text)
	}
	if text := left(); text != "" {
		report.failure = append(report.failure, text)
	}
	if r.failed() {
		report.timeline = tl.write(t)
	}
	lost := r.lost(s)
	if lost != "" {
		report.note = "looptest: the schedule no longer fits the program: " + lost
	}
	switch {
	case len(report.failure) > 0:
		t.Error(report)
	case testing.Verbose() || lost != "":
		report.note += "looptest: the schedule passes."
		t.Log(report)
	}
}
