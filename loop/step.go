package loop

// StepNow runs a new task's first step at once, inside the call. During the step, the new task is
// the current task. After the step, the task that called StepNow is the current task again. If the
// new task ends in that step, it never enters the ready queue. The result of its body, or a panic
// in its body, becomes the outcome of the new task. The caller gets neither.
//
// If the loop is not running, if the task was made with Queued of package lowlevel, if a realm is
// ending, or if the realm of the task is paused (Realm of package lowlevel), StepNow does what Enqueue does. If the caller has locked its thread, StepNow may queue the task, too. Then the
// loop reports [ThreadHeld]. StepNow is for task factories. It panics if the task was started
// before.
func (t *Task) StepNow() {
	t.mustBeSpawned("StepNow")
	if t.state == stateNew || t.mayStart("StepNow") {
		if t.start() == queuedStart {
			t.queue()
			return
		}
		t.stepNow()
	}
}

func (t *Task) stepNow() {
	l := t.env.loop
	if !l.in(driven) || l.ends > 0 || t.env.realm.still() {
		t.queue()
		return
	}
	l.mustBeHere("StepNow")
	if !t.is(isStackless) && (l.stacks.Free() == 0 || l.debug) && l.threadHeld() {
		t.postpone()
		return
	}
	prev := l.current
	if prev != nil {
		prev.enterStep(t)
	}
	l.eager++
	if t.is(isStackless) {
		t.stepGuarded(prev)
		return
	}
	defer l.leaveStep(prev)
	s, me := l.takeStack(t), l.stacks.Active
	s.Caller = me
	if place := me.Replace(s); place.ByNext { // SwitchTo, written out: see its comment
		place.Next()
	} else {
		place.Yield(struct{}{})
	}
	if !me.Meant() {
		me.PassOn()
	}
}

// enterStep notes that t, the running task, waits for the first step of another task.
func (t *Task) enterStep(of *Task) {
	x := t.withExtra()
	x.stepping = of
	if t.env.loop.debug {
		x.debug.stepsFrom = callers(here)
	}
}

// leaveStep makes t the running task again. t is nil if a callback has made the eager step.
func (l *Loop) leaveStep(t *Task) {
	l.eager--
	if t != nil {
		x := t.extra.Load()
		x.stepping = nil
		if l.debug {
			x.debug.stepsFrom = nil
		}
		if l.labeled {
			t.label(t.Context())
		}
	}
	if l.debug {
		l.watchOn(t)
	}
	l.current = t
}

// An entry is a Task in the ready queue. Running it begins a step.
type entry Task

func (e *entry) Run() {
	t := (*Task)(e)
	switch l := t.env.loop; {
	case t.state == stateDone: // a Goexit has unwound its stack meanwhile
	case t.is(isStackless):
		t.step()
	case t.stack() != nil:
		l.next = t.stack()
	default:
		if err := t.refusal(); err != nil {
			t.end(err)
			return
		}
		l.next, l.starting = &fresh, t
	}
}

// refusal returns the cancellation if t was canceled before its first step, and nil otherwise.
func (t *Task) refusal() error {
	if t.pendingCancel() == nil {
		return nil
	}
	return t.resumed()
}

// end ends a task if its body cannot end by itself. If the body's Fail panics, the task still ends. The
// panic goes to the error handler, because this may run on the stack of another task.
func (t *Task) end(err error) {
	defer t.ended()
	if t.outcome.Done() { // the inner body had ended; then an observer called Goexit, or the body that Wrap put around it failed
		if err != ErrGoexit && !t.crashed() {
			t.env.loop.reportSoon(Failure{Kind: CallbackFailed, Task: t, Err: err})
		}
		return
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		if err := recovered(recover(), t); err != ErrGoexit && !t.crashed() {
			t.env.loop.reportSoon(Failure{Kind: CallbackFailed, Task: t, Err: err})
		}
	}()
	t.live.body.Fail(t, err)
	returned = true
}

// ended makes t done: its body has ended.
func (t *Task) ended() {
	t.state = stateDone
	if t.live.timer != nil { // the stack was unwound during a sleep
		defer t.gone() // an observer that is told of the timer may call Goexit
		t.env.loop.disarm(t.dropAlarm())
		return
	}
	t.gone()
}

// gone is the part of ended after the timer.
func (t *Task) gone() {
	l := t.env.loop
	if on := t.live.on; on != nil { // the stack was unwound during an await
		on.RemoveWaiter((*entry)(t))
	}
	if t.env.bounded { // otherwise the outer context would keep the task's context in memory
		t.ending().end(exited)
	}
	l.unregister(t)
	if x := t.extra.Load(); x != nil {
		x.must, x.passed = nil, nil
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

// begin begins a step.
func (t *Task) begin() {
	l := t.env.loop
	l.current = t
	t.state = stateRunning
	if l.attended {
		t.announce()
	}
}

// announce is the part of begin for an attended loop.
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

// step runs a stackless body to its next suspension. The caller must recover a panic of the body:
// dispatchGuarded and stepGuarded do.
func (t *Task) step() {
	if t.state != stateSuspended {
		if err := t.refusal(); err != nil {
			t.end(err)
			return
		}
	}
	err := t.resumed()
	t.begin()
	if on := t.live.on; on != nil { // on is done
		t.live.on = nil
		err = on.Err()
	}
	l := t.env.loop
	body := t.live.body
	s := body.Step(t, err)
	for {
		if s.on != nil && s.on.Done() { // awaiting something done does not suspend
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
}

// stepGuarded is step, inside a step of maker, with a guard of its own. maker is nil if a callback makes the
// eager step.
func (t *Task) stepGuarded(maker *Task) {
	l, returned := t.env.loop, false
	defer func() {
		if !returned {
			defer l.leaveStep(maker)
			t.unwound(recovered(recover(), t))
			return
		}
		l.leaveStep(maker)
	}()
	t.step()
	returned = true
}

// unwound ends a task after a panic or a Goexit has left its body. err is the error that recovered
// has returned for it. A Goexit goes on to the driver.
func (t *Task) unwound(err error) {
	if t.state == stateDone { // an observer called Goexit when it was told of the end
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
