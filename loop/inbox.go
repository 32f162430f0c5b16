package loop

import "github.com/takt-go/takt/loop/internal/source"

// Post hands fn to the loop, which runs it in the next turn. It is safe from any goroutine. It wakes
// the loop if the loop sleeps. If the loop is not running, fn waits until the loop runs again. In the
// turn, fn runs after the entries that are ready already, and before the timers that are due.
// Functions that one goroutine posts run in the order in which it posted them. A panic in fn goes to
// the error handler.
//
// If the loop is closed, Post returns [ErrClosed], and fn never runs. If [Loop.SetPostLimit] has
// set a limit, and that many functions wait, Post returns [ErrFull], and fn never runs. A nil error
// says that the loop has taken fn. The loop still drops fn if it is closed before fn has run. So a
// goroutine that waits for an answer of fn may wait for ever: use task.Submit, which returns ErrClosed then.
func (l *Loop) Post(fn func()) error {
	l.mustBeMade("Post")
	return errorOf(l.inbox.Post(callback("Post", fn), true))
}

func errorOf(answer source.Answer) error {
	switch answer {
	case source.Full:
		return ErrFull
	case source.Closed:
		return ErrClosed
	}
	return nil
}

// request is Post for r: see Request in package lowlevel. In debug mode, the tasks that fn makes know where the
// request was made.
func (l *Loop) request(r *source.Request, fn func(), closed Runnable) error {
	l.mustBeMade("Post")
	if l.debug {
		site, posted := spawnSite(), fn
		fn = func() { l.madeAt(site, posted) }
	}
	return errorOf(l.inbox.Request(r, fn, closed))
}

// deliver is Post without a limit: see Deliver in package lowlevel.
func (l *Loop) deliver(fn func()) bool {
	l.mustBeMade("Deliver")
	return l.inbox.Post(callback("Deliver", fn), false) == source.Taken
}

// Hold announces a Post from another goroutine. Until release is called, the loop does not report a
// deadlock, and a virtual clock does not jump. Hold and release are safe from any goroutine. Calling
// release again does nothing.
//
// So a function that is posted before the call of release runs at the instant of the virtual clock
// at which Hold was called, unless the program itself has moved the clock. Within that instant, the
// place of the function in the order depends on real time. The function runs in the turn after the
// one in which it was posted. The functions of several goroutines run in the order in which they
// were posted, not in the order of the calls of Hold. If several results must come in an order that
// follows from the program, use Offload of package lowlevel or task.Blocking, or let one goroutine
// post all of them.
func (l *Loop) Hold() (release func()) {
	l.mustBeMade("Hold")
	return l.outside.Announce()
}
