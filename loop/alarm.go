package loop

import (
	"sync/atomic"
	"time"

	"github.com/takt-go/takt/timer"
)

// An alarm wakes a loop with the system's clock that sleeps until its earliest timer is due. [timer.System] can
// do that by its Wait, but a wait on a time.Timer and a channel costs far more than a receive. So the alarm
// has one timer, which sends the hub's token, and stays armed while the loop works. If the loop sleeps again
// until the same instant, or a later one, nothing is to be done. An alarm that rings too early costs an empty turn,
// which nothing notices.
//
// Only the driver uses the fields, except rang.
type alarm struct {
	timer *time.Timer // nil before the first use in a Run
	at    int64       // the timer is armed for this instant, or an earlier one, unless it has rung; only if timer is not nil
	rang  atomic.Bool // the timer has rung since the driver has looked last
}

// alarmAt makes the alarm ring at deadline, or earlier. It returns false if deadline has passed. Call it after
// Doze, so that no ring is lost.
func (l *Loop) alarmAt(deadline int64) bool {
	a := &l.alarm
	if a.timer != nil && !a.rang.Load() && a.at <= deadline {
		return true
	}
	a.rang.Store(false)
	d := time.Duration(deadline - l.clock.Now())
	if d <= 0 {
		a.at = timer.Never
		return false
	}
	a.at = deadline
	if a.timer == nil {
		a.timer = time.AfterFunc(d, l.ring)
	} else {
		a.timer.Reset(d)
	}
	return true
}

// ring is the timer's function.
func (l *Loop) ring() {
	l.alarm.rang.Store(true)
	l.outside.Rouse()
}

// dropAlarm is called at the end of a Run: the timer must not keep the loop in memory.
func (l *Loop) dropAlarm() {
	if l.alarm.timer != nil {
		l.alarm.timer.Stop()
		l.alarm.timer = nil
	}
}
