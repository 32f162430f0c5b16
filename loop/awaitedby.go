package loop

// AwaitedBy returns the tasks that wait for t, in order of creation: the tasks that await t itself, and
// those that await a gather, a shield or another awaitable that waits for t. The maker of t waits for t
// while it is inside of the call in which t takes an eager first step. AwaitedBy is nil for a task that
// is done.
//
// AwaitedBy costs a look at every unfinished task and at the awaitables that each of them waits for.
// Call it on the loop, or from the host while the loop is not running. [Task.Awaits] looks in the
// other direction. asyncio: capture_call_graph, awaited_by.
func (t *Task) AwaitedBy() (by []*Task) {
	if t.env == nil || t.state == stateDone {
		return nil
	}
	t.check("AwaitedBy")
	w := waiting{map[any]bool{}, map[any][]any{}}
	for other := range t.env.loop.Tasks() {
		if on := other.waitsFor(); on != nil {
			w.follow(on)
		}
	}
	above := w.above(t)
	for other := range t.env.loop.Tasks() {
		if on := other.waitsFor(); on != nil && above[node(on)] {
			by = append(by, other)
		}
	}
	return by
}

// waiting knows which awaitables wait for a task or another awaitable. The keys are nodes. There may
// be circles.
type waiting struct {
	seen    map[any]bool
	parents map[any][]any
}

// node returns the key of a: its task, if it is the outcome of one.
func node(a Awaitable) any {
	if t := a.TaskOf(); t != nil {
		return t
	}
	return a
}

// follow notes what a waits for, and what that waits for, down to tasks.
func (w waiting) follow(a Awaitable) {
	look := []Awaitable{a}
	for len(look) > 0 {
		a := look[len(look)-1]
		look = look[:len(look)-1]
		from := node(a)
		if w.seen[from] || a.TaskOf() != nil {
			continue
		}
		w.seen[from] = true
		_, on := a.Explain()
		for _, next := range on {
			next = self(next)
			w.parents[node(next)] = append(w.parents[node(next)], from)
			look = append(look, next)
		}
	}
}

// above returns t and the nodes from which a way leads to t.
func (w waiting) above(t *Task) map[any]bool {
	above := map[any]bool{t: true}
	look := []any{t}
	for len(look) > 0 {
		at := look[len(look)-1]
		look = look[:len(look)-1]
		for _, from := range w.parents[at] {
			if !above[from] {
				above[from] = true
				look = append(look, from)
			}
		}
	}
	return above
}
