package looptest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// A program is a body that passes, with the number of all its schedules.
type program struct {
	name string
	all  int // 0 if it is not known
	body looptest.Body
	opts []looptest.Option
}

// choices is a program that only chooses, at each choice another number of options: a random tree. The
// deeper a choice is, the more likely it is the last one.
func choices(seed uint64, deep int) program {
	options := func(path uint64, depth int) int { // how many options there are at a node; 0 at the end
		r := rand.New(rand.NewPCG(seed, path))
		if r.IntN(deep) < depth {
			return 0
		}
		return 1 + r.IntN(4)
	}
	var count func(path uint64, depth int) int
	count = func(path uint64, depth int) (all int) {
		for i := range options(path, depth) {
			all += count(path*5+uint64(i)+1, depth+1)
		}
		return max(1, all)
	}
	return program{name: fmt.Sprintf("a tree of choices %d", seed), all: count(0, 0), body: func(_ context.Context, t *looptest.T) {
		path := uint64(0)
		for depth := 0; ; depth++ {
			n := options(path, depth)
			if n == 0 {
				return
			}
			path = path*5 + uint64(t.Choose("node", n)) + 1
		}
	}}
}

// lattice is a program of tasks with these numbers of steps. The number of its schedules is a multinomial
// coefficient.
func lattice(counts ...int) program {
	all, steps := 1, 0
	for _, count := range counts {
		for i := range count { // all is a whole number after each step
			steps++
			all = all * steps / (i + 1)
		}
	}
	return program{name: fmt.Sprint("tasks with steps ", counts), all: all, body: func(ctx context.Context, t *looptest.T) {
		steppers(ctx, t, counts, func(int, int) {})
	}}
}

// programs have trees of very different shapes.
var programs = []program{
	lattice(), lattice(4), lattice(1, 1), lattice(2, 2), lattice(1, 5), lattice(2, 2, 2), lattice(1, 1, 1, 1),
	choices(1, 6), choices(2, 6), choices(3, 6), choices(4, 8), choices(5, 8),
	{name: "a branch that goes on", all: 13, body: func(_ context.Context, t *looptest.T) {
		for i := 0; i < 12 && t.Chance("go on", .2); i++ {
		}
	}},
	{name: "a branch that goes on, where others end", all: 13, body: func(_ context.Context, t *looptest.T) {
		for i := 0; i < 12 && !t.Chance("end", .2); i++ {
		}
	}},
	{name: "one wide choice", all: 60, body: func(_ context.Context, t *looptest.T) { t.Choose("wide", 60) }},
	{name: "a very wide choice", all: 479 + 2*17, body: func(_ context.Context, t *looptest.T) {
		if first := t.Choose("wide", 481); first == 48 || first == 480 { // the last value is alone in its branch
			t.Choose("again", 17)
		}
	}},
	{name: "choices in tasks", body: func(ctx context.Context, t *looptest.T) {
		steppers(ctx, t, []int{2, 1}, func(machine, step int) {
			if t.Chance("more", .5) {
				t.Choose("most", 2+machine)
			}
		})
	}},
	{name: "stackful tasks", all: 6, body: func(ctx context.Context, t *looptest.T) {
		pause := func(ctx context.Context) { task.Yield(ctx) }
		together(ctx, t, pause, pause)
	}},
	{name: "time that passes", opts: []looptest.Option{looptest.TimePasses()}, body: func(ctx context.Context, t *looptest.T) {
		together(ctx, t, func(ctx context.Context) { must(t, task.Sleep(ctx, time.Second)) }, func(ctx context.Context) { pauses(ctx, 2) })
	}},
}

// A log has the schedules of explorations, and how often each was run. Runs may be parallel.
type log struct {
	mu    sync.Mutex
	times map[string]int
}

// of returns the body of p. The log has the schedules that it runs.
func (l *log) of(p program) looptest.Body {
	l.times = map[string]int{}
	return func(ctx context.Context, t *looptest.T) {
		t.Cleanup(func() {
			if schedule := looptest.Counted(t); schedule != "" {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.times[schedule]++
			}
		})
		p.body(ctx, t)
	}
}

// allOf returns the schedules of p, as Exhaustive finds them.
func allOf(t *testing.T, p program) map[string]int {
	t.Helper()
	var l log
	if r := explore(t, looptest.Exhaustive(0), l.of(p), p.opts...); r.Failed() {
		t.Fatal(r.report())
	}
	if p.all != 0 && len(l.times) != p.all {
		t.Fatalf("Exhaustive runs %d schedules, want %d", len(l.times), p.all)
	}
	return l.times
}

// said returns what Explore says about the end of the exploration.
func (r *recording) said() string {
	for _, line := range r.logs {
		if strings.HasSuffix(line, " been run") {
			return line
		}
	}
	return ""
}

// wrapped hides which strategy it is, as a strategy of a program.
type wrapped struct{ looptest.Strategy }

// lastLeft is a strategy of a program: it picks the last option that is left.
type lastLeft struct{}

func (lastLeft) String() string                             { return "last left" }
func (lastLeft) Begin(looptest.Exploration) looptest.Search { return lastLeft{} }
func (lastLeft) Next() looptest.Walk                        { return lastLeft{} }
func (lastLeft) Ran(looptest.Walk, looptest.Outcome)        {}
func (lastLeft) Pick(p *looptest.ChoicePoint) int           { return p.Len() - 1 }
