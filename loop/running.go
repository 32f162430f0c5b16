package loop

import (
	"fmt"

	"github.com/takt-go/takt/loop/internal/goroutine"
)

// runningTask returns the running task, for a function that has no context: see Running in package lowlevel.
func (l *Loop) runningTask(what string) *Task {
	l.mustBeMade(what)
	drives, foreign := l.whereabouts()
	if drives && !foreign && l.current != nil {
		return l.current
	}
	why := "a callback cannot do that: spawn a task with task.Go(l.Context(), ...)"
	switch {
	case !drives:
		why = "its loop is not running; call it in the body of a task"
	case foreign:
		why = "another goroutine than the loop's cannot do that: use task.Submit, which starts a task on the loop"
	}
	panic(fmt.Sprintf("loop: %s suspends the running task, and %s", what, why))
}

// mustNotBeElsewhere panics if the caller is on another goroutine than the loop's: see CheckHere in package lowlevel.
func (l *Loop) mustNotBeElsewhere(what string) {
	if _, foreign := l.whereabouts(); foreign {
		panic(elsewhere(what))
	}
}

func elsewhere(what string) string {
	return fmt.Sprintf("loop: %s from another goroutine than the loop's; use Post", what)
}

// whereabouts reports whether a goroutine drives the loop, or closes it, and whether the caller is on another one.
func (l *Loop) whereabouts() (drives, foreign bool) {
	drives = l.in(driven) || l.in(closing)
	return drives, drives && (l.outside.Asleep() || (goroutine.Cheap || l.debug) && l.elsewhere())
}
