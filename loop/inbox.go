package loop

// Post runs fn on the loop, from any goroutine. It wakes the loop if it sleeps;
// if the loop is not running, fn waits until it does. Functions of one poster run
// in the order in which it posted them, in the next turn, behind what is ready and
// before the timers that are due.
// A panic in fn goes to the error handler.
//
// Post returns [ErrClosed], and fn never runs, if the loop is closed. A nil error
// says that fn was taken; should the loop be closed before it runs again, fn is
// dropped.
func (l *Loop) Post(fn func()) error {
	l.mustBeMade("Post")
	call := callback("Post", fn)
	if !l.inbox.Post(call) {
		return ErrClosed
	}
	return nil
}

// Hold announces that something outside the loop is going to Post: until
// release is called, the loop does not take itself for deadlocked, and a virtual
// clock does not jump. Both are safe from any goroutine; releasing again does
// nothing.
//
// So what is posted before release runs at the instant at which Hold was called, or at a
// later one only if the loop's own code has moved a virtual clock. Its place among what
// else is ready at that instant is that of real time: it runs in the turn after the one
// in which it comes, and the posts of several goroutines run in the order in which they
// come, not in the order of Hold. Where several results shall come in an order that
// follows from the program, use Offload of package lowlevel or task.Blocking, or let one goroutine post
// all of them.
func (l *Loop) Hold() (release func()) {
	l.mustBeMade("Hold")
	return l.outside.Announce()
}
