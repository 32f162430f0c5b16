package loop

import (
	"fmt"
	"slices"
	"time"

	"github.com/takt-go/takt/timer"
)

// A Handle stands for one call that was scheduled. It is a small value; the
// zero Handle stands for no call.
type Handle struct {
	loop *Loop
	key  timer.Key // of a timer; its Seq is 0 for a call of CallSoon
	at   uint64    // position in the ready queue, for a call of CallSoon
}

// Cancel takes the call back and reports whether that prevented it: false means
// that it has run already, is running, or was canceled before, or
// that the loop is closed. A timer that is due but whose turn has not come can still be canceled. Cost: O(log n) in the
// number of timers armed, constant for CallSoon; nothing is allocated.
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

// CallSoon runs fn in the next turn, or later in this one when called between
// turns. Calls run in the order in which they were made. A panic in fn goes to
// the error handler and the loop goes on.
//
// Like everything that is not said to be safe from any goroutine, CallSoon is to
// be called on the loop's own goroutine, or by the host while the loop is not
// running; from elsewhere use [Loop.Post]. It panics if the loop is closed.
func (l *Loop) CallSoon(fn func()) Handle {
	l.check("CallSoon")
	at := l.ready.Tail()
	l.ready.Push(callback("CallSoon", fn))
	return Handle{loop: l, at: at}
}

// CallLater runs fn once d has passed; d <= 0 means in the next turn, behind all
// that is ready when that begins. Calls that are due at the same instant run in the order in
// which they were made. Under a virtual clock d passes when nothing else is left
// to do. Panics of fn and rules of use are those of [Loop.CallSoon].
func (l *Loop) CallLater(d time.Duration, fn func()) Handle {
	l.check("CallLater")
	return Handle{loop: l, key: l.arm(l.after(d), callback("CallLater", fn))}
}

// CallAt runs fn at the instant when, by the loop's clock; an instant in the
// past means the next turn. Otherwise it is [Loop.CallLater].
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
	l.ready.Push(r)
	if l.observer != nil {
		l.tellWoken(r)
	}
}

// scheduleAll is schedule for several, in order.
func (l *Loop) scheduleAll(rs []Runnable) {
	l.check("completing a future, or Schedule,")
	if at := slices.Index(rs, nil); at >= 0 {
		panic(fmt.Sprintf("loop: ScheduleAll of a nil at index %d; give it Runnables, such as a lowlevel.Func", at))
	}
	for _, r := range rs {
		l.ready.Push(r)
	}
	if l.observer != nil {
		for _, r := range rs {
			l.tellWoken(r)
		}
	}
}

// callback checks what every scheduling call is handed.
func callback(what string, fn func()) function {
	if fn == nil {
		panic("loop: " + what + " of a nil function; give it one to call")
	}
	return fn
}

// after returns the instant d from now, in ns of the loop's clock.
func (l *Loop) after(d time.Duration) int64 {
	now := l.clock.Now()
	if d <= 0 {
		return now
	}
	if at := now + int64(d); at > now {
		return at
	}
	return timer.Never
}

// instant converts a time to ns of the loop's clock.
func (l *Loop) instant(when time.Time) int64 {
	return int64(when.Sub(l.clock.Start()))
}

// arm schedules r for the instant deadline.
func (l *Loop) arm(deadline int64, r Runnable) timer.Key {
	key := l.timers.Arm(deadline, r)
	if l.observer != nil {
		l.tellTimer(TimerArmed, key, r)
	}
	return key
}

// disarm takes back what arm scheduled, also when it is due and in the ready
// queue already, and reports whether that prevented it from running.
func (l *Loop) disarm(key timer.Key) bool {
	r, ok := l.timers.Cancel(key)
	if !ok {
		r, ok = l.cancelDue(key)
	}
	if ok && l.observer != nil {
		l.tellTimer(TimerCanceled, key, r)
	}
	return ok
}
