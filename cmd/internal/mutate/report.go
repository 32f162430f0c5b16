package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// A score counts the mutants of a package.
type score struct {
	all, equivalent, noticed, hung, survived, unreached int
}

func (s *score) add(o outcome) {
	s.all++
	switch o {
	case equivalent:
		s.equivalent++
	case noticed:
		s.noticed++
	case hung:
		s.noticed++
		s.hung++
	case survived:
		s.survived++
	case unreached:
		s.survived++
		s.unreached++
	}
}

// percent returns the share of noticed mutants, in percent of the mutants that count.
func (s *score) percent() string {
	n := s.noticed + s.survived
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(s.noticed)/float64(n))
}

// report prints the survivors, and a table with a line for each package.
func report(out io.Writer, packages []string, results []result) error {
	scores := map[string]*score{}
	total := new(score)
	left := 0
	for _, r := range results {
		if r.outcome == notRun {
			left++
			continue
		}
		o := r.outcome
		switch {
		case r.equivalent && (o == noticed || o == hung):
			fmt.Fprintf(out, "%v (listed as equivalent, but a test notices it)\n", r.mutant)
		case r.equivalent:
			o = equivalent
		case o == unreached:
			fmt.Fprintf(out, "%v (no test reaches it)\n", r.mutant)
		case o == survived:
			fmt.Fprintln(out, r.mutant)
		}
		if scores[r.pkg] == nil {
			scores[r.pkg] = new(score)
		}
		scores[r.pkg].add(o)
		total.add(o)
	}
	if total.survived > 0 {
		fmt.Fprintln(out)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "mutants\tequivalent\tnoticed\tby hanging\tsurvived\tunreached\tscore\t  package")
	line := func(name string, s *score) {
		fmt.Fprintf(table, "%d\t%d\t%d\t%d\t%d\t%d\t%s\t  %s\n", s.all, s.equivalent, s.noticed, s.hung, s.survived, s.unreached, s.percent(), name)
	}
	for _, pkg := range packages {
		if s := scores[pkg]; s != nil {
			line(pkg, s)
		}
	}
	line("all", total)
	if left > 0 {
		fmt.Fprintf(table, "interrupted: %d mutants were not run\n", left)
	}
	return table.Flush()
}
