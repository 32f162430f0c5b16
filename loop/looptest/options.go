package looptest

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
)

// An Option configures [Run], [Explore], [Replay] or [Fuzz]. An option that does not apply to the function
// has no effect.
type Option func(*config)

type config struct {
	eager       bool
	both        bool
	passing     bool
	parallel    int
	maxSteps    int
	budget      time.Duration // of an exploration; 0 if the strategy alone says when it ends
	keepGoing   int           // how many failures an exploration looks for
	minimiseFor time.Duration
	corpusAdd   bool // write failures into the corpus
	unexplained bool // reports do not say why the program fails
	observer    func(loop.Event)
	factory     loop.TaskFactory
	start       time.Time // of the clock; zero for the default
}

// Eager makes the loop use the eager task factory: the body of a new task starts inside the call
// that makes the task.
func Eager() Option { return func(c *config) { c.eager = true } }

// BothFactories makes Explore explore twice: with the lazy and with the eager task factory.
func BothFactories() Option { return func(c *config) { c.both = true } }

// TimePasses makes the passing of time one more choice: while tasks are ready and a timer is
// armed, the timer may come due before the tasks run, as on a busy machine. Without TimePasses work
// takes no time under a virtual clock, so many time limits never expire.
//
// With TimePasses every time limit may expire, however long it is. Only the order of the deadlines stays. So the body must
// accept that:
//
//	_, err := task.Within(ctx, time.Hour, q.Get)
//	if errors.As(err, new(*task.TimeoutError)) {
//		return // in other schedules it is in time
//	}
//
// A timer that comes due is a callback, and callbacks are not picked: it stands at the end of the ready
// queue, and fires when each task before it has taken a step. A task that it wakes is an option from then
// on. So if a task spawns another one and then sleeps, no schedule lets it wake before the first step of
// the other one. A loop without a strategy does not do that either.
func TimePasses() Option { return func(c *config) { c.passing = true } }

// Parallel makes Explore run schedules on all cores at once. The body must not share variables with
// the test, or with other runs of the body.
func Parallel() Option { return func(c *config) { c.parallel = runtime.GOMAXPROCS(0) } }

// MaxSteps limits the length of a run. A run that has not ended after n steps counts as endless and
// fails. Each step of a task and each callback counts as one step; a timer that fires is a callback. The
// default is 100,000 for Explore, Replay and Fuzz, and no limit for Run. MaxSteps panics if n is less than 1.
func MaxSteps(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("looptest: MaxSteps(%d); give a positive number", n))
	}
	return func(c *config) { c.maxSteps = n }
}

// For makes Explore run schedules for this time, in place of the number that the strategy gives. It ends
// earlier if enough failures are found (see [KeepGoing]), or if all schedules of the strategy have been
// run. The time is that of the wall clock; the runs that are under way at its end, and minimising, come on
// top. With BothFactories each factory has half of it. The test fails at once if go test would end it
// before: give go test a longer -timeout. For panics unless d is positive.
func For(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("looptest: For(%v); give a positive duration", d))
	}
	return func(c *config) { c.budget = d }
}

// KeepGoing makes Explore look for up to n failures that are not the same. Each is minimised and
// reported. Two failures are the same if they are of the same kind, and have the same name of a
// check, or the same message except for numbers and texts in quotes; a panic and a text of Error or Fatal
// must also come from the same line. A failure of the corpus counts, and
// so does one under the first of both factories. KeepGoing panics if n is less than 1.
func KeepGoing(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("looptest: KeepGoing(%d); give 1 failure or more", n))
	}
	return func(c *config) { c.keepGoing = n }
}

// AddToCorpus makes Explore add the minimised schedule of each failure to the corpus of the test, which
// is the folder testdata/looptest/TestName. Explore runs the schedules there before all others. See Long
// campaigns in the package's documentation. TAKT_CORPUS_ADD=1 does the same for all explorations.
func AddToCorpus() Option { return func(c *config) { c.corpusAdd = true } }

// MinimiseFor sets for how long Explore minimises a failure at most, by the wall clock. The default is 2 seconds.
// Explore leaves out what it can of the schedule, does the same with other schedules that fail, in some 4,000 runs, and
// then runs all schedules with few deviations, if the time is enough for all of them. So it may end earlier. 0 leaves the schedule as it was found. MinimiseFor panics if d is negative.
func MinimiseFor(d time.Duration) Option {
	if d < 0 {
		panic(fmt.Sprintf("looptest: MinimiseFor(%v); give 0 or more", d))
	}
	return func(c *config) { c.minimiseFor = d }
}

// Unexplained makes Explore report a failure without the rule that says why the program fails. To find the
// rule, Explore runs some 2,000 schedules more, which takes a second or less for most programs. For a test with
// a simulated world (package sim) it looks for no rule: the report lists the faults.
func Unexplained() Option { return func(c *config) { c.unexplained = true } }

// Observer makes every run call observe with the events of its loop: see [loop.WithObserver]. With
// Parallel several goroutines call it. Explore runs some schedules more than once. Observer panics if
// observe is nil.
func Observer(observe func(loop.Event)) Option {
	if observe == nil {
		panic("looptest: Observer(nil); leave the option out for none")
	}
	return func(c *config) { c.observer = observe }
}

// Factory sets the task factory of the loops, in place of that of Eager or BothFactories. It panics if f is
// nil.
func Factory(f loop.TaskFactory) Option {
	if f == nil {
		panic("looptest: Factory(nil); give it a task factory, such as factory.Lazy")
	}
	return func(c *config) { c.factory = f }
}

// StartAt sets the time at which the virtual clock of each run starts. The default is midnight UTC of
// 2000-01-01. StartAt panics if start is the zero time.
func StartAt(start time.Time) Option {
	if start.IsZero() {
		panic("looptest: StartAt of the zero time; give it an instant, as time.Date makes one")
	}
	return func(c *config) { c.start = start }
}

// factories returns the task factories to explore: whether each is eager.
func (c *config) factories() []bool {
	if c.both {
		return []bool{false, true}
	}
	return []bool{c.eager}
}

// fits returns an error if the budget of time is longer than the time that go test leaves the test.
func (c *config) fits(t testing.TB) error {
	timed, ok := t.(interface{ Deadline() (time.Time, bool) })
	if c.budget == 0 || !ok {
		return nil
	}
	if end, limited := timed.Deadline(); limited && time.Until(end) < c.budget {
		return fmt.Errorf("looptest: the exploration is to last %v, but go test ends the test in %v; give go test a longer -timeout, or 0 for none",
			c.budget, time.Until(end).Round(time.Second))
	}
	return nil
}

// defaultMaxSteps is the limit of Explore and Replay.
const defaultMaxSteps = 100_000

// mustBeGiven panics if t or body is nil.
func mustBeGiven(what string, t testing.TB, body Body) {
	if t == nil || body == nil {
		panic("looptest: " + what + " with a nil test or body; give it both")
	}
}

func configure(opts []Option, maxSteps int) config {
	c := config{parallel: 1, maxSteps: maxSteps, keepGoing: 1, minimiseFor: 2 * time.Second}
	for _, opt := range opts {
		if opt == nil {
			panic("looptest: a nil Option; leave it out")
		}
		opt(&c)
	}
	if c.factory != nil {
		c.eager, c.both = false, false
	}
	return c
}
