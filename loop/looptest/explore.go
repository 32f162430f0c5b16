package looptest

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
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
// Explore runs no schedule twice, as long as the memory for that is enough. If all schedules of the
// program have been run, Explore says so (go test -v).
//
// If the test has a corpus, Explore replays its schedules first: see Long campaigns in the package's
// documentation.
//
// If a step of a task takes 10 seconds or more by the real clock, Explore tells that on standard error while the step
// still runs: see Limits in the package's documentation.
//
// Explore returns when all goroutines that it has started have ended. The package's documentation
// lists the environment variables that change an exploration. The test fails at once if such a
// variable has a wrong value.
//
// Explore panics if t, s, body or an option is nil.
func Explore(t testing.TB, s Strategy, body Body, opts ...Option) {
	mustBeGiven("Explore", t, body)
	if s == nil {
		panic("looptest: Explore with a nil Strategy; Sample(1, 1000) is a good one to begin with")
	}
	t.Helper()
	env, err := readEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	c := env.change(configure(opts, defaultMaxSteps))
	if env.replay != "" {
		replay(t, c, env.replay, body)
		return
	}
	if err := c.fits(t); err != nil {
		t.Fatal(err)
	}
	corpus, err := readCorpus(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	factories := c.factories()
	if len(factories) > 1 {
		c.budget -= c.budget / 2 // never 0, which is no budget
	}
	outer, find := findGoroutines(t)
	defer find()
	lane := watch(outer)
	defer lane.end()
	explorer := func() *explorer {
		return &explorer{outer: outer, lane: lane, t: t, failed: t.Failed(), config: c, env: env, strategy: s, body: body, seed: env.seedOf(s)}
	}
	var known []*run
	if env.shard == 1 {
		known = replayCorpus(corpus, explorer)
	}
	var seen tally
	for _, eager := range factories {
		x := explorer()
		x.eager, x.tally, x.known = eager, &seen, known
		if !x.enough() {
			x.explore()
		}
		if x.parted != "" || x.enough() {
			return
		}
		known = append(known, x.failing...)
		seen.ended(x)
	}
	if len(known) == 0 {
		seen.judge(t)
	}
}

// explorer is one exploration, with one task factory.
type explorer struct {
	outer    context.Context // for the loops
	lane     *lane           // of all runs but those of the workers
	t        testing.TB
	config   // eager says which task factory this exploration uses
	env      environment
	strategy Strategy
	body     Body

	mu       sync.Mutex
	changed  *sync.Cond // signals that a run has been reported
	search   Search
	tree     *visited    // nil if the strategy gives no schedule twice
	visits   []*visit    // free ones
	free     []*run      // runs that can be used again
	spare    loop.Option // for single runs, when the workers have ended; nil before
	seed     uint64      // the seeds of the schedules come from this one
	noise    bool        // a run has called T.Rand
	timers   atomic.Bool // a run has armed a timer
	failed   bool        // the test had failed before
	started  int
	running  int
	done     int             // the schedules that have been run
	distinct map[uint64]bool // the hashes of what the schedules picked; nil unless in verbose mode
	tally    *tally          // nil if checks are not counted
	known    []*run          // the failures that were reported before this exploration
	failing  []*run          // the first run of each failure that was found
	parted   string          // why the exploration cannot go on: two runs under the same schedule differ, or the strategy has failed
	began    time.Time
	told     time.Time // when progress was logged last
}

// explore runs the schedules, and reports what fails.
func (x *explorer) explore() {
	x.t.Helper()
	x.begin()
	if testing.Verbose() {
		x.distinct = map[uint64]bool{}
	}
	first := x.first()
	if x.parted == "" && !x.enough() {
		x.runAll(first)
	}
	if x.parted != "" {
		x.t.Error(x.parted)
		return
	}
	spare := new(lowlevel.Spare)
	defer spare.End()
	x.spare = lowlevel.WithSpare(spare)
	for _, r := range x.failing {
		x.t.Error(x.describe(r))
	}
	if !x.enough() {
		x.progress("in all")
		x.conclude()
	}
}

// begin prepares the exploration.
func (x *explorer) begin() {
	x.began = time.Now()
	x.told = x.began
	x.changed = sync.NewCond(&x.mu)
	x.tree = newVisited(x.maxSteps)
}

// enough reports whether the exploration has found as many failures as it looks for.
func (x *explorer) enough() bool { return len(x.known)+len(x.failing) >= x.keepGoing }

// found notes the failure of a run, unless it was found before, or enough failures were found.
func (x *explorer) found(r *run) {
	if !x.enough() && !slices.ContainsFunc(x.known, r.failsAs) && !slices.ContainsFunc(x.failing, r.failsAs) {
		x.failing = append(x.failing, r)
	}
}

// first runs the schedule that is first in, first out, three times. It is one of the schedules of the
// first part.
func (x *explorer) first() *run {
	r := x.newRun(fifo{})
	if x.env.shard == 1 {
		r.visit = &visit{tree: x.tree}
		r.visit.begin(fifo{}, x.shard())
		r.policy.by = r.visit
		x.done++
	}
	x.runNow(r)
	if r.visit != nil {
		r.visit.end()
		x.distinguish(r)
	}
	x.note(r)
	if x.parted = x.strayed(r); x.parted == "" {
		x.parted = x.compare(schedule{seed: r.seed}, r)
	}
	if x.parted == "" && r.failed() {
		x.found(r)
	}
	return r
}

func (x *explorer) shard() shard { return shard{x.env.shard - 1, x.env.shards} }

// runAll runs the schedules of the strategy.
func (x *explorer) runAll(first *run) {
	o := first.outcome()
	x.search = x.strategy.Begin(Exploration{
		Steps: o.Steps, Points: o.Points, MaxSteps: x.maxSteps, Factor: x.factor(), Part: x.env.shard - 1, Parts: x.env.shards,
		Chance: x.noise, seed: x.env.seed, seeded: x.env.seeded,
	})
	if x.search == nil {
		panic(fmt.Sprintf("looptest: Begin of the strategy %v returned nil; return a Search", x.strategy))
	}
	if s, ok := x.search.(*search); ok { // it gives no schedule twice, has parts of its own, and runs the first one again
		s.part, s.parts = x.env.shard-1, x.env.shards
		x.tree, x.done = nil, 0
	} else if first.visit != nil {
		x.tally.add(first)
	}
	var workers sync.WaitGroup
	for range x.parallel {
		workers.Add(1)
		spare := new(lowlevel.Spare)
		go x.work(&workers, x.lane.another(x.outer), spare, lowlevel.WithSpare(spare))
	}
	workers.Wait()
}

// factor returns the factor for the number of schedules.
func (x *explorer) factor() float64 {
	if x.budget > 0 {
		return math.Inf(1)
	}
	return x.env.factor
}

// conclude says whether there are schedules that were not run.
func (x *explorer) conclude() {
	x.t.Helper()
	part := ""
	if x.env.shards > 1 {
		part = fmt.Sprintf(" of part %d/%d", x.env.shard, x.env.shards)
	}
	s, systematic := x.search.(*search)
	switch {
	case systematic && s.cut:
		x.t.Logf("looptest: %v reached its limit: %d schedules or more were not run", x.strategy, s.left())
	case x.ranAll() && !(systematic && (s.bound >= 0 || x.noise)):
		all := "all " + plural(x.done, "schedule", "schedules") + part + " have"
		switch {
		case x.tree != nil && x.tree.forgot: // then some of them were run twice, and counted twice
			all = "all schedules" + part + " have"
		case x.done == 1:
			all = "the only schedule" + part + " has"
		}
		without := ""
		if x.timers.Load() && !x.passing {
			without = ", but no schedule in which a timer comes due while a task is ready: for these add TimePasses"
		}
		x.t.Logf("looptest: %s been run%s", all, without)
	}
}

// ranAll reports whether all schedules of the strategy have been run.
func (x *explorer) ranAll() bool {
	if s, ok := x.search.(*search); ok {
		return len(s.todo) == 0 && !s.cut
	}
	return x.tree != nil && x.tree.over()
}

// work runs schedules until there are no more, all on one lane and with one Spare, which is also given as an option. If a body calls FailNow, the
// goroutine of work ends. Then the deferred function starts another goroutine, which goes on.
func (x *explorer) work(workers *sync.WaitGroup, lane *lane, spare *lowlevel.Spare, with loop.Option) {
	lane.enter()
	over := false
	defer func() {
		if over {
			spare.End()
			workers.Done()
		} else {
			go x.work(workers, lane, spare, with)
		}
	}()
	for {
		r, again := x.take()
		if r == nil {
			over = true
			return
		}
		r.lane, r.spare = lane, with
		x.runOne(r, again)
		runtime.Gosched() // schedules are short, so their loops seldom let the collector's worker run
	}
}

// runOne executes r. If again is true, it runs the same schedule twice more and compares the runs.
func (x *explorer) runOne(r *run, again bool) {
	parted := ""
	defer func() { x.report(r, parted) }()
	r.execute()
	if again && !r.failed() {
		parted = x.compare(r.schedule(), r)
	}
}

func (x *explorer) newRun(w Walk) *run {
	return &run{
		outer: x.outer, lane: x.lane, body: x.body, test: x.t, hold: true, config: x.config, seed: x.seedOf(0), spare: x.spare,
		policy: &recorder{by: w},
	}
}

// freeRun returns a run for a schedule of the strategy.
func (x *explorer) freeRun(w Walk) *run {
	last := len(x.free) - 1
	if last < 0 {
		return x.newRun(w)
	}
	r := x.free[last]
	x.free = x.free[:last]
	r.again(w)
	r.seed = x.seedOf(0)
	return r
}

// seedOf returns the seed of a schedule. It is not 0.
func (x *explorer) seedOf(schedule int) uint64 {
	return scramble(x.seed+uint64(schedule)*0x9e3779b97f4a7c15) | 1
}

// take returns the next run of this shard, or nil at the end. It waits while runs that have not
// ended yet may lead to more runs. again says whether to compare repeated runs of the schedule: it
// is true for the schedules numbered 1, 2, 4, 8, and so on.
func (x *explorer) take() (r *run, again bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for !x.enough() && x.parted == "" && (x.budget == 0 || time.Since(x.began) < x.budget) {
		var w Walk
		x.ask("Next", func() { w = x.search.Next() })
		if w == nil && x.running > 0 && x.parted == "" {
			x.changed.Wait()
			continue
		}
		if w == nil {
			break
		}
		r := x.freeRun(w)
		r.walk = w
		if x.tree != nil {
			if r.visit = x.visitBy(w); r.visit == nil {
				break
			}
			r.policy.by = r.visit
			r.seed = x.seedOf(1 + x.started*x.env.shards + x.env.shard - 1)
		}
		x.running++
		x.started++
		return r, x.started&(x.started-1) == 0
	}
	x.changed.Broadcast()
	return nil, false
}

// visitBy returns a visit of the tree by w. It returns nil if there is nothing more to run.
func (x *explorer) visitBy(w Walk) *visit {
	var v *visit
	if last := len(x.visits) - 1; last >= 0 {
		v, x.visits = x.visits[last], x.visits[:last]
	} else {
		v = &visit{tree: x.tree}
	}
	if !v.begin(w, x.shard()) {
		return nil
	}
	return v
}

// note notes whether a run that has ended has called T.Rand, and whether time has passed in it.
func (x *explorer) note(r *run) {
	if r.clock.Now() > 0 && !x.timers.Load() {
		x.timers.Store(true)
	}
	if r.t.streams != nil {
		x.noise = true
		if x.tree != nil {
			x.tree.stop()
		}
	}
}

// report records the outcome of a run. parted says how another run under the same schedule
// differed; it is empty if none did.
func (x *explorer) report(r *run, parted string) {
	if r.visit != nil {
		r.visit.end() // comes first: take may wait for it
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.note(r)
	x.running--
	if x.counts(r) {
		x.done++
		x.tally.add(r)
		x.distinguish(r)
	}
	switch {
	case r.policy.broken != nil:
		x.parted = x.failedIn("Pick", r.policy.broken)
	case parted != "":
		x.parted = parted
	case r.failed():
		r.after = x.done
		x.found(r)
	default:
		x.parted = x.strayed(r)
	}
	if x.parted == "" {
		x.ask("Ran", func() { x.search.Ran(r.walk, r.outcome()) })
	}
	if r.visit != nil {
		x.visits = append(x.visits, r.visit)
	}
	if r.ended && !r.failed() && x.parted == "" {
		x.free = append(x.free, r)
	}
	x.changed.Broadcast()
	if x.done%1024 == 0 && time.Since(x.told) > 2*time.Second {
		x.told = time.Now()
		x.progress("so far")
	}
}

// strayed returns a text if the test has failed in r, but not by the T of the body.
func (x *explorer) strayed(r *run) string {
	if x.failed || r.failed() || !x.t.Failed() {
		return ""
	}
	text := "looptest: the test has failed in a run, but not by the T of the body. If the body called Error or Fail of the test's own t, call Error of the body's T instead; " +
		"then Explore minimises the failure and reports it. The race detector may also have found something."
	if x.parallel > 1 {
		return text // another run may have done it
	}
	return text + fmt.Sprintf("\nTo replay the schedule of this run:\n\tlooptest.Replay(t, %q, body)", r.schedule())
}

// maxDistinct is how many different schedules are counted.
const maxDistinct = 1 << 20

// distinguish counts a run that differs from those before in what it picked.
func (x *explorer) distinguish(r *run) {
	if x.distinct != nil && len(x.distinct) < maxDistinct {
		x.distinct[r.policy.order] = true
	}
}

// counts reports whether the run was a schedule of this part of the exploration, and not one that
// was run before.
func (x *explorer) counts(r *run) bool {
	if s, ok := x.search.(*search); ok {
		return !s.foreign(r.walk.(*path))
	}
	return r.visit == nil || !r.visit.late && !r.visit.shard.foreign()
}

// progress logs how far the exploration is, in verbose mode.
func (x *explorer) progress(how string) {
	if x.distinct == nil {
		return
	}
	x.t.Helper()
	took := time.Since(x.began)
	factory := "lazy"
	switch {
	case x.factory != nil:
		factory = "with a factory of its own"
	case x.eager:
		factory = "eager"
	}
	more := ""
	if len(x.distinct) == maxDistinct {
		more = " or more"
	}
	x.t.Logf("looptest: %v, %s%s: %s %s, %.0f/s, %d%s distinct", x.strategy, factory, x.env.seedText(), plural(x.done, "schedule", "schedules"), how,
		float64(x.done)/took.Seconds(), len(x.distinct), more)
}

// one runs a single schedule. set may change the run before.
func (x *explorer) one(w Walk, set func(*run)) *run {
	r := x.newRun(w)
	if set != nil {
		set(r)
	}
	x.runNow(r)
	return r
}

// runNow executes r on a new goroutine, because FailNow may end that goroutine.
func (x *explorer) runNow(r *run) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.lane.enter()
		r.execute()
	}()
	<-done
}

