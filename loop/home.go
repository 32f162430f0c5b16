package loop

// A Home is where an [Awaitable] belongs, in one word: to a task, whose outcome it is, or
// else to a loop only. The zero Home is that of nothing. It is for code that
// builds awaitables.
type Home struct {
	task *Task // the loop's root, if there is only a loop; not for others to see
}

// Home is that of the task's outcome.
func (t *Task) Home() Home { return Home{t} }

// Home is that of what is no task's outcome.
func (l *Loop) Home() Home { return Home{&l.root} }

// CheckGoroutine is that of the loop: see [Loop.CheckGoroutine]. For the zero Home, and that
// of a task that was never spawned, it does nothing.
func (h Home) CheckGoroutine(what string) {
	if h.task == nil || h.task.env == nil {
		return
	}
	if l := h.task.env.loop; l.debug || l.outside.Asleep() {
		l.checkGoroutine(what)
	}
}

// Loop returns the loop, nil for the zero Home. It panics for the home of a task that was
// never spawned.
func (h Home) Loop() *Loop {
	if h.task == nil {
		return nil
	}
	if h.task.env == nil {
		panic("loop: this is the Home of a Task that was never spawned, or of a Loop that New has not made")
	}
	return h.task.env.loop
}

// Task returns the task, nil if there is only a loop, or for the zero Home.
func (h Home) Task() *Task {
	if h.task == nil || h.task.isRoot {
		return nil
	}
	return h.task
}
