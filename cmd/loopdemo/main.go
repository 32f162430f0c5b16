// Command loopdemo computes factorials at the same time on one event loop. It is the example
// of the section on gather in the asyncio documentation, and it has flags for the modes of the
// loop. Run it with -h for a list of them.
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
	exitCanceled = 130 // the status that a shell reports for a program that Ctrl-C ended
)

func main() { os.Exit(run(interruptible(), os.Args[1:], os.Stdout, os.Stderr)) }

// errInterrupted is the cause of the cancellation by Ctrl-C. Go 1.25 gives the context of
// signal.NotifyContext no cause of its own.
var errInterrupted = errors.New("interrupt signal received")

// interruptible returns a context that ends at the first Ctrl-C. The second Ctrl-C kills the
// program, because the clean-up after the first may take long, or never end.
func interruptible() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	pressed, stop := signal.NotifyContext(ctx, os.Interrupt)
	context.AfterFunc(pressed, func() {
		stop() // before the program can react to the first Ctrl-C
		cancel(errInterrupted)
	})
	return ctx
}

// run runs the program and returns the exit status. The end of ctx means Ctrl-C.
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
	var others []error // the errors of tasks that main has not awaited
	opts := append(c.options(r, stderr), loop.WithErrorHandler(func(f loop.Failure) {
		others = append(others, f.Err)
	}))
	results, err := task.Run(ctx, d.main, opts...)
	if err == nil {
		_, err = fmt.Fprintln(stdout, list(results))
	}
	for _, other := range others { // often all tasks fail with the same error
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

// options returns the options of the loop.
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
