package looptest

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"
)

// Explore runs body under the schedules of s, each on a loop of its own with a virtual
// clock, and fails the test at the first one under which the body fails: by the T that it
// is handed, or as described at [Run]. Goroutines are looked for at the end only. The
// failure is minimised and printed: see the package's documentation.
//
// The first run is first in, first out, whatever the strategy. It is run three times, and
// the schedules numbered 1, 2, 4, 8 and so on are too: if runs under the same schedule
// differ, the program itself is not deterministic, and the test fails with the first
// event that does.
//
// Explore returns when all goroutines that it has started have ended. The environment can
// ask for more schedules, a part of them, or a replay. If that is not understood, the test
// fails at once.
func Explore(t testing.TB, s Strategy, body Body, opts ...Option) {
	mustBeGiven("Explore", t, body)
	if s == nil {
		panic("looptest: Explore with a nil Strategy; PCT(1, 1000, 3) is a good one to begin with")
	}
	t.Helper()
	env, err := readEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	c := configure(opts, defaultMaxSteps)
	if env.replay != "" {
		replay(t, c, env.replay, body)
		return
	}
	factories := []bool{c.eager}
	if c.both {
		factories = []bool{false, true}
	}
	outer, left := markGoroutines()
	defer func() {
		t.Helper()
		if text := left(); text != "" {
			t.Error(text)
		}
	}()
	for _, eager := range factories {
		x := &explorer{outer: outer, t: t, config: c, env: env, strategy: scaled(s, env.factor), body: body}
		x.eager = eager
		if report := x.explore(); report != "" {
			t.Error(report)
			return
		}
	}
}

// scaled multiplies the number of schedules of those strategies that have one.
func scaled(s Strategy, factor float64) Strategy {
	switch s := s.(type) {
	case random:
		s.n = int(math.Ceil(float64(s.n) * factor))
		return s
	case pct:
		s.n = int(math.Ceil(float64(s.n) * factor))
		return s
	}
	return s
}

// explorer is one exploration, with one task factory.
type explorer struct {
	outer    context.Context // for the loops
	t        testing.TB
	config   // its eager is the factory's
	env      environment
	strategy Strategy
	body     Body

	mu       sync.Mutex
	changed  *sync.Cond // a run has been reported
	plan     plan
	started  int
	running  int
	done     int
	spare    [][]choice      // to be used again
	distinct map[uint64]bool // orders of events; nil if nobody asks
	failing  *run
	parted   string // how two runs under the same schedule differ
	began    time.Time
	told     time.Time
}

// explore returns the report of a failure, or nothing.
func (x *explorer) explore() string {
	x.t.Helper()
	x.began = time.Now()
	x.told = x.began
	if testing.Verbose() {
		x.distinct = map[uint64]bool{}
	}
	first := x.one(fifo{}, nil)
	if x.parted = x.compare(schedule{}, first); x.parted != "" {
		return x.parted
	}
	if first.failed() {
		return x.describe(first)
	}
	x.plan = x.strategy.plan(first.steps.count, part{x.env.shard - 1, x.env.shards})
	x.changed = sync.NewCond(&x.mu)
	var workers sync.WaitGroup
	for range x.parallel {
		workers.Add(1)
		go x.work(&workers)
	}
	workers.Wait()
	if x.parted != "" {
		return x.parted
	}
	if x.failing != nil {
		return x.describe(x.failing)
	}
	x.progress("in all")
	if s, ok := x.plan.(*search); ok && s.cut {
		x.t.Logf("looptest: %v came to its limit: %d schedules were not run, nor what they lead to", x.strategy, len(s.todo))
	}
	return ""
}

// work runs schedules until there are no more. A run that calls FailNow ends the
// goroutine; another one takes over.
func (x *explorer) work(workers *sync.WaitGroup) {
	over := false
	defer func() {
		if over {
			workers.Done()
		} else {
			go x.work(workers)
		}
	}()
	for {
		r, again := x.take()
		if r == nil {
			over = true
			return
		}
		x.runOne(r, again)
	}
}

