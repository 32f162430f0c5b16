package sim

import (
	"context"
	"fmt"
	"slices"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/world"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/internal/scene"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/host"
)

// A World has nodes, the network between them, and their disks. Everything in it happens on one loop, and everything
// that chance decides comes from the schedule of the test: see [New].
//
// The methods of a World are for the tasks and callbacks of the test, outside of the nodes. They panic in the function of
// [looptest.T.Always], which only looks. But there Host returns a Host that was made before. When the world has ended, they
// change nothing.
type World struct {
	t      *looptest.T
	loop   *loop.Loop
	nodes  []*Node // in order of creation
	net    *network
	faults *faults // of the last call of Faults; nil if there was none
	run    scene.Run
	record func(world.Event) // nil if nobody looks at the run
	ended  bool
}

// New makes a World for one run of a body of package looptest. The world ends with the body: when the body has returned,
// the nodes are switched off, and their tasks are unwound.
//
// New panics if ctx belongs to no task, or t is not that of a run.
func New(ctx context.Context, t *looptest.T) *World {
	l := lowlevel.Current(ctx).Loop()
	w := &World{t: t, loop: l}
	w.run = scene.Of(t)
	w.record = w.run.Record()
	w.net = newNetwork(w)
	w.run.AtEnd(w.end)
	w.run.Tolerate(w.tolerates)
	return w
}

// end switches all nodes off.
func (w *World) end(ctx context.Context) {
	w.ended = true
	if w.faults != nil {
		w.faults.drop()
	}
	for _, n := range w.nodes {
		if m := n.machine; m.up() {
			m.survived = true
			m.switchOff()
		}
	}
	w.net.end()
	// The tasks of the nodes are unwound before ctx's task goes on. If the task was canceled, the first Yield only says so.
	if lowlevel.Yield(ctx) != nil {
		_ = lowlevel.Yield(ctx)
	}
}

// Node makes a node, and starts it. boot is the program of the node. It runs in a task that has the name of the node.
// name is the name of the node in the network, in reports and in choices. h is the machine of this incarnation, and
// boot uses no other network, files, chance and clock.
//
// Node panics if boot is nil, if name is not a name for a host (lower-case letters, digits and hyphens), or if the
// world has a node of this name.
func (w *World) Node(name string, boot func(ctx context.Context, h *host.Host) error) *Node {
	if boot == nil {
		panic(fmt.Sprintf("sim: Node(%q) without a program; give it a function, or use Host for the tasks of the test", name))
	}
	w.mustAct("Node")
	n := w.add(name, boot)
	n.Start()
	return n
}

// Host returns a machine for the tasks of the test itself, such as clients. It is on the network by its name, and has a
// disk, but it has no program, and it is never switched off. A call with the same name returns the same Host. Host
// panics as Node does.
func (w *World) Host(name string) *host.Host {
	if n := w.find(name); n != nil && n.boot == nil {
		return n.machine.host
	}
	w.mustAct("Host")
	n := w.add(name, nil)
	n.machine = newMachine(n)
	return n.machine.host
}

func (w *World) add(name string, boot func(ctx context.Context, h *host.Host) error) *Node {
	mustBeName(name)
	if w.find(name) != nil {
		panic(fmt.Sprintf("sim: a second node with the name %q; give each node a name of its own", name))
	}
	n := &Node{world: w, name: name, boot: boot, number: len(w.nodes) + 1, rate: 1}
	n.disk = newDisk(n)
	w.nodes = append(w.nodes, n)
	return n
}

// mustAct panics if the caller is the function of a property: it must not change the world.
func (w *World) mustAct(what string) {
	if p := w.run.Property(); p != "" {
		panic(fmt.Sprintf("sim: %s in the function of %s, which runs between two steps; "+
			"a property only looks, so call %s in a task or callback", what, p, what))
	}
}

// acts is mustAct, and reports whether the world has not ended. Afterwards nothing may set a timer.
func (w *World) acts(what string) bool {
	w.mustAct(what)
	return !w.ended
}

// siteOf returns the name of a choice about what happens now. The time makes it a name of its own. So if the minimiser
// leaves out an earlier crash of a node, the choices of the later ones keep their names.
func (w *World) siteOf(what string) string { return fmt.Sprintf("%s at %v", what, w.loop.Elapsed()) }

// find returns the node with this name, or nil.
func (w *World) find(name string) *Node {
	if i := slices.IndexFunc(w.nodes, func(n *Node) bool { return n.name == name }); i >= 0 {
		return w.nodes[i]
	}
	return nil
}

func mustBeName(name string) {
	ok := name != "" && name != "localhost"
	for i, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0)
	}
	if !ok {
		panic(fmt.Sprintf("sim: the name %q of a node; use lower-case letters, digits and hyphens, but not localhost", name))
	}
}

// tell records an event, if the run keeps a record. Callers whose text costs something look at w.record first.
func (w *World) tell(e world.Event) {
	if w.record != nil && !w.ended {
		e.At = w.loop.Elapsed()
		w.record(e)
	}
}

// fault records a fault.
func (w *World) fault(node, format string, args ...any) {
	if w.record != nil {
		w.tell(world.Event{Kind: world.Fault, Node: node, Text: fmt.Sprintf(format, args...)})
	}
}
