package loop

import (
	"fmt"
	"time"

	"github.com/takt-go/takt/loop/internal/coro"
	"github.com/takt-go/takt/loop/internal/goroutine"
)

// A SlowStepError says that a step or callback held the loop up: see [WithDebug].
type SlowStepError struct {
	Took, Limit time.Duration // by the wall clock
}

func (e *SlowStepError) Error() string {
	return fmt.Sprintf("took %v, the limit is %v; use task.Blocking for what blocks, and task.Yield in what computes", e.Took, e.Limit)
}

// timeStep times a step of t, or of a callback if t is nil, until end is called.
func (l *Loop) timeStep(t *Task) (end func()) {
	began := time.Now()
	l.watch(t, began)
	return func() {
		l.watchdog.now.Store(nil)
		if took := time.Since(began); took >= l.slow {
			l.reportSoon(Failure{Kind: SlowStep, Task: t, Err: &SlowStepError{took, l.slow}})
		}
	}
}

func (l *Loop) runTimed(r Runnable) {
	e, _ := r.(*entry)
	defer l.timeStep((*Task)(e))()
	r.Run()
}

// An identity is that of a goroutine.
type identity struct {
	goroutine uintptr // by goroutine.Identity
	number    uint64  // as stack traces have it
	locked    bool    // it had locked its thread then
}

// identify notes which goroutine the calling one is, as that of s.
func identify(s *stack) {
	number, locked := goroutine.Number()
	s.Value.who = &identity{goroutine.Identity(), number, locked}
}

// checkGoroutine is CheckGoroutine where that has to look.
func (l *Loop) checkGoroutine(what string) {
	if !l.in(driven) && !l.in(closing) {
		return // the host's own business
	}
	if l.outside.Asleep() || l.stacks.Active.Value.who.goroutine != goroutine.Identity() && !goroutine.Coroutine(isStack) {
		panic(fmt.Sprintf("loop: %s from another goroutine than the loop's; use Post", what))
	}
}

// isStack reports whether function is what a stack of a loop runs. A coroutine without it
// is one of a body's own, by [iter.Pull], where the body may do what it may do elsewhere:
// one at a time runs of the two.
func isStack(function string) bool { return function == coro.Main }
