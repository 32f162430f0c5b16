package sim

import (
	"context"
	"io/fs"
	"time"

	"github.com/takt-go/takt/task/host"
)

// PanickingFS returns the files of a node, where each Stat panics.
func PanickingFS(w *World, name string) host.FS {
	m := w.find(name).machine
	return host.NewFS(panickingDisk{&mount{m.node.disk, m}})
}

type panickingDisk struct{ *mount }

func (panickingDisk) Stat(name string) (fs.FileInfo, error) { panic("Stat of " + name) }

// Paused reports whether the node is paused.
func Paused(n *Node) bool { return n.machine.paused() }

// ClockOf returns what SetClock has set.
func ClockOf(n *Node) (offset time.Duration, rate float64) { return n.offset, n.rate }

// NetworkState returns what is wrong with the network and the disks, or "".
func NetworkState(w *World) string {
	state := ""
	if len(w.net.cuts) > 0 {
		state += " cut"
	}
	if w.net.faults != (linkFaults{}) {
		state += " faults"
	}
	w.net.eachLink(nil, nil, func(l *link) {
		if !l.open() {
			state += " " + l.name
		}
	})
	for _, n := range w.nodes {
		if n.disk.faults != (DiskFaults{}) {
			state += " disk of " + n.name
		}
	}
	return state
}

// NodeOf returns the node that the task of ctx belongs to.
func NodeOf(ctx context.Context) *Node { return machineOf(ctx).node }

// Connections returns how many connections the network keeps.
func Connections(w *World) int { return len(w.net.conns) }

// Unsynced returns how many files of the node have data that is not durable.
func Unsynced(n *Node) int { return len(n.disk.unsynced) }
