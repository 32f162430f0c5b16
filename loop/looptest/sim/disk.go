package sim

import "github.com/takt-go/takt/task/host"

// A disk is the disk of a node.
type disk struct{ node *Node }

func newDisk(n *Node) *disk { return &disk{n} }

// mount returns the files of the disk, as m sees them.
func (d *disk) mount(m *machine) host.FS { return nil }

// powerOff decides by the schedule what the disk has kept at a crash, and returns a text about it, such as
// "3 writes lost, 1 torn". The text is empty if nothing is lost.
func (d *disk) powerOff() string { return "" }

// exit closes the files of m, whose program has ended.
func (d *disk) exit(m *machine) {}

// injected reports whether err comes from a fault of a disk.
func injected(err error) bool { return false }
