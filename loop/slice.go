package loop

import "time"

// RunFor runs turns until nothing is ready or due, until Stop is called, or until budget has passed
// in real time, whichever comes first. It does not wait, and a virtual clock does not jump. Use it
// in a host that draws frames at fixed times. Then a burst of work is spread over several frames,
// and delays each of them by one step at most.
//
// RunFor looks at the machine's clock before each entry except the first. So RunFor runs at least
// one entry, if there is one, also with a budget of zero or less. A long step or callback can
// exceed the budget. When the budget is used up, RunFor returns in the middle of the turn. The next
// call of RunFor, RunOnce, RunUntilIdle or Run first runs the rest of that turn. The order of
// events is the same as without the pause, except for events that come from outside in the
// meantime. A Stop that was called in the first part of a turn takes effect at the end of that
// turn, in the later call.
//
// RunFor reports whether the budget was used up before all entries that can run now have run. It
// costs a reading of the machine's clock for each entry, some 50 ns, and allocates nothing. It
// panics if the loop is running already or closed.
func (l *Loop) RunFor(budget time.Duration) (more bool) {
	_ = l.drive("RunFor", modeFor, time.Now().Add(budget))
	return l.slice.spent
}

// slice is the part of a turn, or the turns, that RunFor runs. Meanwhile turnEnd is not the end of
// the turn: RunFor moves it by one entry at a time, so that the other ways to drive a loop pay
// nothing.
type slice struct {
	until time.Time
	end   uint64 // of the turn: what turnEnd is otherwise
	ran   bool   // an entry has run
	spent bool   // the budget is used up, and something is left
}

func (l *Loop) beginSlice(until time.Time) {
	l.slice = slice{until: until, end: l.turnEnd}
	l.turnEnd = l.ready.Head()
}

// endSlice makes turnEnd the end of the turn again, and reports whether the turn is over.
func (l *Loop) endSlice() (over bool) {
	l.turnEnd = l.slice.end
	return l.ready.Head() == l.turnEnd
}

// nextInSlice makes the next entry the only one that may run, and reports false if none may.
func (l *Loop) nextInSlice() bool {
	s := &l.slice
	if s.spent {
		return false
	}
	for l.skipHoles(); l.ready.Head() == s.end; l.skipHoles() {
		if l.stopping || !l.nextTurnInSlice() {
			return false
		}
	}
	if s.ran && !time.Now().Before(s.until) {
		s.spent = true
		return false
	}
	s.ran = true
	l.turnEnd = l.ready.Head() + 1
	return true
}

// skipHoles drops the entries at the head of the turn that were taken out: they are not worth a
// budget.
func (l *Loop) skipHoles() {
	for l.ready.Head() != l.slice.end && l.ready.At(l.ready.Head()) == nil {
		l.ready.Pop()
	}
	l.turnEnd = l.ready.Head()
}

// nextTurnInSlice is beginTurn. It notes the end of the turn also if an observer calls Goexit.
func (l *Loop) nextTurnInSlice() bool {
	defer func() { l.slice.end, l.turnEnd = l.turnEnd, l.ready.Head() }()
	return l.beginTurn()
}
