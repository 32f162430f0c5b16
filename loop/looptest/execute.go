package looptest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/world"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// A Body is the function to test. It runs as the main task of a loop.
type Body = func(ctx context.Context, t *T)

// A run is one execution of a body.
type run struct {
	config
	outer    context.Context // for the loop
	body     Body
	test     testing.TB
	hold     bool // one of many runs: a policy decides, and said keeps the texts that are logged by T
	policy   *recorder
	seed     uint64 // of the noise
	walk     Walk   // of the search
	after    int    // after how many schedules it has failed
	from     string // what the run comes from, if not from a strategy: a file of the corpus, or Fuzz
	visit    *visit // of the tree, by walk; nil if there is none
	debug    bool
	events   func(loop.Event) // an observer
	timeline func(loop.Event) // another observer
	heard    func(line string, bad bool)

	lane    *lane         // of the goroutine that executes the run; nil if no watchdog looks at it
	spare   loop.Option   // of the worker; nil if the run is a single one
	opts    []loop.Option // of every loop that this run makes
	entry   func(context.Context) (struct{}, error)
	stop    func()
	loop    *loop.Loop
	clock   *timer.Virtual
	t       *T
	checks  checks  // of the properties
	said    *holder // the texts that the body logged by its T
	kind    failureKind
	name    string       // of the failure: two failures of a kind with the same name are the same
	report  []string     // the faults that this package found
	ended   bool         // Loop.Run has returned: no Goexit ended it
	unwound []*loop.Task // the tasks that Loop.Close unwinds after a failure
	closing bool
	nodes   map[context.Context]string  // the node of each realm in a simulated world, if the run keeps a record
	scene   func(world.Event)           // records what happens in a simulated world; nil if nothing does
	inWorld bool                        // the body has made a simulated world
	ends    []func(ctx context.Context) // main calls them when the body has returned

	tolerates []func(loop.Failure) bool // of the simulated worlds
}

// failureKind is the kind of a failure. The minimiser looks for a failure of the same kind.
type failureKind uint8

const (
	none failureKind = iota
	asserted
	panicked
	deadlocked
	leaked
	unhandled
	endless
	stopped
	goexited
	violated // a property
)

// find notes a fault. name tells it apart from other faults of the kind.
func (r *run) find(kind failureKind, name, format string, args ...any) {
	if r.kind == none {
		r.kind, r.name = kind, signature(name)
	}
	r.report = append(r.report, "looptest: "+fmt.Sprintf(format, args...))
}

// findPanic notes a panic. The place that panicked is a part of the name: many panics have the same message.
func (r *run) findPanic(p *loop.PanicError, text string) {
	if r.kind == none {
		r.kind, r.name = panicked, stackOf(p)[0]+": "+signature(fmt.Sprint(p.Value))
	}
	r.find(panicked, "", "%s", text)
}

// failed reports whether the run has failed. It sets the kind of a failure that the body reported.
func (r *run) failed() bool {
	if r.kind == none && r.said.failed {
		place, text, _ := strings.Cut(strings.Join(r.said.errors, "\n"), ": ") // the line of the call is a part of the name
		r.kind, r.name = asserted, place+": "+signature(text)
	}
	return r.kind != none
}

// failsAs reports whether both runs have failed in the same way.
func (r *run) failsAs(o *run) bool { return r.kind == o.kind && r.name == o.name }

// varying matches what in a message differs between two failures that are the same.
var varying = regexp.MustCompile(`0x[0-9a-fA-F]+|[0-9]+|"[^"]*"`)

// signature returns the first line of the message of a failure, without what varies.
func signature(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	return varying.ReplaceAllString(message, "#")
}

// outcome returns what a search is told about the run.
func (r *run) outcome() Outcome {
	p := r.policy
	return Outcome{Steps: p.steps.count, Points: p.points, Order: p.order, Failed: r.failed(), tasks: &p.tasks}
}