// runOne executes r, and again to see that it goes as before.
func (x *explorer) runOne(r *run, again bool) {
	parted := ""
	defer func() { x.report(r, parted) }()
	r.execute()
	if again && !r.failed() {
		parted = x.compare(x.scheduleOf(r), r)
	}
}

func (x *explorer) newRun(d decider) *run {
	return &run{
		outer: x.outer, body: x.body, test: x.t, hold: true, eager: x.eager, passing: x.passing, maxSteps: x.maxSteps,
		policy: &recorder{by: d},
	}
}

// take returns the next run of this shard, and waits for one where a run under way may
// lead to more. It also says whether to run it twice: those numbered 1, 2, 4, 8, ... are.
func (x *explorer) take() (r *run, again bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.failing == nil && x.parted == "" {
		d := x.plan.next()
		if d == nil && x.running > 0 {
			x.changed.Wait()
			continue
		}
		if d == nil {
			break
		}
		x.running++
		x.started++
		r := x.newRun(d)
		if last := len(x.spare) - 1; last >= 0 {
			r.policy.choices = x.spare[last]
			x.spare = x.spare[:last]
		}
		return r, x.started&(x.started-1) == 0
	}
	x.changed.Broadcast()
	return nil, false
}

// report takes in what has become of a run, and whether another under the same schedule
// has parted from it.
func (x *explorer) report(r *run, parted string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.running--
	x.done++
	if x.distinct != nil {
		x.distinct[r.policy.order] = true
	}
	switch failed := r.failed(); {
	case parted != "":
		x.parted = parted
	case failed && x.failing == nil:
		x.failing = r
	case !failed && !x.plan.ran(r.policy.by, r.policy.choices):
		x.spare = append(x.spare, r.policy.choices[:0])
	}
	x.changed.Broadcast()
	if x.done%1024 == 0 && time.Since(x.told) > 2*time.Second {
		x.told = time.Now()
		x.progress("so far")
	}
}

// progress tells how far the exploration is, in verbose mode.
func (x *explorer) progress(how string) {
	if x.distinct == nil {
		return
	}
	x.t.Helper()
	took := time.Since(x.began)
	factory := "lazy"
	if x.eager {
		factory = "eager"
	}
	x.t.Logf("looptest: %v, %s: %s %s, %.0f/s, %d distinct", x.strategy, factory, plural(x.done, "schedule", "schedules"), how,
		float64(x.done)/took.Seconds(), len(x.distinct))
}

// one runs a single schedule, on a goroutine of its own, which FailNow may end.
func (x *explorer) one(d decider, set func(*run)) *run {
	r := x.newRun(d)
	if set != nil {
		set(r)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.execute()
	}()
	<-done
	return r
}

// describe minimises a failure and says all about it.
func (x *explorer) describe(failing *run) string {
	if parted := x.compare(x.scheduleOf(failing), failing); parted != "" {
		return parted
	}
	s := x.minimise(failing)
	tr := &transcript{}
	var tl timeline
	r := x.one(&replayer{schedule: s}, func(r *run) {
		tr.of(r)
		tl = newTimeline(x.t, r)
	})
	after := "at once"
	if x.done > 0 {
		after = "after " + plural(x.done, "schedule", "schedules")
	}
	if s.eager {
		after += ", eager tasks"
	}
	how := "It fails first in, first out"
	if n := len(s.picks); n > 0 {
		how = "It takes " + plural(n, "pick that is", "picks that are") + " not first in, first out"
	}
	return fmt.Sprintf("%s\n\n%s (%v, %s). To replay exactly this:\n\n\tlooptest.Replay(t, %q, body)\n\n%s%s",
		r.text(), how, x.strategy, after, s, tr, tl.write(x.t))
}
