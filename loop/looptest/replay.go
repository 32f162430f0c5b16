package looptest

import "testing"

// Replay runs body under one schedule, as text that a failure of [Explore] has printed. If body
// fails, the test fails with the same report. If body passes, the test passes, and go test -v logs
// the interleaving.
//
// If the schedule no longer fits the program, the test fails, and names the first choice point that
// differs and whether the program still fails. A fix usually has this effect. Use a schedule to find
// out what happens. To check a fix, and to keep the bug from coming back, use the exploration.
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
	outer, left := markGoroutines()
	x := &explorer{outer: outer, t: t, config: c, body: body}
	by := &replayer{schedule: s}
	tr := &transcript{}
	var tl timeline
	r := x.one(by, func(r *run) {
		tr.of(r)
		tl = newTimeline(t, r)
	})
	by.end()
	switch {
	case by.parted != "" && r.failed():
		t.Errorf("looptest: the schedule no longer fits the program: %s. The program still fails:\n\n%s\n\n%s%s", by.parted, r.text(), tr, tl.write(t))
	case by.parted != "":
		t.Errorf("looptest: the schedule no longer fits the program: %s. The program does not fail.\n\n%s", by.parted, tr)
	case r.failed():
		t.Errorf("%s\n\n%s%s", r.text(), tr, tl.write(t))
	case testing.Verbose():
		t.Logf("looptest: the schedule passes. %s", tr)
	}
	if text := left(); text != "" {
		t.Error(text)
	}
}
