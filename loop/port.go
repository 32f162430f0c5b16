package loop

import (
	"reflect"
	"slices"
)

// A Port is an operation on a channel that a task waits for. The loop tries its
// ports, in order of adding, at the beginning of every turn, and selects among them
// while it sleeps: so it is always the loop that sends or receives, and a port that
// is removed has not done so behind anybody's back.
type Port interface {
	// Try performs the operation if that is possible now, and reports whether. It
	// must not panic.
	Try() bool
	// Case is the operation, for [reflect.Select].
	Case() reflect.SelectCase
	// Selected is told that the operation was performed, with what it received.
	Selected(v reflect.Value, ok bool)
}

// AddPort adds p until its operation is performed or it is removed. With a virtual
// clock only what the loop's own tasks do to a channel, or a goroutine that is
// announced by [Loop.Hold], is sure to be noticed before time jumps.
func (l *Loop) AddPort(p Port) {
	l.check("AddPort")
	l.ports = append(l.ports, p)
}

// RemovePort takes p back. It costs a search among the ports.
func (l *Loop) RemovePort(p Port) {
	if at := slices.Index(l.ports, p); at >= 0 {
		l.ports = slices.Delete(l.ports, at, at+1)
	}
}

func (l *Loop) pollPorts() {
	l.ports = slices.DeleteFunc(l.ports, Port.Try)
}

// maxCases is how many ports one goroutine selects among; reflect allows 65536.
const maxCases = 1024

type selected struct {
	port Port // nil: none, it was told to stop
	v    reflect.Value
	ok   bool
}

// selectPorts lets goroutines select among the ports, and wake the loop, until
// collect is called, which takes in what they did.
func (l *Loop) selectPorts() (collect func()) {
	stop := make(chan struct{})
	var results []chan selected
	for chunk := range slices.Chunk(l.ports, maxCases) {
		chunk := slices.Clone(chunk)
		result := make(chan selected, 1)
		results = append(results, result)
		go func() {
			result <- selectOne(chunk, stop)
			l.nudge()
		}()
	}
	return func() {
		close(stop)
		for _, result := range results {
			if s := <-result; s.port != nil {
				l.RemovePort(s.port)
				s.port.Selected(s.v, s.ok)
			}
		}
	}
}

func selectOne(ports []Port, stop <-chan struct{}) (s selected) {
	cases := make([]reflect.SelectCase, 1, len(ports)+1)
	cases[0] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(stop)}
	for _, p := range ports {
		cases = append(cases, p.Case())
	}
	defer func() {
		if recover() != nil {
			s = selected{} // a send on a closed channel: the next Try finds out which
		}
	}()
	at, v, ok := reflect.Select(cases)
	if at == 0 {
		return selected{}
	}
	return selected{port: ports[at-1], v: v, ok: ok}
}