// again runs a schedule. set may change the run before.
func (x *explorer) again(s schedule, set func(*run)) *run {
	return x.one(newReplayer(s.deviations), func(r *run) {
		if s.seed != 0 {
			r.seed = s.seed
		}
		if set != nil {
			set(r)
		}
	})
}

// transcribe runs a schedule with a transcript and a timeline.
func (x *explorer) transcribe(s schedule) (r *run, tr *transcript, tl timeline) {
	tr = &transcript{}
	r = x.again(s, func(r *run) {
		tr.of(r)
		tl = newTimeline(x.t, r)
	})
	tr.world.fail(r.loop.Elapsed())
	return r, tr, tl
}

// describe minimises a failure and returns the report.
func (x *explorer) describe(failing *run) string {
	if parted := x.compare(failing.schedule(), failing); parted != "" {
		return parted
	}
	s := x.minimise(failing)
	r, tr, tl := x.transcribe(s)
	texts := r.failures()
	return (&report{
		failure: texts, schedule: s.String(), deviations: len(s.deviations), found: x.how(failing),
		world: &tr.world, why: x.why(s, r, tr), steps: tr, timeline: tl.write(x.t), corpus: x.addToCorpus(failing, s, texts),
	}).String()
}

// how says how a failure was found.
func (x *explorer) how(failing *run) string {
	how := failing.from
	switch {
	case how != "":
	case failing.after > 0:
		how = fmt.Sprintf("%v, after %s", x.strategy, plural(failing.after, "schedule", "schedules"))
	default:
		how = fmt.Sprintf("%v, in the first run", x.strategy)
	}
	if x.eager {
		how += ", eager task factory"
	}
	return how + x.env.seedText()
}
