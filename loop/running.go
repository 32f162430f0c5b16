package loop

import (
	"fmt"

	"github.com/takt-go/takt/loop/internal/goroutine"
)

// runningTask returns the running task, for a function that has no context: see Running in package lowlevel.
func (l *Loop) runningTask(what string) *Task {
	l.mustBeMade(what)
	driven := l.in(driven) || l.in(closing)
	foreign := driven && (l.outside.Asleep() || (goroutine.Cheap || l.debug) && l.elsewhere())
	if driven && !foreign && l.current != nil {
		return l.current
	}
	why := "a callback cannot do that: spawn a task with task.Go(l.Context(), ...)"
	switch {
	case !driven:
		why = "its loop is not running; call it in the body of a task"
	case foreign:
		why = "another goroutine than the loop's cannot do that: use task.Submit, which starts a task on the loop"
	}
	panic(fmt.Sprintf("loop: %s suspends the running task, and %s", what, why))
}
