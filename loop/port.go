package loop

import (
	"reflect"

	"github.com/takt-go/takt/loop/internal/source"
)

// A Port is an operation on a channel that a task waits for. The loop tries its
// ports, in order of adding, at the beginning of every turn, and selects among them
// while it sleeps: so it is always the loop that sends or receives, and a port that
// is removed has not done so unnoticed. Of the ports of one channel and
// direction only the first is tried. It has these methods:
//
//	// Try performs the operation if that is possible now, and reports whether. If it
//	// panics, the port is over, and the panic goes to the error handler.
//	Try() bool
//	// Case is the operation, for [reflect.Select]. The channel and the direction are
//	// always the same.
//	Case() reflect.SelectCase
//	// Selected is told that the operation was performed, with what it received.
//	Selected(v reflect.Value, ok bool)
type Port = source.Port

// A PortHandle stands for a port that was added. The zero PortHandle stands for none.
type PortHandle struct {
	loop *Loop
	port *source.Registration
}

// AddPort adds p until its operation is performed or the handle removes it. Ports of one
// channel are served in the order in which they were added, and two of the same loop, one
// that sends and one that receives, meet. With a virtual clock only what the loop's own
// tasks do to a channel, or a goroutine that is announced by [Loop.Hold], is sure to be
// noticed before time jumps.
//
// Each channel and direction that is waited for costs one Try in every turn, however many
// ports there are. An idle loop that has to wait selects among the channels, which costs
// far more for each than a Try does, and a goroutine for each thousand.
func (l *Loop) AddPort(p Port) PortHandle {
	l.check("AddPort")
	if p == nil || p.Case().Chan.Kind() != reflect.Chan {
		panic("loop: AddPort of no port, or of one whose Case has no channel; task.Recv and task.Send make ports")
	}
	return PortHandle{l, l.ports.Add(p)}
}

// Remove takes the port back, and reports whether that prevented its operation: false
// means that it was performed, or removed before, or that the loop is closed. It costs
// O(1).
func (h PortHandle) Remove() bool {
	if h.port == nil || h.loop.in(closed) {
		return false
	}
	h.loop.CheckGoroutine("PortHandle.Remove")
	return h.port.Remove()
}
