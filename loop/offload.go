package loop

import "slices"

// An offload is a call that runs on a goroutine of its own.
type offload struct {
	done     func()
	finished chan struct{}
}

// Offload runs work on a goroutine of its own, and then done on the loop. Until then
// the loop does not take itself for deadlocked. [Loop.Close] waits for work, so work
// should have a way to be told, and calls done itself.
//
// In a Run with a virtual clock the end of work is noticed only when nothing is ready,
// and in the order in which the calls were made, so that events have an order; time
// stands still meanwhile. Otherwise it is noticed at the beginning of a turn.
func (l *Loop) Offload(work, done func()) {
	l.check("Offload")
	o := &offload{done: done, finished: make(chan struct{})}
	l.offloads = append(l.offloads, o)
	l.working.Add(1)
	go func() {
		defer l.working.Done()
		defer l.nudge()
		defer close(o.finished)
		work()
	}()
}

// pollOffloads schedules what follows on the calls that have ended.
func (l *Loop) pollOffloads() {
	l.offloads = slices.DeleteFunc(l.offloads, func(o *offload) bool {
		select {
		case <-o.finished:
			l.ready.push(Func(o.done))
			return true
		default:
			return false
		}
	})
}

// awaitOffload waits for the oldest call to end, or for the loop to be woken.
func (l *Loop) awaitOffload() {
	o := l.offloads[0]
	select {
	case <-o.finished:
		l.offloads = slices.Delete(l.offloads, 0, 1)
		l.ready.push(Func(o.done))
	case <-l.inbox.wake:
	}
}
