package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/takt-go/takt/task/host"
)

// A disk is the disk of a node: a tree of directories and files. It lasts as long as the node. Each directory and
// file has two states: what programs see, and what is durable.
type disk struct {
	node     *Node
	faults   DiskFaults
	sets     int // calls of SetDisk, so that a plan ends only its own faults
	root     *inode
	changes  []change   // of entries, in order, that are not durable
	unsynced []*inode   // files whose data is not durable, in the order in which they became so
	tidyAt   int        // when unsynced is so long, some files may be forgotten
	seq      uint64     // counts writes and changes
	begun    uint64     // what it was when the present call began
	calls    *rand.Rand // how long calls take
	details  *rand.Rand // of faults
}

func newDisk(n *Node) *disk {
	t := n.world.t
	return &disk{
		node: n, root: newDir(nil),
		calls: t.Rand("disk of " + n.name), details: t.Rand("faults of the disk of " + n.name),
	}
}

// mount returns the files of the disk, as m sees them.
func (d *disk) mount(m *machine) host.FS { return host.NewFS(&mount{d, m}) }

// variants is how many ways there are to keep some of what is not durable, beside all and nothing.
const variants = 6

// powerOff decides by the schedule what the disk has kept at a crash, and returns a text about it, such as
// "3 writes lost, 1 torn". The text is empty if nothing is lost.
//
// It is one choice for the whole disk, so that a minimised schedule has one deviation for it.
func (d *disk) powerOff() string {
	if len(d.changes) == 0 { // a file without a name is gone anyway
		named := d.root.reachable()
		d.unsynced = slices.DeleteFunc(d.unsynced, func(f *inode) bool { return !named[f] })
		if len(d.unsynced) == 0 {
			return ""
		}
	}
	t, name := d.node.world.t, d.node.name
	var chance *rand.Rand
	site := d.node.world.siteOf("disk of " + name)
	choice := t.Choose(site, 2+variants)
	if choice > 1 {
		chance = t.Rand(fmt.Sprintf("%s, variant %d", site, choice))
	}
	return d.crash(choice, chance)
}

// crash keeps all that is not durable if choice is 0, and nothing if it is 1. Otherwise chance decides.
func (d *disk) crash(choice int, chance *rand.Rand) string {
	var r damage
	for i, keep := range d.keep(choice, chance) {
		if c := &d.changes[i]; keep {
			c.apply()
		} else {
			r.undone = append(r.undone, c.kind)
		}
	}
	d.changes = nil
	d.root.revert()
	named := d.root.reachable()
	for _, f := range d.unsynced {
		if named[f] {
			f.crash(choice, chance, &r)
		}
		f.listed = false
	}
	d.unsynced = nil
	return r.String()
}

// keep returns which changes of entries a crash keeps. If it keeps a change, it also keeps those that the change needs.
func (d *disk) keep(choice int, chance *rand.Rand) []bool {
	keep := make([]bool, len(d.changes))
	if choice < 2 {
		for i := range keep {
			keep[i] = choice == 0
		}
		return keep
	}
	rate := 0.25 * float64(1+chance.IntN(3))
	for i := range keep {
		keep[i] = chance.Float64() < rate
	}
	if chance.IntN(2) == 0 {
		return d.closure(keep)
	}
	for i := range keep {
		for j := range i {
			if keep[i] && !keep[j] && d.changes[i].needs(&d.changes[j]) {
				keep[i] = false
			}
		}
	}
	return keep
}

// closure adds to keep the changes that those in keep need.
func (d *disk) closure(keep []bool) []bool {
	for i := len(keep) - 1; i > 0; i-- {
		for j := range i {
			if keep[i] && !keep[j] && d.changes[i].needs(&d.changes[j]) {
				keep[j] = true
			}
		}
	}
	return keep
}

// syncDir makes the changes of entries of a directory durable that were made up to seq.
func (d *disk) syncDir(dir *inode, seq uint64) {
	keep := make([]bool, len(d.changes))
	for i := range keep {
		c := &d.changes[i]
		keep[i] = c.seq <= seq && (c.to.dir == dir || c.from.dir == dir)
	}
	i := -1
	d.closure(keep)
	d.changes = slices.DeleteFunc(d.changes, func(c change) bool {
		if i++; keep[i] {
			c.apply()
		}
		return keep[i]
	})
}

// sync makes the data of a file durable that was written up to seq.
func (d *disk) sync(f *inode, seq uint64) {
	f.sync(seq)
	d.settled(f)
}

// dirty notes that f has data that is not durable.
func (d *disk) dirty(f *inode) {
	if f.listed {
		return
	}
	if len(d.unsynced) >= d.tidyAt {
		d.tidy()
	}
	f.listed = true
	d.unsynced = append(d.unsynced, f)
}

// tidy forgets the files that no crash gives a name again, such as temporary files. Without it a long run keeps the
// data of all of them.
func (d *disk) tidy() {
	found := map[*inode]bool{}
	var walk func(n *inode)
	walk = func(n *inode) {
		if found[n] {
			return
		}
		found[n] = true
		for _, entries := range []map[string]*inode{n.entries, n.durable} {
			for _, entry := range entries {
				walk(entry)
			}
		}
	}
	walk(d.root)
	for _, c := range d.changes {
		walk(c.node)
	}
	d.unsynced = slices.DeleteFunc(d.unsynced, func(f *inode) bool {
		f.listed = found[f]
		return !f.listed
	})
	d.tidyAt = 32 + 2*len(d.unsynced)
}

// settled notes that f has no such data any more.
func (d *disk) settled(f *inode) {
	if f.listed && len(f.log) == 0 {
		f.listed = false
		d.unsynced = slices.DeleteFunc(d.unsynced, func(g *inode) bool { return g == f })
	}
}

// next numbers a write or a change.
func (d *disk) next() uint64 {
	d.seq++
	return d.seq
}

// exit closes the files of m, whose program has ended. Their methods find out themselves that m is off. What was
// written and not synced stays so.
func (d *disk) exit(m *machine) {}
