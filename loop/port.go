package loop

import (
	"reflect"

	"github.com/takt-go/takt/loop/internal/source"
)

// addPort adds p: see AddPort in package lowlevel.
func (l *Loop) addPort(p source.Port) *source.Registration {
	l.check("AddPort")
	if p == nil || p.Case().Chan.Kind() != reflect.Chan {
		panic("loop: AddPort of a nil port, or of a port with a Case that has no channel; task.Recv and task.Send make ports")
	}
	if !l.ports.Ready() {
		l.ports.Init(&l.outside, func(selected func()) { l.runGuarded(function(selected)) })
	}
	return l.ports.Add(p)
}
