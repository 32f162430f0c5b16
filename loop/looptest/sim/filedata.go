package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// blockSize is the size of the parts of a file that a disk writes whole or not at all, in bytes.
const blockSize = 512

// fileData is the contents of a file. Between the length and the capacity of data and synced all bytes are 0.
type fileData struct {
	data   []byte  // as programs see it
	synced []byte  // what is durable
	log    []piece // what leads from synced to data
}

// A piece is a write to one block, or a part of it, or a truncation.
type piece struct {
	seq   uint64
	call  uint64 // the seq of the first piece of the same call
	off   int64
	bytes []byte // nil for a truncation to the size off
	cuts  bool   // it is a truncation that cuts the block at off
	clean bool   // a Sync has failed: later ones do not write it
}

func (p *piece) end() int64      { return p.off + int64(len(p.bytes)) }
func (p *piece) truncates() bool { return p.bytes == nil }
func (p *piece) block() int64    { return p.off / blockSize }

// write writes b. next numbers the pieces.
func (f *fileData) write(b []byte, off int64, next func() uint64) {
	f.data = put(f.data, b, off)
	b = slices.Clone(b)
	for first := uint64(0); len(b) > 0; {
		n := min(len(b), int(blockSize-off%blockSize))
		seq := next()
		first = cmp.Or(first, seq)
		f.log = append(f.log, piece{seq: seq, call: first, off: off, bytes: b[:n:n]})
		b, off = b[n:], off+int64(n)
	}
}

// truncate sets the size.
func (f *fileData) truncate(size int64, next func() uint64) {
	if size != int64(len(f.data)) {
		cuts := size < int64(len(f.data)) && size%blockSize > 0
		f.data = resize(f.data, size)
		seq := next()
		f.log = append(f.log, piece{seq: seq, call: seq, off: size, cuts: cuts})
	}
}

// unsynced reports whether a Sync of what was done up to seq has something to write.
func (f *fileData) unsynced(seq uint64) bool {
	return slices.ContainsFunc(f.log, func(p piece) bool { return p.seq <= seq && !p.clean })
}

// sync makes durable what was done up to seq. Pieces that an earlier Sync has failed to write are written only
// if their block was written again, or cut.
func (f *fileData) sync(seq uint64) {
	var again map[int64]bool
	if slices.ContainsFunc(f.log, func(p piece) bool { return p.clean }) {
		again = map[int64]bool{}
		for i := range f.log {
			if p := &f.log[i]; p.seq <= seq && !p.clean && (p.cuts || !p.truncates()) {
				again[p.block()] = true
			}
		}
	}
	f.settle(seq, true, again)
}

// fail is a Sync of what was done up to seq that fails: the sizes become durable, and the blocks may be written or not.
// The system takes them for written.
func (f *fileData) fail(seq uint64) { f.settle(seq, false, nil) }

// settle takes out of the log what was done up to seq, except for the pieces that are not written. Those become clean.
// Clean pieces are only written to the blocks in again.
func (f *fileData) settle(seq uint64, works bool, again map[int64]bool) {
	kept := f.log[:0]
	for _, p := range f.log {
		switch {
		case p.seq > seq:
			kept = append(kept, p)
		case p.truncates():
			f.synced = resize(f.synced, p.off)
			for i := range kept {
				q := &kept[i]
				q.bytes = q.bytes[:max(0, min(int64(len(q.bytes)), p.off-q.off))]
			}
		case works && (!p.clean || again[p.block()]):
			f.synced = put(f.synced, p.bytes, p.off)
		default:
			if !p.clean {
				f.synced = resize(f.synced, max(int64(len(f.synced)), p.end()))
				p.clean = true
			}
			kept = append(kept, p)
		}
	}
	clear(f.log[len(kept):])
	f.log = slices.DeleteFunc(kept, func(p piece) bool { return !p.truncates() && len(p.bytes) == 0 })
}

// crash decides what is left of the file, and adds to the report.
func (f *fileData) crash(choice int, chance *rand.Rand, r *damage) {
	kept := make([]bool, len(f.log))
	how := choice
	if choice > 1 {
		how = chance.IntN(4)
	}
	switch how {
	case 0: // all
		for i := range kept {
			kept[i] = true
		}
	case 1: // nothing
		f.data = slices.Clone(f.synced)
	case 2: // all sizes, and some data
		f.data = f.some(len(f.log), chance, kept)
	case 3:
		f.data = f.some(chance.IntN(len(f.log)+1), chance, kept)
	}
	f.synced = slices.Clone(f.data)
	r.writes(f.log, kept)
	f.log = nil
}

// some returns what is left if the first pieces of the log have changed the size, and each block has what chance
// decides. It notes in kept which pieces are left.
func (f *fileData) some(sizes int, chance *rand.Rand, kept []bool) []byte {
	left := slices.Clone(f.synced)
	var cuts []int // truncations
	var order []int
	for i := range f.log {
		p := &f.log[i]
		switch {
		case p.truncates():
			cuts = append(cuts, i)
			if kept[i] = i < sizes; kept[i] {
				left = resize(left, p.off)
			}
			if !p.cuts {
				continue
			}
		case i < sizes:
			left = resize(left, max(int64(len(left)), p.end()))
		}
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(f.log[a].block(), f.log[b].block()) })
	for len(order) > 0 {
		block := f.log[order[0]].block()
		n := 1
		for n < len(order) && f.log[order[n]].block() == block {
			n++
		}
		f.someOfBlock(left, order[:n], cuts, sizes, chance, kept)
		order = order[n:]
	}
	return left
}

// someOfBlock decides about one block of left. Of the pieces that concern it, the disk has the first ones.
func (f *fileData) someOfBlock(left []byte, pieces, cuts []int, sizes int, chance *rand.Rand, kept []bool) {
	start := f.log[pieces[0]].block() * blockSize
	for _, cut := range cuts {
		// A truncation gives the block back. What is written later is in another block, which the old size does not
		// have.
		if cut >= sizes && f.log[cut].off <= start {
			if n := slices.IndexFunc(pieces, func(i int) bool { return i > cut }); n >= 0 {
				pieces = pieces[:n]
			}
		}
	}
	switch chance.IntN(4) {
	case 0:
		pieces = nil
	case 1, 2:
		pieces = pieces[:chance.IntN(len(pieces)+1)]
	}
	if start >= int64(len(left)) {
		return
	}
	var b [blockSize]byte
	if start < int64(len(f.synced)) {
		copy(b[:], f.synced[start:])
	}
	replay := slices.Concat(pieces, slices.DeleteFunc(slices.Clone(cuts), func(cut int) bool { return cut >= sizes }))
	slices.Sort(replay)
	for _, i := range slices.Compact(replay) {
		p := &f.log[i]
		from := max(0, p.off-start)
		switch {
		case !p.truncates():
			copy(b[from:], p.bytes)
			kept[i] = p.off < int64(len(left))
		case from < blockSize:
			clear(b[from:])
		}
	}
	copy(left[start:], b[:])
}

// put returns b with p at off.
func put(b, p []byte, off int64) []byte {
	b = resize(b, max(int64(len(b)), off+int64(len(p))))
	copy(b[off:], p)
	return b
}

// resize returns b with another length. Bytes that are added are 0.
func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		clear(b[size:])
		return b[:size]
	}
	if size > int64(cap(b)) {
		grown := make([]byte, len(b), max(size, int64(2*len(b))))
		copy(grown, b)
		b = grown
	}
	return b[:size]
}
