package loop

import (
	"slices"
	"time"

	"github.com/takt-go/takt/timer"
)

// Run runs turns until [Loop.Stop] is called, and returns nil.
//
// If nothing can become ready any more, Run returns without a Stop: nil if every task has ended, and
// a [*DeadlockError] otherwise. It does so always with a virtual clock, and with a real clock if
// [WithDeadlockDetection] is on. Without this option Run waits for a Post. The package documentation
// has the exact rule (Idle).
//
// The goroutine that calls Run is the driver. A [runtime.Goexit] in a task or callback ends the
// driver too, after its deferred calls. If the driver has locked its thread (runtime.LockOSThread),
// the loop must always be driven under that lock.
//
// Run panics if the loop is running already or closed. It also panics if another loop with the same
// virtual clock is inside Run, because both would move the clock. RunOnce, RunUntilIdle and RunFor
// never move the clock. So loops that are driven only by these methods may share one clock.
func (l *Loop) Run() error { return l.drive("Run", modeRun, time.Time{}) }

// RunOnce runs one turn: the entries that are ready now, and those of the events that have come,
// such as posted functions and due timers. It does not wait, and a virtual clock does not jump. A
// game calls it once in every frame. It panics if the loop is running already or closed.
//
// RunOnce reports whether another turn has something to run. If not, [Loop.NextDeadline] says when
// the earliest timer is due. RunOnce does not know whether a channel operation has become possible:
// only the next turn finds that out. It also cannot know of a Post, or the end of a Blocking call,
// that comes after its return.
func (l *Loop) RunOnce() (more bool) {
	_ = l.drive("RunOnce", modeOnce, time.Time{})
	return !l.ready.Empty() || l.outside.Pending()
}

// RunUntilIdle runs turns until nothing is ready or due, or until Stop is called. It does not wait,
// and a virtual clock does not jump: the host moves it by Advance. It panics if the loop is running
// already or closed.
func (l *Loop) RunUntilIdle() { _ = l.drive("RunUntilIdle", modeIdle, time.Time{}) }

// NextDeadline returns the instant for which the earliest timer is armed, and false if no timer is
// armed.
func (l *Loop) NextDeadline() (time.Time, bool) {
	l.mustBeMade("NextDeadline")
	at, ok := l.timers.Earliest()
	if !ok || at == timer.Never {
		return time.Time{}, false
	}
	return l.clock.Start().Add(time.Duration(at)), true
}

// Stop makes Run, RunUntilIdle or RunFor return at the end of the present turn. If the loop is not
// running, the next call of one of these methods, or of RunOnce, runs one turn and returns. Bodies,
// callbacks and the host call Stop. Another goroutine calls Post(l.Stop).
func (l *Loop) Stop() {
	l.check("Stop")
	l.stopping = true
}

// mode says which method drives the loop. The driver waits, and moves a virtual clock, only in
// modeRun.
type mode uint8

const (
	modeNone mode = iota // the loop is not driven
	modeRun
	modeIdle
	modeOnce
	modeFor // see slice.go
)

// drive does the work of the driver: it runs turns, resumes stacks, and waits. budget is for
// modeFor.
func (l *Loop) drive(what string, m mode, until time.Time) error {
	l.mustBeMade(what)
	if l.Closed() {
		panic("loop: " + what + " on a loop that is closed")
	}
	if !l.phase.CompareAndSwap(uint32(resting), uint32(driven)) {
		panic("loop: " + what + " on a loop that is running already")
	}
	clock := l.claimClock(m)
	l.mode = m
	sit(&l.stacks.Driver)
	l.offloads.Ordered = m == modeRun && l.clock.Jumps()
	if l.debug {
		identify(&l.stacks.Driver)
		l.watchdog.wake()
		defer l.watchdog.rest()
	} else if l.stacks.Driver.Value.who == nil && l.policy == nil { // not with a policy: an exploration makes very many loops, each with a policy
		identify(&l.stacks.Driver)
	}
	sliced := false
	defer func() {
		l.stopping = sliced && !l.endSlice() && l.stopping
		l.mode = modeNone
		l.current = nil // next stays: after a Goexit, the stack in next may still have to run
		if l.next == &errand {
			l.next = nil
		}
		l.dropAlarm()
		l.phase.Store(uint32(resting))
		if clock != nil {
			clock.Release()
		}
	}()
	if l.ready.Head() == l.turnEnd && l.next == nil { // otherwise a Goexit left the last turn unfinished: finish it
		l.turn()
	}
	if m == modeFor {
		l.beginSlice(until)
		sliced = true
	}
	for {
		l.reportFailures()
		if l.ends > 0 {
			l.unwindRealms()
		}
		if l.next == nil { // otherwise the last stack has set it already
			l.dispatch(nil, nil)
		}
		switch s := l.next; {
		case s == &errand:
		case s != nil:
			l.next = nil
			if s == &fresh {
				if !l.starting.mayBegin() { // the error handler, or the host after a Goexit, has canceled it meanwhile
					l.dispatch(nil, (*entry)(l.starting))
					continue
				}
				s = l.takeStack(l.starting)
			}
			l.step(s)
		case len(l.failures) > 0:
		case m == modeOnce && l.ready.Empty() && len(l.atIdle) > 0:
			l.wakeAtIdle() // for the next turn
			return nil
		case l.stopping || m == modeOnce || m == modeFor && l.slice.spent:
			return nil
		case len(l.atIdle) > 0:
			l.wakeAtIdle()
		case m == modeIdle || m == modeFor:
			return nil
		default:
			if over, err := l.idle(); over {
				return err
			}
		}
	}
}

