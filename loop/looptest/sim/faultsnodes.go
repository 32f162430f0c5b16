package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// members returns the nodes that have a program.
func (f *faults) members() []*Node {
	f.nodes = f.nodes[:0]
	for _, n := range f.world.nodes {
		if n.boot != nil {
			f.nodes = append(f.nodes, n)
		}
	}
	return f.nodes
}

// room returns how many more nodes may go down.
func (f *faults) room() int {
	limit := f.limit()
	for _, n := range f.nodes {
		if m := n.machine; !m.up() || m.stopping || m.paused() {
			limit--
		}
	}
	return limit
}

// limit returns how many nodes may be down at most.
func (f *faults) limit() int {
	if f.plan.MaxDown > 0 {
		return min(f.plan.MaxDown, len(f.nodes))
	}
	return max(1, (len(f.nodes)-1)/2)
}

// one draws a node.
func (f *faults) one(r *rand.Rand) *Node {
	nodes := f.members()
	return nodes[r.IntN(len(nodes))]
}

// some draws n nodes, and returns them in order of creation.
func (f *faults) some(r *rand.Rand, n int) []*Node {
	nodes := slices.Clone(f.members())
	for i := range n {
		j := i + r.IntN(len(nodes)-i)
		nodes[i], nodes[j] = nodes[j], nodes[i]
	}
	nodes = nodes[:n]
	slices.SortFunc(nodes, func(a, b *Node) int { return a.number - b.number })
	return nodes
}

func names(nodes []*Node) string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.name)
	}
	return strings.Join(all, " ")
}

// crash proposes the crash of a node, or of several at once.
func (f *faults) crash(r *rand.Rand) fault {
	f.members()
	n := 1
	if limit := f.limit(); limit > 1 && r.IntN(4) == 0 {
		n = 2 + r.IntN(limit-1)
	}
	nodes := f.some(r, n)
	up := 0
	for _, n := range nodes {
		if n.Up() {
			up++
		}
	}
	return fault{
		site:     "crash " + names(nodes),
		possible: up == n && f.room() >= n,
		begin:    func() func() { return crash(nodes) },
	}
}

// powerFailure proposes the crash of all nodes.
func (f *faults) powerFailure(r *rand.Rand) fault {
	nodes := slices.Clone(f.members())
	return fault{
		site:     "power failure",
		possible: slices.ContainsFunc(nodes, (*Node).Up),
		begin: func() func() {
			f.world.fault("", "power failure")
			return crash(nodes)
		},
	}
}

// crash crashes nodes, and returns a function that starts them again.
func crash(nodes []*Node) (restart func()) {
	restarts := make([]func(), len(nodes))
	for i, n := range nodes {
		restarts[i] = n.restarts()
		n.Crash()
	}
	return func() {
		for _, restart := range restarts {
			restart()
		}
	}
}

// restarts returns a function that starts the node, unless it has been started before the call.
func (n *Node) restarts() func() {
	starts := n.starts
	return func() {
		if n.starts == starts {
			n.kill()
			n.Start()
		}
	}
}

// stop proposes to stop a node.
func (f *faults) stop(r *rand.Rand) fault {
	n := f.one(r)
	return fault{
		site:     "stop " + n.name,
		possible: n.Up() && !n.machine.stopping && f.room() >= 1,
		begin: func() func() {
			f.world.fault(n.name, "stop %s", n.name)
			n.stop()
			return n.restarts()
		},
	}
}

// pause proposes to pause a node.
func (f *faults) pause(r *rand.Rand) fault {
	n := f.one(r)
	return fault{
		site:     "pause " + n.name,
		possible: n.Up() && !n.machine.paused() && !n.machine.stopping && f.room() >= 1,
		begin: func() func() {
			m := n.machine
			n.Pause()
			pauses := m.pauses
			return func() {
				if n.machine == m && m.pauses == pauses {
					n.Resume()
				}
			}
		},
	}
}

// clock proposes a wrong clock.
func (f *faults) clock(r *rand.Rand) fault {
	n := f.one(r)
	offset, rate := time.Duration(0), 1.0
	part := r.Float64()*2 - 1
	text := ""
	if r.IntN(2) == 0 {
		offset = time.Duration(part * float64(f.plan.MaxOffset)).Round(f.plan.MaxOffset / 1000)
		text = fmt.Sprintf("%v", offset)
		if offset > 0 {
			text = "+" + text
		}
	} else {
		part = part * f.plan.MaxDrift
		rate = 1 + float64(int(part*1e6))/1e6
		text = fmt.Sprintf("×%v", rate)
	}
	return fault{
		site:     fmt.Sprintf("clock %s %s", n.name, text),
		possible: n.offset == 0 && n.rate == 1 && (offset != 0 || rate != 1),
		begin: func() func() {
			n.SetClock(offset, rate)
			clocks := n.clocks
			return func() {
				if n.clocks == clocks {
					n.SetClock(0, 1)
				}
			}
		},
	}
}

// kill ends the program as the operating system does with a process that does not react. The disk keeps what was
// written.
func (n *Node) kill() {
	if m := n.machine; m.up() {
		m.exit("killed")
	}
}
