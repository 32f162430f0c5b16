package looptest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Deviations returns the number of deviations of a schedule, or -1 if text is not a schedule.
func Deviations(text string) int {
	s, err := parseSchedule(text)
	if err != nil {
		return -1
	}
	return len(s.deviations)
}

// A Ran is the outcome of a schedule.
type Ran struct {
	Schedule string
	Order    uint64 // hash of the picked tasks
	Failed   bool
}

// Schedules runs body under every schedule of s, and calls each with the outcomes. It does not stop
// at a failure. It returns the number of steps of the first run.
func Schedules(t testing.TB, s Strategy, body Body, each func(Ran), opts ...Option) (steps int) {
	x := &explorer{outer: context.Background(), t: t, config: configure(opts, defaultMaxSteps), body: body}
	first := x.one(fifo{}, nil).outcome()
	search := s.Begin(Exploration{Steps: first.Steps, Points: first.Points, MaxSteps: x.maxSteps, Factor: 1, Parts: 1})
	for w := search.Next(); w != nil; w = search.Next() {
		r := x.one(w, nil)
		each(Ran{r.schedule().String(), r.policy.order, r.failed()})
		search.Ran(w, r.outcome())
	}
	return first.Steps
}

// First explores body as Explore does, but does not report. It returns after how
// many schedules of s body fails first, and 0 if it never does. A systematic strategy ends after limit
// schedules. The schedule that is first in, first out must not fail; it is not counted.
func First(t testing.TB, s Strategy, body Body, limit int, opts ...Option) int {
	if all, ok := s.(systematic); ok {
		all.limit = limit
		s = all
	}
	x := &explorer{outer: context.Background(), t: t, config: configure(opts, defaultMaxSteps), strategy: s, body: body}
	x.env = environment{factor: 1, shard: 1, shards: 1}
	x.seed = x.env.seedOf(s)
	x.begin()
	first := x.first()
	if len(x.failing) > 0 {
		t.Errorf("the first run fails:\n%s", first.failures())
	}
	x.runAll(first)
	if len(x.failing) == 0 {
		return 0
	}
	return x.started
}

// TraceHash runs a schedule, and returns the hash of all its events.
func TraceHash(t testing.TB, text string, body Body) uint64 {
	s, err := parseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	var events tape
	x := &explorer{outer: context.Background(), t: t, config: configure(nil, defaultMaxSteps), body: body}
	x.eager, x.passing = s.eager, s.timePasses
	x.again(s, func(r *run) { r.events = events.observe })
	return events.hash
}

// Reparse reads a schedule and writes it again.
func Reparse(text string) (string, error) {
	s, err := parseSchedule(text)
	return s.String(), err
}

// RunInput runs an input of Fuzz. fuzzing says that the fuzzer runs.
func RunInput(t testing.TB, body Body, input []byte, fuzzing bool, opts ...Option) {
	runInput(t, configure(opts, defaultMaxSteps), body, input, fuzzing)
}

// InputOf returns the input of Fuzz for a schedule.
func InputOf(t testing.TB, text string, body Body, opts ...Option) []byte {
	s, err := parseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	x := &explorer{outer: context.Background(), t: t, config: configure(opts, defaultMaxSteps), body: body}
	return inputOf(x, kept{schedule: s})
}

// CorpusOf returns the folder of the corpus of a test.
func CorpusOf(test string) string { return corpusOf(test) }

// Counted returns the schedule of t's run as text, at the end of the run. It returns an empty text if the
// run is not one of the schedules of an exploration: it repeats a schedule, or belongs to another part.
func Counted(t *T) string {
	r := t.run
	if r.visit != nil && (r.visit.late || r.visit.shard.foreign()) || r.visit == nil && r.walk == nil {
		return ""
	}
	return fmt.Sprint("deviations: ", r.policy.recorded)
}

// SetMaxVisited sets how many bytes a tree of schedules may have, until the test ends.
func SetMaxVisited(t testing.TB, n int) {
	before := maxVisited
	maxVisited = n
	t.Cleanup(func() { maxVisited = before })
}

// A Tree is what an exploration has kept of its schedules.
type Tree struct {
	Bytes int  // as the tree counts them
	Done  int  // the schedules that have been run
	Over  bool // there are no more
}

// Grow explores body as Explore does, and returns the tree. It checks that the tree is in order.
func Grow(t testing.TB, s Strategy, body Body, opts ...Option) Tree {
	x := &explorer{outer: context.Background(), t: t, config: configure(opts, defaultMaxSteps), strategy: s, body: body}
	x.env = environment{factor: 1, shard: 1, shards: 1}
	x.begin()
	x.runAll(x.first())
	if x.parted != "" || len(x.failing) > 0 {
		t.Errorf("%d runs failed; %s", len(x.failing), x.parted)
	}
	v := x.tree
	bytes := 0
	if v.root != exhausted {
		bytes = v.cells.check(t, v.root)
	}
	if bytes != v.cells.bytes() || len(v.inside) > 0 {
		t.Errorf("the tree has %d bytes, but says %d; %d runs are in it", bytes, v.cells.bytes(), len(v.inside))
	}
	return Tree{bytes, x.done, v.over()}
}

