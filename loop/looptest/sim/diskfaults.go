package sim

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// DiskFaults says how often calls on a running disk fail. Each field but Capacity is a probability, from 0 to 1, for
// each call that it concerns. Each fault is a choice of the schedule, whose name says what happens: "sync of /wal
// fails on a". Its error is that of package os, with the error number that the field names. If the program of a node
// ends with such an error, wrapped or not, that does not fail the test.
//
// # The disk
//
// Each node has a disk, with one directory, "/", at first. Relative names begin there, too. The disk keeps the rules
// of [host.FS], and its calls have the results and the errors that they have on Linux. It has no links, checks no
// permissions, and a file has at most 1 GiB. (os.SameFile knows only files of package os, so here it reports false.) A
// Sync and a SyncDir take from 0.1 to 2 ms by the clock of the world, and all other calls from 1 to 21 µs. Calls on
// different files, and those of the FS, run at the same time. Each is made at one moment: when it begins, or when it
// ends.
//
// # What a crash leaves
//
// What a crash leaves is at most one choice, such as "disk of a at 1.2s". With the value 0 everything is left that
// programs could see. With 1 everything is gone that is not durable. With 2 to 7 noise decides about each part. If
// everything is durable, there is no choice. After a crash, all that is left is durable. The end of a program is no
// crash: the next program sees what it has written, and that is no more durable than before.
//
// Data. A Sync makes durable what was done to the file before the Sync was called. Of all writes and truncations
// since then, the following is left.
//
//   - Each block of 512 bytes, counted from the beginning of the file, is as any of the writes has left it, or as
//     it was when it was durable. So each write to several blocks may be torn, and a later write may be there
//     without an earlier one. A block itself is not torn.
//   - The size is one that the file has had since then. (A write to several blocks sets it block by block.) If the
//     size is ahead of the data, the blocks that were not written are zeros. If it is behind the data, the rest is
//     gone.
//   - A truncation that is left has cut all that was written before it. If a truncation is not left, then nothing
//     that was written later to the blocks that it cut off whole is left either.
//
// Entries. A SyncDir makes durable which entries were created, renamed and removed in the directory before the
// SyncDir was called. It says nothing about data, and nothing about other directories: the entry of the directory itself
// needs a SyncDir of its parent. Any of the later changes may be left, or not, with these rules.
//
//   - A rename is one change: the new name has the old file or the new one, and the old name is gone together with
//     that. A rename from one directory to another is durable after a SyncDir of either.
//   - The changes of one entry keep their order.
//   - If a directory was removed, what was moved out of it before is not in it.
//   - If something was moved to a new directory, the directory is there.
//   - Moves of directories keep their order.
//
// So a byte that is durable is never lost, unless it was overwritten or cut, no byte is there that was neither
// written nor zero, and no file is lost that always had a name. Data and entries do not depend on each other: a new
// file may be there without its data. All that ext4 and xfs may leave is possible here. And all that is possible
// here is what some file system may leave.
type DiskFaults struct {
	// SyncFails: a Sync with something to write, or a SyncDir, fails with EIO. After a Sync that has failed, the data
	// that it should have made durable may be gone at the next crash, and until then programs read it. The system
	// forgets that it was not written: a Sync of another File succeeds, and makes only those blocks durable that were
	// written again. Entries are as before.
	SyncFails float64
	Slow      float64 // a call takes from 10 ms to 1 s longer
	Full      float64 // a write, or the making of a file or directory, fails with ENOSPC; a write may be done in part
	ReadFails float64 // a read fails with EIO
	ReadFlips float64 // a read returns one bit of the data wrong; the next one is right
	Capacity  int64   // bytes of all files together; 0 is no limit
}

// SetDisk sets the faults of the disk of the node, for this incarnation and later ones. The zero DiskFaults ends them.
// SetDisk panics if a probability is not from 0 to 1, or if Capacity is negative.
func (n *Node) SetDisk(f DiskFaults) {
	n.world.mustAct("SetDisk")
	for _, p := range []float64{f.SyncFails, f.Slow, f.Full, f.ReadFails, f.ReadFlips} {
		if !(p >= 0 && p <= 1) || f.Capacity < 0 {
			panic(fmt.Sprintf("sim: SetDisk(%+v); each probability must be from 0 to 1, and the capacity 0 or more", f))
		}
	}
	n.disk.faults = f
	n.disk.sets++
}

// A diskError is an error that the schedule has chosen.
type diskError struct{ errno syscall.Errno }

func (e diskError) Error() string { return e.errno.Error() }
func (e diskError) Unwrap() error { return e.errno }

// injected reports whether err comes from a fault of a disk.
func injected(err error) bool { return errors.As(err, new(diskError)) }

// happens decides whether a fault with the probability p happens, and records it. The name of the choice is the text
// before, what and after. (No text is formatted: a running disk makes a choice at each call.)
func (d *disk) happens(p float64, before, what, after string) bool {
	if p == 0 {
		return false
	}
	site := before + what + after + " on " + d.node.name
	if !d.node.world.t.Chance(site, p) {
		return false
	}
	d.node.world.fault(d.node.name, "%s", site)
	return true
}

// latency returns how long a call takes.
func (d *disk) latency(op, name string) time.Duration {
	t := time.Microsecond + time.Duration(d.calls.Int64N(int64(20*time.Microsecond)))
	if op == "sync" || op == "syncdir" {
		t = 100*time.Microsecond + time.Duration(d.calls.Int64N(int64(1900*time.Microsecond)))
	}
	if d.faults.Slow > 0 {
		more := 10*time.Millisecond + time.Duration(d.details.Int64N(int64(990*time.Millisecond)))
		if d.happens(d.faults.Slow, op+" of ", name, " is slow") {
			t += more
		}
	}
	return t
}

// room returns how many of n bytes can be written to the file at off, and the error if that is not all.
func (f *openFile) room(n int, off int64) (int, error) {
	if f.faults.Full > 0 {
		some := f.details.IntN(n)
		if f.happens(f.faults.Full, "write to ", f.name, " finds the disk full") {
			return some, diskError{syscall.ENOSPC}
		}
	}
	if f.faults.Capacity > 0 {
		free := f.faults.Capacity
		for other := range f.root.reachable() {
			if other != f.file {
				free -= int64(len(other.data))
			}
		}
		if fits := max(free, int64(len(f.file.data))) - off; fits < int64(n) {
			f.disk.node.world.fault(f.disk.node.name, "the disk of %s is full", f.disk.node.name)
			return int(max(0, fits)), diskError{syscall.ENOSPC}
		}
	}
	return n, nil
}

// flip decides whether a read of b returns a wrong bit.
func (d *disk) flip(b []byte, name string) {
	if d.faults.ReadFlips > 0 {
		bit := d.details.IntN(8 * len(b))
		if d.happens(d.faults.ReadFlips, "a bit of a read of ", name, " flips") {
			b[bit/8] ^= 1 << (bit % 8)
		}
	}
}