// A claimable clock belongs to one loop at a time, and only this loop may move it: see
// [timer.Virtual].
type claimable interface {
	Claim() bool
	Release()
}

// claimClock claims the clock for Run, which moves it. It returns the clock if drive must release it
// later, and nil otherwise.
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

// step resumes s. Only the driver calls it.
func (l *Loop) step(s *stack) {
	if l.debug {
		t := s.Value.task // the stack may have no task at the end of the step
		defer l.endTimed(t, l.beginTimed(t))
	}
	l.stacks.SwitchTo(s)
}

// dispatch runs ready entries on the calling stack, s. It returns when another stack must run,
// which it stores in l.next. It also returns when the turn is over and the driver must decide how
// to go on. s is nil if the driver calls dispatch. The task of s is nil if the stack is free. r is an entry
// that was taken from the queue and comes first, or nil.
func (l *Loop) dispatch(s *stack, r Runnable) {
	for !l.dispatchGuarded(s, r) && len(l.failures) == 0 && l.next == nil {
		r = nil
	}
}

func (l *Loop) dispatchGuarded(s *stack, r Runnable) (ok bool) {
	defer l.guard(s, &ok)
	for ; ; r = nil {
		if r == nil {
			if l.ready.Head() == l.turnEnd {
				switch {
				case len(l.failures) > 0 || l.mode == modeOnce:
					return true
				case l.mode == modeFor:
					if !l.nextInSlice() {
						return true
					}
				case l.stopping || !l.beginTurn():
					return true
				}
			}
			if !l.guided {
				r = l.ready.Pop()
			} else {
				r = l.take()
			}
			if r == nil {
				continue
			}
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

// guard is deferred around the entries that dispatch runs. A panic in a stackless body becomes the
// error of its task, a panic in a callback goes to the error handler, and dispatch goes on. A Goexit
// cannot be stopped: it unwinds the stack that it runs on.
func (l *Loop) guard(s *stack, ok *bool) {
	if *ok {
		return
	}
	err := recovered(recover(), l.current)
	exits := true // stays true if unwound calls an observer, and the observer calls Goexit
	defer func() {
		if exits && s != nil && s.Value.task != nil {
			// An entry called Goexit on the stack of a suspended body. The Goexit runs the
			// deferred calls of that body now, so its task must be the current one.
			l.current = s.Value.task
			l.current.traits |= isUnwinding
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

// turn is beginTurn for the driver. A panic in beginTurn goes to the error handler. Then the turn
// has the entries that were taken in before the panic.
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

// beginTurn takes in the events that have come: it moves posted functions, waiters of ended
// operations and due timers to the back of the ready queue. Then it begins a turn with all entries
// of the queue. It reports whether the queue has any.
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

// newTurn begins a turn with the entries that are in the ready queue now.
func (l *Loop) newTurn() {
	if l.turnEnd = l.ready.Tail(); l.turnEnd-l.way.at >= wayEvery {
		l.way.at = l.turnEnd
		l.giveWay()
	}
	l.turns++
	if l.observer != nil {
		l.tellTurn()
	}
}

// skipTurn is a shortcut for t, the running task, which yields while the ready queue is empty. It
// reports whether the next turn would run only t, and nothing else, such as an observer, has to
// notice that turn. In this case it counts the turn, and t goes on without a suspension.
func (l *Loop) skipTurn(t *Task) bool {
	if l.eager > 0 || l.attended || l.guided || l.mode >= modeOnce || l.stopping || t.pendingCancel() != nil || !l.quiet() {
		return false
	}
	l.turns++
	return true
}

// quiet reports whether beginTurn would find nothing to take in.
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

// fire moves the timers that are due to the ready queue. at is the deadline of the earliest timer.
func (l *Loop) fire(at int64) {
	now := l.clock.Now()
	if at > now || at == timer.Never {
		return
	}
	// Timers that fired earlier may still be in the queue: a policy let them wait, or a Goexit ended
	// the driver before they ran.
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
			l.tellTimer(TimerFired, item.Key, item.Value, 0)
		}
	}
}

// dueTimer is a timer that is in the ready queue.
type dueTimer struct {
	key timer.Key
	at  uint64 // position in the ready queue
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

// idle waits until something becomes ready. If there is nothing to wait for, over is true, and err is
// the result of Run.
func (l *Loop) idle() (over bool, err error) {
	deadline, _ := l.timers.Earliest()
	if told := l.turns + 1; l.idleTold != told { // a turn has run since the observers were told
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
	owed := l.outside.Owed() // read before News: an event comes first, and stops being owed after that
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
	_, system := l.clock.(*timer.System)
	switch {
	case jumps: // something is owed: time stands still until it comes
		<-l.outside.Token()
	case !system:
		l.clock.Wait(deadline, l.outside.Token())
	case deadline == timer.Never || l.alarmAt(deadline):
		<-l.outside.Token()
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

// deadlock returns an error that names the tasks that nothing can wake. It returns nil if no task is
// left.
func (l *Loop) deadlock() error {
	if l.tasks == 0 {
		return nil
	}
	return newDeadlockError(slices.Collect(l.Tasks()))
}
