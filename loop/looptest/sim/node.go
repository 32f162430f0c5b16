package sim

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop/internal/world"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A Node is a machine with a program. It has a name, an address, a disk and a clock, which survive a crash. An incarnation
// is the time from a Start until the machine or the program ends. The tasks that the program makes, its
// connections and its open files belong to the incarnation.
//
// The tasks and callbacks of the run may call the methods of a Node, also those of the node itself. A
// function of [looptest.T.Always] must call only Name, Up and Incarnation.
type Node struct {
	world   *World
	name    string
	number  int // from 1, in order of creation
	boot    func(ctx context.Context, h *host.Host) error
	disk    *disk
	machine *machine // of the last incarnation
	starts  int
	offset  time.Duration // of the clock
	rate    float64
	clocks  int // calls of SetClock, so that a plan sets only its own clock right
}

// Name returns the name of the node.
func (n *Node) Name() string { return n.name }

// Up reports whether the program of the node runs, or is paused. After the end of the world it reports whether it
// was so at the end.
func (n *Node) Up() bool { return n.machine.up() || n.machine != nil && n.machine.survived }

// Incarnation returns how many times the node has been started.
func (n *Node) Incarnation() int { return n.starts }

// Start begins a new incarnation: boot runs in a new task, which takes its first step after the running step.
// The disk is as the last incarnation, or the crash, has left it. If the node is up, or the world has ended,
// Start does nothing.
//
// When boot returns, the program has ended. Its other tasks take no further step, and are unwound as by Crash. The
// operating system closes its connections and listeners, and what it wrote to its disk
// stays as it is. The node is down until the next Start. An error or a panic of boot fails the test, except
// an error that a fault of the disk has caused, and the cancellation by Stop.
func (n *Node) Start() {
	n.world.mustAct("Start")
	w := n.world
	if n.Up() || w.ended || w.loop.Closed() {
		return
	}
	n.starts++
	m := newMachine(n)
	n.machine = m
	if w.record != nil {
		w.tell(world.Event{Kind: world.Began, Node: n.name, Text: strconv.Itoa(n.starts), Realm: m.realm.Context()})
	}
	m.main = task.Go(m.realm.Context(), m.run, task.Named(n.name), task.Lazy())
}

// Crash is a power cut. No task of the incarnation takes another step of its program. Its bodies are unwound
// when the running step is over, before anything else runs, and nothing that their deferred calls do reaches the
// network, the disk, the log or a [History]. Their errors and panics do not fail the test. What was written to the
// disk and not synced is kept, lost or torn, and what is in flight arrives or not, as the schedule chooses. Peers notice
// nothing, until they send to the node, or wait in vain. If the node is down, Crash does nothing.
//
// A task of the node itself may call Crash; its step goes on to its next await, without effect on the world.
func (n *Node) Crash() {
	n.world.mustAct("Crash")
	m := n.machine
	if !m.up() {
		return
	}
	w := n.world
	m.switchOff()
	w.net.powerOff(m)
	report := n.disk.powerOff()
	w.tell(world.Event{Kind: world.Ended, Node: n.name, Text: "crash"})
	if report != "" {
		report = ": " + report
	}
	w.fault(n.name, "crash %s%s", n.name, report)
}

// Stop ends the program in the usual way: it cancels the task of boot, and waits until boot has returned. Then
// the incarnation ends as after any return of boot. A node that is paused is resumed first. If the node is
// being stopped already, Stop only waits. If it crashes meanwhile, or is down, Stop returns nil.
//
// If the task of ctx is canceled, or ctx ends, Stop returns the reason, and the program still ends.
func (n *Node) Stop(ctx context.Context) error {
	n.world.mustAct("Stop")
	m := n.machine
	if !m.up() {
		return nil
	}
	n.stop()
	if m.gone == nil {
		m.gone = future.NewShared[struct{}](n.world.loop.Context())
	}
	return m.gone.Wait(ctx)
}

// stop asks the program to end.
func (n *Node) stop() {
	m := n.machine
	if !m.up() || m.stopping {
		return
	}
	m.stopping = true
	n.Resume()
	m.main.Cancel(nil)
	m.main.OnDone(func() { m.ended(m.main.Err()) }) // if it was canceled before its first step
}

// Pause stops the machine, as a long pause of a garbage collector or a virtual machine does. Its tasks take no
// step and its clock stands still, until Resume. What peers send waits in the buffers of its connections. If the node is
// down, Pause does nothing. If a [Plan] has paused the node, the end of that fault no longer resumes it. While the node is
// paused, its program cannot notice that a time is over, such as that of a lease. So a property looks at what the program
// does after that, and not at what its variables say meanwhile.
func (n *Node) Pause() {
	n.world.mustAct("Pause")
	m := n.machine
	if !m.up() {
		return
	}
	m.pauses++
	if !m.paused() {
		m.realm.Pause()
		n.world.tell(world.Event{Kind: world.Paused, Node: n.name})
		n.world.fault(n.name, "pause %s", n.name)
	}
}

// Resume lets the machine go on after Pause. Its clock is late by the time of the pause, until the next Start. If
// the node is not paused, Resume does nothing.
func (n *Node) Resume() {
	n.world.mustAct("Resume")
	if m := n.machine; m.paused() {
		m.realm.Resume()
		n.world.tell(world.Event{Kind: world.Resumed, Node: n.name})
	}
}

// SetClock sets the clock of the node, for this incarnation and later ones. When an incarnation begins, its clock shows
// the time of the world plus offset. rate is how many seconds pass on the node in one second of the world, from
// 0.001 to 1000: sleeps, time limits and deadlines of the node's tasks go by it. If offset changes later, the clock
// jumps. Only Now of the Host shows the jump: no timer comes earlier or later.
// SetClock panics if rate is out of range.
func (n *Node) SetClock(offset time.Duration, rate float64) {
	n.world.mustAct("SetClock")
	if !(rate >= 0.001 && rate <= 1000) {
		panic(fmt.Sprintf("sim: SetClock(%v, %v) of node %s; the rate must be from 0.001 to 1000", offset, rate, n.name))
	}
	n.clocks++
	if n.offset == offset && n.rate == rate {
		return
	}
	n.offset, n.rate = offset, rate
	if m := n.machine; m.up() {
		m.realm.SetClock(offset, rate)
	}
	n.world.fault(n.name, "clock %s: offset %v, rate %v", n.name, offset, rate)
}