// failures returns the texts that describe the failure, if the run has failed. If the body has
// failed without such a text, these are the last texts that it has logged.
func (r *run) failures() []string {
	texts := append(append([]string(nil), r.said.errors...), r.report...)
	switch lines := r.said.lines; {
	case len(texts) > 0 || !r.failed():
		return texts
	case len(lines) > 0:
		return lines[max(0, len(lines)-3):]
	}
	return []string{"looptest: the body called Fail or FailNow, and has logged nothing"}
}

// execute runs the body once. If the body or another task calls FailNow, the goroutine that has
// called execute ends. In that case, too, the run is complete before the deferred calls of execute's
// caller run.
func (r *run) execute() {
	r.lane.begin(r)
	defer r.lane.over()
	given := new(struct { // new for each run: a goroutine that the body has left may still use it
		t    T
		said holder
	})
	r.t, r.said = &given.t, &given.said
	r.t.TB, r.t.run, r.said.TB, r.said.heard = r.test, r, r.test, r.heard
	if r.hold {
		r.t.TB = r.said
	}
	if r.entry == nil {
		r.opts, r.entry, r.stop = r.fixedOptions(), r.main, func() { r.loop.Stop() }
	}
	r.policy.steps.limit, r.policy.steps.stop = r.maxSteps, r.stop
	r.loop = loop.New(r.options()...)
	r.clock = r.loop.Clock().(*timer.Virtual)
	defer r.close()
	ctx := r.loop.Context()
	if r.debug { // then the loop sets the labels of its goroutines from the context: see markGoroutines
		ctx = r.loop.Bind(r.outer)
	}
	main := task.Go(ctx, r.entry, namedMain)
	main.OnDone(r.stop)
	r.checks.main = main
	err := r.loop.Run()
	held := r.finish()
	r.ended = true
	if !held {
		return
	}
	deadlock, stuck := err.(*loop.DeadlockError)
	switch {
	case stuck:
		r.find(deadlocked, "", "deadlock: nothing can wake the tasks that are left:\n%s%s", r.unfinished(deadlock.Cycle), r.circle(deadlock.Cycle))
		return
	case !main.Done() && r.policy.steps.over():
		r.find(endless, "", "%v. These tasks have not ended:\n%s", &r.policy.steps, r.unfinished(nil))
		return
	case !main.Done():
		r.find(stopped, "", "the body called Loop.Stop; only this package may call it: to end the body, return from it")
		return
	}
	if p, ok := main.Err().(*loop.PanicError); ok {
		r.findPanic(p, panicText(p))
	}
	if len(r.ends) == 0 { // otherwise the body has panicked, and its simulated world has not ended
		r.findLeaks()
	}
}

var namedMain = task.Named("main")

func (r *run) main(ctx context.Context) (struct{}, error) {
	r.body(ctx, r.t)
	for len(r.ends) > 0 {
		last := len(r.ends) - 1
		f := r.ends[last]
		r.ends = r.ends[:last]
		f(ctx)
	}
	return struct{}{}, nil
}

// again makes a run that has ended by returning ready for another schedule.
func (r *run) again(w Walk) {
	r.policy.reset(w)
	*r = run{config: r.config, outer: r.outer, body: r.body, test: r.test, hold: true, policy: r.policy, opts: r.opts, entry: r.entry, stop: r.stop}
}

func (r *run) options() []loop.Option {
	opts := r.opts
	if !r.start.IsZero() {
		opts = append(opts, loop.WithClock(timer.NewVirtualAt(r.start)))
	}
	if r.spare != nil {
		opts = append(opts, r.spare)
	}
	return opts
}

