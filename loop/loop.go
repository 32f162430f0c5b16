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

// A Loop runs callbacks and tasks, one at a time. Make one with [New]. Loops are independent of
// each other, and any number of them may run in one process.
//
// While the loop is running, only its own bodies and callbacks may use it. These methods are safe
// from any goroutine: [Loop.Post], [Loop.Hold], [Loop.Now], [Loop.Elapsed], [Loop.Running],
// [Loop.Closed], [Loop.Context], [Loop.Clock], [Loop.Posted] and [Loop.SetPostLimit]. While the loop is
// not running, its host may use it from any goroutine, but only from one at a time.
type Loop struct {
	// Every turn uses these fields.
	ready    ready.Queue
	turnEnd  uint64 // position in the ready queue at which this turn is over
	current  *Task
	next     *stack // set by an entry that needs a stack to run; &fresh for one without a task
	attended bool   // an observer, a policy that the driver asks, a failure to report, labels or debug mode: see attend
	guided   bool   // a policy, a follower, or a paused realm
	unshared bool   // only the driver runs the scheduler: in debug mode, while realms are ending, and in Close
	eager    int    // number of eager first steps that are running, nested in each other
	stopping bool   // Stop was called
	idleTold uint64 // turns+1 when the observers were last told of Idle
	turns    uint64
	atIdle   []Runnable
	sweep    sweep
	timers   *timer.Queue[Runnable]
	due      []dueTimer // the timers that came due and are in the ready queue, in order

	config
	phase atomic.Uint32 // a phase
	mode  mode          // the driver's mode, while there is a driver
	slice slice         // the part of a turn that RunFor may run
	way   way           // when the loop gave way to other goroutines
	// The loop is open and not in debug mode. One flag for both keeps check small enough for the
	// compiler to inline.
	lenient bool

	// The sources of events from outside: see New.
	outside  source.Hub
	inbox    source.Inbox
	wakers   source.Wakers
	watches  watches
	ports    source.Ports
	offloads source.Offloads

	// Stacks: see stack.go.
	starting *Task // the task that the next stack runs, when next is &fresh
	stacks   coro.Stacks[seat]

	// Tasks: see live.go.
	root        Task // a task that never runs, used where code needs a *Task; its context is the loop's
	rootEnv     environment
	rootExtra   extra
	first, last *Task        // the registry: unfinished tasks in order of creation
	lives       []*live      // free ones, for later tasks
	keys        []*timer.Key // the same
	cursors     []*cursor    // of the iterations over the tasks
	tasks       int
	spawned     uint64

	// Realms: see realm.go.
	realms []*realm // those that have no parent and have not ended
	ends   uint64   // calls of End since the tasks of all ended realms were unwound
	// The callbacks that go by the clock of a realm, and were armed again: by the key in their Handle.
	moved      map[timer.Key]*realmCall
	pauses     pauses
	realmCalls bool // there was such a callback

	// Choices of the policy, and failures.
	choices     *choices  // nil if there has been no policy
	failures    []Failure // the driver, or Close, reports them
	unretrieved unretrieved
	warned      bool // a RealTimeLimit was reported

	// Debug mode, profiles and threads.
	labeled       bool            // each step sets its labels: see labels.go
	driverLabeled bool            // the driver's goroutine has labels of a step
	bound         context.Context // the first context that Bind was given; nil if none
	background    *boundContext   // what Bind has made of context.Background; nil before the first time
	watchdog      *watchdog       // nil unless in debug mode
	site          uintptr         // of the request that makes tasks now; debug mode only: see madeAt
	alarm         alarm
	thread        thread
}

// config holds the options. It is fixed when the loop is made, with two exceptions: the loop drops an
// observer or a policy that fails, and the task factory and the error handler can be set (settings.go).
type config struct {
	clock      timer.Clock
	factory    TaskFactory // nil for the default
	onFailure  func(Failure)
	observer   []func(Event) // nil if there are none
	policy     policy        // nil if there is none
	follower   follower      // nil if there is none
	timePasses bool          // the policy may choose to let time pass
	spare      *spare        // nil if there is none, and in debug mode
	detect     bool
	debug      bool
	slow       time.Duration // debug mode: a step that takes this long is reported
	keptErrors int           // limit of the kept errors that no code has taken
}

