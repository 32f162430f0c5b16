package sim

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// DiskFaults says how often calls on a running disk fail. Each field but Capacity is a probability, from 0 to 1, for each call that
// it concerns. A fault is a choice of the schedule.
type DiskFaults struct {
	SyncFails float64 // a Sync or SyncDir fails with EIO
	Slow      float64 // a call takes from 10 ms to 1 s longer
	Full      float64 // a write, or the making of a file or directory, fails with ENOSPC; a write may be done in part
	ReadFails float64 // a read fails with EIO
	ReadFlips float64 // a read returns one bit of the data wrong; the next one is right
	Capacity  int64   // bytes of all files together; 0 is no limit
}

// SetDisk sets the faults of the disk of the node, for this incarnation and later ones. The zero DiskFaults ends them.
// SetDisk panics if a probability is not from 0 to 1, or if Capacity is negative.
func (n *Node) SetDisk(f DiskFaults) {
	for _, p := range []float64{f.SyncFails, f.Slow, f.Full, f.ReadFails, f.ReadFlips} {
		if !(p >= 0 && p <= 1) || f.Capacity < 0 {
			panic(fmt.Sprintf("sim: SetDisk(%+v); each probability must be from 0 to 1, and the capacity 0 or more", f))
		}
	}
	n.disk.faults = f
}

// A diskError is an error that the schedule has chosen.
type diskError struct{ errno syscall.Errno }

func (e diskError) Error() string { return e.errno.Error() }
func (e diskError) Unwrap() error { return e.errno }

// injected reports whether err comes from a fault of a disk.
func injected(err error) bool { return errors.As(err, new(diskError)) }

// happens decides whether a fault with the probability p happens, and records it. The text names the choice.
func (d *disk) happens(p float64, format string, args ...any) bool {
	if p == 0 {
		return false
	}
	site := fmt.Sprintf(format, args...) + " on " + d.node.name
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
		if d.happens(d.faults.Slow, "%s of %s is slow", op, name) {
			t += more
		}
	}
	return t
}

// room returns how many of n bytes can be written to the file at off, and the error if that is not all.
func (f *openFile) room(n int, off int64) (int, error) {
	if f.faults.Full > 0 {
		some := f.details.IntN(n)
		if f.happens(f.faults.Full, "write to %s finds the disk full", f.name) {
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
		if d.happens(d.faults.ReadFlips, "a bit of a read of %s flips", name) {
			b[bit/8] ^= 1 << (bit % 8)
		}
	}
}
