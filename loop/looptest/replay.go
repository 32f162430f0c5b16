package looptest

import "testing"

// Replay runs body under one schedule, as a failure of [Explore] has printed it, and
// fails the test as that did, with the same report. If the schedule passes, so does the
// test; with go test -v the interleaving is logged.
//
// If the schedule no longer fits the program, the test fails, and says at which choice
// point they part. A schedule is for finding out what happens, and for checking that a
// fix fixes it; what keeps the bug from coming back is the exploration.
//
// The schedule says which task factory was used, and whether time could pass
// ([TimePasses]); those options have no effect.
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
		t.Errorf("looptest: the schedule no longer fits the program: %s. The program fails all the same:\n\n%s\n\n%s%s", by.parted, r.text(), tr, tl.write(t))
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