// check checks a node that no run is in, and returns the bytes of it and all below it.
func (cs *cells) check(t testing.TB, node int32) (bytes int) {
	c := cs.at(node)
	if c[cellOf] == 0 {
		if _, of, _ := cs.option(c); c[cellOpen] != 1 || of == 0 {
			t.Errorf("a leaf with %d options, first one of %d", c[cellOpen], of)
		}
		bytes = cellSize
		for piece := c[cellTail]; piece != 0; piece = cs.at(piece)[0] {
			bytes += cellSize
		}
		return bytes
	}
	open, bytes := cs.checkSlots(t, c[cellSlots:], perSlot(c[cellOf]), c[cellOf])
	if c[cellOpen] != open || open == 0 { // a node that is not exhausted has something that can be run
		t.Errorf("%d options of %d can be taken, but the node says %d", open, c[cellOf], c[cellOpen])
	}
	return cellSize + bytes
}

// checkSlots checks slots that stand for of kids.
func (cs *cells) checkSlots(t testing.TB, slots []int32, width, of int32) (open int32, bytes int) {
	for at, s := range slots {
		kids := min(width, of-int32(at)*width)
		switch {
		case kids <= 0:
			if s != unseen {
				t.Errorf("slot %d is used, but there are %d options", at, of)
			}
		case s == claimed:
			t.Errorf("slot %d is claimed, but no run is left", at)
		case s == exhausted:
		case s == unseen:
			open += kids
		case width == 1:
			open++
			bytes += cs.check(t, s)
		default:
			more, below := cs.checkSlots(t, cs.at(s)[:], width/8, kids)
			open, bytes = open+more, bytes+cellSize+below
			if branch := cs.at(s); !slices.ContainsFunc(branch[:], func(s int32) bool { return s != exhausted }) {
				t.Errorf("a branch is exhausted")
			}
		}
	}
	return open, bytes
}

// LeaveOut returns a schedule without some of its deviations.
func LeaveOut(t testing.TB, text string, leaveOut func(i int) bool) string {
	s, err := parseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	var kept []deviation
	for i, d := range s.deviations {
		if !leaveOut(i) {
			kept = append(kept, d)
		}
	}
	s.deviations = kept
	return s.String()
}

// Follow replays a schedule, and returns the schedule of the replay: without the deviations that do not occur.
func Follow(t testing.TB, text string, body Body, opts ...Option) string {
	s, err := parseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	x := &explorer{outer: context.Background(), t: t, config: configure(opts, defaultMaxSteps), body: body}
	x.eager, x.passing = s.eager, s.timePasses
	return x.again(s, nil).schedule().String()
}

// Shrink returns how many deviations the only schedule of s has, which must fail, how many are left when the
// minimiser has left out what it can, and after how many runs.
func Shrink(t testing.TB, s Strategy, body Body) (found, left, runs int) {
	m := shrunk(t, s, body)
	return len(m.failing.policy.recorded), len(m.best.deviations), m.runs
}

// Restart shrinks a schedule as Shrink does, and then others. It returns how many deviations were left before and after
// that, and the schedule.
func Restart(t testing.TB, s Strategy, body Body) (before, after int, schedule string) {
	m := shrunk(t, s, body)
	before = len(m.best.deviations)
	m.restart()
	return before, len(m.best.deviations), m.best.String()
}

func shrunk(t testing.TB, s Strategy, body Body) *minimiser {
	x := &explorer{outer: context.Background(), t: t, config: configure(nil, defaultMaxSteps), body: body}
	x.minimiseFor = time.Hour
	failing := x.one(s.Begin(Exploration{MaxSteps: x.maxSteps, Factor: 1, Parts: 1}).Next(), nil)
	if !failing.failed() {
		t.Fatal("the schedule does not fail")
	}
	m := &minimiser{explorer: x, failing: failing, best: failing.schedule(), began: time.Now()}
	m.shrink()
	return m
}

// Looks makes the watchdog of t's run look so many times that it tells of a step that does not end meanwhile, and a few
// times less if fewer is positive. It returns what the watchdog has told.
func Looks(t *T, fewer int) string {
	d := t.run.lane.of
	var told strings.Builder
	d.mu.Lock()
	d.out = &told
	d.mu.Unlock()
	for range maxLooks + 1 - fewer {
		d.look()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return told.String()
}

// AwaitIdle waits until the loop of t's run waits for other goroutines.
func AwaitIdle(t *T) {
	for len(t.run.lane.blockedAt()) > 0 {
		runtime.Gosched()
	}
}

// Watchdog returns functions that say whether the timer of the watchdog of t's run is stopped, and whether the watchdog
// has ended.
func Watchdog(t *T) (rests, ended func() bool) {
	d := t.run.lane.of
	return d.rests.Load, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.ended
	}
}

// Twice makes Explore run schedules on two goroutines.
func Twice() Option { return func(c *config) { c.parallel = 2 } }
