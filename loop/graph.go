package loop

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteGraph writes who awaits whom, as a tree: first every task that no other task
// awaits, in order of creation, and below each what it awaits, down to what only
// time or something outside can end. What stands in a circle, or below
// several others, is written out once. With stacks it writes where each suspended
// task stands, innermost frame first, as [Task.Stack] returns it.
//
//	main awaits a gather of 2
//	├─ A sleeps until 2s
//	└─ B awaits a shield
//	   └─ C awaits a future
//
// What is deeper than 20 goes on at the margin, below its tree, where a number in brackets
// leads to. So the size and the time grow with the number of tasks and of what they await,
// however deep the tree is.
//
// asyncio: print_call_graph, and python -m asyncio pstree.
func (l *Loop) WriteGraph(w io.Writer, stacks bool) error {
	if w == nil {
		panic("loop: WriteGraph to a nil writer; use os.Stderr, say")
	}
	g := graph{
		stacks:    stacks,
		written:   map[*Task]bool{},
		seen:      map[Awaitable]bool{},
		explained: map[Awaitable]explanation{},
	}
	waited := g.waited(l)
	for t := range l.Tasks() {
		if !waited[t] {
			g.tree(t)
		}
	}
	for t := range l.Tasks() { // circles that nobody outside awaits
		if !g.written[t] {
			g.tree(t)
		}
	}
	_, err := io.WriteString(w, g.String())
	return err
}

type graph struct {
	strings.Builder
	stacks    bool
	written   map[*Task]bool
	seen      map[Awaitable]bool // what is no task's, and was written
	explained map[Awaitable]explanation
	cut       []any // the tasks and awaitables that go on at the margin
	numbers   int   // of cuts that were written out
}

// An explanation is what Explain returns.
type explanation struct {
	what string
	on   []Awaitable
}

// explain is a.Explain, asked for once: a gather looks at all its children for it.
func (g *graph) explain(a Awaitable) explanation {
	x, ok := g.explained[a]
	if !ok {
		x.what, x.on = a.Explain()
		x.on = slices.Clone(x.on)
		for at, on := range x.on {
			x.on[at] = self(on)
		}
		g.explained[a] = x
	}
	return x
}

// waited returns the tasks that another task waits for.
func (g *graph) waited(l *Loop) map[*Task]bool {
	waited, seen := map[*Task]bool{}, map[Awaitable]bool{}
	var look []Awaitable
	for t := range l.Tasks() {
		if on := t.waitsFor(); on != nil {
			look = append(look, on)
		}
		for len(look) > 0 {
			a := look[len(look)-1]
			look = look[:len(look)-1]
			if next := a.TaskOf(); next != nil {
				waited[next] = true
			} else if !seen[a] {
				seen[a] = true
				look = append(look, g.explain(a).on...)
			}
		}
	}
	return waited
}

// deepest is how deep a tree is written before it goes on at the margin.
const deepest = 20

// tree writes t at the margin, what is below it, and what of that goes on at the margin.
func (g *graph) tree(t *Task) {
	g.task(t, "", "", 0)
	for len(g.cut) > 0 {
		next := g.cut[0]
		g.cut = g.cut[1:]
		g.numbers++
		mark := fmt.Sprintf("[%d] ", g.numbers)
		switch next := next.(type) {
		case *Task:
			g.writeTask(next, mark, "", 0)
		case Awaitable:
			x := g.explain(next)
			fmt.Fprintf(g, "%s%s\n", mark, x.what)
			g.each(x.on, "", 0)
		}
	}
}

// goesOn writes that what is called so, a task or an awaitable, goes on at the margin.
func (g *graph) goesOn(what any, called, first string) {
	g.cut = append(g.cut, what)
	fmt.Fprintf(g, "%s%s (goes on at [%d])\n", first, called, g.numbers+len(g.cut))
}

// task writes t behind first, and what is below it behind rest.
func (g *graph) task(t *Task, first, rest string, depth int) {
	switch {
	case g.written[t]:
		fmt.Fprintf(g, "%s%s (above)\n", first, t.Name())
	case depth == deepest && t.waitsFor() != nil:
		g.written[t] = true
		g.goesOn(t, t.Name(), first)
	default:
		g.writeTask(t, first, rest, depth)
	}
}

func (g *graph) writeTask(t *Task, first, rest string, depth int) {
	g.written[t] = true
	on, waits := t.waitsFor(), ""
	var below []Awaitable
	switch {
	case on == nil || t.state != stateSuspended: // a running task's eager child is on
		waits = t.Status()
		if on != nil {
			below = []Awaitable{on}
		}
	case on.TaskOf() != nil:
		waits, below = "awaits "+g.explain(on).what, []Awaitable{on}
	default:
		x := g.explain(on)
		waits = "awaits " + x.what
		if below = x.on; g.seen[on] && len(below) > 0 {
			waits, below = waits+" (above)", nil
		}
		g.seen[on] = true
	}
	fmt.Fprintf(g, "%s%s %s\n", first, t.Name(), waits)
	if g.stacks {
		for _, frame := range t.Stack() {
			fmt.Fprintf(g, "%s    %s %s:%d\n", rest, frame.Function, frame.File, frame.Line)
		}
	}
	g.each(below, rest, depth)
}

// each writes what something, which stands at depth, waits for.
func (g *graph) each(on []Awaitable, rest string, depth int) {
	for at, a := range on {
		first, next := rest+"├─ ", rest+"│  "
		if at == len(on)-1 {
			first, next = rest+"└─ ", rest+"   "
		}
		if t := a.TaskOf(); t != nil {
			g.task(t, first, next, depth+1)
			continue
		}
		x := g.explain(a)
		switch {
		case g.seen[a] && len(x.on) > 0:
			fmt.Fprintf(g, "%s%s (above)\n", first, x.what)
		case depth+1 == deepest && len(x.on) > 0:
			g.seen[a] = true
			g.goesOn(a, x.what, first)
		default:
			g.seen[a] = true
			fmt.Fprintf(g, "%s%s\n", first, x.what)
			g.each(x.on, next, depth+1)
		}
	}
}
