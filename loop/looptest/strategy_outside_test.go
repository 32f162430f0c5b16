package looptest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// An outside strategy is one that is implemented by functions. A function that is nil does what a strategy of
// random walks does.
type outside struct {
	n     int
	begin func(e looptest.Exploration)
	next  func() looptest.Walk
	pick  func(p *looptest.ChoicePoint) int
	ran   func(w looptest.Walk, o looptest.Outcome)
}

func (*outside) String() string { return "outside" }

func (s *outside) Begin(e looptest.Exploration) looptest.Search {
	if s.begin != nil {
		s.begin(e)
	}
	return &outsideSearch{outside: s, rand: rand.New(rand.NewPCG(1, 1)), left: e.Number(s.n)}
}

type outsideSearch struct {
	*outside
	rand *rand.Rand
	left int
}

func (s *outsideSearch) Next() looptest.Walk {
	if s.left--; s.left < 0 {
		return nil
	}
	if s.next != nil {
		return s.next()
	}
	random := rand.New(rand.NewPCG(s.rand.Uint64(), 1))
	return walkFunc(func(p *looptest.ChoicePoint) int {
		if s.pick != nil {
			return s.pick(p)
		}
		return p.Draw(random)
	})
}

func (s *outsideSearch) Ran(w looptest.Walk, o looptest.Outcome) {
	if s.ran != nil {
		s.ran(w, o)
	}
}

type walkFunc func(p *looptest.ChoicePoint) int

func (f walkFunc) Pick(p *looptest.ChoicePoint) int { return f(p) }

// A strategy that always picks the first option runs all schedules, none of them twice: Explore leaves out
// the options that are exhausted.
func TestAnOutsideStrategyRunsNoScheduleTwice(t *testing.T) {
	for name, pick := range map[string]func(p *looptest.ChoicePoint) int{
		"first":  func(p *looptest.ChoicePoint) int { return 0 },
		"last":   func(p *looptest.ChoicePoint) int { return p.Len() - 1 },
		"random": nil,
		"middle": func(p *looptest.ChoicePoint) int { return p.Len() / 2 },
	} {
		for _, opts := range [][]looptest.Option{nil, {looptest.Parallel()}} {
			o := &orders{times: map[string]int{}}
			r := explore(t, &outside{n: 10_000, pick: pick}, o.program(3, 2), opts...)
			runs := 0
			for _, times := range o.times {
				runs += times
			}
			if r.Failed() || len(o.times) != 90 || runs < 90 {
				t.Errorf("%s: %d orders in %d runs; %s", name, len(o.times), runs, r.report())
			}
			contains(t, strings.Join(r.logs, "\n"), "looptest: all 90 schedules have been run")
		}
	}
}

// A strategy may hand out the search of a strategy of this package, and its walks.
func TestAnOutsideStrategyMadeOfOthers(t *testing.T) {
	for _, of := range []looptest.Strategy{looptest.Exhaustive(0), looptest.Sample(1, 10_000), looptest.PCT(1, 10_000, 3)} {
		for _, wrapped := range []bool{false, true} {
			o := &orders{times: map[string]int{}}
			r := explore(t, wrapper{of, wrapped}, o.program(3, 2))
			if len(o.times) != 90 || r.Failed() {
				t.Errorf("%v, wrapped %v: %d orders, want 90; %s", of, wrapped, len(o.times), r.report())
			}
			contains(t, strings.Join(r.logs, "\n"), "looptest: all 90 schedules have been run")
		}
	}
}

type wrapper struct {
	looptest.Strategy
	wrapped bool
}

func (w wrapper) Begin(e looptest.Exploration) looptest.Search {
	s := w.Strategy.Begin(e)
	if w.wrapped {
		return struct{ looptest.Search }{s}
	}
	return s
}

// A search may end at once. While runs are under way, it may have no walk for a while.
func TestAnOutsideStrategyWithoutWalks(t *testing.T) {
	var runs atomic.Int64
	body := func(ctx context.Context, t *looptest.T) { runs.Add(1); t.Choose("site", 100) }
	for _, opts := range [][]looptest.Option{nil, {looptest.Parallel()}} {
		runs.Store(0)
		if r := explore(t, &outside{n: 0}, body, opts...); r.Failed() || runs.Load() != 3 {
			t.Errorf("%d runs, want 3; %s", runs.Load(), r.report())
		}
		// Each run gives the next one.
		runs.Store(0)
		todo, under := 1, 0
		one := &outside{n: 1 << 30, next: func() looptest.Walk {
			if todo == 0 {
				return nil
			}
			todo--
			if under++; under > 1 {
				t.Error("two runs at once")
			}
			return walkFunc(func(*looptest.ChoicePoint) int { return 0 })
		}}
		given := 0
		one.ran = func(looptest.Walk, looptest.Outcome) {
			under--
			if given++; given < 50 {
				todo++
			}
		}
		if r := explore(t, one, body, opts...); r.Failed() || given != 50 {
			t.Errorf("%d runs of the strategy, want 50; %s", given, r.report())
		}
	}
}

