package looptest

import (
	"testing"
)

// Replay runs body under one schedule, as a failure of [Explore] has printed it, and
// fails the test as that did. If the schedule no longer fits the program, the test fails
// with the choice point at which they part.
func Replay(t testing.TB, schedule string, body Body, opts ...Option) {
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
	x := &explorer{t: t, config: c, body: body}
	by := &replayer{schedule: s}
	tr := &transcript{}
	r := x.one(by, tr.of)
	by.end()
	switch {
	case by.parted != "":
		t.Errorf("looptest: the schedule no longer fits the program: %s\n\n%s\n\n%s", by.parted, r.text(), tr)
	case r.failed():
		t.Errorf("%s\n\n%s", r.text(), tr)
	case testing.Verbose():
		t.Logf("looptest: the schedule passes\n\n%s", tr)
	}
}
