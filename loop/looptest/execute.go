package looptest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// A Body is what is tested: the main task of a loop.
type Body = func(ctx context.Context, t *T)

// A run is one execution of a body.
type run struct {
	body     Body
	tb       testing.TB
	hold     bool // keep what T says
	policy   *recorder
	eager    bool
	passing  bool // of time, as a choice
	debug    bool
	observer func(loop.Event)

	tasks  int // made; counted in the first run only
	t      T
	loop   *loop.Loop
	clock  *timer.Virtual
	held   held
	kind   failureKind
	report []string // what the harness itself found, beside what T was told
	ended  bool     // by returning, not by a Goexit
}

// failureKind is what makes two failures the same for the minimiser.
type failureKind uint8

const (
	none failureKind = iota
	asserted
	panicked
	deadlocked
	leaked
	unhandled
	endless
	goexited
)

func (r *run) find(kind failureKind, format string, args ...any) {
	if r.kind == none {
		r.kind = kind
	}
	r.report = append(r.report, fmt.Sprintf(format, args...))
}

// failed reports whether the run has failed, and settles its kind.
func (r *run) failed() bool {
	if r.hold && r.held.failed && r.kind == none {
		r.kind = asserted
	}
	return r.kind != none
}

// text is all that the run has to say of its failure.
func (r *run) text() string {
	return strings.Join(append(append([]string(nil), r.held.lines...), r.report...), "\n")
}

type runKey struct{}

// execute runs the body once. If it, or a task, calls FailNow, the calling goroutine
// ends; deferred calls find the run complete then too.
func (r *run) execute() {
	r.clock = timer.NewVirtual()
	r.t = T{TB: r.tb}
	if r.hold {
		r.t.held = &r.held
	}
	opts := []loop.Option{loop.WithClock(r.clock), loop.WithErrorHandler(r.failure)}
	if r.policy != nil {
		opts = append(opts, loop.WithPolicy(r.policy, r.passing))
	}
	if r.eager {
		opts = append(opts, loop.WithTaskFactory(factory.Eager))
	}
	if r.observer != nil {
		opts = append(opts, loop.WithObserver(r.observer))
	}
	if r.debug {
		opts = append(opts, loop.WithDebug())
	}
	r.loop = loop.New(opts...)
	defer r.close()
	main := task.Go(r.loop.Bind(context.WithValue(context.Background(), runKey{}, r)), func(ctx context.Context) (struct{}, error) {
		r.body(ctx, &r.t)
		return struct{}{}, nil
	}, task.Name("main"))
	main.OnDone(r.loop.Stop)
	err := r.loop.Run()
	r.ended = true
	var deadlock *loop.DeadlockError
	switch {
	case errors.As(err, &deadlock):
		r.find(deadlocked, "%v", err)
		return
	case !main.Done():
		r.find(endless, "the loop was stopped before the body ended")
		return
	}
	if p, ok := main.Err().(*loop.PanicError); ok {
		r.find(panicked, "%v\n%s", p, p.Stack)
	}
	r.findLeaks()
}

// findLeaks looks at what the body has left behind.
func (r *run) findLeaks() {
	var left []string
	for t := range r.loop.Tasks() {
		line := fmt.Sprintf("\t%s %s", t.Name(), t.Waits())
		if site := t.SpawnSite(); site != "" {
			line += ", spawned at " + site
		}
		left = append(left, line)
	}
	if len(left) > 0 {
		r.find(leaked, "%s left when the body ended; await or cancel them:\n%s", plural(len(left), "task is", "tasks are"), strings.Join(left, "\n"))
		return // their timers go with them
	}
	if at, armed := r.loop.NextDeadline(); armed {
		r.find(leaked, "a timer is still armed when the body has ended, for %v after the start; cancel its handle, or leave its scope", at.Sub(r.clock.Start()))
	}
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// failure is the loop's error handler.
func (r *run) failure(f loop.Failure) {
	switch {
	case f.Kind == loop.SlowStep: // debug mode is on for where tasks were spawned
		return
	case r.kind == deadlocked || r.held.finished || errors.Is(f.Err, loop.ErrGoexit):
		return // what comes of unwinding is no news
	}
	name := ""
	if f.Task != nil {
		name = fmt.Sprintf(" (task %q)", f.Task.Name())
		if site := f.Task.SpawnSite(); site != "" {
			name += ", spawned at " + site
		}
	}
	kind := unhandled
	stack := ""
	if p, ok := f.Err.(*loop.PanicError); ok {
		kind, stack = panicked, "\n"+string(p.Stack)
	}
	r.find(kind, "%v%s: %v%s", f.Kind, name, f.Err, stack)
}

// close ends the run, also one that is left by a Goexit.
func (r *run) close() {
	defer r.held.cleanUp()
	defer func() {
		if r.hold && !r.ended && !r.held.finished {
			r.find(goexited, "runtime.Goexit ended the body; if that was FailNow of the test's own t, use the T that the body is handed")
		}
	}()
	r.loop.Close()
}
