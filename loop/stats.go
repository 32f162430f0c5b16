package loop

// Stats are numbers of a loop at one moment.
type Stats struct {
	Turns    uint64 // that have begun
	Spawned  uint64 // tasks, ended ones included
	Tasks    int    // unfinished
	Ready    int    // steps and callbacks in the ready queue, canceled callbacks included
	Timers   int    // armed and not due
	Blocking int    // offloaded calls that have not been followed up
	Stacks   int    // free ones, kept for tasks to come
}

// Stats returns the loop's numbers now. It costs a few nanoseconds, and keeping them
// one addition per turn. What takes time to measure is for an observer: see Stats of
// package trace.
func (l *Loop) Stats() Stats {
	l.mustBeMade("Stats")
	return Stats{
		Turns: l.turns, Spawned: l.spawned, Tasks: l.tasks,
		Ready: l.ready.Len(), Timers: l.timers.Len(),
		Blocking: l.offloads.Len(), Stacks: l.stacks.Free(),
	}
}
