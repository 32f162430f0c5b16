package lowlevel

import (
	"reflect"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/source"
)

// A Port is an operation on a channel, a send or a receive, that a task waits for.
//
// The loop tries its ports at the beginning of every turn, in the order in which they were added.
// While the loop is asleep, it selects among them (see [reflect.Select]). So only the loop sends
// and receives, and a port that was removed has certainly not sent or received. Of several ports
// with the same channel and direction, the loop tries only the first.
type Port interface {
	// Try performs the operation if that is possible now, and reports whether it did. If Try
	// panics, the loop removes the port, and the panic goes to the error handler.
	Try() bool
	// Case returns the operation, for [reflect.Select]. It must return the same channel and the
	// same direction in every call.
	Case() reflect.SelectCase
	// Selected is called when the loop has performed the operation outside of Try. v and ok are
	// the results of a receive.
	Selected(v reflect.Value, ok bool)
}

// A PortHandle stands for a port that [AddPort] has added. The zero PortHandle stands for no port.
type PortHandle struct {
	loop *loop.Loop
	port *source.Registration
}

// AddPort adds p to the loop. p stays there until its operation is performed, or until Remove of
// the handle removes p. Ports of one channel are served in the order in which they were added. If
// one port of the loop sends to a channel, and another port receives from it, their operations are
// performed together.
//
// With a virtual clock, time can jump before the loop notices that an operation is possible. This
// cannot happen if a task of the loop performs the opposite operation, or another goroutine that
// [loop.Loop.Hold] has announced.
//
// Each channel and direction costs one Try in every turn, with any number of ports. While the loop
// is asleep, it selects among the channels. For each channel that costs far more than a Try. It
// also costs one goroutine for each thousand channels.
func AddPort(l *loop.Loop, p Port) PortHandle { return PortHandle{l, loop.Internals.AddPort(l, p)} }

// Remove removes the port, and reports whether that prevented its operation. False means that the
// operation was performed, that the port was removed before, or that the loop is closed. Remove costs
// O(1).
func (h PortHandle) Remove() bool {
	if h.port == nil || !h.port.Waits() {
		return false
	}
	CheckGoroutine(h.loop, "PortHandle.Remove")
	return h.port.Remove()
}

// Offload calls work on a new goroutine. When work has returned, the loop runs done, as a callback.
// Until then the loop does not count as deadlocked.
//
// [loop.Loop.Close] waits for work, and then calls done itself. So the program should have a way to
// make work return early.
//
// A panic in work goes to the error handler ([loop.OffloadFailed]), before done runs. A Goexit ends
// work like a return. So done runs in any case, and work must tell done whether it has succeeded.
// For a panic or a Goexit in done, the rules for callbacks apply.
//
// Offload panics if the loop is closed. While the loop is being closed, it panics unless the body of
// a task calls it. Otherwise a done that calls Offload each time would keep Close from ending.
//
// In a Run with a virtual clock, the loop notices the end of work only when nothing is ready, and
// it notices the ends in the order of the calls of Offload. So the order of events does not depend
// on the speed of the goroutines. A virtual clock does not jump before that. In all other cases the
// loop notices the end of work at the beginning of a turn. Functions that work has posted always
// run before done.
func Offload(l *loop.Loop, work, done func()) { loop.Internals.Offload(l, work, done) }

// Deliver is Loop.Post without the limit that Loop.SetPostLimit sets. Use it for a function that
// reports the end of work which the loop has accepted before: if the limit refused this function,
// the result of the work would be lost. If the loop is closed, Deliver returns false, and fn never
// runs. Deliver is safe from any goroutine.
func Deliver(l *loop.Loop, fn func()) bool { return loop.Internals.Deliver(l, fn) }
