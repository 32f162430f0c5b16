package sim

import (
	"errors"
	"net"
	"slices"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/world"
)

// tolerates reports whether f is an error of a part of a program that a fault may have caused, such as the error of a
// handler of host.Serve whose client has crashed. The program goes on, so this is what a program should do. On a real
// machine the error is logged, and so it is here.
func (w *World) tolerates(f loop.Failure) bool {
	if f.Kind != loop.PartFailed || f.Task == nil || !broken(f.Err) {
		return false
	}
	m := machineOf(f.Task.Context())
	if m == nil {
		return false
	}
	w.tell(world.Event{Kind: world.Log, Node: m.node.name, Text: "ERROR " + f.Task.Name() + ": " + f.Err.Error()})
	return true
}

// broken reports whether err says no more than that the network, or a fault of a disk, has ended something, or that a
// time limit has. An error that says more, such as a GroupError with other errors or a panic, is not of this kind.
func broken(err error) bool {
	if e, ok := err.(interface{ Timeout() bool }); ok && e.Timeout() {
		return true
	}
	switch e := err.(type) {
	case *loop.PanicError:
		return false
	case diskError:
		return true
	case *net.OpError:
		return !errors.Is(err, net.ErrClosed) // the program itself has closed the connection
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(err error) bool { return !broken(err) })
	case interface{ Unwrap() error }:
		return broken(e.Unwrap())
	}
	return false
}
