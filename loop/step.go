package loop

// StepNow runs a new task's first step at once, inside the call, with the
// current task switched to it and back. A task that ends in that step never
// touches the ready queue; what its body returns, and a panic, go into the task
// and not to the caller. While the loop is not running, and for a task that was made
// with Queued of package lowlevel, it is Enqueue. It is for task factories; it panics if the task was
// started before.
func (t *Task) StepNow() {
	t.mustBeSpawned("StepNow")
	if t.state == stateNew || t.mayStart("StepNow") {
		if t.start == queuedStart {
			t.queue()
			return
		}
		t.stepNow()
	}
}

func (t *Task) stepNow() {
	l := t.env.loop
	if !l.in(driven) {
		t.queue()
		return
	}
	l.mustBeHere("StepNow")
	if t.kind == stackful && (l.stacks.Free() == 0 || l.debug) && l.threadHeld() {
		t.postpone()
		return
	}
	prev := l.current
	if prev != nil {
		prev.enterStep(t)
	}
	l.eager++
	defer l.leaveStep(prev)
	if t.kind == stackless {
		t.stepGuarded()
		return
	}
	s, me := l.takeStack(t), l.stacks.Active
	s.Caller = me
	if place := me.Replace(s); place.ByNext { // SwitchTo, written out: see there
		place.Next()
	} else {
		place.Yield(struct{}{})
	}
	if !me.Meant() {
		me.PassOn()
	}
}

// enterStep notes that t, which is running, waits for the first step of another.
func (t *Task) enterStep(of *Task) {
	x := t.withExtra()
	x.stepping = of
	if t.env.loop.debug {
		x.stepsFrom = callers()
	}
}

// leaveStep makes t, which is nil outside of tasks, the running task again.
func (l *Loop) leaveStep(t *Task) {
	l.eager--
	if t != nil {
		x := t.extra.Load()
		x.stepping, x.stepsFrom = nil, nil
		if l.labeled {
			t.label(t.Context())
		}
	}
	if l.debug {
		l.watchOn(t)
	}
	l.current = t
}

// entry is a Task as it stands in the ready queue: running it is a step.
type entry Task

func (e *entry) Run() {
	t := (*Task)(e)
	switch l := t.env.loop; {
	case t.state == stateDone: // its stack was unwound by a Goexit meanwhile
	case t.kind == stackless:
		t.step()
	case t.stack != nil:
		l.next = t.stack
	default:
		if err := t.refusal(); err != nil {
			t.end(err)
			return
		}
		l.next, l.starting = &l.fresh, t
	}
}

// refusal is the cancellation that came before the first step.
func (t *Task) refusal() error {
	if t.pendingCancel() == nil {
		return nil
	}
	return t.resumed()
}

// end is for a task whose body cannot end by itself. The task ends also where Fail
// panics, which goes to the error handler: the stack may be another task's.
func (t *Task) end(err error) {
	defer t.ended()
	if t.outcome.Done() { // an observer's Goexit has come in between, or what Wrap made has failed behind the body
		if err != ErrGoexit {
			t.env.loop.reportSoon(Failure{Kind: CallbackFailed, Task: t, Err: err})
		}
		return
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		if err := recovered(recover(), t); err != ErrGoexit {
			t.env.loop.reportSoon(Failure{Kind: CallbackFailed, Task: t, Err: err})
		}
	}()
	t.live.body.Fail(t, err)
	returned = true
}

// ended takes a task whose body has ended out of the registry.
func (t *Task) ended() {
	l := t.env.loop
	t.state = stateDone
	if t.live.timer.Seq != 0 { // its stack was unwound while it slept
		l.disarm(t.live.timer)
	}
	if on := t.live.on; on != nil { // its stack was unwound while it awaited
		on.RemoveWaiter((*entry)(t))
	}
	if t.env.bounded { // its context is held by another, as long as that lives
		t.ending().end(exited)
	}
	l.unregister(t)
	t.stack = nil
	if x := t.extra.Load(); x != nil {
		x.must = nil
		l.unwatch(x.watch)
	}
	if l.observer != nil {
		l.tell(TaskDone, t)
	}
	l.current = nil
	if l.labeled {
		l.unlabel()
	}
}

// begin is the start of every step.
func (t *Task) begin() {
	l := t.env.loop
	l.current = t
	t.state = stateRunning
	if l.attended {
		t.announce()
	}
}

// announce is the rest of begin for an attended loop.
func (t *Task) announce() {
	l := t.env.loop
	if l.debug {
		l.watchOn(t)
	}
	if l.labeled {
		t.label(t.Context())
	}
	if l.observer != nil {
		l.tell(StepBegan, t)
	}
}

// runBody runs the stackful body of the task on s from its beginning to its end, and leaves s
// without a task.
func runBody(s *stack) {
	t := s.Value.task
	t.stack = s
	returned := false
	defer func() {
		if !returned {
			t.unwound(recovered(recover(), t))
		}
		s.Value.task = nil
	}()
	t.begin()
	t.live.body.Step(t, nil)
	returned = true
	t.ended()
}

// step runs a stackless body to its next suspension. A panic in it is for the
// caller: the guard of dispatch, or that of stepGuarded.
func (t *Task) step() {
	if t.state != stateSuspended {
		if err := t.refusal(); err != nil {
			t.end(err)
			return
		}
	}
	err := t.resumed()
	t.begin()
	if on := t.live.on; on != nil { // it is done
		t.live.on = nil
		err = on.Err()
	}
	l := t.env.loop
	body := t.live.body
	s := body.Step(t, err)
	for {
		if s.on != nil && s.on.Done() { // what is done does not suspend
			s = body.Step(t, s.on.Err())
		} else if s.how == turn && l.ready.Empty() && l.skipTurn(t) {
			s = body.Step(t, nil)
		} else {
			break
		}
	}
	if s.how == end {
		t.ended()
		return
	}
	t.suspend(s)
	l.current = nil
}

// stepGuarded is a step outside dispatch, whose guard it has to bring itself.
func (t *Task) stepGuarded() {
	returned := false
	defer func() {
		if !returned {
			t.unwound(recovered(recover(), t))
		}
	}()
	t.step()
	returned = true
}

// unwound ends a task whose body was left by a panic or a Goexit, of which err was made
// by Recovered. A Goexit goes on, to the goroutine that drives the loop.
func (t *Task) unwound(err error) {
	if t.state == stateDone { // an observer has called Goexit when it was told so
		return
	}
	if p, ok := err.(*PanicError); ok {
		if s, ok := p.Value.(*stuck); ok {
			t.end(s.err)
			t.env.loop.report(Failure{Kind: TaskStuck, Task: t, Err: s})
			return
		}
	}
	t.end(err)
}
