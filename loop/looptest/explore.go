package looptest

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"
)

// Explore runs body under the schedules of s, each on a new loop with a virtual clock. It fails
// the test at the first schedule under which body fails: by the [T] that body is given, or for a
// reason that [Run] lists. It looks for leaked goroutines only once, after the last schedule. It
// minimises the failure and prints it: the package's documentation explains the report.
//
// With every strategy the first run is first in, first out. Explore runs this schedule three times,
// and also the schedules 1, 2, 4, 8 and so on of the strategy. If two runs under the same schedule differ, the
// program is not deterministic, and the test fails with the first event that differs.
//
// Explore returns when all goroutines that it has started have ended. The environment variables
// TAKT_SCHEDULES, TAKT_SHARD and TAKT_REPLAY make Explore run more schedules, a part of the
// schedules, or one schedule. The test fails at once if such a variable has a wrong value.
//
// Explore panics if t, s, body or an option is nil.
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

// scaled multiplies the number of schedules of Random and PCT by factor.
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
	config   // eager says which task factory this exploration uses
	env      environment
	strategy Strategy
	body     Body

	mu       sync.Mutex
	changed  *sync.Cond // signals that a run has been reported
	plan     plan
	started  int
	running  int
	done     int
	spare    [][]choice      // slices to use again
	distinct map[uint64]bool // the hashes of the orders of tasks; nil unless in verbose mode
	failing  *run
	parted   string // how two runs under the same schedule differ; empty if they do not
	began    time.Time
	told     time.Time // when progress was logged last
}

// explore returns the report of a failure, or an empty string.
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
		x.t.Logf("looptest: %v reached its limit: %d schedules or more were not run", x.strategy, len(s.todo))
	}
	return ""
}

// work runs schedules until there are no more. If a body calls FailNow, the goroutine of work ends.
// Then the deferred function starts another goroutine, which goes on.
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

// runOne executes r. If again is true, it runs the same schedule twice more and compares the runs.
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

// take returns the next run of this shard, or nil at the end. It waits while runs that have not
// ended yet may lead to more runs. again says whether to compare repeated runs of the schedule: it
// is true for the schedules numbered 1, 2, 4, 8, and so on.
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

// report records the outcome of a run. parted says how another run under the same schedule
// differed; it is empty if none did.
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

// progress logs how far the exploration is, in verbose mode.
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

// one runs a single schedule, on a new goroutine, because FailNow may end that goroutine.
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

// describe minimises a failure and returns the report.
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
	after := "in the first run"
	if x.done > 0 {
		after = "after " + plural(x.done, "schedule", "schedules")
	}
	if s.eager {
		after += ", eager task factory"
	}
	how := "It fails first in, first out"
	if n := len(s.picks); n > 0 {
		how = "It fails with " + plural(n, "deviation", "deviations") + " from first in, first out"
	}
	return fmt.Sprintf("%s\n\n%s (%v, %s). To replay this schedule:\n\n\tlooptest.Replay(t, %q, body)\n\n%s%s",
		r.text(), how, x.strategy, after, s, tr, tl.write(x.t))
}