// fixedOptions returns the options of all loops that this run makes.
func (r *run) fixedOptions() []loop.Option {
	opts := make([]loop.Option, 0, 10)
	opts = append(opts, loop.WithVirtualTime(), loop.WithErrorHandler(r.failure), lowlevel.WithFollower(r.policy))
	opts = append(opts, loop.WithUnretrievedLimit(math.MaxInt)) // an error may be taken late: it is reported at the end of the run only
	if r.hold {
		opts = append(opts, lowlevel.WithPolicy(r.policy, r.passing))
	}
	if r.factory != nil {
		opts = append(opts, loop.WithTaskFactory(r.factory))
	} else if r.eager {
		opts = append(opts, loop.WithTaskFactory(factory.Eager))
	}
	for _, observe := range []func(loop.Event){r.observer, r.events, r.timeline} {
		if observe != nil {
			opts = append(opts, loop.WithObserver(observe))
		}
	}
	switch {
	case r.debug && r.hold: // debug mode is on only to learn where tasks were spawned; for slow steps there is the lane
		opts = append(opts, loop.WithSlowStep(math.MaxInt64))
	case r.debug:
		opts = append(opts, loop.WithDebug())
	}
	return opts
}

// findLeaks reports the tasks and timers that are left when the body has ended.
func (r *run) findLeaks() {
	if left := r.unfinished(nil); left != "" {
		r.find(leaked, "", "these tasks are left when the body has ended; await or cancel them:\n%s", left)
		return // the loop also cancels the timers of these tasks
	}
	if at, armed := r.loop.NextDeadline(); armed {
		r.find(leaked, "", "a timer is still armed when the body has ended, for %v after the start; cancel its handle, or end the time limit that armed it", at.Sub(r.clock.Start()))
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
	case f.Kind == loop.SlowStep: // the watchdog has logged it
		return
	case slices.Contains(r.unwound, f.Task), errors.Is(f.Err, loop.ErrGoexit), r.t.Skipped():
		return // a failure of a task that is being unwound is not reported
	case slices.ContainsFunc(r.tolerates, func(tolerates func(loop.Failure) bool) bool { return tolerates(f) }):
		return
	}
	name := ""
	if f.Task != nil {
		name = fmt.Sprintf(" (task %q)", r.nameOf(f.Task))
		if site := f.Task.SpawnSite(); site != "" && f.Task.ID() > 1 { // this package has spawned main
			name += ", spawned at " + filepath.Base(site)
		}
	}
	if p, ok := f.Err.(*loop.PanicError); ok {
		r.findPanic(p, fmt.Sprintf("%v%s: %s", f.Kind, name, panicText(p)))
		return
	}
	r.find(unhandled, fmt.Sprint(f.Kind, " ", f.Err), "%v%s: %v", f.Kind, name, f.Err)
}

// abandon makes the run report nothing more of its tasks.
func (r *run) abandon() {
	if !r.closing {
		r.unwound = slices.Collect(r.loop.Tasks())
		r.said.deaf = true
		r.unwind()
	}
}

// unwind notes that from now on the run only unwinds its tasks and cleans up.
func (r *run) unwind() {
	r.policy.beat.write()
	r.closing = true
	r.policy.beat.wrote()
}

// close ends the run. It is deferred, since a Goexit may have ended the run.
func (r *run) close() {
	if !r.ended || r.kind != none {
		r.abandon()
	}
	r.unwind()
	defer r.failed() // sets kind and name
	defer r.said.cleanUp(r.cleanupFailed)
	defer func() {
		r.said.deaf = false
		if r.hold && !r.ended && !r.said.finished {
			r.find(goexited, "", "runtime.Goexit ended the body; if the body called FailNow of the test's own t, call FailNow of the body's T instead")
		}
	}()
	r.loop.Close()
}

// cleanupFailed reports that a function given to Cleanup has not returned.
func (r *run) cleanupFailed(err error) {
	p, ok := err.(*loop.PanicError)
	if !ok {
		r.find(goexited, "Cleanup", "runtime.Goexit ended a function given to Cleanup; if it called FailNow of the test's own t, call FailNow of the body's T instead")
		return
	}
	r.findPanic(p, strings.Replace(panicText(p), "a callback", "a function given to Cleanup", 1))
}
