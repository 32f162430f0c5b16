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
		fmt.Fprintf(&b, "\n\t%s %s", t.Name(), t.Waits())
		if site := t.SpawnSite(); site != "" {
			fmt.Fprintf(&b, "\n\t\tspawned at %s", site)
		}
	}
	if len(e.Cycle) > 0 {
		b.WriteString("\n\tin a circle: ")
		for _, t := range e.Cycle {
			b.WriteString(t.Name() + " -> ")
		}
		b.WriteString(e.Cycle[0].Name())
	}
	if tasks[0].env.loop.ports.n > 0 {
		b.WriteString("\n\ta goroutine that is going to send or receive is to be announced by Loop.Hold")
	}
	e.text = b.String()
	return e
}

// cycle returns the first circle of tasks that wait for each other, by order of
// creation, or nil.
func cycle(tasks []*Task) []*Task {
	const (
		unseen = iota
		onPath
		finished
	)
	mark := map[*Task]int{}
	var path []*Task
	var visit func(t *Task) []*Task
	visit = func(t *Task) []*Task {
		switch mark[t] {
		case onPath:
			return slices.Clone(path[slices.Index(path, t):])
		case finished:
			return nil
		}
		mark[t] = onPath
		path = append(path, t)
		for _, next := range t.awaited() {
			if found := visit(next); found != nil {
				return found
			}
		}
		path = path[:len(path)-1]
		mark[t] = finished
		return nil
	}
	for _, t := range tasks {
		if found := visit(t); found != nil {
			return found
		}
	}
	return nil
}
