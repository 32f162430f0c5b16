// Command loopdemo computes factorials side by side on one event loop: the
// example of the asyncio documentation's section on gather, and every mode of
// the loop. Run it with -h to see what it can do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/trace"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// The exit statuses.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitCanceled = 130 // what a shell reports of a program that Ctrl-C ended
)

func main() { os.Exit(run(interruptible(), os.Args[1:], os.Stdout, os.Stderr)) }

// errInterrupted is the cause of the cancellation by Ctrl-C. Go 1.25 gives the context of
// signal.NotifyContext no cause of its own.
var errInterrupted = errors.New("interrupt signal received")

// interruptible returns a context that the first Ctrl-C ends. The second one kills the
// program: what is left to do then may take long, or never end.
func interruptible() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	pressed, stop := signal.NotifyContext(ctx, os.Interrupt)
	context.AfterFunc(pressed, func() {
		stop() // before anything can follow from the first
		cancel(errInterrupted)
	})
	return ctx
}

// run is the program: it returns the exit status. The end of ctx is Ctrl-C.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return exitDone
	case err != nil:
		fmt.Fprintf(stderr, "loopdemo: %v\n", err)
		return exitUsage
	}
	r, err := c.record()
	if err != nil {
		fmt.Fprintf(stderr, "loopdemo: %v\n", err)
		return exitFailed
	}
	status := c.run(ctx, r, stdout, stderr)
	if err := r.save(); err != nil {
		fmt.Fprintf(stderr, "loopdemo: %v\n", err)
		return max(status, exitFailed)
	}
	return status
}

// run runs the demo, and returns the exit status.
func (c *config) run(ctx context.Context, r *recording, stdout, stderr io.Writer) int {
	d := demo{out: stdout, work: c.work, step: c.step}
	var others []error // of tasks whose error main did not come to
	opts := append(c.options(r, stderr), loop.WithErrorHandler(func(f loop.Failure) {
		others = append(others, f.Err)
	}))
	results, err := task.Run(ctx, d.main, opts...)
	if err == nil {
		_, err = fmt.Fprintln(stdout, list(results))
	}
	for _, other := range others { // mostly, what failed one task failed them all
		if err == nil || other.Error() != err.Error() {
			fmt.Fprintf(stderr, "loopdemo: %v\n", other)
		}
	}
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, future.ErrCanceled):
		fmt.Fprintf(stderr, "loopdemo: %v; %s\n", context.Cause(ctx), d.cutOff())
		return exitCanceled
	}
	fmt.Fprintf(stderr, "loopdemo: %v\n", err)
	return exitFailed
}

// options is what c means to the loop.
func (c *config) options(r *recording, stderr io.Writer) []loop.Option {
	var clock timer.Clock = timer.NewSystem()
	if c.virtual {
		clock = timer.NewVirtual()
	}
	opts := []loop.Option{loop.WithClock(clock)}
	if c.eager {
		opts = append(opts, loop.WithTaskFactory(factory.Eager))
	}
	if c.trace {
		opts = append(opts, loop.WithObserver(trace.Text(stderr, c.longestName())))
	}
	if r.Recorder != nil {
		opts = append(opts, loop.WithObserver(r.Observe))
	}
	return opts
}
