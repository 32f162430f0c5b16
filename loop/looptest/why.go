package looptest

import (
	"fmt"
	"math/rand/v2"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest/internal/cause"
)

const (
	whyRuns  = 2000    // how many schedules are run to learn why a program fails
	whyTotal = 500_000 // how much work they are together, in steps of a program with few tasks
	whyRare  = 40      // with fewer failures than that, schedules like the failing one are run
	whySteps = 20_000  // how many steps of a run are looked at
)

// why learns why the program fails, from schedules that fail as r does, and schedules that pass. s is the
// minimised schedule, and r the run of it, with the transcript tr. It returns a few lines of text. In a simulated world
// the order of steps says little, and the faults say why.
func (x *explorer) why(s schedule, r *run, tr *transcript) string {
	if x.unexplained || r.inWorld {
		return ""
	}
	w := &inquiry{explorer: x, failing: r, number: map[uint64]int32{}}
	all, text := w.sample(), ""
	if r.t.streams != nil {
		text = "With the noise of the schedule above:\n"
	}
	if !all && w.failed < whyRare {
		text += fmt.Sprintf("It fails in %d of %d schedules of Sample. Together with schedules like the one above:\n", w.failed, len(w.runs))
		w.around(s)
	}
	e := cause.Learn(w.runs)
	if e.Failed == 0 {
		return ""
	}
	e.All = all
	if w.others > 0 {
		text = fmt.Sprintf("Schedules that fail in another way are left out: %d.\n", w.others) + text
	}
	passing := &transcript{}
	first := x.one(fifo{}, passing.of)
	name := func(task int32) string {
		for _, run := range []*run{r, first} {
			if n, ok := run.policy.tasks.name(w.identities[task]); ok {
				return short(n)
			}
		}
		return "a task that is not in this run"
	}
	site := func(s cause.Step) string {
		u := upcoming{w.identities[s.Task], s.N}
		if place, ok := tr.sites[u]; ok {
			return place
		}
		return passing.sites[u]
	}
	return text + e.Text(name, site)
}

// An inquiry collects runs for the question why a program fails.
type inquiry struct {
	*explorer
	failing    *run
	work       int // of all runs
	runs       []cause.Run
	failed     int              // as the failing run does
	others     int              // in another way
	number     map[uint64]int32 // of the tasks, by identity
	identities []uint64         // by number
}

// sample runs schedules of Sample, none of them twice. It reports whether these are all schedules.
func (w *inquiry) sample() (all bool) {
	search := Sample(1, whyRuns).Begin(Exploration{Points: w.failing.outcome().Points, MaxSteps: w.maxSteps, Factor: 1, Parts: 1})
	v := &visit{tree: newVisited(w.maxSteps)}
	for by := search.Next(); by != nil && v.begin(by, shard{0, 1}); by = search.Next() {
		r := w.run(v)
		v.end()
		if r == nil {
			return false
		}
		search.Ran(by, r.outcome())
	}
	return v.tree.over()
}

// around runs schedules like s: some of its deviations are left out, and others are added.
func (w *inquiry) around(s schedule) {
	random := rand.New(rand.NewPCG(1, 2))
	for range whyRuns {
		var some []deviation
		for _, d := range s.deviations {
			if random.IntN(4) > 0 {
				some = append(some, d)
			}
		}
		if w.run(&detour{newReplayer(some), random}) == nil {
			return
		}
	}
}

// A detour follows a schedule, except at a few choice points.
type detour struct {
	*replayer
	rand *rand.Rand
}

func (d *detour) Pick(p *ChoicePoint) int {
	if pick := d.replayer.Pick(p); pick != 0 || d.rand.IntN(12) > 0 {
		return pick
	}
	return p.Draw(d.rand)
}

// run runs a schedule, and notes the order of its steps. It returns nil if there were enough. A budget of
// work gives the same report in every run of the test; a budget of time would not.
func (w *inquiry) run(by Walk) *run {
	if w.work > whyTotal {
		return nil
	}
	var c cause.Run
	r := w.one(by, func(r *run) {
		r.seed = w.failing.seed
		r.policy.traced = func(t *loop.Task) {
			if t != nil && len(c.Order) < whySteps {
				o := r.policy.tasks.of(t)
				c.Order = append(c.Order, cause.Step{Task: w.numberOf(o.identity), N: o.steps})
			}
		}
	})
	w.work += (r.policy.steps.count + 50) * (1 + len(r.policy.tasks.all)/16) // a pick looks at all ready tasks
	switch c.Failed = r.failed(); {
	case c.Failed && !r.failsAs(w.failing): // it says nothing about this failure
		w.others++
		return r
	case c.Failed:
		w.failed++
	}
	for _, d := range r.policy.recorded {
		if d.site != "" {
			c.Choices = append(c.Choices, cause.Choice{Site: d.site, Use: d.use, Value: d.value})
		}
	}
	w.runs = append(w.runs, c)
	return r
}

func (w *inquiry) numberOf(identity uint64) int32 {
	n, ok := w.number[identity]
	if !ok {
		n = int32(len(w.identities))
		w.number[identity] = n
		w.identities = append(w.identities, identity)
	}
	return n
}
