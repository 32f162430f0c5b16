package loop

import (
	"fmt"
	"slices"
	"strings"

	"github.com/takt-go/takt/loop/internal/oneline"
)

// A DeadlockError says that tasks are suspended, and none of them can ever go on: nothing is ready, no
// timer is armed, and nothing from outside is owed. Its message names the tasks and what each task
// awaits; with [WithDebug] also where the task was made. [Loop.WriteGraph] writes the stacks of the tasks. If some
// tasks wait for each other, the message names them as a circle. The message describes the
// moment when the loop found the deadlock.
type DeadlockError struct {
	Tasks []*Task // the tasks that are not done, in order of creation
	Cycle []*Task // each of these tasks waits for the next one, and the last one for the first; or nil
	text  string
}

func (e *DeadlockError) Error() string { return e.text }

func newDeadlockError(tasks []*Task) *DeadlockError {
	e := &DeadlockError{Tasks: tasks, Cycle: cycle(tasks)}
	var b strings.Builder
	if len(tasks) == 1 {
		b.WriteString("loop: deadlock: nothing can wake the task that is left")
	} else {
		fmt.Fprintf(&b, "loop: deadlock: nothing can wake the %d tasks that are left", len(tasks))
	}
	const most = 50
	for at, t := range tasks {
		if at == most {
			fmt.Fprintf(&b, "\n\tand %d more", len(tasks)-most)
			break
		}
		fmt.Fprintf(&b, "\n\t%s %s", oneline.Of(t.Name()), t.Status())
		if site := t.SpawnSite(); site != "" {
			fmt.Fprintf(&b, "\n\t\tspawned at %s", site)
		}
	}
	if len(e.Cycle) > 0 {
		b.WriteString("\n\tin a circle: ")
		for at, t := range e.Cycle {
			if at == most {
				fmt.Fprintf(&b, "%d more -> ", len(e.Cycle)-most)
				break
			}
			b.WriteString(oneline.Of(t.Name()) + " -> ")
		}
		b.WriteString(oneline.Of(e.Cycle[0].Name()))
	}
	for _, hint := range tasks[0].env.loop.outside.Hints() {
		b.WriteString("\n\t" + hint)
	}
	e.text = b.String()
	return e
}

// cycle returns the first circle of tasks that wait for each other, in order of creation of the
// tasks, or nil. It walks depth first from each task to the awaitables that the task waits for, and
// visits every task and awaitable once.
func cycle(tasks []*Task) []*Task {
	type place struct {
		at   any         // a *Task, or an Awaitable that is not the outcome of a task
		left []Awaitable // at waits for these, and the walk has not visited them yet
	}
	onPath := map[any]bool{} // false: visited, and not on the path any more
	var path []place
	enter := func(at any) {
		onPath[at] = true
		p := place{at: at}
		switch at := at.(type) {
		case *Task:
			if on := at.waitsFor(); on != nil {
				p.left = []Awaitable{on}
			}
		case Awaitable:
			_, p.left = at.Explain()
		}
		path = append(path, p)
	}
	for _, t := range tasks {
		if _, seen := onPath[t]; !seen {
			enter(t)
		}
		for len(path) > 0 {
			p := &path[len(path)-1]
			if len(p.left) == 0 {
				onPath[p.at] = false
				path = path[:len(path)-1]
				continue
			}
			var next any = self(p.left[0])
			if t := p.left[0].TaskOf(); t != nil {
				next = t
			}
			p.left = p.left[1:]
			if on, seen := onPath[next]; !seen {
				enter(next)
			} else if on {
				var found []*Task
				for _, p := range path[slices.IndexFunc(path, func(p place) bool { return p.at == next }):] {
					if t, ok := p.at.(*Task); ok {
						found = append(found, t)
					}
				}
				return found
			}
		}
	}
	return nil
}
