package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/takt-go/takt/timer"
)

const usage = `usage: loopdemo [flags] [NAME=N ...]

Computes factorials at the same time on one event loop. Each NAME is a task,
which computes the factorial of N and sleeps before each multiplication. The
last line of the output lists the results in the order of the arguments. If
there are no arguments, it runs the example of the asyncio documentation:
A=2 B=3 C=4.

A NAME is any printable text without "=". Each NAME must be different. N is a
whole number, 0 or more. The result is exact, even if it is very long.

Flags:
  -step duration   how long each multiplication sleeps, such as 250ms or 0
                   (default 1s)
  -virtual         do not wait: the loop's clock jumps to the next deadline
  -eager           run the first step of a task inside the call that makes the
                   task, not in the next turn (-trace shows the difference)
  -trace           write the events of the loop to stderr, one on each line:
                   the seconds since the start, the task ("-" for none), the
                   event
  -perfetto file   write a recording of the events for ui.perfetto.dev
  -timeline file   write a recording of the events as a page for any browser
  -h               print this text

Ctrl-C cancels the tasks, and the program prints on stderr which tasks were cut
off. A second Ctrl-C kills the program.

Exit status: 0 done, 1 failed, 2 wrong arguments, 130 canceled by Ctrl-C.

Try:
  loopdemo
  loopdemo -virtual Big=2000
  loopdemo -virtual -trace -eager
  loopdemo -virtual -timeline timeline.html
`

// config has the values of the arguments.
type config struct {
	step                  time.Duration
	eager, virtual, trace bool
	perfetto, timeline    string // files; empty for none
	work                  []work
}

// flags returns the flags, which set the fields of c.
func (c *config) flags() *flag.FlagSet {
	f := flag.NewFlagSet("loopdemo", flag.ContinueOnError)
	f.SetOutput(io.Discard) // run prints the usage and the errors
	f.Func("step", "", func(s string) (err error) {
		c.step, err = time.ParseDuration(s)
		if err != nil || c.step < 0 {
			return errors.New("want a duration of 0 or more, such as 1s, 250ms or 0")
		}
		return nil
	})
	f.BoolVar(&c.eager, "eager", false, "")
	f.BoolVar(&c.virtual, "virtual", false, "")
	f.BoolVar(&c.trace, "trace", false, "")
	f.StringVar(&c.perfetto, "perfetto", "", "")
	f.StringVar(&c.timeline, "timeline", "", "")
	return f
}

// parse reads the arguments. Flags may stand anywhere among them. The error is flag.ErrHelp, or
// an error of one line that says what is wrong and what would work.
func parse(args []string) (*config, error) {
	c := &config{step: time.Second}
	flags := c.flags()
	for {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, fmt.Errorf("%s; loopdemo -h lists the flags", printable(err.Error()))
		}
		if flags.NArg() == 0 {
			break
		}
		if err := c.add(flags.Arg(0)); err != nil {
			return nil, fmt.Errorf("argument %q: %w", flags.Arg(0), err)
		}
		args = flags.Args()[1:]
	}
	if len(c.work) == 0 {
		c.work = []work{{"A", 2}, {"B", 3}, {"C", 4}}
	}
	if c.perfetto != "" && c.timeline != "" && filepath.Clean(c.perfetto) == filepath.Clean(c.timeline) {
		return nil, c.sameFile()
	}
	return c, c.inTime()
}

func (c *config) sameFile() error {
	return fmt.Errorf("-perfetto and -timeline both write %q; give each a file of its own", c.timeline)
}

// inTime returns an error if a task would sleep longer than the loop's clock can run.
func (c *config) inTime() error {
	for _, w := range c.work {
		if c.step > 0 && w.n > 1 && time.Duration(w.n-1) > (timer.Never-1)/c.step {
			return fmt.Errorf("%s=%d would sleep for more than 292 years; give a shorter -step than %v, or 0", w.name, w.n, c.step)
		}
	}
	return nil
}

// add adds the work that an argument NAME=N asks for.
func (c *config) add(arg string) error {
	name, number, ok := strings.Cut(arg, "=")
	if !ok {
		return errors.New("want NAME=N, such as A=5")
	}
	if name == "" {
		return errors.New("the name is empty; want NAME=N, such as A=5")
	}
	if printable(name) != name {
		return errors.New("the name has a character that does not print; want NAME=N, such as A=5")
	}
	n, err := strconv.Atoi(number)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && n < 0:
		return fmt.Errorf("%s is out of range; want a whole number from 0 to %d", number, math.MaxInt)
	case err != nil:
		return fmt.Errorf("%q is not a whole number; want NAME=N, such as A=5", number)
	}
	for _, w := range c.work {
		if w.name == name {
			return fmt.Errorf("the name %q is taken by %s=%d; give each task a name of its own", name, name, w.n)
		}
	}
	c.work = append(c.work, work{name, n})
	return nil
}

// printable returns s with escapes for characters that do not print and for invalid UTF-8.
func printable(s string) string {
	var b strings.Builder
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		if unicode.IsPrint(r) && utf8.ValidString(s[:size]) {
			b.WriteString(s[:size])
		} else {
			b.WriteString(strings.Trim(strconv.Quote(s[:size]), `"`))
		}
		s = s[size:]
	}
	return b.String()
}

// longestName returns the length of the longest name of a task, in characters.
func (c *config) longestName() int {
	longest := len("main")
	for _, w := range c.work {
		longest = max(longest, utf8.RuneCountInString(w.name))
	}
	return longest
}
