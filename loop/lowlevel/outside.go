package lowlevel

import (
	"reflect"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/source"
)

// A Port is an operation on a channel that a task waits for. The loop tries its
// ports, in order of adding, at the beginning of every turn, and selects among them
// while it sleeps: so it is always the loop that sends or receives, and a port that was
// removed has certainly not sent or received. Of the ports of one channel and
// direction only the first is tried.
type Port interface {
	// Try performs the operation if that is possible now, and reports whether. If it
	// panics, the port is over, and the panic goes to the error handler.
	Try() bool
	// Case is the operation, for [reflect.Select]. The channel and the direction are
	// always the same.
	Case() reflect.SelectCase
	// Selected is told that the operation was performed, with what it received.
	Selected(v reflect.Value, ok bool)
}

// A PortHandle stands for a port that was added. The zero PortHandle stands for none.
type PortHandle struct {
	loop *loop.Loop
	port *source.Registration
}

// AddPort adds p until its operation is performed or the handle removes it. Ports of one
// channel are served in the order in which they were added, and two of the same loop, one
// that sends and one that receives, meet. With a virtual clock only what the loop's own
// tasks do to a channel, or a goroutine that is announced by [loop.Loop.Hold], is sure to be
// noticed before time jumps.
//
// Each channel and direction that is waited for costs one Try in every turn, however many
// ports there are. An idle loop that has to wait selects among the channels, which costs
// far more for each than a Try does, and a goroutine for each thousand.
func AddPort(l *loop.Loop, p Port) PortHandle { return PortHandle{l, loop.Internals.AddPort(l, p)} }

// Remove takes the port back, and reports whether that prevented its operation: false
// means that it was performed, or removed before, or that the loop is closed. It costs
// O(1).
func (h PortHandle) Remove() bool {
	if h.port == nil || !h.port.Waits() {
		return false
	}
	CheckGoroutine(h.loop, "PortHandle.Remove")
	return h.port.Remove()
}

// Offload runs work on a goroutine of its own, and then done on the loop. Until then
// the loop does not take itself for deadlocked. [loop.Loop.Close] waits for work, so work
// should have a way to be told, and calls done itself.
//
// A panic in work goes to the error handler ([loop.OffloadFailed]), before done runs. A Goexit
// ends work as a return does. So done runs in any case, and has to find out by itself what
// work came to. A panic or Goexit in done is one in a callback.
//
// Offload panics if the loop is closed, or if it is being closed and the caller is not the
// body of a task: otherwise a done that always offloads again would keep Close from ending.
//
// In a Run with a virtual clock the end of work is noticed only when nothing is ready,
// and in the order in which the calls were made, so that events have an order; time
// stands still meanwhile. Otherwise it is noticed at the beginning of a turn. In both
// cases, what work has posted runs before done.
func Offload(l *loop.Loop, work, done func()) { loop.Internals.Offload(l, work, done) }

// Deliver is Loop.Post without the limit that Loop.SetPostLimit sets: it is for functions that bring
// the end of work which was accepted before, and which the loop would lose if it refused them. It
// reports false, and fn never runs, if the loop is closed. It is safe from any goroutine.
func Deliver(l *loop.Loop, fn func()) bool { return loop.Internals.Deliver(l, fn) }
