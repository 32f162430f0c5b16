package looptest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/takt-go/takt/loop"
)

// maxTasks is how many tasks a list names at most.
const maxTasks = 8

// unfinished lists the tasks that have not ended. If these are many, the tasks of first come first,
// and tasks that wait for the same at the same place share a line.
func (r *run) unfinished(first []*loop.Task) string {
	if r.loop.Stats().Tasks == 0 {
		return ""
	}
	tasks := slices.Collect(r.loop.Tasks())
	var lines []string
	if len(tasks) <= maxTasks {
		for _, t := range tasks {
			lines = append(lines, "\t"+short(r.nameOf(t))+" "+stateOf(t))
		}
		return strings.Join(lines, "\n")
	}
	rest := slices.DeleteFunc(tasks, func(t *loop.Task) bool { return slices.Contains(first, t) })
	var states []string
	alike := map[string]int{} // how many more tasks have the state
	for _, t := range slices.Concat(first, rest) {
		state := stateOf(t)
		if _, ok := alike[state]; ok {
			alike[state]++
			continue
		}
		alike[state] = 0
		states = append(states, state)
		lines = append(lines, "\t"+short(r.nameOf(t))+" "+state)
	}
	left := 0
	for i, state := range states {
		if n := alike[state]; i >= maxTasks {
			left += 1 + n
		} else if n > 0 {
			lines[i] += fmt.Sprintf("; and so %s", count(n, "more task", "more tasks"))
		}
	}
	if left > 0 {
		lines = append(lines[:maxTasks], "\t... "+count(left, "more task", "more tasks"))
	}
	return strings.Join(lines, "\n")
}

// stateOf says what a task waits for, and where.
func stateOf(t *loop.Task) string {
	text := t.Status()
	for _, frame := range t.Stack() {
		if !ofTakt(frame.Function, frame.File) {
			text += ", at " + place(frame)
			break
		}
	}
	if site := t.SpawnSite(); site != "" && t.ID() > 1 {
		text += ", spawned at " + filepath.Base(site)
	}
	return text
}

// circle describes the tasks of a deadlock that wait for each other.
func (r *run) circle(tasks []*loop.Task) string {
	if len(tasks) == 0 {
		return ""
	}
	var names []string
	for _, t := range tasks {
		names = append(names, short(r.nameOf(t)))
	}
	if left := len(names) - maxTasks; left > 1 {
		names = slices.Replace(names, maxTasks-1, len(names)-1, "... "+count(left, "more task", "more tasks")+" ...")
	}
	return "\n\tin a circle, each waits for the next: " + strings.Join(names, " → ") + " → " + names[0]
}
