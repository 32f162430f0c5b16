package loop

import (
	"slices"
	"time"

	"github.com/takt-go/takt/timer"
)

// Run runs turns until [Loop.Stop] is called, and returns nil. Where nothing is
// left that could ever become ready, it returns nil if every task has ended, and
// a [*DeadlockError] if not: always with a virtual clock, and with the real one
// if [WithDeadlockDetection] is on; otherwise it waits for a Post.
//
// The goroutine that calls Run is the driver: a [runtime.Goexit] in a task or
// callback ends it, with its deferred calls run. A loop whose driver has locked
// its thread (runtime.LockOSThread) is to be driven under that lock always. Run
// panics if the loop is running already or closed, and if another loop with the same
// virtual clock is inside Run: both would move it. RunOnce and RunUntilIdle never move
// the clock, so loops that are driven by those may share one.
func (l *Loop) Run() error { return l.drive("Run", modeRun) }

// RunOnce runs one turn: what was posted, what is due and what is ready now. It
// does not wait, and a virtual clock does not jump. It reports whether anything
// is ready for another turn; when not, [Loop.NextDeadline] says when there will
// be. (What waits for a channel of another goroutine's, or for a Blocking call to end, is
// found out by the next turn only.) A game calls it once a frame. It panics as Run does.
func (l *Loop) RunOnce() (more bool) {
	_ = l.drive("RunOnce", modeOnce)
	return !l.ready.Empty() || l.outside.Pending()
}

// RunUntilIdle runs turns until nothing is ready or due, or Stop is called. It
// does not wait, and a virtual clock does not jump: advance it by hand. It panics
// as Run does.
func (l *Loop) RunUntilIdle() { _ = l.drive("RunUntilIdle", modeIdle) }

// NextDeadline returns the instant of the earliest timer, and false if no timer
// is armed.
func (l *Loop) NextDeadline() (time.Time, bool) {
	l.mustBeMade("NextDeadline")
	at, ok := l.timers.Earliest()
	if !ok || at == timer.Never {
		return time.Time{}, false
	}
	return l.clock.Start().Add(time.Duration(at)), true
}

// Stop makes Run or RunUntilIdle return at the end of this turn. When the loop
// is not running, the next Run runs one turn. It is called on the loop; from
// another goroutine it is Post(l.Stop).
func (l *Loop) Stop() {
	l.check("Stop")
	l.stopping = true
}

// mode is what the driver does: it waits and moves a virtual clock only in modeRun.
type mode uint8

const (
	modeNone mode = iota // the loop is not driven
	modeRun
	modeIdle
	modeOnce
)

// drive is the driver: it runs turns, resumes stacks, and waits.
func (l *Loop) drive(what string, m mode) error {
	l.mustBeMade(what)
	if l.Closed() {
		panic("loop: " + what + " on a loop that is closed")
	}
	if !l.phase.CompareAndSwap(uint32(resting), uint32(driven)) {
		panic("loop: " + what + " on a loop that is running already")
	}
	clock := l.claimClock(m)
	l.mode = m
	l.offloads.Ordered = m == modeRun && l.clock.Jumps()
	if l.debug {
		identify(&l.stacks.Driver)
		l.watchdog.wake()
		defer l.watchdog.rest()
	} else if l.stacks.Driver.Value.who == nil && l.policy == nil { // an exploration makes very many loops, and does without
		identify(&l.stacks.Driver)
	}
	defer func() {
		l.stopping, l.mode = false, modeNone
		l.current = nil // but next stays: a Goexit may come between an entry and its stack
		l.phase.Store(uint32(resting))
		if clock != nil {
			clock.Release()
		}
	}()
	if l.ready.Head() == l.turnEnd && l.next == nil { // else a Goexit has left the turn before unfinished
		l.turn()
	}
	for {
		l.reportFailures()
		if l.next == nil { // else the stack that ran before has found out what is next
			l.dispatch(nil)
		}
		switch s := l.next; {
		case s != nil:
			l.next = nil
			if s == &l.fresh {
				s = l.takeStack(l.starting)
			}
			l.step(s)
		case len(l.failures) > 0:
		case m == modeOnce && l.ready.Empty() && len(l.atIdle) > 0:
			l.wakeAtIdle() // for the next turn
			return nil
		case l.stopping || m == modeOnce:
			return nil
		case len(l.atIdle) > 0:
			l.wakeAtIdle()
		case m == modeIdle:
			return nil
		default:
			if over, err := l.idle(); over {
				return err
			}
		}
	}
}