// What a walk sees at a choice point, and what Explore leaves out.
func TestChoicePoint(t *testing.T) {
	taken := map[string][]int{} // the indices that were picked, by the picks before
	identities := map[string]uint64{}
	var before string
	s := &outside{n: 1000}
	s.pick = func(p *looptest.ChoicePoint) int {
		if p.Len() < 1 {
			t.Fatal("no option")
		}
		offered := make([]int, p.Len())
		for i := range p.Len() {
			offered[i] = p.Index(i)
			name := "time"
			switch who := p.Task(i); {
			case p.Site() != "":
				if who != nil || p.Identity(i) != 0 || p.Steps(i) != 0 {
					t.Errorf("the choice %s has the task %v, identity %d, %d steps", p.Site(), who, p.Identity(i), p.Steps(i))
				}
				continue
			case who != nil:
				name = who.Name()
				if steps := strings.Count(before, " "+name); steps != p.Steps(i) {
					t.Errorf("%s has taken %d steps in%s, Steps is %d", name, steps, before, p.Steps(i))
				}
			case p.Identity(i) != 0 || p.Steps(i) != 0 || i != p.Len()-1:
				t.Errorf("the passing of time is option %d of %d, identity %d, %d steps", i, p.Len(), p.Identity(i), p.Steps(i))
			}
			if was, ok := identities[name]; ok && was != p.Identity(i) {
				t.Errorf("%s had the identity %d, and now has %d", name, was, p.Identity(i))
			}
			identities[name] = p.Identity(i)
		}
		if !slices.IsSorted(offered) {
			t.Errorf("the indices are %v", offered)
		}
		taken[before] = append(taken[before], p.Index(p.Len()-1))
		return p.Len() - 1
	}
	r := explore(t, s, func(ctx context.Context, tt *looptest.T) {
		before = " main"
		lowlevel.LoopOf(ctx).CallLater(1, func() { before += " time" })
		steppers(ctx, tt, []int{2, 1}, func(machine, step int) { before += " " + string(rune('A'+machine)) })
		before += fmt.Sprint(" ", tt.Choose("site", 3))
		must(tt, task.Sleep(ctx, 2))
	}, looptest.TimePasses())
	if r.Failed() {
		t.Fatal(r.report())
	}
	contains(t, strings.Join(r.logs, "\n"), " schedules have been run")
	if len(identities) < 4 { // main, A, B, and the passing of time
		t.Errorf("identities %v", identities)
	}
	values := map[uint64]string{}
	for name, identity := range identities {
		if other, ok := values[identity]; ok {
			t.Errorf("%s and %s have the identity %d", name, other, identity)
		}
		values[identity] = name
	}
	for before, indices := range taken {
		if slices.Max(indices) > 3 {
			t.Errorf("after%s the indices %v were picked", before, indices)
		}
	}
}

// What Begin and Ran are told.
func TestExplorationAndOutcome(t *testing.T) {
	t.Setenv("TAKT_SHARD", "2/3")
	t.Setenv("TAKT_SCHEDULES", "x10")
	for _, noisy := range []bool{false, true} {
		var told looptest.Exploration
		s := &outside{n: 4, begin: func(e looptest.Exploration) { told = e }}
		outcomes := map[uint64]looptest.Outcome{}
		ran := 0
		s.ran = func(_ looptest.Walk, o looptest.Outcome) {
			ran++
			outcomes[o.Order] = looptest.Outcome{Steps: o.Steps, Points: o.Points, Failed: o.Failed}
			tasks := 0
			sum := 0
			seen := map[uint64]bool{}
			for identity, steps := range o.Tasks() {
				tasks++
				sum += steps
				if seen[identity] || identity == 0 {
					t.Errorf("the identity %d comes twice, or is 0", identity)
				}
				seen[identity] = true
			}
			if tasks != 4 || sum != 7 || sum > o.Steps {
				t.Errorf("%d tasks with %d steps, of %d in all; want 4 with 7", tasks, sum, o.Steps)
			}
			for range o.Tasks() {
				break
			}
		}
		r := explore(t, s, func(ctx context.Context, t *looptest.T) {
			if noisy {
				t.Rand("noise")
			}
			steppers(ctx, t, []int{2, 2, 1}, func(int, int) {})
		}, looptest.MaxSteps(5000))
		if r.Failed() || ran == 0 || len(outcomes) == 0 {
			t.Errorf("%d runs, %d outcomes; %s", ran, len(outcomes), r.report())
		}
		if told.Part != 1 || told.Parts != 3 || told.MaxSteps != 5000 || told.Factor != 10 || told.Chance != noisy || told.Points != 4 || told.Steps < 7 {
			t.Errorf("%+v", told)
		}
		for order, o := range outcomes {
			if o.Failed || o.Steps != told.Steps || o.Points < 2 || order == 0 {
				t.Errorf("order %x: %+v; the first run had %d steps", order, o, told.Steps)
			}
		}
		if n := told.Number(4); n != 13 { // 2, 5, 8, ... of 40
			t.Errorf("Number(4) is %d, want 13", n)
		}
		if told.Seed(7) != 7 {
			t.Errorf("Seed(7) is %d", told.Seed(7))
		}
	}
}
