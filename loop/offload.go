package loop

// offload runs work on a goroutine of its own, and then done on the loop: see Offload in
// package lowlevel.
func (l *Loop) offload(work, done func()) {
	l.check("Offload")
	if l.in(closing) && l.current == nil { // otherwise a done that calls Offload each time would keep Close from ending
		panic("loop: Offload on a loop that is being closed; only the body of a task may call it then")
	}
	if work == nil || done == nil {
		panic("loop: Offload of a nil function; give it both work and done")
	}
	then := &continuation{loop: l, done: done}
	l.offloads.Go(func() {
		returned := false
		defer func() {
			if !returned {
				then.panicked, _ = recovered(recover(), nil).(*PanicError)
			}
		}()
		work()
		returned = true
	}, then)
}

// A continuation runs on the loop after offloaded work has ended.
type continuation struct {
	loop     *Loop
	done     func()
	panicked *PanicError // the panic of the work, if any
}

func (c *continuation) Run() {
	defer c.done()
	if c.panicked != nil {
		c.loop.report(Failure{Kind: OffloadFailed, Err: c.panicked})
	}
}
