package loop

// Stats has numbers about a loop at one moment.
type Stats struct {
	Turns    uint64 // turns that have begun
	Spawned  uint64 // all tasks that were spawned, ended ones included
	Tasks    int    // unfinished tasks
	Ready    int    // steps and callbacks in the ready queue, canceled callbacks included
	Timers   int    // timers that are armed and not due
	Blocking int    // offloaded calls whose done function is not in the ready queue yet
	Stacks   int    // free stacks, kept for later tasks
}

// Stats returns the loop's present numbers. A call costs a few nanoseconds. To count, the loop
// makes one addition in every turn. For numbers that cost more to measure, such as durations, use
// an observer: see Stats of package trace.
func (l *Loop) Stats() Stats {
	l.mustBeMade("Stats")
	return Stats{
		Turns: l.turns, Spawned: l.spawned, Tasks: l.tasks,
		Ready: l.ready.Len(), Timers: l.timers.Len(),
		Blocking: l.offloads.Len(), Stacks: l.stacks.Free(),
	}
}
