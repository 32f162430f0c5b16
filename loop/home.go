package loop

// A Home is where an [Awaitable] belongs, in one word: to a task, whose outcome it is, or
// else to a loop only. It is for those who build awaitables.
type Home Task

// Home is that of the task's outcome.
func (t *Task) Home() *Home { return (*Home)(t) }

// Home is that of what is no task's outcome.
func (l *Loop) Home() *Home { return (*Home)(&l.root) }

// Loop returns the loop. It panics for the home of a task that was never spawned.
func (h *Home) Loop() *Loop {
	if h.env == nil {
		panic("loop: this is the Home of a Task that was never spawned, or of a Loop that New has not made")
	}
	return h.env.loop
}

// Task returns the task, nil if there is only a loop.
func (h *Home) Task() *Task {
	if h.isRoot {
		return nil
	}
	return (*Task)(h)
}
