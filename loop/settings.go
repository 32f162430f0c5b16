package loop

import "fmt"

// SetTaskFactory sets the factory for the tasks that are made from now on: see [WithTaskFactory].
// nil stands for the default, the lazy factory. Call SetTaskFactory on the loop, or from the host
// while the loop is not running. It panics if the loop is closed. asyncio: set_task_factory.
func (l *Loop) SetTaskFactory(f TaskFactory) {
	l.check("SetTaskFactory")
	l.factory = f
}

// SetErrorHandler sets the function that is called with each [Failure] from now on: see
// [WithErrorHandler]. nil stands for the default, which writes to slog. Call SetErrorHandler on the
// loop, or from the host while the loop is not running. It panics if the loop is closed. A handler
// may call SetErrorHandler. asyncio: set_exception_handler.
func (l *Loop) SetErrorHandler(handle func(Failure)) {
	l.check("SetErrorHandler")
	if handle == nil {
		handle = logFailure
	}
	l.onFailure = handle
}

// SetPostLimit makes [Loop.Post] refuse a function, with [ErrFull], while n functions or more wait
// for their turn. So goroutines that post faster than the loop runs cannot fill the memory. 0
// stands for no limit, which is the default. SetPostLimit panics if n is negative. It is safe from
// any goroutine.
//
// Functions that Deliver of package lowlevel brings count, and are never refused. A goroutine whose
// function is refused can drop the function, try again later, or post less.
// Functions that Post has taken already stay.
func (l *Loop) SetPostLimit(n int) {
	l.mustBeMade("SetPostLimit")
	if n < 0 {
		panic(fmt.Sprintf("loop: SetPostLimit(%d); give a number >= 0, where 0 is no limit", n))
	}
	l.inbox.SetLimit(n)
}

// Posted returns how many posted functions wait: [Loop.Post] has taken them, and the loop has not
// put them into its ready queue yet. It is safe from any goroutine.
func (l *Loop) Posted() int {
	l.mustBeMade("Posted")
	return l.inbox.Len()
}
