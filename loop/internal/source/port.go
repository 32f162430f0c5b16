package source

import (
	"reflect"
	"slices"
)

// A Port is an operation on a channel that a task waits for: see Port in package lowlevel.
type Port interface {
	Try() bool
	Case() reflect.SelectCase
	Selected(v reflect.Value, ok bool)
}

// A Registration is a Port that Add has added.
type Registration struct {
	Port
	in         *lines
	line       *line // nil while the port is in fresh
	prev, next *Registration
	number     uint64 // counts the ports, in order of adding
	tried      uint64 // the number of the last poll that tried the port and found that it must wait
	gone       bool   // the operation was performed, or the port was removed
}

// Waits reports whether the port waits for its operation: false means that the operation was
// performed, that the port was removed, or that the ports are closed.
func (p *Registration) Waits() bool { return !p.gone && !p.in.closed }

// Remove removes the port, and reports whether that prevented its operation: whether the port was
// waiting. It costs O(1).
func (p *Registration) Remove() bool {
	if !p.Waits() {
		return false
	}
	p.in.remove(p)
	return true
}

// Ports is the source of the operations on channels that the tasks of a loop wait for. The zero Ports has
// no ports. Call Init before the first Add: few loops need ports, and their memory.
type Ports struct {
	Nothing
	lines   *lines // nil before Init
	call    func(func())
	stop    chan struct{}   // closed to end the goroutines that select while the loop sleeps; nil if there are none
	results []chan selected // of those goroutines
	done    []selected      // operations that they performed, and that no port was told of yet
}

// Init makes ps ready for use. If a goroutine has performed an operation while the loop was asleep,
// Tell calls Selected of the port inside of call. call guards the loop against a panic.
func (ps *Ports) Init(hub *Hub, call func(func())) { ps.lines, ps.call = &lines{hub: hub}, call }

// Ready reports whether Init was called.
func (ps *Ports) Ready() bool { return ps.lines != nil }

// Add adds p. The port stays until its operation is performed, or until it is removed.
func (ps *Ports) Add(p Port) *Registration { return ps.lines.add(p) }

// Len is the number of ports that wait.
func (ps *Ports) Len() int {
	if ps.lines == nil {
		return 0
	}
	return ps.lines.n
}

// Take tells the ports of the operations that were performed while the loop was asleep, and
// performs those that are possible now.
func (ps *Ports) Take() {
	ps.Tell()
	if ps.Len() > 0 {
		ps.lines.poll()
	}
}

// Pending reports whether an operation was performed and its port was not told of it yet.
func (ps *Ports) Pending() bool { return len(ps.done) > 0 }

// MayCome reports whether a port waits, or was not told of its operation yet.
func (ps *Ports) MayCome() bool { return ps.Len() > 0 || ps.Pending() }

// Hint says what to do if other goroutines use the channels, because a deadlock report cannot know
// of such goroutines.
func (ps *Ports) Hint() string {
	if ps.Len() == 0 {
		return ""
	}
	return "if another goroutine will send or receive, announce it by Loop.Hold"
}

// Close drops all ports. None of them waits any more.
func (ps *Ports) Close() {
	if ps.lines != nil {
		ps.lines.close()
	}
}

// maxCases is how many ports one goroutine selects among. Package reflect allows 65536.
const maxCases = 1024

type selected struct {
	port *Registration // nil if no operation was performed
	v    reflect.Value
	ok   bool
}

// Sleep starts goroutines that select among the heads of the lines. A goroutine that has performed an
// operation nudges the hub.
func (ps *Ports) Sleep() {
	if ps.Len() == 0 {
		return
	}
	ps.stop = make(chan struct{})
	hub := ps.lines.hub // the goroutines may nudge after the lines were reset
	for chunk := range slices.Chunk(ps.lines.inOrder(), maxCases) {
		cases := make([]reflect.SelectCase, 1, len(chunk)+1)
		cases[0] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ps.stop)}
		for _, p := range chunk {
			cases = append(cases, p.Case())
		}
		result := make(chan selected, 1)
		ps.results = append(ps.results, result) // after the calls of Case, which may panic: Wake waits for every result in results
		go func() {
			s, stopped := selectOne(chunk, cases)
			result <- s
			if !stopped {
				hub.Nudge()
			}
		}()
	}
}

// Wake ends these goroutines, and notes the operations that they performed. Take tells the ports
// later, after the Inbox: so functions that a goroutine posted before it sent come first. Wake
// itself takes out the ports whose operations were performed. So code cannot remove such a port,
// and the value that it has received is not lost.
func (ps *Ports) Wake() {
	if ps.stop == nil {
		return
	}
	close(ps.stop)
	ps.stop = nil
	for _, result := range ps.results {
		if s := <-result; s.port != nil {
			ps.lines.remove(s.port)
			ps.lines.hub.Watch(1)
			ps.done = append(ps.done, s)
		}
	}
	ps.results = nil
}

// Tell tells the ports of the operations that Wake has noted.
func (ps *Ports) Tell() {
	if len(ps.done) == 0 {
		ps.done = nil
		return
	}
	defer ps.Tell() // also where an observer calls Goexit
	s := ps.done[0]
	ps.done[0] = selected{}
	ps.done = ps.done[1:]
	ps.lines.hub.Watch(-1)
	ps.call(func() { s.port.Selected(s.v, s.ok) })
}

// selectOne selects among cases. The first case is that of stop, the others are those of ports.
func selectOne(ports []*Registration, cases []reflect.SelectCase) (s selected, stopped bool) {
	defer func() { _ = recover() }() // a send on a closed channel panics: the next Try finds out which one
	at, v, ok := reflect.Select(cases)
	if at == 0 {
		return selected{}, true
	}
	return selected{port: ports[at-1], v: v, ok: ok}, false
}
