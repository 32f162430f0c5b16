package kv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/takt-go/takt/task/host"
)

// A disk keeps what a node must not forget, in three files:
//
//	vote   the term, and the vote in it
//	log    the entries since some point, in the order in which they came
//	state  a checkpoint: the store, as it was after an entry
//
// The log only grows at its end. An entry with an index that has come before takes the place of that entry,
// and of all that follow it. A checkpoint begins a new log, which has only the last entries of the old one. Each record of the log and the
// vote has a checksum: at the end of the log there may be records that a crash has torn. They were not synced, so no
// other node was told of them.
type disk struct {
	fs  host.FS
	dir string

	log  host.File
	size int64 // of the log

	vote  host.File
	votes uint64 // how many have been written

	buf []byte // for what is written next
}

// Two places in the file of the vote are written in turn, so a torn write leaves the vote before it. They are so
// far apart that they share no block.
const (
	voteApart = 4096
	voteSize  = 4 + 3*8
)

const recordHeader = 4 + 4 // length and checksum

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// A point is an entry of the log, without its data.
type point struct{ index, term uint64 }

// first is the entry that all nodes begin with. The cluster is that of their configurations, and the store is empty.
var first = point{1, 1}

// A past is what a node finds on its disk.
type past struct {
	term, vote uint64
	base       point // the entry before the first one of entries
	entries    []raftpb.Entry
	checkpoint checkpoint
}

// A checkpoint is the store after an entry, encoded.
type checkpoint struct {
	point
	state []byte
}

// openDisk opens the files, and makes them if there are none.
//
// What it has read may be in the memory of the operating system only: the program before may have ended between a write
// and its sync, or because a sync has failed. A power cut would still undo that, and a sync of the same file need not help. So
// openDisk writes all again, before the node tells anything of it to another node.
func openDisk(ctx context.Context, fsys host.FS, dir string) (*disk, *past, error) {
	d, p := &disk{fs: fsys, dir: dir}, &past{}
	for _, step := range []func(context.Context, *past) error{d.openCheckpoint, d.openVote, d.openLog} {
		if err := step(ctx, p); err != nil {
			d.close()
			return nil, nil, err
		}
	}
	return d, p, nil
}

func (d *disk) close() {
	if d.log != nil {
		_ = d.log.Close()
	}
	if d.vote != nil {
		_ = d.vote.Close()
	}
}

func (d *disk) name(file string) string { return path.Join(d.dir, file) }

// The vote

