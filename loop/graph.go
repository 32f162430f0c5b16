package loop

import (
	"fmt"
	"io"
	"strings"
)

// WriteGraph writes who awaits whom, as a tree: first every task that no other task
// awaits, in order of creation, and below each what it awaits, down to what only
// time or something outside can end. A task that stands in a circle, or below
// several others, is written out once. With stacks it writes where each suspended
// task stands, innermost frame first, as [Task.Stack] returns it.
//
//	main awaits a gather of 2
//	├─ A sleeps until 2s
//	└─ B awaits a shield
//	   └─ C awaits a future
//
// asyncio: print_call_graph, and python -m asyncio pstree.
func (l *Loop) WriteGraph(w io.Writer, stacks bool) error {
	if w == nil {
		panic("loop: WriteGraph to a nil writer; use os.Stderr, say")
	}
	g := graph{stacks: stacks, written: map[*Task]bool{}, seen: map[Awaitable]bool{}}
	waited := map[*Task]bool{}
	for t := range l.Tasks() {
		for _, on := range t.awaited() {
			waited[on] = true
		}
	}
	for t := range l.Tasks() {
		if !waited[t] {
			g.task(t, "", "")
		}
	}
	for t := range l.Tasks() { // circles that nobody outside awaits
		if !g.written[t] {
			g.task(t, "", "")
		}
	}
	_, err := io.WriteString(w, g.String())
	return err
}

type graph struct {
	strings.Builder
	stacks  bool
	written map[*Task]bool
	seen    map[Awaitable]bool // what is no task's, and was written
}

// task writes t behind first, and what is below it behind rest.
func (g *graph) task(t *Task, first, rest string) {
	if g.written[t] {
		fmt.Fprintf(g, "%s%s (above)\n", first, t.Name())
		return
	}
	g.written[t] = true
	fmt.Fprintf(g, "%s%s %s\n", first, t.Name(), t.Waits())
	if g.stacks {
		for _, frame := range t.Stack() {
			fmt.Fprintf(g, "%s    %s %s:%d\n", rest, frame.Function, frame.File, frame.Line)
		}
	}
	switch {
	case t.extras().stepping != nil:
		g.task(t.extras().stepping, rest+"└─ ", rest+"   ")
	case t.Awaits() != nil:
		if next := t.Awaits().TaskOf(); next != nil {
			g.task(next, rest+"└─ ", rest+"   ")
		} else {
			g.each(t.Awaits().Explain().On, rest)
		}
	}
}

// each writes what something waits for.
func (g *graph) each(on []Awaitable, rest string) {
	for at, a := range on {
		first, next := rest+"├─ ", rest+"│  "
		if at == len(on)-1 {
			first, next = rest+"└─ ", rest+"   "
		}
		if t := a.TaskOf(); t != nil {
			g.task(t, first, next)
			continue
		}
		x := a.Explain()
		if g.seen[a] && len(x.On) > 0 {
			fmt.Fprintf(g, "%s%s (above)\n", first, x.What)
			continue
		}
		g.seen[a] = true
		fmt.Fprintf(g, "%s%s\n", first, x.What)
		g.each(x.On, next)
	}
}
