package loop

import (
	"fmt"
	"time"

	"github.com/takt-go/takt/loop/internal/goroutine"
)

// A SlowStepError says that a step or callback blocked the loop for too long: see [WithDebug].
type SlowStepError struct {
	Took, Limit time.Duration // by the wall clock
}

func (e *SlowStepError) Error() string {
	return fmt.Sprintf("took %v, the limit is %v; use task.Blocking for calls that block, and task.Yield in long computations", e.Took, e.Limit)
}

// beginTimed begins to measure a step of t, or a callback if t is nil. endTimed ends that.
func (l *Loop) beginTimed(t *Task) (began time.Time) {
	began = time.Now()
	l.watch(t, began)
	return began
}

func (l *Loop) endTimed(t *Task, began time.Time) {
	l.watchdog.now.Store(nil)
	if took := time.Since(began); took >= l.slow {
		l.reportSoon(Failure{Kind: SlowStep, Task: t, Err: &SlowStepError{took, l.slow}})
	}
}

func (l *Loop) runTimed(r Runnable) {
	e, _ := r.(*entry)
	if e == nil || (*Task)(e).stack() == nil { // otherwise r only says which stack runs next, and Loop.step measures that
		defer l.endTimed((*Task)(e), l.beginTimed((*Task)(e)))
	}
	r.Run()
}

// An identity has the data by which the loop recognizes a goroutine.
type identity struct {
	number uint64 // the goroutine's number in stack traces
	locked bool   // the goroutine had locked its thread when identify was called
}

// identify records that the calling goroutine is the goroutine of s.
func identify(s *stack) {
	number, locked := goroutine.Number()
	s.Value.who = &identity{number, locked}
	s.Value.goroutine = goroutine.Identity()
}

// checkGoroutine panics if the caller is on another goroutine than the loop's. what names the
// operation in the message.
func (l *Loop) checkGoroutine(what string) {
	if !l.in(driven) && !l.in(closing) {
		return // the host may use any goroutine
	}
	if l.outside.Asleep() || l.elsewhere() {
		panic(elsewhere(what))
	}
}

// elsewhere reports whether the caller is on another goroutine than the loop's. The loop must be driven, or in
// Close, and sit was called for its stacks.
func (l *Loop) elsewhere() bool {
	return l.stacks.Active.Value.goroutine != goroutine.Identity() && !goroutine.Coroutine(isStack)
}

// isStack reports whether function is the main function of a loop's stacks. A coroutine that does not
// run it was made by a body with [iter.Pull]. There the body may do the same as on its own stack, as
// only one of the two runs at a time.
func isStack(function string) bool { return function == stackMain }
