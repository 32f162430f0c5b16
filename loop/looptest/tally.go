package looptest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// A tally counts, over the schedules of an exploration, how many came to each check.
type tally struct {
	counts    map[goal]*reached
	schedules int
	part      string // why the exploration has run only a part of its schedules; empty if it has not
}

// A goal is what a check of one run is in all runs.
type goal struct {
	kind checkKind
	name string
}

type reached struct {
	set int // in how many schedules the program called the method
	hit int // in how many of these holds was called, or the case was reached
}

// add counts the checks of a run.
func (ta *tally) add(r *run) {
	if len(r.checks.all) == 0 || ta == nil {
		return
	}
	if ta.counts == nil {
		ta.counts = map[goal]*reached{}
	}
	for i := range r.checks.all {
		c := &r.checks.all[i]
		n := ta.counts[goal{c.kind, c.name}]
		if n == nil {
			n = &reached{}
			ta.counts[goal{c.kind, c.name}] = n
		}
		n.set++
		if c.hit {
			n.hit++
		}
	}
}

// ended notes the end of the exploration x.
func (ta *tally) ended(x *explorer) {
	ta.schedules += x.done
	switch {
	case x.env.shards > 1:
		ta.part = fmt.Sprintf("it is part %d/%d", x.env.shard, x.env.shards)
	case x.budget > 0 && !x.ranAll():
		ta.part = "the budget of time ended it"
	case x.env.factor < 1:
		ta.part = "TAKT_SCHEDULES is less than 1"
	}
}

// judge fails the test if a check has never been made, or a case was never reached.
func (ta *tally) judge(t testing.TB) {
	t.Helper()
	goals := slices.SortedFunc(maps.Keys(ta.counts), func(a, b goal) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
	})
	for _, g := range goals {
		n, text := ta.counts[g], ""
		switch {
		case n.hit == 0 && g.kind == sometimes:
			text = fmt.Sprintf("no schedule hit it. The program called it in %d of %s. Run more schedules, or make the case more likely, or remove the call if the case cannot occur.%s",
				n.set, plural(ta.schedules, "schedule", "schedules"), others(goals, g))
		case n.hit == 0:
			text = fmt.Sprintf("it was never checked. The program set it in %s, and Skip ended each before the check. Set it earlier, or skip fewer schedules.",
				plural(n.set, "schedule", "schedules"))
		case g.kind == sometimes && testing.Verbose():
			t.Logf("looptest: %v(%q): %d of %s hit it", g.kind, g.name, n.hit, plural(ta.schedules, "schedule", "schedules"))
		}
		switch {
		case text == "":
		case ta.part != "":
			t.Logf("looptest: %v(%q): %s This is only logged, since the exploration was not complete: %s.", g.kind, g.name, text, ta.part)
		default:
			t.Errorf("looptest: %v(%q): %s", g.kind, g.name, text)
		}
	}
}

// others names the other cases, at most five of them, because one may be meant to be the same as g.
func others(goals []goal, g goal) string {
	var names []string
	for _, other := range goals {
		if other.kind == g.kind && other != g && len(names) < 5 {
			names = append(names, fmt.Sprintf("%q", other.name))
		}
	}
	if names == nil {
		return ""
	}
	return " If its name is misspelled: others are " + strings.Join(names, ", ") + "."
}