func (d *disk) openVote(ctx context.Context, p *past) error {
	vote, err := d.fs.OpenFile(ctx, d.name("vote"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	d.vote = vote
	d.buf = make([]byte, voteApart+voteSize)
	data := d.buf
	n, err := vote.ReadAt(data, 0)
	if err != nil && err != io.EOF {
		return err
	}
	data = data[:n]
	for at := 0; at+voteSize <= len(data); at += voteApart {
		b := data[at : at+voteSize]
		if n := u64(b[4:]); binary.LittleEndian.Uint32(b) == checksum(b[4:]) && n > d.votes {
			d.votes, p.term, p.vote = n, u64(b[12:]), u64(b[20:])
		}
	}
	if err := d.saveVote(p.term, p.vote); err != nil {
		return err
	}
	return d.syncVote() // the entry of the file becomes durable with that of the log
}

// saveVote writes the vote. It is durable after syncVote.
func (d *disk) saveVote(term, vote uint64) error {
	d.votes++
	b := append(d.buf[:0], 0, 0, 0, 0)
	b = addU64(addU64(addU64(b, d.votes), term), vote)
	binary.LittleEndian.PutUint32(b, checksum(b[4:]))
	d.buf = b
	_, err := d.vote.WriteAt(b, int64(d.votes%2)*voteApart)
	return err
}

func (d *disk) syncVote() error { return d.vote.Sync() }

// The log

// appendRecord appends a record with an entry to b. An entry is never empty, so a record of zeros is none.
func appendRecord(b []byte, e *raftpb.Entry) []byte {
	at, n := len(b), e.Size()
	b = append(b, make([]byte, recordHeader+n)...)
	body := b[at+recordHeader:]
	if _, err := e.MarshalToSizedBuffer(body); err != nil {
		panic(err) // there is no such entry
	}
	binary.LittleEndian.PutUint32(b[at:], uint32(n))
	binary.LittleEndian.PutUint32(b[at+4:], checksum(body))
	return b
}

// parseRecord reads a record. It returns the size of the record, or 0 if that is torn.
func parseRecord(b []byte, e *raftpb.Entry) int {
	if len(b) < recordHeader {
		return 0
	}
	n := int(binary.LittleEndian.Uint32(b))
	if n == 0 || n > len(b)-recordHeader {
		return 0
	}
	body := b[recordHeader : recordHeader+n]
	if binary.LittleEndian.Uint32(b[4:]) != checksum(body) || e.Unmarshal(body) != nil {
		return 0
	}
	return recordHeader + n
}

// openLog reads the log, and begins a new one without what is torn at the end. The first record is the base.
func (d *disk) openLog(ctx context.Context, p *past) error {
	data, err := host.ReadFile(ctx, d.fs, d.name("log"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	size, err := p.parseLog(data)
	if err != nil {
		return err
	}
	if c := p.checkpoint.point; size == 0 || !p.has(c) { // a new node; or the checkpoint of another node is ahead of the log
		p.base, p.entries = c, nil
	}
	return d.newLog(ctx, p.base, p.entries)
}

// parseLog takes the entries out of a log. It returns the size of the part that is whole.
func (p *past) parseLog(data []byte) (size int64, err error) {
	var e raftpb.Entry
	n := parseRecord(data, &e)
	p.base = point{e.Index, e.Term}
	for at := n; n > 0; at += n {
		size = int64(at)
		e = raftpb.Entry{}
		if n = parseRecord(data[at:], &e); n == 0 {
			break
		}
		if e.Index <= p.base.index || e.Index > p.base.index+uint64(len(p.entries))+1 {
			return 0, fmt.Errorf("kv: the log has entry %d after %d entries from %d", e.Index, len(p.entries), p.base.index)
		}
		p.entries = append(p.entries[:e.Index-p.base.index-1], e)
	}
	return size, nil
}

// has reports whether the entry is in the log, or its base.
func (p *past) has(c point) bool {
	if c.index <= p.base.index {
		return c == p.base
	}
	i := c.index - p.base.index - 1
	return i < uint64(len(p.entries)) && p.entries[i].Term == c.term
}

// newLog puts a log with these entries in the place of the old one. It is durable when newLog returns.
func (d *disk) newLog(ctx context.Context, base point, entries []raftpb.Entry) error {
	b := appendRecord(d.buf[:0], &raftpb.Entry{Index: base.index, Term: base.term})
	for i := range entries {
		b = appendRecord(b, &entries[i])
	}
	d.buf = b
	if err := host.ReplaceFile(ctx, d.fs, d.name("log"), b, 0o644); err != nil {
		return err
	}
	if d.log != nil {
		_ = d.log.Close() // of the old file, which has no name any more
	}
	log, err := d.fs.OpenFile(ctx, d.name("log"), os.O_RDWR, 0)
	d.log, d.size = log, int64(len(b))
	return err
}

// saveEntries writes entries at the end of the log. They are durable after syncLog.
func (d *disk) saveEntries(entries []raftpb.Entry) error {
	b := d.buf[:0]
	for i := range entries {
		b = appendRecord(b, &entries[i])
	}
	d.buf = b
	n, err := d.log.WriteAt(b, d.size)
	d.size += int64(n)
	return err
}

func (d *disk) syncLog() error { return d.log.Sync() }

// Checkpoints

func (d *disk) openCheckpoint(ctx context.Context, p *past) error {
	data, err := host.ReadFile(ctx, d.fs, d.name("state"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.checkpoint = checkpoint{first, newStore().appendTo(nil)}
		return nil
	case err != nil:
		return err
	case len(data) < 20 || binary.LittleEndian.Uint32(data) != checksum(data[4:]):
		return fmt.Errorf("kv: the file %s is damaged", d.name("state"))
	}
	p.checkpoint = checkpoint{point{u64(data[4:]), u64(data[12:])}, data[20:]}
	return nil
}

// saveCheckpoint replaces the checkpoint. It is durable when saveCheckpoint returns.
func (d *disk) saveCheckpoint(ctx context.Context, c checkpoint) error {
	b := append(d.buf[:0], 0, 0, 0, 0)
	b = addU64(addU64(b, c.index), c.term)
	b = append(b, c.state...)
	binary.LittleEndian.PutUint32(b, checksum(b[4:]))
	d.buf = b
	return host.ReplaceFile(ctx, d.fs, d.name("state"), b, 0o644)
}
