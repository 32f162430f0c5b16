package loop

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
	if l.in(closing) && l.current == nil { // a done that always offloads again would keep Close from its end
		panic("loop: Offload on a loop that is being closed")
	}
	if work == nil || done == nil {
		panic("loop: Offload of a nil function; give it both work and done")
	}
	then := &continuation{loop: l, done: done}
	l.offloads.Go(func() {
		returned := false
		defer func() {
			if !returned {
				then.panicked, _ = Recovered(recover(), nil).(*PanicError)
			}
		}()
		work()
		returned = true
	}, then)
}

// A continuation is what follows on offloaded work, in the loop.
type continuation struct {
	loop     *Loop
	done     func()
	panicked *PanicError // of the work
}

func (c *continuation) Run() {
	defer c.done()
	if c.panicked != nil {
		c.loop.Report(Failure{Kind: OffloadFailed, Err: c.panicked})
	}
}
