package cause_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/loop/looptest/internal/cause"
)

func name(task int32) string { return []string{"main", "ann", "bob", "cid", "dan"}[task] }

func site(s cause.Step) string {
	switch {
	case s.N == 0:
		return "its start"
	case s.Task == 0:
		return ""
	}
	return fmt.Sprintf("deposit_test.go:%d", 10*s.Task+s.N)
}

func TestText(t *testing.T) {
	rule := func(covers, wrong int, all ...cause.Constraint) cause.Rule {
		return cause.Rule{Constraints: all, Covers: covers, Wrong: wrong}
	}
	lost := []cause.Constraint{ordered(step(0, 1), step(1, 1)), ordered(step(1, 0), step(2, 1))}
	for _, c := range []struct {
		name string
		e    cause.Explanation
		want string
	}{
		{"exact", cause.Explanation{Runs: 2000, Failed: 412, Rules: []cause.Rule{rule(412, 0, lost...)}}, `
It fails in 412 of 2000 schedules, which are exactly those in which
	main step 2 comes before ann step 2 (deposit_test.go:11), and
	ann step 1 (its start) comes before bob step 2 (deposit_test.go:21).
`},
		{"each form", cause.Explanation{Runs: 2000, Failed: 412, Rules: []cause.Rule{
			rule(412, 7, parted(step(1, 0), 2), joined(step(1, 1), 2), ahead(step(1, 1), step(2, 1)), chosen(cause.Choice{Site: "drop", Use: 2, Value: 1})),
			rule(2, 0, taken(step(1, 1)), never(step(2, 1))),
		}}, `
It fails in 412 of 2000 schedules.
In all of them, and in 7 of the 1588 that pass,
	bob takes a step between ann step 1 (its start) and ann step 2 (deposit_test.go:11), and
	bob takes no step between ann step 2 (deposit_test.go:11) and ann step 3 (deposit_test.go:12), and
	ann step 2 (deposit_test.go:11) comes before bob step 2 (deposit_test.go:21), which may never come, and
	use 3 of drop takes the value 1.
In 2 of them, and in none of the 1588 that pass,
	ann step 2 (deposit_test.go:11) comes, and
	bob step 2 (deposit_test.go:21) never comes.
`},
		{"some missed", cause.Explanation{Runs: 2000, Failed: 412, Missed: 12, Rules: []cause.Rule{rule(400, 0, lost[0])}}, `
It fails in 412 of 2000 schedules.
In 400 of them, and in none of the 1588 that pass,
	main step 2 comes before ann step 2 (deposit_test.go:11).
In the other 12 none of this is so.
`},
		{"a poor rule", cause.Explanation{Runs: 2000, Failed: 412, Missed: 12, Rules: []cause.Rule{rule(400, 300, lost[0])}}, `
It fails in 412 of 2000 schedules. No rule tells them well from those that pass.
In 400 of them, and in 300 of the 1588 that pass,
	main step 2 comes before ann step 2 (deposit_test.go:11).
In the other 12 none of this is so.
`},
		{"few", cause.Explanation{Runs: 2000, Failed: 1, Rules: []cause.Rule{rule(1, 0, lost[0])}}, `
It fails in 1 of 2000 schedules, which are exactly those in which
	main step 2 comes before ann step 2 (deposit_test.go:11).
With so few failures this may be so by chance.
`},
		{"many rules", cause.Explanation{Runs: 2000, Failed: 412, Missed: 12, Rules: []cause.Rule{
			rule(200, 0, append(lost, lost...)...), rule(100, 0, append(lost, lost...)...), rule(50, 0, lost...), rule(50, 0, lost...),
		}}, `
It fails in 412 of 2000 schedules.
In 200 of them, and in none of the 1588 that pass,
	main step 2 comes before ann step 2 (deposit_test.go:11), and
	ann step 1 (its start) comes before bob step 2 (deposit_test.go:21), and
	main step 2 comes before ann step 2 (deposit_test.go:11), and
	ann step 1 (its start) comes before bob step 2 (deposit_test.go:21).
In 100 of them, and in none of the 1588 that pass,
	main step 2 comes before ann step 2 (deposit_test.go:11), and
	ann step 1 (its start) comes before bob step 2 (deposit_test.go:21), and
	main step 2 comes before ann step 2 (deposit_test.go:11), and
	ann step 1 (its start) comes before bob step 2 (deposit_test.go:21).
Rules for fewer schedules are not shown: 2.
`},
		{"all", cause.Explanation{Runs: 2000, Failed: 2000, Rules: []cause.Rule{rule(2000, 0)}}, "\nIt fails in 2000 of 2000 schedules: in every one.\n"},
		{"none", cause.Explanation{Runs: 2000}, "\nIt fails in 0 of 2000 schedules.\n"},
		{"no rule", cause.Explanation{Runs: 2000, Failed: 3, Missed: 3}, "\nIt fails in 3 of 2000 schedules. The order of the steps does not tell in which.\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := "\n" + c.e.Text(name, site); got != c.want {
				t.Errorf("the text is%s\nwant%s", got, c.want)
			}
		})
	}
}

func TestTextIsShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := cause.Learn(drawRuns(t)).Text(name, site)
		if n := strings.Count(text, "\n"); n > 12 || !strings.HasSuffix(text, "\n") {
			t.Errorf("%d lines:\n%s", n, text)
		}
	})
}
