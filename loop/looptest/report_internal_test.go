package looptest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/internal/world"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"pgregory.net/rapid"
)

func TestFold(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"abc", "a b c"},
		{"aab", "a×2 b"},
		{"abab", "a b a b"}, // too short to be worth a line of its own
		{"ababab", "ab×3"},
		{"abababa", "ab×3 a"},
		{"xabcabcabcy", "x abc×3 y"},
		{"abcdefabcdefabcdef", "abcdef×3"},
		{"abcdefgabcdefgabcdefg", "a b c d e f g a b c d e f g a b c d e f g"}, // longer than maxGroup
		{"aabaabaab", "aab×3"},
		{"aaaaaab", "a×6 b"},
	} {
		var got []string
		for _, g := range fold(len(c.in), func(i, j int) bool { return c.in[i] == c.in[j] }) {
			text := c.in[g.first : g.first+g.size]
			if g.times > 1 {
				text += fmt.Sprintf("×%d", g.times)
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q is folded into %q, want %q", c.in, got, c.want)
		}
	}
}

// Unfolded, the groups are the things again, and none is longer than what it stands for.
func TestFoldLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOf(rapid.IntRange(0, 2)).Draw(t, "in")
		var out []int
		for _, g := range fold(len(in), func(i, j int) bool { return in[i] == in[j] }) {
			if g.first != len(out) || g.size > maxGroup {
				t.Fatalf("group %+v begins after %d things", g, len(out))
			}
			for range g.times {
				out = append(out, in[g.first:g.first+g.size]...)
			}
		}
		if !slices.Equal(in, out) {
			t.Fatalf("%v becomes %v", in, out)
		}
	})
}

// A report has 60 lines at most, whatever its parts are.
func TestReportIsShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := func(what string) int {
			return rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, 200)).Draw(t, what)
		}
		text := func(what string) string { return strings.TrimSpace(strings.Repeat("text\n", some(what))) }
		tr := &transcript{run: &run{said: &holder{}}, outside: &step{}}
		named := rapid.SampledFrom([]string{"task ", "a name\nof two lines "}).Draw(t, "name")
		every := max(1, some("steps between logs"))
		jumps := max(1, some("steps between deviations"))
		for i := range some("steps") {
			s := &step{at: "0s", who: fmt.Sprint(named, i%5), path: fmt.Sprint("a → ", i*i%7)}
			if i%every == 0 {
				s.said = append(s.said, said{text("log"), i%2 == 0})
			}
			if i%jumps == 0 {
				s.deviated = append(s.deviated, named+"ran before y")
			}
			tr.steps = append(tr.steps, s)
		}
		r := report{steps: tr, note: text("note"), why: text("why"), world: &chronicle{}}
		for i := range some("events of the world") {
			at, kind := time.Duration(i)*time.Second, rapid.SampledFrom([]world.Kind{world.Fault, world.Log, world.Began, world.Healed}).Draw(t, "kind")
			r.world.add(world.Event{At: at, Kind: kind, Node: fmt.Sprint("n", i%7), Text: named + fmt.Sprint(i%3)})
		}
		for range some("failures") {
			r.failure = append(r.failure, text("failure"))
		}
		if rapid.Bool().Draw(t, "found") {
			r.schedule, r.found, r.timeline = "takt", "after 3 schedules", "The timeline"
		}
		if n := strings.Count(r.String(), "\n") + 1; n > maxReport {
			t.Fatalf("%d lines:\n%s", n, &r)
		}
	})
}

// A deviation that a task makes belongs to the step of that task. One that is made between steps
// belongs to the next step.
func TestDeviationsBelongToSteps(t *testing.T) {
	rec := &recorder{by: fifo{}}
	r := &run{outer: t.Context(), test: t, hold: true, policy: rec, body: func(ctx context.Context, t *T) {
		rec.told("drop", "drop, use 3: 1")
		lowlevel.LoopOf(ctx).CallSoon(func() { rec.told("", "from a callback") })
		_ = task.Yield(ctx)
		t.Fail()
	}}
	tr := &transcript{}
	tr.of(r)
	r.execute()
	got := (&report{steps: tr}).String()
	for _, want := range []string{
		"The deviations, by step:\n\t   1  drop, use 3: 1\n\t   2  from a callback\n\n",
		"\n\t   1 * main  its start → an await  chose drop, use 3: 1\n\t   2 * main  ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

// Of very many logs a chronicle keeps those beside the faults, wherever they are, and the last ones.
func TestChronicleKeepsWhatIsNear(t *testing.T) {
	c := &chronicle{}
	for i := range 10 * keptLogs {
		at := time.Duration(i) * time.Second
		c.add(world.Event{At: at, Kind: world.Log, Node: fmt.Sprint("n", i%3), Text: fmt.Sprint("log ", i)})
		if i == 1000 || i == 15_000 {
			c.add(world.Event{At: at, Kind: world.Fault, Node: "n1", Text: "crash n1"})
		}
	}
	last := 10*keptLogs - 1
	c.fail(time.Duration(last) * time.Second)
	has := map[string]bool{}
	for _, l := range c.logs {
		has[l.text] = true
	}
	for _, i := range []int{999, 1000, 1001, 15_000, 15_001, last - 100, last} {
		if !has[fmt.Sprint("log ", i)] {
			t.Errorf("log %d is not kept", i)
		}
	}
	if len(c.logs) > 2*keptLogs || c.logged != last+1 {
		t.Errorf("%d logs are kept of %d", len(c.logs), c.logged)
	}
}

func TestSameFaultsAtOneInstantHaveOneLine(t *testing.T) {
	var c chronicle
	for i, text := range []string{"crash a", "crash b", "crash c: 1 write lost", "crash d", "crash e"} {
		c.fault(world.Event{At: time.Second, Node: string(rune('a' + i))}, text, false)
	}
	c.fault(world.Event{At: 2 * time.Second, Node: "f"}, "crash f", false)
	c.fault(world.Event{At: 3 * time.Second, Node: "a"}, "start a again: incarnation 2", true)
	c.fault(world.Event{At: 3 * time.Second, Node: "d"}, "start d again: incarnation 2", true)
	c.fault(world.Event{At: 3 * time.Second, Node: "f"}, "start f again: incarnation 3", true)
	c.fault(world.Event{At: 3 * time.Second}, "power failure", false)
	var got []string
	for _, f := range joined(c.faults) {
		got = append(got, f.text)
	}
	want := []string{"crash a b", "crash c: 1 write lost", "crash d e", "crash f", "start a d again: incarnation 2", "start f again: incarnation 3", "power failure"}
	if !slices.Equal(got, want) {
		t.Errorf("the lines are %q, want %q", got, want)
	}
}
