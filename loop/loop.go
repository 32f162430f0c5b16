package loop

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/takt-go/takt/loop/internal/coro"
	"github.com/takt-go/takt/loop/internal/ready"
	"github.com/takt-go/takt/loop/internal/source"
	"github.com/takt-go/takt/timer"
)

// A Loop decides what runs next. Make one with [New]; loops are independent of
// each other, and any number may run in one process.
//
// A Loop is not safe for use from other goroutines, except [Loop.Post], [Loop.Hold],
// [Loop.Now], [Loop.Elapsed], [Loop.Running] and [Loop.Closed]. While it is not running, its host
// may use it from whichever goroutine it likes, one at a time.
type Loop struct {
	// What every turn touches.
	ready    ready.Queue
	turnEnd  uint64 // position in the ready queue at which this turn is over
	current  *Task
	next     *stack // set by an entry that needs a stack to run; &fresh for a new one
	timers   *timer.Queue[Runnable]
	due      []dueTimer // those that came due and are in the ready queue, in their order
	attended bool       // there is an observer, a policy, a failure to report, or debug mode, or the loop is labeled
	eager    int        // how many eager first steps are on their way, one inside the other
	stopping bool       // Stop was called
	idleTold uint64     // the number of turns, and one more, at which the observers were told of Idle
	turns    uint64
	atIdle   []Runnable
	sweep    sweep

	config
	phase atomic.Uint32 // a phase
	mode  mode          // of the driver, while it drives
	// The loop is open and not in debug mode: what check asks, in the room that the compiler
	// inlines.
	lenient bool

	// The ways in from outside: see New.
	outside  source.Hub
	inbox    source.Inbox
	watches  watches
	ports    source.Ports
	offloads source.Offloads

	// Stacks: see stack.go.
	starting *Task // what the next stack is to run, when next is &fresh
	fresh    stack // stands for "a stack with no task on it"
	stacks   coro.Stacks[seat]

	// Tasks: see live.go.
	root        Task      // stands for the loop where a task is meant that it has none of; its context is the loop's
	first, last *Task     // the registry: unfinished tasks in order of creation
	lives       []*live   // for tasks to come
	cursors     []*cursor // of the iterations over the tasks
	tasks       int
	spawned     uint64

	// What the program has lent, and what comes of it.
	choices     []*Task   // of the choice point at hand
	places      []uint64  // theirs in the ready queue
	failures    []Failure // that the driver is to report, or Close
	unretrieved unretrieved
	warned      bool // of a real time limit

	// Debug mode, profiles and threads.
	labeled       bool            // steps have their labels: see labels.go
	driverLabeled bool            // the driver's goroutine has labels of a step
	bound         context.Context // by Bind, the first; nil for none
	watchdog      watchdog
	thread        thread
}

// config is what the options say. It is fixed when the loop is made, but for the observers
// and the policy: the loop drops those that fail.
type config struct {
	clock      timer.Clock
	factory    TaskFactory // nil for the default
	onFailure  func(Failure)
	observer   []func(Event) // nil if there are none
	policy     policy        // nil if there is none
	timePasses bool          // as a choice of the policy
	detect     bool
	debug      bool
	slow       time.Duration // debug mode: what is reported as too long
	keptErrors int           // how many errors that no code has taken
}

// phase is where a loop stands:
//
//	unmade ──▶ resting ──▶ closing ──▶ closed
//	            │   ▲
//	            ▼   │
//	           driven
type phase uint8

const (
	unmade  phase = iota // New has not made it
	resting              // the host may use it
	driven               // inside Run, RunOnce or RunUntilIdle
	closing              // inside Close: bodies are unwound
	closed               // nothing runs any more
)

// in reports whether the loop is in the phase p. It is safe from any goroutine.
func (l *Loop) in(p phase) bool { return l.phase.Load() == uint32(p) }

// An Option sets up a new loop.
type Option func(*config)

// WithClock makes the loop live by clock: [timer.NewSystem] is the default, and
// [timer.NewVirtual] a clock that jumps. It panics if clock is nil, a nil pointer, or the
// zero [timer.System].
func WithClock(clock timer.Clock) Option {
	if clock == nil {
		panic("loop: WithClock(nil); use timer.NewSystem or timer.NewVirtual")
	}
	if v := reflect.ValueOf(clock); v.Kind() == reflect.Pointer && v.IsNil() {
		panic(fmt.Sprintf("loop: WithClock of a nil %T; use timer.NewSystem or timer.NewVirtual", clock))
	}
	if s, ok := clock.(*timer.System); ok && *s == (timer.System{}) {
		panic("loop: WithClock(&timer.System{}), a clock that was never started; use timer.NewSystem")
	}
	return func(c *config) { c.clock = clock }
}

// WithVirtualTime makes each loop that it sets up live by a virtual clock of its own, which starts at midnight
// UTC 2000-01-01. When nothing is ready, the clock jumps to the next timer, so a program that
// sleeps for an hour takes no time, and does the same in every run. For another start, and for
// a clock that the program moves itself, use [WithClock] with [timer.NewVirtualAt] or
// [timer.NewVirtual].
func WithVirtualTime() Option { return func(c *config) { c.clock = timer.NewVirtual() } }

