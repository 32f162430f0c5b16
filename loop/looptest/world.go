package looptest

import (
	"context"
	"slices"
	"strings"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/world"
	"github.com/takt-go/takt/loop/looptest/internal/scene"
)

func init() {
	scene.Of = func(t any) scene.Run {
		r := t.(*T).run
		if r == nil {
			panic("looptest: a T that belongs to no run; use the T that the body is given")
		}
		return r
	}
}

// AtEnd makes the main task call f when the body has returned.
func (r *run) AtEnd(f func(ctx context.Context)) { r.ends = append(r.ends, f) }

// Tolerate makes the run ask f about failures.
func (r *run) Tolerate(f func(loop.Failure) bool) { r.tolerates = append(r.tolerates, f) }

// Record returns the function that records what happens in a simulated world. What the tasks do when an ended run is
// unwound is not recorded.
func (r *run) Record() func(world.Event) {
	r.inWorld = true
	if r.scene == nil {
		return nil
	}
	return func(e world.Event) {
		if e.Realm != nil {
			if r.nodes == nil {
				r.nodes = map[context.Context]string{}
			}
			r.nodes[e.Realm] = e.Node
		}
		if !r.closing {
			r.scene(e)
		}
	}
}

// Fail fails the run with a text that comes from no place in the code of the test.
func (r *run) Fail(text string) {
	if !r.hold {
		r.report = append(r.report, text)
		r.test.Fail()
		return
	}
	r.said.mu.Lock()
	r.said.say(text, true)
	r.said.mu.Unlock()
	r.said.Fail()
}

// Prompt makes no time pass while a task is ready, until over is called.
func (r *run) Prompt() (over func()) {
	r.policy.prompt++
	return func() { r.policy.prompt-- }
}

// Property returns the property whose function runs now, or "".
func (r *run) Property() string {
	if c := r.checks.asked; c != nil {
		return c.String()
	}
	return ""
}

// A worldChoice is a choice of the schedule that may be a part of a fault of a simulated world.
type worldChoice struct {
	site, what string
	step       *step // nil if no task has made it
	moment     int   // the number of the step or callback
}

// see records what happens in a simulated world. A fault has a place among the steps too: it belongs to the step of
// the task that makes it, or is a line of its own.
func (tr *transcript) see(e world.Event) {
	tr.world.add(e)
	if e.Kind != world.Fault {
		return
	}
	chosen := tr.claim(e)
	what, _, _ := strings.Cut(e.Text, ":")
	s := tr.open[tr.run.loop.Current()]
	if s == nil {
		s = tr.add(loop.Event{At: e.At}, &step{path: what})
	} else {
		s.did = append(s.did, what)
	}
	s.fault, s.chosen = true, s.chosen || chosen
}

// chose keeps a choice until the running step or callback is over.
func (tr *transcript) chose(c worldChoice) {
	if len(tr.choices) > 0 && tr.choices[0].moment != c.moment {
		tr.choices = tr.choices[:0]
	}
	tr.choices = append(tr.choices, c)
}

// claim finds the choices of the schedule that have made a fault, and reports whether there are any. The line of the
// fault stands for them: they are not listed as deviations. They are choices of the same step or callback. A callback
// that makes a fault is one of the world, so all its choices belong to the fault. A task may have made other choices
// in its step.
func (tr *transcript) claim(e world.Event) (found bool) {
	for _, c := range tr.choices {
		about := c.step == nil || strings.HasPrefix(e.Text, c.site) || e.Node != "" && slices.Contains(strings.Fields(c.site), e.Node)
		if c.moment != tr.run.policy.steps.count || !about {
			continue
		}
		found = true
		if s := c.step; s != nil {
			s.deviated, s.did = without(s.deviated, c.what), without(s.did, "chose "+c.what)
		} else {
			tr.pending = without(tr.pending, c.what)
		}
	}
	tr.choices = tr.choices[:0]
	tr.folded = tr.folded || found
	return found
}

// without returns a list without the last text that equals one.
func without(list []string, text string) []string {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == text {
			return slices.Delete(list, i, i+1)
		}
	}
	return list
}
