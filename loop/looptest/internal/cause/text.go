package cause

import (
	"fmt"
	"strings"
)

const (
	maxLines = 12 // of a text
	few      = 5  // with fewer failing runs than this, a rule may hold by chance
)

// Text describes an explanation in a few lines: at most 12, each with a newline at its end. Steps
// count from 1. name returns the name of a task. site returns the place where a step begins, or an
// empty string.
func (e Explanation) Text(name func(task int32) string, site func(Step) string) string {
	of := "of"
	if e.All {
		of = "of all"
	}
	head := fmt.Sprintf("It fails in %d %s %d schedules", e.Failed, of, e.Runs)
	switch {
	case e.Failed == 0:
		return head + ".\n"
	case e.Failed == e.Runs && e.Runs == 1 && e.All:
		return "The program has no other schedule.\n"
	case e.Failed == e.Runs:
		return head + ": in every one.\n"
	case len(e.Rules) == 0:
		return head + ". The order of the steps does not tell in which.\n"
	}
	w := writer{name, site}
	first := e.Rules[0]
	var tail []string
	if e.Failed < few && !e.All {
		tail = append(tail, "With so few failures this may be so by chance.")
	}
	if len(e.Rules) == 1 && first.Covers == e.Failed && first.Wrong == 0 {
		return joined(append(append([]string{head + ", which are exactly those in which"}, w.rule(first)...), tail...))
	}
	if first.Covers < 9*first.Wrong {
		head += ". No rule tells them well from those that pass"
	}
	lines := []string{head + "."}
	missed := e.Missed
	for i, r := range e.Rules {
		rule := append([]string{fmt.Sprintf("In %s of them, and in %s of the %d that pass,", share(r.Covers, e.Failed), share(r.Wrong, e.Runs-e.Failed), e.Runs-e.Failed)}, w.rule(r)...)
		if len(lines)+len(rule)+len(tail)+1 > maxLines {
			tail = append(tail, fmt.Sprintf("Rules for fewer schedules are not shown: %d.", len(e.Rules)-i))
			missed = 0
			break
		}
		lines = append(lines, rule...)
	}
	if missed > 0 {
		tail = append(tail, fmt.Sprintf("In the other %d none of this is so.", missed))
	}
	return joined(append(lines, tail...))
}

func joined(lines []string) string { return strings.Join(lines, "\n") + "\n" }

// share returns n as text.
func share(n, of int) string {
	switch n {
	case 0:
		return "none"
	case of:
		return "all"
	}
	return fmt.Sprint(n)
}

type writer struct {
	name func(task int32) string
	site func(Step) string
}

// rule returns a line for each constraint.
func (w writer) rule(r Rule) (lines []string) {
	for i, c := range r.Constraints {
		end := ", and"
		if i == len(r.Constraints)-1 {
			end = "."
		}
		lines = append(lines, "\t"+w.constraint(c)+end)
	}
	return lines
}

func (w writer) constraint(c Constraint) string {
	switch c.Form {
	case Chosen:
		return fmt.Sprintf("use %d of %s takes the value %d", c.Choice.Use+1, c.Choice.Site, c.Choice.Value)
	case Ordered:
		return fmt.Sprintf("%s comes before %s", w.step(c.Before), w.step(c.After))
	case Parted:
		return fmt.Sprintf("%s takes a step between %s and %s", w.name(c.Task), w.step(c.Before), w.step(c.After))
	case Joined:
		return fmt.Sprintf("%s takes no step between %s and %s", w.name(c.Task), w.step(c.Before), w.step(c.After))
	case Ahead:
		return fmt.Sprintf("%s comes before %s, which may never come", w.step(c.Before), w.step(c.After))
	case Taken:
		return w.step(c.After) + " comes"
	}
	return w.step(c.After) + " never comes"
}

// step returns a step as text: ann step 2 (deposit_test.go:14).
func (w writer) step(s Step) string {
	text := fmt.Sprintf("%s step %d", w.name(s.Task), s.N+1)
	if site := w.site(s); site != "" {
		text += " (" + site + ")"
	}
	return text
}
