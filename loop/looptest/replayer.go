package looptest

import (
	"fmt"
	"slices"
)

// A replayer is a walk that follows a schedule. Where the schedule says nothing, it is first in, first
// out, and benign. A deviation that the program does not offer any more is left out: see lost.
type replayer struct {
	deviations []deviation
	picks      map[upcoming][]int // indices of picks, by the task that was first
	choices    map[use]int        // indices of choices
	done       []bool
}

// A use is one use of a site by the program.
type use struct {
	site string
	nth  int
}

func newReplayer(deviations []deviation) *replayer {
	r := &replayer{deviations: deviations, picks: map[upcoming][]int{}, done: make([]bool, len(deviations))}
	for i, d := range deviations {
		if d.site == "" {
			r.picks[d.first] = append(r.picks[d.first], i)
			continue
		}
		if r.choices == nil {
			r.choices = map[use]int{}
		}
		r.choices[use{d.site, d.use}] = i
	}
	return r
}

func (r *replayer) Pick(p *ChoicePoint) int {
	if p.site != "" {
		i, ok := r.choices[use{p.site, p.use}]
		if !ok || r.deviations[i].value >= p.n {
			return 0
		}
		r.done[i] = true
		return r.deviations[i].value
	}
	if len(r.picks) == 0 {
		return 0
	}
	first := upcoming{p.Identity(0), int32(p.Steps(0))}
	waiting := r.picks[first]
	for at, i := range waiting {
		pick := r.find(p, r.deviations[i].picked)
		if pick < 0 {
			continue
		}
		r.done[i] = true
		r.picks[first] = slices.Delete(waiting, at, at+1)
		return pick
	}
	return 0
}

// find returns the option that takes the step u, or -1.
func (r *replayer) find(p *ChoicePoint, u upcoming) int {
	for i := range p.n {
		if p.Identity(i) == u.task && int32(p.Steps(i)) == u.steps {
			return i
		}
	}
	return -1
}

// lost describes the deviations of s that the program did not offer in r, a replay of s.
func (r *run) lost(s schedule) string {
	return r.policy.by.(*replayer).lost(r.policy.tasks.names(s.lineage))
}

// lost describes the deviations that the program did not offer, at most three of them. It returns an
// empty string if there are none.
func (r *replayer) lost(name func(identity uint64) string) string {
	var lost []string
	n := 0
	for i, d := range r.deviations {
		if r.done[i] {
			continue
		}
		if n++; n <= 3 {
			lost = append(lost, "\t"+d.text(name))
		}
	}
	if n == 0 {
		return ""
	}
	text := fmt.Sprintf("%s of the schedule no longer %s:\n", plural(n, "deviation", "deviations"), map[bool]string{true: "occurs", false: "occur"}[n == 1])
	for _, line := range lost {
		text += line + "\n"
	}
	if n > len(lost) {
		text += fmt.Sprintf("\tand %d more\n", n-len(lost))
	}
	return text
}

// text describes a deviation. name returns the name of a task.
func (d deviation) text(name func(identity uint64) string) string {
	switch {
	case d.site != "":
		return fmt.Sprintf("%s, use %d: %d", d.site, d.use+1, d.value)
	case d.picked == upcoming{}:
		return fmt.Sprintf("time passed before step %d of %s", d.first.steps+1, name(d.first.task))
	}
	return fmt.Sprintf("step %d of %s came before step %d of %s", d.picked.steps+1, name(d.picked.task), d.first.steps+1, name(d.first.task))
}