// A claimable clock can be moved by one loop only at a time: see [timer.Virtual].
type claimable interface {
	Claim() bool
	Release()
}

// claimClock claims the clock for Run, which moves it, and returns it if it is to be
// released.
func (l *Loop) claimClock(m mode) claimable {
	clock, ok := l.clock.(claimable)
	if !ok || m != modeRun {
		return nil
	}
	if !clock.Claim() {
		l.phase.Store(uint32(resting))
		panic("loop: Run while another loop with the same virtual clock is inside Run; give each loop a clock of its own, or drive the loops by RunOnce or RunUntilIdle and move the clock by Advance")
	}
	return clock
}

// step resumes s, from the driver.
func (l *Loop) step(s *stack) {
	if l.debug {
		defer l.timeStep(s.Value.task)()
	}
	l.stacks.SwitchTo(s)
}

// dispatch runs ready entries on the calling stack, s, until another stack is
// needed (l.next says which) or the turn is over and the driver must decide. s is
// nil for the driver, and its task nil when the stack is free.
func (l *Loop) dispatch(s *stack) {
	for !l.dispatchGuarded(s) && len(l.failures) == 0 {
	}
}

func (l *Loop) dispatchGuarded(s *stack) (ok bool) {
	defer l.guard(s, &ok)
	for {
		if l.ready.Head() == l.turnEnd && (l.mode == modeOnce || l.stopping || len(l.failures) > 0 || !l.beginTurn()) {
			return true
		}
		var r Runnable
		if l.policy == nil {
			r = l.ready.Pop()
		} else {
			r = l.take()
		}
		if r == nil {
			continue
		}
		if l.debug {
			l.runTimed(r)
		} else {
			r.Run()
		}
		if l.next != nil {
			return true
		}
	}
}

// guard is deferred around the entries that dispatch runs: a panic in a stackless
// body becomes that task's error, one in a callback goes to the error handler,
// and dispatch goes on. A Goexit unwinds the stack that it runs on.
func (l *Loop) guard(s *stack, ok *bool) {
	if *ok {
		return
	}
	err := recovered(recover(), l.current)
	exits := true // also if an observer does
	defer func() {
		if exits && s != nil && s.Value.task != nil {
			// The Goexit of an entry that ran on top of a suspended body. That body's
			// deferred calls run now, in the name of its task.
			l.current, s.Value.task.unwinding = s.Value.task, true
		}
	}()
	switch {
	case l.current != nil:
		l.current.unwound(err)
	case err != ErrGoexit:
		l.reportSoon(Failure{Kind: CallbackFailed, Err: err})
	}
	exits = err == ErrGoexit
}

// turn is beginTurn for the driver. A panic in it goes to the error handler, and the turn
// is what has come in before.
func (l *Loop) turn() bool {
	begun, ok := l.turnGuarded()
	if !ok && !l.ready.Empty() {
		l.newTurn()
		return true
	}
	return begun
}

func (l *Loop) turnGuarded() (begun, ok bool) {
	defer l.guard(nil, &ok)
	begun = l.beginTurn()
	return begun, true
}

// beginTurn moves what was posted, what has ended and what is due to the back of
// the ready queue, and makes what is there now the turn. It reports whether that
// is anything.
func (l *Loop) beginTurn() bool {
	if oneThread {
		l.thread.letOthersRun(l)
	}
	if l.unretrieved.over {
		l.tellUnretrieved(false)
	}
	if !l.outside.Quiet() {
		l.outside.TakeIn()
	}
	if l.timers.Len() > 0 {
		at, _ := l.timers.Earliest()
		l.fire(at)
	}
	if l.unretrieved.over && l.ready.Empty() {
		l.tellUnretrieved(true)
	}
	if l.ready.Empty() {
		l.ready.Shrink()
		return false
	}
	l.newTurn()
	return true
}

// newTurn makes what is in the ready queue the turn.
func (l *Loop) newTurn() {
	l.turnEnd = l.ready.Tail()
	l.turns++
	if l.observer != nil {
		l.tellTurn()
	}
}