// WithTaskFactory sets what decides when a new task takes its first step; the
// default is the lazy factory, which queues it. See package factory.
func WithTaskFactory(f TaskFactory) Option {
	if f == nil {
		panic("loop: WithTaskFactory(nil); use factory.Lazy or factory.Eager")
	}
	return func(c *config) { c.factory = f }
}

// WithErrorHandler sets what is told of failures that no caller is there to take.
// The default writes them to [slog.Default]. The handler is called on the loop's
// goroutine and must not suspend. It may spawn, cancel, and call Stop: the driver calls it
// between two steps where a callback, an observer or a policy has failed, and a failure
// that is found in a callback or a body is reported there.
//
// A panic in the handler is written to slog. A Goexit in it ends the driver, and the body
// or callback that had something to report, if any, but no other task.
func WithErrorHandler(handle func(Failure)) Option {
	if handle == nil {
		panic("loop: WithErrorHandler(nil); leave the option out for the default")
	}
	return func(c *config) { c.onFailure = handle }
}

// WithObserver adds an observer, which is told of everything that the loop does, in order:
// see [Event]. It is called in the middle of things: it may look, and must not touch.
// Several observers are told in the order of the options. With none, an event costs
// one nil check; with any, a body that suspends at the end of a turn costs a switch more.
//
// An observer that panics or calls Goexit is dropped, and reported ([ObserverFailed]) before
// the next turn. The others are told all the same. A panic has no other effect. A Goexit
// ends the driver besides, and the task in whose step the observer was called, with
// [ErrGoexit], as if its body had called Goexit there; in an eager first step it ends the
// task that made the new one too. It ends no other task, and no wake-up is lost.
func WithObserver(observe func(Event)) Option {
	if observe == nil {
		panic("loop: WithObserver(nil); leave the option out for none")
	}
	return func(c *config) { c.observer = append(c.observer, observe) }
}

// WithDebug turns on what is too slow for everyday use. The order of events stays
// the same.
//   - Calls that change the loop, or a future, lock or queue of the loop's, check on
//     which goroutine they are made, and panic where they should not be. A check costs
//     about 2 ns, and microseconds on a coroutine that a body has made by [iter.Pull].
//   - A step or callback that holds the loop up for 100 ms or more, by the wall
//     clock, is reported ([SlowStep]); [WithSlowStep] sets another threshold. That is
//     when it has ended. While it goes on, a watchdog writes its name and its stack to
//     [slog.Default], once: a lock that is held over an await, or a blocking call, may
//     never end. The watchdog runs while the loop runs, on a goroutine of its own that
//     is there only for the moment in which it looks.
//   - Tasks know where they were made: see [Task.SpawnSite].
//   - Profiles have the task's name, as the goroutine label "task": see package
//     runtime/pprof. Other labels are as always: see Profiler labels.
//   - Stacks are not shared, so that a stack trace shows one task only.
func WithDebug() Option {
	return func(c *config) {
		c.debug = true
		if c.slow == 0 {
			c.slow = 100 * time.Millisecond
		}
	}
}

// WithSlowStep sets how long a step or callback may take, by the wall clock, before
// it is reported to the error handler. It turns on debug mode. It panics unless the
// threshold is positive.
func WithSlowStep(threshold time.Duration) Option {
	if threshold <= 0 {
		panic(fmt.Sprintf("loop: WithSlowStep(%v); give a positive duration", threshold))
	}
	return func(c *config) { c.debug, c.slow = true, threshold }
}

// WithDeadlockDetection makes a loop with a real clock report a
// [*DeadlockError] when nothing is left that could wake a task, in place of
// waiting for a Post. Leave it out where another goroutine may post without
// having announced itself by [Loop.Hold]. With a virtual clock it is always on.
func WithDeadlockDetection() Option { return func(c *config) { c.detect = true } }

// New makes a loop. It owns no goroutine until a stackful task runs; call
// [Loop.Close] when done with it.
func New(opts ...Option) *Loop {
	c := config{onFailure: logFailure, keptErrors: defaultUnretrieved}
	for _, opt := range opts {
		if opt == nil {
			panic("loop: New with a nil Option; leave it out")
		}
		opt(&c)
	}
	if c.clock == nil {
		c.clock = timer.NewSystem()
	}
	l := &Loop{
		config:  c,
		timers:  timer.New[Runnable](),
		labeled: c.debug, lenient: !c.debug,
	}
	l.phase.Store(uint32(resting))
	l.root.env, l.root.isRoot = &environment{loop: l, outer: context.Background()}, true
	l.stacks.Init(maxFree, beginStack, runBody, l.vacate)
	l.watchdog.limit = l.slow
	l.inbox.Init(&l.outside, &l.ready, l.tellPosted)
	l.watches.hub = &l.outside
	l.ports.Init(&l.outside, func(selected func()) { l.runGuarded(function(selected)) })
	l.offloads.Init(&l.outside, &l.ready)
	l.outside.Init(&l.inbox, &l.watches, &l.ports, &l.offloads) // in the order of the contract
	l.attend()
	return l
}