// A phase of a loop's life:
//
//	unmade ──▶ resting ──▶ closing ──▶ closed
//	            │   ▲
//	            ▼   │
//	           driven
type phase uint8

const (
	unmade  phase = iota // the zero Loop: New did not make it
	resting              // the host may use it
	driven               // inside Run, RunOnce, RunUntilIdle or RunFor
	closing              // inside Close: bodies are unwound
	closed               // nothing runs any more
)

// in reports whether the loop is in the phase p. It is safe from any goroutine.
func (l *Loop) in(p phase) bool { return l.phase.Load() == uint32(p) }

// An Option sets up a new loop.
type Option func(*config)

// WithClock sets the loop's clock. The default is [timer.NewSystem], the real clock;
// [timer.NewVirtual] is a clock that jumps to the next timer. WithClock panics if clock is nil, a
// nil pointer, or the zero [timer.System].
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

// WithVirtualTime gives each loop that is made with it a virtual clock of its own. The clock starts
// at midnight UTC of 2000-01-01. When nothing is ready, the clock jumps to the next timer. So a
// program that sleeps for an hour takes no time, and does the same in every run. For another start
// time, and for a clock that the program moves itself, use [WithClock] with [timer.NewVirtualAt] or
// [timer.NewVirtual].
func WithVirtualTime() Option { return func(c *config) { c.clock = timer.NewVirtual() } }

// WithTaskFactory sets the task factory, which decides when a new task takes its first step. The
// default is the lazy factory, which queues the task. See package factory.
func WithTaskFactory(f TaskFactory) Option {
	if f == nil {
		panic("loop: WithTaskFactory(nil); use factory.Lazy or factory.Eager")
	}
	return func(c *config) { c.factory = f }
}

// WithErrorHandler sets the function that is called with each [Failure]: an error that has no
// caller to go to. The default writes failures to [slog.Default]. The handler is called on the
// loop's goroutine and must not suspend. It may spawn, cancel, and call Stop. If a callback, an
// observer or a policy has failed, a step was too slow, or an error was not retrieved, the driver
// calls the handler between two steps. For any other failure, such as that of an offloaded call,
// the handler is called where the library finds the failure: inside a body, a callback or
// [Loop.Close].
//
// The loop writes a panic of the handler to slog. A Goexit in the handler ends the driver. It also
// ends the body or callback that called the handler, if there is one, but no other task.
func WithErrorHandler(handle func(Failure)) Option {
	if handle == nil {
		panic("loop: WithErrorHandler(nil); leave the option out for the default")
	}
	return func(c *config) { c.onFailure = handle }
}

// WithObserver adds an observer: a function that the loop calls with every [Event], in order. The
// loop calls the observer while the state of the loop is changing. So the observer may read that
// state and must not change it. Several observers are called in the order of the options. Without
// an observer an event costs one nil check. With an observer, a body that suspends at the end of a
// turn costs one more switch of stacks.
//
// The loop drops an observer that panics or calls Goexit, and reports it ([ObserverFailed]) before
// the next turn. The other observers get the event nevertheless. A panic has no other effect. A
// Goexit also ends the driver, and the task that was taking a step when the observer was called:
// with [ErrGoexit], as if its body had called Goexit there. In an eager first step, the Goexit also
// ends the task that made the new one. It ends no other task, and no task misses the event that
// wakes it.
func WithObserver(observe func(Event)) Option {
	if observe == nil {
		panic("loop: WithObserver(nil); leave the option out for none")
	}
	return func(c *config) { c.observer = append(c.observer, observe) }
}

