package main

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/cmd/simraft/kv"
	"github.com/takt-go/takt/loop/looptest"
)

// The bars of the bugs: each is found within so many schedules, and minimised to so few deviations.
const (
	maxSchedules  = 2000
	maxDeviations = 10
	minimising    = 5 * time.Second
)

// Each bug that the store can be built with is found.
func TestBugs(t *testing.T) {
	for bug, want := range map[kv.Bug]string{
		kv.SendEarly:  ``,
		kv.StaleRead:  `not linearizable`,
		kv.VoteUnsync: ``,
		kv.ApplyTwice: ``,
		kv.Duplicate:  ``,
		kv.RefuseLate: `not linearizable`,
	} {
		t.Run(bug.String(), func(t *testing.T) {
			s := setting{nodes: 3, bug: bug}
			report := explore(t, func(t testing.TB) {
				looptest.Explore(t, looptest.Sample(1, maxSchedules), s.run, looptest.MinimiseFor(minimising), looptest.Unexplained())
			})
			if report == "" {
				t.Fatalf("it was not found in %d schedules", maxSchedules)
			}
			t.Log(report)
			if !regexp.MustCompile(want).MatchString(report) {
				t.Errorf("the report does not match %q", want)
			}
			if n := deviations(t, report); n > maxDeviations {
				t.Errorf("the minimised schedule has %d deviations, want %d or fewer", n, maxDeviations)
			}
			schedule := regexp.MustCompile(`takt2:[^"]+`).FindString(report)
			for range 5 {
				again := explore(t, func(t testing.TB) { looptest.Replay(t, schedule, s.run) })
				if first, _, _ := strings.Cut(report, "\n"); !strings.Contains(again, first) {
					t.Errorf("the replay reports\n%s\nwant\n%s", again, first)
				}
			}
		})
	}
}

// A cluster without bugs passes.
func TestCluster(t *testing.T) {
	for nodes, n := range map[int]int{3: 300, 5: 100} {
		t.Run(strconv.Itoa(nodes), func(t *testing.T) {
			s := setting{nodes: nodes, ran: &totals{}}
			began := time.Now()
			looptest.Explore(t, looptest.Sample(1, n), s.run)
			var text bytes.Buffer
			s.ran.print(&text, time.Since(began))
			t.Log(text.String())
		})
	}
}

// explore runs an exploration that may fail, and returns its report, or an empty string if it has passed.
func explore(t *testing.T, run func(t testing.TB)) string {
	var out bytes.Buffer
	c := &console{name: t.Name(), out: &out}
	ended := make(chan struct{})
	go func() { // FailNow of the console ends this goroutine
		defer close(ended)
		run(c)
	}()
	<-ended
	if !c.Failed() {
		return ""
	}
	return out.String()
}

// deviations returns how many deviations the schedule of a report has.
func deviations(t *testing.T, report string) int {
	found := regexp.MustCompile(`It fails with (\d+) deviation`).FindStringSubmatch(report)
	if found == nil {
		t.Fatalf("the report names no number of deviations")
	}
	n, _ := strconv.Atoi(found[1])
	return n
}