// Context returns the loop's own context. It carries the loop but no task: the
// host spawns with it before the loop runs and between its turns, and callbacks
// spawn with it. It ends when [Loop.Close] begins.
func (l *Loop) Context() context.Context {
	l.mustBeMade("Context")
	return (*ownContext)(&l.root)
}

// Clock returns the clock that the loop lives by.
func (l *Loop) Clock() timer.Clock {
	l.mustBeMade("Clock")
	return l.clock
}

// Now returns the time by the loop's clock. It is safe from any goroutine.
func (l *Loop) Now() time.Time {
	since := l.Elapsed()
	return l.clock.Start().Add(since)
}

// Elapsed returns the time since the clock's start. It is safe from any
// goroutine.
func (l *Loop) Elapsed() time.Duration {
	l.mustBeMade("Elapsed or Now")
	return time.Duration(l.clock.Now())
}

// Current returns the task that is running, or nil inside a callback and while
// the loop is not running.
func (l *Loop) Current() *Task { return l.current }

// Running reports whether the loop is inside Run, RunOnce or RunUntilIdle. It is safe from
// any goroutine.
func (l *Loop) Running() bool { return l.in(driven) }

// Closed reports whether the loop was closed, or is being closed. It is safe from any
// goroutine.
func (l *Loop) Closed() bool {
	p := phase(l.phase.Load()) // once: the phase may change between two looks
	return p == closed || p == closing
}

// Tasks returns the unfinished tasks, in order of creation. Tasks may be spawned
// and may end during the iteration: new ones come too, ended ones do not.
func (l *Loop) Tasks() iter.Seq[*Task] {
	return func(yield func(*Task) bool) {
		c := &cursor{}
		l.cursors = append(l.cursors, c)
		defer func() {
			l.cursors = slices.DeleteFunc(l.cursors, func(o *cursor) bool { return o == c })
		}()
		for {
			next := l.first
			if c.at != nil {
				next = c.at.live.next
			}
			if next == nil {
				return
			}
			if c.at = next; !yield(next) {
				return
			}
		}
	}
}

// A cursor is where an iteration over the tasks is: at an unfinished one, or before all.
// If that task ends, the cursor goes back to the one before it.
type cursor struct{ at *Task }

// report hands f to the error handler.
func (l *Loop) report(f Failure) {
	l.mustBeMade("Report")
	returned := false
	defer func() {
		if returned {
			return
		}
		if p, ok := recovered(recover(), nil).(*PanicError); ok {
			logError("takt: the error handler panicked", "panic", p.Value, "failure", f.Kind.String(), "err", f.Err)
		}
	}()
	l.onFailure(f)
	returned = true
}

// reportSoon is report for where the handler, which may spawn, cancel or call Goexit, could
// do harm: in the middle of things, and on top of a suspended body. The driver reports f,
// before the next turn, or Close does.
func (l *Loop) reportSoon(f Failure) {
	l.failures = append(l.failures, f)
	l.attend()
}

// reportFailures reports the failures that wait, oldest first.
func (l *Loop) reportFailures() {
	for len(l.failures) > 0 {
		f := l.failures[0]
		l.failures = l.failures[1:]
		l.attend()
		l.report(f)
	}
}

// attend notes whether the loop is attended.
func (l *Loop) attend() {
	l.attended = l.debug || l.labeled || l.observer != nil || l.policy != nil || len(l.failures) > 0
}

// logError writes to slog. Where that panics, as the program's handler may, the text goes to
// the standard error.
func logError(msg string, attrs ...any) {
	returned := false
	defer func() {
		if !returned && recovered(recover(), nil) != ErrGoexit {
			fmt.Fprintln(os.Stderr, append([]any{msg}, attrs...)...)
		}
	}()
	slog.Error(msg, attrs...)
	returned = true
}

func logFailure(f Failure) {
	attrs := []any{"err", f.Err}
	if f.Task != nil {
		attrs = append(attrs, "task", f.Task.Name())
	}
	if p, ok := f.Err.(*PanicError); ok {
		attrs = append(attrs, "stack", string(p.Stack))
	}
	logError("takt: "+f.Kind.String(), attrs...)
}

// check panics if the loop may not be used here and now.
func (l *Loop) check(what string) {
	if !l.lenient || l.outside.Asleep() {
		l.checkAll(what)
	}
}

// mustBeMade panics for a nil or zero Loop, which has no clock.
func (l *Loop) mustBeMade(what string) {
	if l == nil || l.clock == nil {
		panic("loop: " + what + " on a Loop that New has not made")
	}
}

func (l *Loop) checkAll(what string) {
	if l.in(closed) {
		panic("loop: " + what + " on a loop that is closed")
	}
	l.mustBeMade(what)
	l.mustBeHere(what)
}

// mustBeHere panics on another goroutine than the loop's, as far as that is looked for: see
// CheckGoroutine in package lowlevel.
func (l *Loop) mustBeHere(what string) {
	if l.debug || l.outside.Asleep() {
		l.checkGoroutine(what)
	}
}