// WithDebug turns on checks and reports that are too slow for everyday use. The order of events
// stays the same.
//   - Calls that change the loop, or a future, lock or queue of the loop, check on which goroutine
//     they are made, and panic on a wrong one. A check costs about 2 ns, and microseconds on a
//     coroutine that a body has made by [iter.Pull].
//   - A step or callback that blocks the loop for 100 ms or more, by the wall clock, is reported
//     ([SlowStep]); [WithSlowStep] sets another threshold. This report comes when the step has
//     ended. While the step still runs, a watchdog writes its name and its stack to [slog.Default],
//     once, because a step may never end: for example a step that makes a blocking call, or waits
//     for a sync.Mutex that another task holds over an await. The watchdog is active while the loop
//     runs. The watchdog has a goroutine only at the moments when it looks at the present step.
//   - A task knows where it was made: see [Task.SpawnSite].
//   - Profiles show the task's name, as the goroutine label "task": see package runtime/pprof. Other
//     labels are as without debug mode: see Profiler labels in the package documentation.
//   - Bodies do not share stacks, so a stack trace shows one task only.
func WithDebug() Option {
	return func(c *config) {
		c.debug = true
		if c.slow == 0 {
			c.slow = 100 * time.Millisecond
		}
	}
}

// WithSlowStep sets the threshold for slow steps, and turns on debug mode. A step or callback that
// takes as long as the threshold, by the wall clock, is reported to the error handler ([SlowStep]).
// WithSlowStep panics unless the threshold is positive.
func WithSlowStep(threshold time.Duration) Option {
	if threshold <= 0 {
		panic(fmt.Sprintf("loop: WithSlowStep(%v); give a positive duration", threshold))
	}
	return func(c *config) { c.debug, c.slow = true, threshold }
}

// WithDeadlockDetection makes Run return a [*DeadlockError] when nothing can wake the unfinished
// tasks. Without this option, Run of a loop with a real clock then waits for a Post. Do not use the
// option if another goroutine may Post or task.Submit without an announcement by [Loop.Hold]. With a virtual clock
// the detection is always on.
func WithDeadlockDetection() Option { return func(c *config) { c.detect = true } }

// New makes a loop. The loop owns no goroutine until a stackful task runs. Call [Loop.Close] when
// the loop is no longer needed.
func New(opts ...Option) *Loop {
	l := new(Loop)
	l.onFailure, l.keptErrors = logFailure, defaultUnretrieved
	for _, opt := range opts {
		if opt == nil {
			panic("loop: New with a nil Option; leave it out")
		}
		opt(&l.config)
	}
	if l.clock == nil {
		l.clock = timer.NewSystem()
	}
	l.phase.Store(uint32(resting))
	l.labeled, l.lenient, l.unshared = l.debug, !l.debug, l.debug
	l.rootEnv = environment{loop: l, outer: context.Background()}
	l.root.env, l.root.idHigh = &l.rootEnv, rootMark
	l.root.extra.Store(&l.rootExtra)
	l.stacks.Init(maxFree, runStack)
	switch {
	case l.debug:
		l.spare, l.watchdog = nil, &watchdog{limit: l.slow}
	case l.spare != nil:
		l.takeSpare()
	}
	if l.timers == nil {
		l.timers = timer.New[Runnable]()
	}
	if l.policy != nil && l.choices == nil {
		l.choices = new(choices)
	}
	var posted func(int)
	if l.observer != nil {
		posted = l.tellPosted
	}
	l.inbox.Init(&l.outside, &l.ready, posted)
	l.wakers.Init(&l.outside)
	l.watches.hub = &l.outside
	l.offloads.Init(&l.outside, &l.ready)
	l.outside.Init(&l.inbox, &l.wakers, &l.watches, &l.ports, &l.offloads) // in the order of the contract
	l.attend()
	return l
}

// Context returns the loop's own context. This context carries the loop but no task. Callbacks
// spawn tasks with it. So does the host while the loop is not running. The context ends when
// [Loop.Close] begins. Context is safe from any goroutine.
func (l *Loop) Context() context.Context {
	l.mustBeMade("Context")
	return (*ownContext)(&l.root)
}

