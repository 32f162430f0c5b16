package loop

import (
	"fmt"
	"slices"
	"time"

	"github.com/takt-go/takt/timer"
)

// A Handle refers to one scheduled call. It is a small value. The zero Handle refers to no call.
type Handle struct {
	loop *Loop
	key  timer.Key // the timer; its Seq is 0 for a call of CallSoon
	at   uint64    // position in the ready queue, for a call of CallSoon
}

// Cancel cancels the call, and reports whether it was still to come. It returns false if the call has
// run already, is running, or was canceled before, or if the loop is closed. A timer that is due can
// still be canceled until its callback runs. The cost is O(log n) in the number of armed timers, and
// constant for CallSoon. Nothing is allocated.
func (h Handle) Cancel() bool {
	if h.loop == nil || h.loop.in(closed) {
		return false
	}
	h.loop.check("Handle.Cancel")
	if h.key.Seq != 0 {
		return h.loop.disarm(h.key)
	}
	return h.loop.ready.Take(h.at) != nil
}

// CallSoon schedules fn for the turn after the present one. If no turn is going on, fn runs in the
// next turn that begins. Functions run in the order in which CallSoon was called with them. A panic
// in fn goes to the error handler, and the loop goes on.
//
// CallSoon is not safe from other goroutines: bodies and callbacks call it, and the host while the
// loop is not running. On another goroutine use [Loop.Post]. CallSoon panics if the loop is closed.
func (l *Loop) CallSoon(fn func()) Handle {
	l.check("CallSoon")
	at := l.ready.Tail()
	l.ready.Push(callback("CallSoon", fn))
	return Handle{loop: l, at: at}
}

// CallLater schedules fn for the instant at which d has passed, by the loop's clock. If d <= 0, fn
// runs in the next turn, after all entries that are ready when that turn begins. Functions that are
// due at the same instant run in the order in which they were scheduled. With a virtual clock, the
// clock jumps to that instant when nothing else is left to do. For panics of fn, and for the
// goroutines that may call CallLater, the rules are those of [Loop.CallSoon].
func (l *Loop) CallLater(d time.Duration, fn func()) Handle {
	l.check("CallLater")
	return Handle{loop: l, key: l.arm(l.after(d), callback("CallLater", fn))}
}

// CallAt schedules fn for the instant when, by the loop's clock. If that instant is in the past, fn
// runs in the next turn. The other rules are those of [Loop.CallLater].
func (l *Loop) CallAt(when time.Time, fn func()) Handle {
	l.check("CallAt")
	return Handle{loop: l, key: l.arm(l.instant(when), callback("CallAt", fn))}
}

// schedule puts r at the back of the ready queue.
func (l *Loop) schedule(r Runnable) {
	l.check("completing a future, or Schedule,")
	if r == nil {
		panic("loop: Schedule(nil); give it a Runnable, such as a lowlevel.Func")
	}
	l.wake(r)
}

// wake is schedule without the checks.
func (l *Loop) wake(r Runnable) {
	l.ready.Push(r)
	if l.observer != nil {
		l.tellWoken(r)
	}
}

// scheduleAll schedules several Runnables, in order.
func (l *Loop) scheduleAll(rs []Runnable) {
	l.check("completing a future, or Schedule,")
	if at := slices.Index(rs, nil); at >= 0 {
		panic(fmt.Sprintf("loop: ScheduleAll of a nil at index %d; give it Runnables, such as a lowlevel.Func", at))
	}
	from := l.ready.Tail()
	for _, r := range rs {
		l.ready.Push(r)
	}
	if l.observer != nil {
		l.tellAllWoken(from, l.ready.Tail())
	}
}

// scheduleCrowd schedules many waiters: the tasks, and then the others. It skips nils.
func (l *Loop) scheduleCrowd(tasks [][]*Task, others [][]Runnable) {
	l.check("completing a future, or Schedule,")
	n := 0
	for _, part := range tasks {
		n += len(part)
	}
	l.ready.Reserve(n)
	from := l.ready.Tail()
	for _, part := range tasks {
		for _, t := range part {
			if t != nil {
				l.ready.Push((*entry)(t))
			}
		}
	}
	for _, part := range others {
		for _, r := range part {
			if r != nil {
				l.ready.Push(r)
			}
		}
	}
	if l.observer != nil {
		l.tellAllWoken(from, l.ready.Tail())
	}
}

// callback checks the function that a scheduling call was given.
func callback(what string, fn func()) function {
	if fn == nil {
		panic("loop: " + what + " of a nil function; give it a function to call")
	}
	return fn
}

// after returns the instant d from now, in ns of the loop's clock.
func (l *Loop) after(d time.Duration) int64 { return later(l.clock.Now(), max(0, int64(d))) }

// instant converts a time to ns of the loop's clock.
func (l *Loop) instant(when time.Time) int64 {
	return int64(when.Sub(l.clock.Start()))
}

// arm schedules r for the instant deadline.
func (l *Loop) arm(deadline int64, r Runnable) timer.Key {
	key := l.timers.Arm(deadline, r)
	if l.observer != nil {
		l.tellTimer(TimerArmed, key, r, 0)
	}
	return key
}

// disarm cancels a timer, also if it is due and in the ready queue already. It reports whether the
// timer's Runnable had not run yet.
func (l *Loop) disarm(key timer.Key) bool {
	r, ok := l.timers.Cancel(key)
	ready := 0
	if !ok {
		if r, ok = l.cancelDue(key); ok {
			ready = 1
		}
	}
	if !ok && l.moved != nil {
		return l.disarmMoved(key)
	}
	if ok && l.observer != nil {
		l.tellTimer(TimerCanceled, key, r, ready)
	}
	return ok
}
