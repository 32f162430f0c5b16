package loop

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/takt-go/takt/loop/internal/oneline"
)

// WriteGraph writes trees that show which task awaits which tasks and awaitables. It begins with
// the tasks that no other task awaits, in order of creation. Below each task it writes the tasks
// and awaitables that the task awaits, and so on. A task or awaitable that stands below several
// others, or in a circle, is written out once. If stacks is true, WriteGraph also writes the stack
// of each task, innermost frame first, as [Task.Stack] returns it.
//
//	main awaits a gather of 2
//	├─ A sleeps until 2s
//	└─ B awaits a shield
//	   └─ C awaits a future
//
// A branch that is deeper than 20 levels goes on at the margin, below its tree, under a number in
// brackets. So the size of the text and the time are linear in the number of tasks and awaitables,
// also if the tree is very deep.
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
	parents := g.parents(l)
	for t := range l.Tasks() {
		if parents[t] == nil {
			g.tree(t)
		}
	}
	for t := range l.Tasks() { // circles that no task outside of them awaits
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
	seen      map[Awaitable]bool // the written awaitables that are not outcomes of tasks
	explained map[Awaitable]explanation
	cut       []any // tasks and awaitables that still have to go on at the margin
	numbers   int   // how many have gone on at the margin so far
}

// An explanation is what Explain returns.
type explanation struct {
	what string
	on   []Awaitable
}

// explain calls a.Explain once and keeps the result: a gather looks at all its children in Explain.
func (g *graph) explain(a Awaitable) explanation {
	x, ok := g.explained[a]
	if !ok {
		x.what, x.on = a.Explain()
		x.what = oneline.Of(x.what)
		x.on = slices.Clone(x.on)
		for at, on := range x.on {
			x.on[at] = self(on)
		}
		g.explained[a] = x
	}
	return x
}

// parents returns the tasks and awaitables that wait directly for each task and awaitable. The keys are
// nodes. There may be circles.
func (g *graph) parents(l *Loop) map[any][]any {
	parents, seen := map[any][]any{}, map[Awaitable]bool{}
	var look []Awaitable
	waits := func(from any, on Awaitable) {
		parents[node(on)] = append(parents[node(on)], from)
		look = append(look, on)
	}
	for t := range l.Tasks() {
		if on := t.waitsFor(); on != nil {
			waits(t, on)
		}
		for len(look) > 0 {
			a := look[len(look)-1]
			look = look[:len(look)-1]
			if a.TaskOf() == nil && !seen[a] {
				seen[a] = true
				for _, on := range g.explain(a).on {
					waits(a, on)
				}
			}
		}
	}
	return parents
}

// node returns the task if a is the outcome of one, and a otherwise.
func node(a Awaitable) any {
	if t := a.TaskOf(); t != nil {
		return t
	}
	return a
}

// deepest is how many levels of a tree are written before it goes on at the margin.
const deepest = 20

// tree writes t at the margin, then the tree below it, and then the parts that go on at the margin.
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

// goesOn writes a line for what, a task or an awaitable. The line says that the tree below what
// goes on at the margin. called is the text that stands for what.
func (g *graph) goesOn(what any, called, first string) {
	g.cut = append(g.cut, what)
	fmt.Fprintf(g, "%s%s (goes on at [%d])\n", first, called, g.numbers+len(g.cut))
}

// task writes t and the tree below it. first is the beginning of the first line, and rest that of the
// other lines.
func (g *graph) task(t *Task, first, rest string, depth int) {
	switch {
	case g.written[t]:
		fmt.Fprintf(g, "%s%s (above)\n", first, oneline.Of(t.Name()))
	case depth == deepest && t.waitsFor() != nil:
		g.written[t] = true
		g.goesOn(t, oneline.Of(t.Name()), first)
	default:
		g.writeTask(t, first, rest, depth)
	}
}

func (g *graph) writeTask(t *Task, first, rest string, depth int) {
	g.written[t] = true
	on, waits := t.waitsFor(), ""
	var below []Awaitable
	switch {
	case on == nil || t.state != stateSuspended: // on may be the eager child of a running task
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
	fmt.Fprintf(g, "%s%s %s\n", first, oneline.Of(t.Name()), waits)
	if g.stacks {
		for _, frame := range t.Stack() {
			fmt.Fprintf(g, "%s    %s %s:%d\n", rest, frame.Function, frame.File, frame.Line)
		}
	}
	g.each(below, rest, depth)
}

// each writes the awaitables on, one level below depth.
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
