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
	g := graph{explained: map[Awaitable]explanation{}}
	parents, above := g.parents(t.env.loop), map[any]bool{}
	for look := []any{t}; len(look) > 0; {
		at := look[len(look)-1]
		look = look[:len(look)-1]
		for _, from := range parents[at] {
			if above[from] {
				continue
			}
			above[from] = true
			if _, isTask := from.(*Task); !isTask {
				look = append(look, from)
			}
		}
	}
	for other := range t.env.loop.Tasks() {
		if above[other] {
			by = append(by, other)
		}
	}
	return by
}
