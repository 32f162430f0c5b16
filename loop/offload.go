package loop

import "slices"

// An offload is a call that runs on a goroutine of its own.
type offload struct {
	loop     *Loop
	done     func()
	finished chan struct{}
	seen     bool        // to have finished, by the loop
	panicked *PanicError // of work
}

// Run is what follows on the call, in the loop.
func (o *offload) Run() {
	defer o.done()
	if o.panicked != nil {
		o.loop.Report(Failure{Kind: OffloadFailed, Err: o.panicked})
	}
}

// Offload runs work on a goroutine of its own, and then done on the loop. Until then
// the loop does not take itself for deadlocked. [Loop.Close] waits for work, so work
// should have a way to be told, and calls done itself.
//
// A panic in work goes to the error handler ([OffloadFailed]), before done runs. A Goexit
// ends work as a return does. So done runs in any case, and has to find out by itself what
// work came to. A panic or Goexit in done is one in a callback.
//
// Offload panics if the loop is closed, or is being closed and no body calls: a done that
// offloads again is ended so.
//
// In a Run with a virtual clock the end of work is noticed only when nothing is ready,
// and in the order in which the calls were made, so that events have an order; time
// stands still meanwhile. Otherwise it is noticed at the beginning of a turn. In both
// cases what work has posted comes before done.
func (l *Loop) Offload(work, done func()) {
	l.check("Offload")
	if l.closing && l.current == nil { // a done that always offloads again would keep Close from its end
		panic("loop: Offload on a loop that is being closed")
	}
	if work == nil || done == nil {
		panic("loop: Offload of a nil function; give it both work and done")
	}
	o := &offload{loop: l, done: done, finished: make(chan struct{})}
	l.offloads = append(l.offloads, o)
	l.working.Add(1)
	go func() {
		defer l.working.Done()
		defer l.nudge()
		defer close(o.finished)
		returned := false
		defer func() {
			if !returned {
				o.panicked, _ = Recovered(recover(), nil).(*PanicError)
			}
		}()
		work()
		returned = true
	}()
}

// seeOffloads notes which calls have finished. What they did before, such as a Post, is
// there to be seen from now on.
func (l *Loop) seeOffloads() {
	for _, o := range l.offloads {
		select {
		case <-o.finished:
			o.seen = true
		default:
		}
	}
}

// endOffloads schedules what follows on the calls that were seen to have finished.
func (l *Loop) endOffloads() {
	l.offloads = slices.DeleteFunc(l.offloads, func(o *offload) bool {
		if o.seen {
			l.ready.Push(o)
		}
		return o.seen
	})
}

// awaitOffload waits for the oldest call to finish, or for the loop to be woken. It does
// not end the call: the loop first takes in what the call has posted.
func (l *Loop) awaitOffload() {
	o := l.offloads[0]
	select {
	case <-o.finished:
		o.seen = true
	case <-l.inbox.wake:
	}
}

// endOffload schedules what follows on the oldest call, if that was seen to have finished.
func (l *Loop) endOffload() bool {
	if len(l.offloads) == 0 || !l.offloads[0].seen {
		return false
	}
	l.ready.Push(l.offloads[0])
	l.offloads = slices.Delete(l.offloads, 0, 1)
	return true
}
