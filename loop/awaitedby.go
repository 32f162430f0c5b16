package loop

// AwaitedBy returns the tasks that wait for t, in order of creation: those that await t itself, and
// those that await a gather, a shield or another awaitable that waits for t. It returns nil for a
// task that is done. A task that has made t, and waits until the eager first step of t is over,
// waits for t, too.
//
// AwaitedBy looks at every unfinished task and at the awaitable of each. Call it on the loop, or
// from the host while the loop is not running. [Task.Awaits] looks in the other direction. asyncio:
// capture_call_graph, awaited_by.
func (t *Task) AwaitedBy() (by []*Task) {
	if t.env == nil || t.state == stateDone {
		return nil
	}
	t.check("AwaitedBy")
	reaches := map[Awaitable]bool{}
	for other := range t.env.loop.Tasks() {
		if on := other.waitsFor(); on != nil && leadsTo(on, t, reaches) {
			by = append(by, other)
		}
	}
	return by
}

// leadsTo reports whether a is t, or waits for t without another task between. reaches has the
// results that are known already.
func leadsTo(a Awaitable, t *Task, reaches map[Awaitable]bool) bool {
	if task := a.TaskOf(); task != nil {
		return task == t
	}
	known, seen := reaches[a]
	if seen {
		return known
	}
	reaches[a] = false // so that a circle ends
	_, on := a.Explain()
	for _, next := range on {
		if leadsTo(self(next), t, reaches) {
			reaches[a] = true
			break
		}
	}
	return reaches[a]
}
