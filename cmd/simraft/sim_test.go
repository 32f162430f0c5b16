package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
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
)

// patience is for how long a test minimises at most, also on a machine that is busy. It takes a second or two.
const patience = 30 * time.Second

// Each bug that the store can be built with is found.
func TestBugs(t *testing.T) {
	for _, bug := range kv.Bugs() {
		t.Run(bug.String(), func(t *testing.T) {
			s := setting{nodes: 3, bug: bug}
			report := explore(t, func(t testing.TB) {
				looptest.Explore(t, looptest.Sample(1, maxSchedules), s.run, looptest.MinimiseFor(patience), looptest.Unexplained())
			})
			if report == "" {
				t.Fatalf("it was not found in %d schedules", maxSchedules)
			}
			t.Log(summary(report))
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

// A cluster without bugs passes. The schedules run on all cores: nothing that they use belongs to the process.
func TestCluster(t *testing.T) {
	for nodes, n := range map[int]int{3: 4000, 5: 1000} {
		t.Run(strconv.Itoa(nodes), func(t *testing.T) {
			s := setting{nodes: nodes, ran: &totals{}}
			began := time.Now()
			looptest.Explore(t, looptest.Sample(1, n), s.run, looptest.Parallel())
			var text bytes.Buffer
			s.ran.print(&text, time.Since(began))
			t.Log(text.String())
		})
	}
}

// The program finds a bug, and writes the page; and it says how many schedules have passed.
func TestProgram(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	for _, c := range []struct {
		args  string
		found bool
		want  string
	}{
		{"-bug list", false, "send-early\nstale-read\nvote-unsync\napply-twice\nduplicate\nrefuse-late\n"},
		{"-bug apply-twice -for 1m -timeline " + page, true, "The timeline of this run: " + page},
		{"-for 200ms -nodes 5 -seed 7", false, "schedules have passed"},
	} {
		var out bytes.Buffer
		found, err := simulate(strings.Fields(c.args), &out)
		if found != c.found || err != nil || !strings.Contains(out.String(), c.want) {
			t.Errorf("simraft %s: found %t, error %v\n%s", c.args, found, err, out.String())
		}
	}
	if text, err := os.ReadFile(page); err != nil || !bytes.Contains(text, []byte("<html")) {
		t.Errorf("the page has %d bytes: %v", len(text), err)
	}
	for _, args := range []string{"-bug none", "-nodes 0", "-for 0s", "more"} {
		if _, err := simulate(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("simraft %s: no error", args)
		}
	}
}

// explore runs an exploration that may fail, and returns its report, or an empty string if it has passed.
func explore(t *testing.T, run func(t testing.TB)) string {
	c := &console{name: t.Name(), out: io.Discard}
	c.run(func() { run(c) })
	return c.report
}

// summary returns a report without the logs and the steps.
func summary(report string) string {
	for _, part := range []string{"\nThe log of each node", "\nThe interleaving"} {
		report, _, _ = strings.Cut(report, part)
	}
	return report
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