// skipTurn reports whether t, which runs and waits for a turn, is all that there is to
// run in that, and nobody attends to it. Then the turn has passed. The ready queue is
// empty.
func (l *Loop) skipTurn(t *Task) bool {
	if l.eager > 0 || l.attended || l.mode == modeOnce || l.stopping || t.pendingCancel() != nil || !l.quiet() {
		return false
	}
	l.turns++
	return true
}

// quiet reports whether all that beginTurn has to do is to begin the turn.
func (l *Loop) quiet() bool {
	if oneThread {
		l.thread.letOthersRun(l)
	}
	if !l.outside.Quiet() || l.unretrieved.over {
		return false
	}
	if l.timers.Len() == 0 {
		return true
	}
	at, _ := l.timers.Earliest()
	return at > l.clock.Now()
}

// fire moves the timers that are due to the ready queue. The earliest is at at.
func (l *Loop) fire(at int64) {
	now := l.clock.Now()
	if at > now || at == timer.Never {
		return
	}
	// What a policy fired earlier may still be in the queue, or what a Goexit left.
	l.due = slices.DeleteFunc(l.due, func(d dueTimer) bool { return d.at < l.ready.Head() })
	defer func() { slices.SortFunc(l.due, func(a, b dueTimer) int { return a.key.Compare(b.key) }) }()
	for {
		item, ok := l.timers.PopDue(now)
		if !ok {
			return
		}
		l.due = append(l.due, dueTimer{item.Key, l.ready.Tail()})
		l.ready.Push(item.Value)
		if l.observer != nil {
			l.tellTimer(TimerFired, item.Key, item.Value)
		}
	}
}

// dueTimer is a timer in the ready queue.
type dueTimer struct {
	key timer.Key
	at  uint64 // its position
}

// cancelDue cancels a timer that fire has moved to the ready queue.
func (l *Loop) cancelDue(key timer.Key) (Runnable, bool) {
	at, ok := slices.BinarySearchFunc(l.due, key, func(d dueTimer, key timer.Key) int { return d.key.Compare(key) })
	if !ok {
		return nil, false
	}
	r := l.ready.Take(l.due[at].at)
	return r, r != nil
}

// idle waits until something becomes ready. It reports that there is nothing to
// wait for by over, with what Run is to return.
func (l *Loop) idle() (over bool, err error) {
	deadline, _ := l.timers.Earliest()
	if told := l.turns + 1; l.idleTold != told { // something has run since
		l.idleTold = told
		if l.observer != nil {
			l.observe(Event{Kind: Idle})
			if len(l.failures) > 0 {
				return false, nil
			}
		}
	}
	if l.offloads.Ordered && l.offloads.TakeOldest() {
		return false, nil
	}
	jumps := l.clock.Jumps()
	l.outside.Doze()
	defer func() {
		l.outside.Wake()
		if oneThread {
			l.thread.othersRan()
		}
	}()
	owed := l.outside.Owed() // before the look for news, as what is owed comes before it is not owed any more
	switch {
	case l.outside.News():
		return false, nil
	case owed:
	case deadline == timer.Never && (jumps || l.detect && !l.outside.MayCome()):
		return true, l.deadlock()
	case jumps:
		l.clock.Wait(deadline, l.outside.Token())
		return false, nil
	}
	l.outside.Sleep()
	if l.debug {
		l.watchdog.rest()
		defer l.watchdog.wake()
	}
	if jumps { // time stands still until what is owed has come
		<-l.outside.Token()
	} else {
		l.clock.Wait(deadline, l.outside.Token())
	}
	return false, nil
}

// whenIdle schedules r once, when nothing is ready or due: see AtIdle in package lowlevel.
func (l *Loop) whenIdle(r Runnable) {
	l.check("AtIdle")
	if r == nil {
		panic("loop: AtIdle(nil); give it a Runnable, such as a lowlevel.Func")
	}
	l.atIdle = append(l.atIdle, r)
}

func (l *Loop) wakeAtIdle() {
	atIdle := l.atIdle
	l.atIdle = nil
	l.scheduleAll(atIdle)
}

// deadlock returns the error that says who is stuck, or nil if no task is left.
func (l *Loop) deadlock() error {
	if l.tasks == 0 {
		return nil
	}
	return newDeadlockError(slices.Collect(l.Tasks()))
}
