// Command mutate measures how many faults the tests notice. It puts a small fault into a
// package and runs the tests. It does so for many faults. A package with a fault is a mutant. A
// mutant that no test notices is a survivor: it shows a gap in the tests. `make mutate` calls
// the command:
//
//	go run ./cmd/internal/mutate [flags] [package ...]
//
// A package is given as a folder below the folder of the module. Without arguments, mutate takes
// the packages that decide the order of events.
//
// All mutants are compiled into one test binary for each package, in a copy of the module. The
// environment variable TAKT_MUTANT chooses one mutant. First, mutate records which mutants the
// tests of each package reach, and then runs the tests only for these mutants. The tests of the
// mutant's own package come before the tests of other packages, and quick tests before slow
// ones. Tests that have recently noticed a mutant come first.
//
// A mutant also counts as noticed if the tests hang: if they sleep for ever, if they use far more
// processor time than without the mutant, or if they take too long twice.
//
// Survivors are printed when they are found, and again at the end. An interrupt ends the run
// early, with a report of the mutants that were run.
//
// equivalent.txt lists mutants that change nothing that can be observed, each with the reason.
// These mutants are not run, and do not count.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"time"
)

var (
	// packages are mutated if the arguments name none.
	packages = []string{
		"loop", "loop/internal/coro", "loop/internal/goroutine", "loop/internal/ready", "loop/internal/source", "loop/lowlevel",
		"future", "task", "task/lock", "task/queue", "task/internal/waiter", "timer", "factory",
	}
	// The tests of these packages are run, in this order.
	tests = append([]string{"cmd/internal/arguments"}, packages...)
)

//go:embed equivalent.txt
var equivalentText string

// config has the values of the arguments.
type config struct {
	packages   []string
	tests      []string // the tests of these packages are run
	only       *regexp.Regexp
	sample     int // 0: all mutants
	seed       uint64
	parallel   int
	timeout    time.Duration // the lower bound of the time limit of a test run
	equivalent bool
	list       bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	c, err := parse(os.Args[1:], os.Stderr)
	if err == nil {
		err = c.run(ctx, ".", equivalentText, os.Stdout, os.Stderr)
	}
	stop()
	switch {
	case err == flag.ErrHelp:
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (*config, error) {
	c := &config{only: regexp.MustCompile("")}
	f := flag.NewFlagSet("mutate", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Func("only", "run only the mutants with a line in the report that `regexp` matches", func(s string) (err error) {
		c.only, err = regexp.Compile(s)
		return err
	})
	f.Func("tests", "run the tests of this `package` only; may be given more than once", func(s string) error {
		c.tests = append(c.tests, s)
		return nil
	})
	f.IntVar(&c.sample, "sample", 0, "run `n` of the mutants, chosen by -seed; 0 means all")
	f.Uint64Var(&c.seed, "seed", 1, "the seed of the random choice of -sample")
	f.IntVar(&c.parallel, "p", runtime.NumCPU(), "run the tests of this many mutants at the same time")
	f.DurationVar(&c.timeout, "timeout", 2*time.Second, "the lower bound of the time limit of tests, which is five times their time without a mutant; tests that take longer are run again, alone, with twice the limit")
	f.BoolVar(&c.equivalent, "equivalent", false, "also run the mutants that are listed as equivalent")
	f.BoolVar(&c.list, "list", false, "list the mutants and run none of them")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if c.parallel < 1 || c.sample < 0 {
		return nil, fmt.Errorf("-p %d -sample %d; want a -p of 1 or more, and a -sample of 0 or more", c.parallel, c.sample)
	}
	c.packages = f.Args()
	if len(c.packages) == 0 {
		c.packages = packages
	}
	if len(c.tests) == 0 {
		c.tests = tests
	}
	return c, nil
}

// run mutates the module in the folder root.
func (c *config) run(ctx context.Context, root, equivalent string, out, progress io.Writer) error {
	same, err := parseEquivalent(equivalent)
	if err != nil {
		return err
	}
	b, err := build(ctx, root, c.packages, c.tests, !c.list)
	if err != nil {
		return err
	}
	defer b.remove()
	if err := same.mark(b.mutants, c.packages); err != nil {
		return err
	}
	chosen := c.choose(b.mutants)
	if c.list {
		for _, m := range chosen {
			fmt.Fprintln(out, m)
		}
		return nil
	}
	if err := b.measure(ctx, c.timeout); err != nil {
		return err
	}
	results := b.try(ctx, chosen, c, progress)
	return report(out, c.packages, results)
}

// choose returns the mutants that -only and -sample ask for.
func (c *config) choose(all []mutant) []mutant {
	var some []mutant
	for _, m := range all {
		if c.only.MatchString(m.String()) {
			some = append(some, m)
		}
	}
	if c.sample > 0 && c.sample < len(some) {
		r := rand.New(rand.NewPCG(c.seed, 0))
		r.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		some = some[:c.sample]
		slices.SortFunc(some, func(a, b mutant) int { return a.id - b.id })
	}
	return some
}
