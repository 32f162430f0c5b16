package looptest

import (
	"fmt"
	"slices"

	"github.com/takt-go/takt/task"
)

// Always sets a property that must hold all the time. holds is called after every step of a task, after
// every callback, and at the end of the run; first after the step that calls Always. It returns nil if
// the property holds. Otherwise its error says what is wrong, the run fails, and ends at once, as by
// Fatal: no task takes another step, and all deferred calls run. So the last step of the report is the one
// after which the property did not hold.
//
// The first step of an eager task is a part of the step that makes the task. The passing of time is no
// step: holds is called after it, and the report names the step before it and both times.
// holds is not called after a step in which the run ends by Fatal, Skip or a panic of the body, and
// not while the tasks of an ended run are unwound.
//
// holds runs between two steps. So it may look at all that the tasks share. It must not await, make or wake
// tasks, or make choices. A panic in holds is a failure of the property, and so is a call of FailNow or
// Fatal. Two failures are the same if their properties have the same name, whatever the error says.
//
// A body, task or callback of the run calls Always; another goroutine must not. Always works under
// [Run], [Explore] and [Replay]. The cost is a call of holds for each step. Always panics if
// name is empty, holds is nil, or the run has a property with this name, of Always or Eventually.
func (t *T) Always(name string, holds func() error) { t.property(always, name, holds) }

// Eventually sets a property that must hold at the end. When the body has ended, holds is called. If it
// returns an error, the run goes on as a fair tail: ready tasks run first in, first out, choices are
// benign, and time passes only when no task is ready. The tail ends as soon as all properties of
// Eventually hold after the same step. If nothing can happen any more, or the run has reached
// [MaxSteps], and holds still returns an error, the run fails with this error. Under [Run] without
// MaxSteps the tail has at most 100,000 steps.
//
// So a program may be late under an unfair schedule, but it must get there under a fair one. Tasks that
// work on the property may be left when the body ends, and go on in the tail. When the tail has ended, a
// task or timer that is left is a leak as always. So let these tasks end by themselves, and
// let the property include that they have.
//
// holds is not called if the run has failed before the body ended, or was skipped. What holds may do, and
// when Eventually panics, is the same as for [T.Always].
func (t *T) Eventually(name string, holds func() error) { t.property(eventually, name, holds) }

// Sometimes names a case that at least one schedule must reach, such as a full queue or a lost message;
// hit says whether it is reached now. If no schedule of an exploration hits it, and nothing else fails,
// [Explore] fails the test. With [BothFactories] one hit by either factory is enough. If only a part of
// the schedules was run, by TAKT_SHARD, [For] or TAKT_FOR, or TAKT_SCHEDULES less than 1, Explore only
// logs it. go test -v logs how many schedules hit each case. Under [Run] and [Replay] Sometimes does
// nothing.
//
// Explore knows a case from the calls only. So call Sometimes at a place that every schedule passes, with
// false where the case is not reached. The name must be a constant: each name takes memory for the
// whole exploration.
//
// A body, task or callback of the run calls Sometimes; another goroutine must not. Sometimes panics if
// name is empty.
func (t *T) Sometimes(name string, hit bool) {
	if name == "" {
		panic(fmt.Sprintf("looptest: Sometimes(%q, %v) without a name; give the case a name", name, hit))
	}
	r := t.run
	if r == nil || r.closing || !r.hold {
		return
	}
	c := r.checks.find(name, true)
	if c == nil {
		c = r.checks.add(check{kind: sometimes, name: name})
	}
	c.hit = c.hit || hit
}

// checks has what a run has to check. The zero value has nothing.
type checks struct {
	all   []check
	main  *task.Task[struct{}]
	after moment      // the step that has ended, or that runs now
	tail  bool        // the run goes on until the properties of Eventually hold
	met   bool        // they do
	asked *check      // its function runs now
	lines *transcript // nil if the run has none
	line  int         // how many lines the transcript had before the step
}

// A check is one call of Always or Eventually, or all calls of Sometimes with one name.
type check struct {
	kind  checkKind
	name  string
	holds func() error
	hit   bool // holds was called; of Sometimes: the case was reached
}

type checkKind uint8

const (
	always checkKind = iota
	eventually
	sometimes
)

func (k checkKind) String() string { return [...]string{"Always", "Eventually", "Sometimes"}[k] }

func (c *check) String() string { return fmt.Sprintf("%v(%q)", c.kind, c.name) }

// find returns the case with this name, or the property. It returns nil if there is none.
func (cs *checks) find(name string, sometime bool) *check {
	for i := range cs.all {
		if c := &cs.all[i]; c.name == name && (c.kind == sometimes) == sometime {
			return c
		}
	}
	return nil
}

func (cs *checks) add(c check) *check {
	cs.all = append(cs.all, c)
	return &cs.all[len(cs.all)-1]
}

// property sets a property of the run.
func (t *T) property(kind checkKind, name string, holds func() error) {
	if name == "" || holds == nil {
		panic(fmt.Sprintf("looptest: %v(%q) without a name or a function; give it both", kind, name))
	}
	r := t.run
	if r == nil || r.closing {
		return
	}
	cs := &r.checks
	if known := cs.find(name, false); known != nil {
		panic(fmt.Sprintf("looptest: %v(%q) in a run that has %v; give each property a name of its own", kind, name, known))
	}
	cs.add(check{kind: kind, name: name, holds: holds})
	if r.policy.stepped != nil {
		return
	}
	r.policy.stepped = r.stepped
	current := r.loop.Current()
	cs.after = moment{task: current, at: r.clock.Now()}
	if current != nil {
		cs.after.step = int(r.policy.tasks.of(current).steps)
	}
	if cs.lines != nil {
		cs.line = len(cs.lines.steps)
		if open := cs.lines.open[current]; open != nil {
			cs.line = slices.Index(cs.lines.steps, open)
		}
	}
}
