package lowlevel

import (
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/source"
)

// A Waker lets goroutines wake code on the loop, again and again. Use it for an object that often has
// news from outside, such as a connection: a goroutine stores the news where the loop finds it, under
// a lock, and calls Wake. For a function that runs once, use [loop.Loop.Post]. For one call that
// returns, use [Offload].
//
// While a Waker is not stopped, a loop with a real clock is not deadlocked: Run waits for the Waker,
// also with [loop.WithDeadlockDetection]. A virtual clock does not wait for a Waker: it jumps, and
// the loop finds a deadlock, as if the Waker did not exist. Only [loop.Loop.Hold] stops a virtual
// clock, if it announces that a goroutine will call Wake.
//
// A loop keeps its Wakers in memory until they are stopped. An idle Waker costs a turn nothing.
type Waker struct {
	loop *loop.Loop
	w    source.Waker
}

// NewWaker makes a Waker. After a Wake the loop runs woken, as a callback: the rules for panics and
// Goexit in callbacks apply to it.
//
// If the Waker is not stopped when the loop is closed, [loop.Loop.Close] calls closed. closed must
// make the goroutines of [Waker.Go] end, for example by closing the connection that they use: after
// that, Close waits for them. Close does this in the following order:
//
//   - It unwinds the tasks. Their deferred calls may still use the Waker, and may stop it.
//   - It stops the Wakers that are left, one after another in order of making, and calls closed of
//     each. A panic in closed goes to the error handler. A Goexit goes on when Close has done
//     everything. Neither keeps the other Wakers from being closed.
//   - It waits for the offloaded calls, and runs their done functions.
//   - It waits for the goroutines of Go.
//
// NewWaker panics if woken or closed is nil, or if the loop is closed. While the loop is being
// closed, it panics unless the body of a task calls it.
func NewWaker(l *loop.Loop, woken loop.Runnable, closed func()) *Waker {
	w := &Waker{loop: l}
	loop.Internals.AddWaker(l, &w.w, woken, closed)
	return w
}

// Wake makes the loop run woken in its next turn, and wakes the loop if the loop is asleep. If the
// loop is not running, woken runs when the loop runs again. Wake is safe from any goroutine, and
// allocates nothing. It does nothing if the Waker is stopped or the loop is closed.
//
// Several calls before the loop takes them in are one: woken runs once. Everything that happened
// before each of these calls is visible to that run. A call after that makes woken run again, in a
// later turn.
//
// In a turn, woken runs after the posted functions that the turn takes in, and before everything else
// that comes from outside. Several Wakers run in the order of the first call on each. If a goroutine
// calls Post and then Wake, or Wake and then Post, the loop never takes in the second event in an
// earlier turn than the first. The same is true if it calls Wake and then ends a context, or returns
// from an offloaded call.
func (w *Waker) Wake() {
	w.mustBeMade("Wake")
	w.w.Wake()
}

// Go calls f on a new goroutine. [loop.Loop.Close] waits for its end. Usually f waits for something
// outside, and calls Wake each time that it has news. A panic in f ends the program, as in any
// goroutine.
//
// Go panics if the Waker is stopped or the loop is closed: nothing would make f end when the loop is
// closed.
func (w *Waker) Go(f func()) {
	w.mustBeMade("Go")
	CheckGoroutine(w.loop, "Waker.Go")
	if f == nil {
		panic("loop: Waker.Go of a nil function; give it a function to call")
	}
	if w.w.Over() {
		panic("loop: Waker.Go after Stop or after the loop was closed; start the goroutine before that")
	}
	w.w.Go(f)
}

// Stop stops the Waker. From then on woken does not begin to run any more, also if it is in the
// ready queue already. Later calls of Wake do nothing, and [loop.Loop.Close] does not call closed.
// Stopping again does nothing. Stop costs O(1).
//
// A goroutine of Go may still run when Stop is called. Close waits for it all the same, so the
// program itself must make it end.
func (w *Waker) Stop() {
	w.mustBeMade("Stop")
	CheckGoroutine(w.loop, "Waker.Stop")
	w.w.Stop()
}

func (w *Waker) mustBeMade(what string) {
	if !w.w.Made() {
		panic("loop: " + what + " of a Waker that NewWaker has not made; make it by lowlevel.NewWaker")
	}
}