// Clock returns the loop's clock. It is safe from any goroutine.
func (l *Loop) Clock() timer.Clock {
	l.mustBeMade("Clock")
	return l.clock
}

// Now returns the time by the loop's clock. It is safe from any goroutine.
func (l *Loop) Now() time.Time {
	since := l.Elapsed()
	return l.clock.Start().Add(since)
}

// Elapsed returns the time since the start of the loop's clock. It is safe from any goroutine.
func (l *Loop) Elapsed() time.Duration {
	l.mustBeMade("Elapsed or Now")
	return time.Duration(l.clock.Now())
}

// Current returns the task that is running. It returns nil inside a callback, and while the loop is
// not running.
func (l *Loop) Current() *Task { return l.current }

// Running reports whether the loop is inside Run, RunOnce, RunUntilIdle or RunFor. It is safe from
// any goroutine.
func (l *Loop) Running() bool { return l.in(driven) }

// Closed reports whether the loop was closed or is being closed. It is safe from any goroutine.
func (l *Loop) Closed() bool {
	p := phase(l.phase.Load()) // once: the phase may change between two looks
	return p == closed || p == closing
}

// Tasks returns the unfinished tasks, in order of creation. During the iteration, tasks may be
// spawned and may end. The iteration yields the new tasks too, and does not yield a task that has
// ended.
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

// A cursor is the position of an iteration over the tasks: at an unfinished task, or, if at is nil,
// before the first. If that task ends, the cursor moves back to the task before it.
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

// reportSoon stores f. The driver reports f before the next turn, or Close reports it. Code calls
// reportSoon, and not report, while the loop's state is changing, and on the stack of a suspended
// body: there the handler could do harm, because it may spawn, cancel or call Goexit.
func (l *Loop) reportSoon(f Failure) {
	l.failures = append(l.failures, f)
	l.attend()
}

// reportFailures reports the failures that reportSoon noted, oldest first.
func (l *Loop) reportFailures() {
	for len(l.failures) > 0 {
		f := l.failures[0]
		l.failures = l.failures[1:]
		l.attend()
		l.report(f)
	}
}

// attend sets guided and attended. attended is true if a step must do more than run its body.
//
// With a follower and a spare, a body that suspends asks the follower itself. In all other cases the driver
// asks the policy: then its Goexit unwinds no body, and new stacks need not grow for it.
func (l *Loop) attend() {
	l.guided = l.policy != nil || l.follower != nil || l.pauses.realms > 0
	asksDriver := l.guided && (l.follower == nil || l.spare == nil)
	l.attended = l.debug || l.labeled || l.observer != nil || asksDriver || len(l.failures) > 0 || l.ends > 0
}

// logError writes to slog. If the program's slog handler panics, logError writes to the standard
// error.
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

// check panics if the loop is closed, or if check finds that the caller is on a wrong goroutine.
// what names the operation in the message.
func (l *Loop) check(what string) {
	if !l.lenient || l.outside.Asleep() {
		l.checkAll(what)
	}
}

// mustBeMade panics if the Loop is nil or the zero Loop, which has no clock.
func (l *Loop) mustBeMade(what string) {
	if l == nil || l.clock == nil {
		panic("loop: " + what + " on a Loop that New has not made; make it by loop.New")
	}
}

func (l *Loop) checkAll(what string) {
	if l.in(closed) {
		panic("loop: " + what + " on a loop that is closed")
	}
	l.mustBeMade(what)
	l.mustBeHere(what)
}

// mustBeHere panics if the caller is on another goroutine than the loop's. It checks only in debug
// mode, and while the loop is asleep: see CheckGoroutine in package lowlevel.
func (l *Loop) mustBeHere(what string) {
	if l.debug || l.outside.Asleep() {
		l.checkGoroutine(what)
	}
}
