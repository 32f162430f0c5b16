package loop

import (
	"reflect"
	"slices"
)

// A Port is an operation on a channel that a task waits for. The loop tries its
// ports, in order of adding, at the beginning of every turn, and selects among them
// while it sleeps: so it is always the loop that sends or receives, and a port that
// is removed has not done so behind anybody's back. A Port is found by ==, so it is a
// pointer.
type Port interface {
	// Try performs the operation if that is possible now, and reports whether. It
	// must not panic.
	Try() bool
	// Case is the operation, for [reflect.Select].
	Case() reflect.SelectCase
	// Selected is told that the operation was performed, with what it received.
	Selected(v reflect.Value, ok bool)
}

// A waitingPort is a Port that was added.
type waitingPort struct {
	Port
	op reflect.SelectCase
}

// on returns which channel the port waits for, and in which direction.
func (p *waitingPort) on() channelEnd { return channelEnd{p.op.Chan.Pointer(), p.op.Dir} }

type channelEnd struct {
	channel uintptr
	dir     reflect.SelectDir
}

func (e channelEnd) other() channelEnd {
	if e.dir == reflect.SelectSend {
		return channelEnd{e.channel, reflect.SelectRecv}
	}
	return channelEnd{e.channel, reflect.SelectSend}
}

// AddPort adds p until its operation is performed or it is removed. Ports of one channel
// are served in the order in which they were added, and two of the same loop, one that
// sends and one that receives, meet. With a virtual clock only what the loop's own tasks
// do to a channel, or a goroutine that is announced by [Loop.Hold], is sure to be noticed
// before time jumps.
func (l *Loop) AddPort(p Port) {
	l.check("AddPort")
	l.ports = append(l.ports, &waitingPort{p, p.Case()})
}

// RemovePort takes p back. It costs a search among the ports.
func (l *Loop) RemovePort(p Port) {
	l.ports = slices.DeleteFunc(l.ports, func(w *waitingPort) bool { return w.Port == p })
}

// pollPorts performs the operations that are possible. A port that comes after another
// one of the same channel and direction, which has to wait, waits too.
func (l *Loop) pollPorts() {
	first := map[channelEnd]*waitingPort{} // those that have to wait
	met := map[*waitingPort]bool{}
	l.ports = slices.DeleteFunc(l.ports, func(p *waitingPort) bool {
		end := p.on()
		if first[end] != nil {
			return false
		}
		if p.Try() {
			return true
		}
		peer := first[end.other()]
		if peer == nil || p.op.Chan.Cap() > 0 {
			first[end] = p
			return false
		}
		delete(first, end.other())
		met[peer] = true
		sender, receiver := p, peer
		if end.dir == reflect.SelectRecv {
			sender, receiver = peer, p
		}
		receiver.Selected(sender.op.Send, true)
		sender.Selected(reflect.Value{}, true)
		return true
	})
	if len(met) > 0 {
		l.ports = slices.DeleteFunc(l.ports, func(p *waitingPort) bool { return met[p] })
	}
}

// maxCases is how many ports one goroutine selects among; reflect allows 65536.
const maxCases = 1024

type selected struct {
	port *waitingPort // nil: none
	v    reflect.Value
	ok   bool
}

// selectPorts lets goroutines select among the ports, the first of each channel and
// direction, and wake the loop, until collect is called, which takes in what they did.
func (l *Loop) selectPorts() (collect func()) {
	var firsts []*waitingPort
	seen := map[channelEnd]bool{}
	for _, p := range l.ports {
		if end := p.on(); !seen[end] {
			seen[end] = true
			firsts = append(firsts, p)
		}
	}
	stop := make(chan struct{})
	var results []chan selected
	for chunk := range slices.Chunk(firsts, maxCases) {
		result := make(chan selected, 1)
		results = append(results, result)
		go func() {
			s, stopped := selectOne(chunk, stop)
			result <- s
			if !stopped {
				l.nudge()
			}
		}()
	}
	return func() {
		close(stop)
		for _, result := range results {
			if s := <-result; s.port != nil {
				l.RemovePort(s.port.Port)
				s.port.Selected(s.v, s.ok)
			}
		}
	}
}

func selectOne(ports []*waitingPort, stop <-chan struct{}) (s selected, stopped bool) {
	cases := make([]reflect.SelectCase, 1, len(ports)+1)
	cases[0] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(stop)}
	for _, p := range ports {
		cases = append(cases, p.op)
	}
	defer func() {
		if recover() != nil {
			s, stopped = selected{}, false // a send on a closed channel: the next Try finds out which
		}
	}()
	at, v, ok := reflect.Select(cases)
	if at == 0 {
		return selected{}, true
	}
	return selected{port: ports[at-1], v: v, ok: ok}, false
}
