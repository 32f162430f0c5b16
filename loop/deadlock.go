package loop

import (
	"fmt"
	"slices"
	"strings"
)

// A DeadlockError says that nothing is ready, no timer is armed and nothing
// outside is owed, while tasks are still suspended: none of them can ever go on.
// Its message names them, what each awaits, and the circle if some of them wait
// for each other; it is as things stood when the loop found out.
type DeadlockError struct {
	Tasks []*Task // the unfinished tasks, in order of creation
	Cycle []*Task // tasks of which each waits for the next, and the last for the first; or nil
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
		fmt.Fprintf(&b, "\n\t%s %s", t.Name(), t.Status())
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
			b.WriteString(t.Name() + " -> ")
		}
		b.WriteString(e.Cycle[0].Name())
	}
	for _, hint := range tasks[0].env.loop.outside.Hints() {
		b.WriteString("\n\t" + hint)
	}
	e.text = b.String()
	return e
}

// cycle returns the first circle of tasks that wait for each other, by order of
// creation, or nil. It walks down what the tasks wait for, depth first, and looks at
// everything once.
func cycle(tasks []*Task) []*Task {
	type place struct {
		at   any         // a *Task, or an Awaitable that is no task's
		left []Awaitable // of what that waits for
	}
	onPath := map[any]bool{} // false for what is not on the path any more
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
