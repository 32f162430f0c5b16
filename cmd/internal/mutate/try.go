package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A suite has the tests of a package.
type suite struct {
	pkg         string
	dir, binary string
	parts       []part // the quick tests, and then the slow tests if there are any

	changing sync.Mutex
	recent   []string // quick tests that have noticed a mutant, the latest first
}

// A part of a suite is run as one process.
type part struct {
	args    []string
	reaches map[int]bool  // the numbers of the mutants that the tests reach
	limit   time.Duration // the limit of the run time
	cpu     time.Duration // the limit of the processor time; 0: none
}

const (
	slow       = 200 * time.Millisecond // a test that takes longer is slow
	patience   = 5                      // the limits are this many times the times without a mutant
	remembered = 6                      // how many tests that have noticed a mutant are remembered
	maxMemory  = 8 << 20                // kB of address space: a mutant may allocate without end
)

// measure runs all tests without a mutant, and finds out which tests are slow, which mutants the
// tests reach, and how long they take.
func (b *built) measure(ctx context.Context, least time.Duration) error {
	b.least = least
	for i, s := range b.suites {
		var verbose bytes.Buffer
		if _, err := s.exec(ctx, part{args: []string{"-test.v"}}, nil, &verbose); err != nil {
			return fmt.Errorf("the tests of %s fail without a mutant: %w\n%s", s.pkg, err, verbose.Bytes())
		}
		slow := slowTests(verbose.String())
		args := [][]string{{"-test.skip", slow}, {"-test.run", slow}}
		if slow == "" {
			args = [][]string{nil}
		}
		for n, args := range args {
			p := part{args: append(args, "-test.failfast")}
			reached := filepath.Join(b.dir, fmt.Sprintf("reached-%d-%d", i, n))
			var out bytes.Buffer
			began := time.Now()
			used, err := s.exec(ctx, p, []string{reachedVariable + "=" + reached}, &out)
			if err != nil {
				return fmt.Errorf("the tests of %s fail without a mutant: %w\n%s", s.pkg, err, out.Bytes())
			}
			p.limit = max(least, patience*time.Since(began))
			p.cpu = max(least, patience*used)
			if p.reaches, err = readReached(reached); err != nil {
				return err
			}
			s.parts = append(s.parts, p)
		}
	}
	return nil
}

var passed = regexp.MustCompile(`(?m)^--- PASS: (\S+) \((\d+\.\d+)s\)$`)

// slowTests returns a pattern for the slow tests in the output of a verbose run, or "" if there
// are none.
func slowTests(verbose string) string {
	var names []string
	for _, m := range passed.FindAllStringSubmatch(verbose, -1) {
		if seconds, _ := strconv.ParseFloat(m[2], 64); seconds > slow.Seconds() {
			names = append(names, m[1])
		}
	}
	if names == nil {
		return ""
	}
	return "^(" + strings.Join(names, "|") + ")$"
}

