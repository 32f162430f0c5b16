package looptest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A moment is a step of a task, or a callback.
type moment struct {
	task *loop.Task // nil for a callback
	step int        // from 1; 0 for the first step of an eager task
	at   int64      // on the clock, when it begins
}

// text describes m, a moment of r.
func (m moment) text(r *run) string {
	if m.task == nil {
		return "a callback"
	}
	name := r.nameOf(m.task)
	if m.step == 0 {
		return "the first step of " + name
	}
	return fmt.Sprintf("step %d of %s", m.step, name)
}

// stepped is called before each step, once a property is set. t takes the step; it is nil for a callback.
func (r *run) stepped(t *loop.Task) {
	cs := &r.checks
	r.checkAlways()
	if cs.tail && !cs.met && r.met(nil) {
		cs.met = true
		r.loop.Stop()
	}
	cs.after = moment{task: t, at: r.clock.Now()}
	if t != nil {
		cs.after.step = int(r.policy.tasks.of(t).steps) + 1
	}
	if cs.lines != nil {
		cs.line = len(cs.lines.steps)
	}
}

// checkAlways checks the properties of Always. It ends the run if one of them does not hold.
func (r *run) checkAlways() {
	cs := &r.checks
	if cs.main.Done() && cs.main.Err() != nil {
		return // the body has panicked, and that is the failure
	}
	for i := range cs.all {
		if c := &cs.all[i]; c.kind == always {
			if err := r.ask(c); err != nil {
				r.violate(c, err)
			}
		}
	}
}

// met reports whether all properties of Eventually hold. If unmet is not nil, met calls it for each that
// does not.
func (r *run) met(unmet func(c *check, err error)) bool {
	met := true
	for i := range r.checks.all {
		if c := &r.checks.all[i]; c.kind == eventually {
			if err := r.ask(c); err != nil {
				met = false
				if unmet != nil {
					unmet(c, err)
				}
			}
		}
	}
	return met
}

// ask calls holds, and returns its error. It ends the run if holds panics or calls FailNow. The loop
// would drop the recorder for a panic, and go on.
func (r *run) ask(c *check) (err error) {
	c.hit = true
	returned := false
	defer func() {
		if returned {
			return
		}
		var p *loop.PanicError
		switch err := lowlevel.Recovered(recover(), nil); {
		case errors.As(err, &p):
			r.violate(c, fmt.Errorf("it panicked: %v\n%s", p.Value, strings.Join(stackOf(p), "\n")))
		case r.t.Failed() && !r.t.Skipped():
			r.violate(c, errors.New("it called FailNow"))
		}
	}()
	r.checks.asked = c
	defer func() { r.checks.asked = nil }()
	err = c.holds()
	returned = true
	return err
}

// violate ends the run, since c does not hold. It does not return.
func (r *run) violate(c *check, err error) {
	cs, when := &r.checks, "in the end"
	if c.kind == always {
		when = "after " + cs.after.text(r)
		if now := r.clock.Now(); now != cs.after.at {
			when += fmt.Sprintf(" at %v, checked at %v", time.Duration(cs.after.at), time.Duration(now))
		}
		first, _, _ := strings.Cut(err.Error(), "\n")
		cs.blame(fmt.Sprintf("%v: %s", c, first))
	}
	r.findViolated(c, "%v does not hold %s: %v", c, when, err)
	r.t.Fail()
	r.abandon() // what the bodies do from here on, when they are unwound, is not reported
	r.t.FailNow()
}

// findViolated notes that a property does not hold.
func (r *run) findViolated(c *check, format string, args ...any) {
	if r.kind == none {
		r.kind, r.name = violated, c.name
	}
	r.find(violated, "", format, args...)
}

// blame adds text to the line of the step that has ended. A callback gets a line.
func (cs *checks) blame(text string) {
	tr := cs.lines
	if tr == nil {
		return
	}
	who, path := "", "a callback"
	if cs.after.task != nil {
		who, path = tr.run.nameOf(cs.after.task), "its end" // it was canceled before its first step, or has a line
	}
	faults := 0 // the callback has made so many faults, and each has a line
	for who == "" && cs.line+faults < len(tr.steps) && tr.steps[cs.line+faults].fault {
		faults++
	}
	if faults > 0 {
		cs.line += faults - 1
	} else if who == "" || cs.line == len(tr.steps) || tr.steps[cs.line].who != who {
		tr.steps = slices.Insert(tr.steps, cs.line, &step{at: time.Duration(cs.after.at).String(), who: who, path: path})
	}
	s := tr.steps[cs.line]
	s.said = append(s.said, said{text, true})
}

// finish checks the properties when the loop has stopped, and runs the tail. It reports whether the run
// goes on to be looked at.
func (r *run) finish() bool {
	cs := &r.checks
	if r.policy.stepped == nil {
		return true
	}
	r.checkAlways()
	if !cs.main.Done() || cs.main.Err() != nil || r.kind != none || r.t.Failed() || r.met(nil) {
		return true
	}
	steps, why := &r.policy.steps, "nothing can happen any more"
	before := steps.count
	if steps.limit == 0 {
		steps.limit = before + defaultMaxSteps
	}
	if !steps.over() {
		r.runTail()
	}
	unmet := func(c *check, err error) {
		if steps.over() {
			why = "the limit is reached (see MaxSteps)"
		}
		left := r.unfinished(nil)
		if left != "" {
			left = ". These tasks have not ended:\n" + left
		}
		r.findViolated(c, "%v does not hold in the end: %v\n\tafter the body the run went on first in, first out, for %s, until %s%s",
			c, err, plural(steps.count-before, "step", "steps"), why, left)
	}
	return cs.met || r.met(unmet)
}

// runTail lets the run go on after the body.
func (r *run) runTail() {
	cs := &r.checks
	cs.tail, r.policy.fair = true, true
	if tr := cs.lines; tr != nil {
		tr.steps = append(tr.steps, &step{at: time.Duration(r.clock.Now()).String(), path: "the body has ended; first in, first out from here"})
	}
	_ = r.loop.Run() // the error says that tasks are left for which nothing can happen
	r.checkAlways()
}
