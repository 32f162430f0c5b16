package cause

import (
	"fmt"
	"strings"
)

// Text describes an explanation.
func (e Explanation) Text(name func(task int32) string, site func(Step) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "It fails in %d of %d schedules\n", e.Failed, e.Runs)
	step := func(s Step) string { return fmt.Sprintf("%s step %d (%s)", name(s.Task), s.N+1, site(s)) }
	for _, r := range e.Rules {
		fmt.Fprintf(&b, " covers %d wrong %d\n", r.Covers, r.Wrong)
		for _, c := range r.Constraints {
			switch c.Form {
			case Ordered:
				fmt.Fprintf(&b, "\t%s before %s\n", step(c.Before), step(c.After))
			case Taken:
				fmt.Fprintf(&b, "\t%s taken\n", step(c.After))
			case Never:
				fmt.Fprintf(&b, "\t%s never\n", step(c.After))
			case Parted:
				fmt.Fprintf(&b, "\t%s between %s and %s\n", name(c.Task), step(c.Before), step(c.After))
			case Joined:
				fmt.Fprintf(&b, "\t%s not between %s and %s\n", name(c.Task), step(c.Before), step(c.After))
			case Ahead:
				fmt.Fprintf(&b, "\t%s ahead of %s\n", step(c.Before), step(c.After))
			case Chosen:
				fmt.Fprintf(&b, "\t%v\n", c.Choice)
			}
		}
	}
	return b.String()
}