// readReached reads the numbers in a file. The file does not exist if no mutant was reached.
func readReached(path string) (map[int]bool, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	reached := map[int]bool{}
	for _, line := range strings.Fields(string(text)) {
		id, err := strconv.Atoi(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		reached[id] = true
	}
	return reached, nil
}

var errStalled = errors.New("the tests do nothing any more")

// exec runs a part of the tests, and returns the processor time that they used. It returns an
// error if the tests fail.
func (s *suite) exec(ctx context.Context, p part, env []string, out io.Writer) (used time.Duration, err error) {
	limits := fmt.Sprintf("ulimit -v %d; ", maxMemory)
	if p.cpu > 0 {
		limits += fmt.Sprintf("ulimit -t %d; ", int(math.Ceil(p.cpu.Seconds())))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", limits + `exec "$0" "$@"`, s.binary}, p.args...)...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		if untilStalled(ctx, cmd.Process.Pid) {
			cancel(errStalled)
		}
	}()
	err = cmd.Wait()
	if err != nil && context.Cause(ctx) == errStalled {
		err = errStalled
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}

// An outcome says how the tests with a mutant ended.
type outcome int

const (
	notRun     outcome = iota // the program was interrupted
	equivalent                // listed as equivalent, and not run
	noticed                   // a test failed
	hung                      // the tests did not end, which counts as noticed
	unreached                 // no test reaches the mutant
	survived
	late // the tests took too long, and will be run again
)

// A result is a mutant and its outcome.
type result struct {
	mutant
	outcome
}

// try runs the tests for each mutant, for several mutants at the same time.
func (b *built) try(ctx context.Context, mutants []mutant, c *config, progress io.Writer) []result {
	results := make([]result, len(mutants))
	var next atomic.Int64
	var telling sync.Mutex // guards progress and ended
	ended := 0
	began := time.Now()
	var workers sync.WaitGroup
	for range c.parallel {
		workers.Go(func() {
			for {
				at := int(next.Add(1)) - 1
				if at >= len(mutants) {
					return
				}
				m := mutants[at]
				o := equivalent
				if !m.equivalent || c.equivalent {
					o = b.tryOne(ctx, m)
				}
				results[at] = result{m, o}
				telling.Lock()
				if o == survived || o == unreached {
					fmt.Fprintln(progress, m)
				}
				if ended++; ended%50 == 0 {
					fmt.Fprintf(progress, "%d of %d mutants in %v\n", ended, len(mutants), time.Since(began).Round(time.Second))
				}
				telling.Unlock()
			}
		})
	}
	workers.Wait()
	return results
}

// tryOne runs the tests that reach a mutant, until one fails. In each package, tests that have
// recently noticed other mutants come first, because they often notice this one, too.
func (b *built) tryOne(ctx context.Context, m mutant) outcome {
	reached := false
	for _, at := range []int{0, 1} { // quick tests and slow tests
		for _, s := range b.order(m.pkg) {
			if at >= len(s.parts) || !s.parts[at].reaches[m.id] {
				continue
			}
			reached = true
			if recent := s.recentTests(); at == 0 && recent != "" {
				p := part{args: []string{"-test.run", recent, "-test.failfast"}, limit: s.parts[at].limit, cpu: b.least}
				if o := b.notices(ctx, s, p, m); o != survived {
					return o
				}
			}
			if o := b.notices(ctx, s, s.parts[at], m); o != survived {
				return o
			}
		}
	}
	if !reached {
		return unreached
	}
	return survived
}

// order returns the suites, with the suite of pkg first.
func (b *built) order(pkg string) []*suite {
	suites := slices.Clone(b.suites)
	slices.SortStableFunc(suites, func(x, y *suite) int {
		switch pkg {
		case x.pkg:
			return -1
		case y.pkg:
			return 1
		}
		return 0
	})
	return suites
}

// notices runs a part of the tests with a mutant. If the tests take too long, the machine may
// have been busy. So they are run once more, with twice the limit, while no other tests run. If
// they take too long again, they have hung.
func (b *built) notices(ctx context.Context, s *suite, p part, m mutant) outcome {
	b.alone.RLock()
	o := s.notices(ctx, p, m)
	b.alone.RUnlock()
	if o != late {
		return o
	}
	b.alone.Lock()
	defer b.alone.Unlock()
	p.limit *= 2
	if o = s.notices(ctx, p, m); o == late {
		return hung
	}
	return o
}

// A beginning keeps only the first megabyte that is written to it, because a mutant may write
// without end.
type beginning []byte

func (b *beginning) Write(p []byte) (int, error) {
	*b = append(*b, p[:min(len(p), 1<<20-len(*b))]...)
	return len(p), nil
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\S+) `)

func (s *suite) notices(ctx context.Context, p part, m mutant) outcome {
	limited, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	var out beginning
	_, err := s.exec(limited, p, []string{chosenVariable + "=" + strconv.Itoa(m.id)}, &out)
	switch {
	case err == nil:
		return survived
	case ctx.Err() != nil:
		return notRun
	case limited.Err() != nil:
		return late
	case err == errStalled || err.Error() == "signal: killed": // killed for too much processor time
		return hung
	}
	if test := failed.FindSubmatch(out); test != nil {
		s.remember(ctx, string(test[1]))
	}
	return noticed
}

// remember makes a test the first of the recent tests, if it is quick and passes when it runs
// alone.
func (s *suite) remember(ctx context.Context, test string) {
	s.changing.Lock()
	defer s.changing.Unlock()
	at := slices.Index(s.recent, test)
	if at < 0 {
		limited, cancel := context.WithTimeout(ctx, slow)
		defer cancel()
		if _, err := s.exec(limited, part{args: []string{"-test.run", "^" + test + "$"}}, nil, io.Discard); err != nil {
			return
		}
		s.recent = append(s.recent, test)
		at = len(s.recent) - 1
	}
	s.recent = slices.Insert(slices.Delete(s.recent, at, at+1), 0, test)
	s.recent = s.recent[:min(len(s.recent), remembered)]
}

// recentTests returns a pattern for the recent tests, or "" if there are none.
func (s *suite) recentTests() string {
	s.changing.Lock()
	defer s.changing.Unlock()
	if len(s.recent) == 0 {
		return ""
	}
	return "^(" + strings.Join(s.recent, "|") + ")$"
}
