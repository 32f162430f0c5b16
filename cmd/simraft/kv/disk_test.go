package kv

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// onDisk runs f with the files of a new directory.
func onDisk(t *testing.T, f func(ctx context.Context, fsys host.FS, dir string)) {
	t.Helper()
	dir := t.TempDir()
	_, err := task.Run(t.Context(), task.Void(func(ctx context.Context) error {
		f(ctx, host.System().FS, dir)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
}

// open opens the disk, and returns what it remembers.
func open(t *testing.T, ctx context.Context, fsys host.FS, dir string) (*disk, *past) {
	t.Helper()
	d, p, err := openDisk(ctx, fsys, dir)
	if err != nil {
		t.Fatal(err)
	}
	return d, p
}

func entries(from, to, term uint64) (all []raftpb.Entry) {
	for i := from; i <= to; i++ {
		all = append(all, raftpb.Entry{Index: i, Term: term, Data: []byte{byte(i), byte(term)}})
	}
	return all
}

// want fails the test unless the log has entries with these terms after its base.
func (p *past) want(t *testing.T, base uint64, terms ...uint64) {
	t.Helper()
	ok := p.base.index == base && len(p.entries) == len(terms)
	for i, e := range p.entries {
		ok = ok && e.Index == base+1+uint64(i) && e.Term == terms[i] && string(e.Data) == string([]byte{byte(e.Index), byte(e.Term)})
	}
	if !ok {
		t.Errorf("the log has %v after %v, want terms %v after %d", p.entries, p.base, terms, base)
	}
}

func TestLog(t *testing.T) {
	onDisk(t, func(ctx context.Context, fsys host.FS, dir string) {
		d, p := open(t, ctx, fsys, dir)
		p.want(t, 1)
		for _, part := range [][]raftpb.Entry{entries(2, 4, 1), entries(5, 5, 1), entries(3, 4, 2)} { // the last one overwrites
			if err := d.saveEntries(part); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.syncLog(); err != nil {
			t.Fatal(err)
		}
		d.close()
		d, p = open(t, ctx, fsys, dir)
		p.want(t, 1, 1, 2, 2)
		if err := d.newLog(ctx, point{3, 2}, entries(4, 4, 2)); err != nil {
			t.Fatal(err)
		}
		if err := d.saveEntries(entries(5, 6, 3)); err != nil {
			t.Fatal(err)
		}
		if err := d.saveCheckpoint(ctx, checkpoint{point{3, 2}, []byte("state")}); err != nil {
			t.Fatal(err)
		}
		d.close()
		d, p = open(t, ctx, fsys, dir)
		p.want(t, 3, 2, 3, 3)
		if p.checkpoint.point != (point{3, 2}) || string(p.checkpoint.state) != "state" {
			t.Errorf("the checkpoint is %v", p.checkpoint)
		}
		// The checkpoint of another node is ahead of the log.
		if err := d.saveCheckpoint(ctx, checkpoint{point{9, 4}, nil}); err != nil {
			t.Fatal(err)
		}
		d.close()
		d, p = open(t, ctx, fsys, dir)
		p.want(t, 9)
		d.close()
	})
}

// Wherever a crash has cut the log, or damaged a byte of what was not synced, the records before are found, and the log goes
// on after them.
func TestTornLog(t *testing.T) {
	onDisk(t, func(ctx context.Context, fsys host.FS, dir string) {
		name := filepath.Join(dir, "log")
		d, _ := open(t, ctx, fsys, dir)
		var ends []int64 // of the records
		for _, e := range entries(2, 5, 1) {
			ends = append(ends, d.size)
			if err := d.saveEntries([]raftpb.Entry{e}); err != nil {
				t.Fatal(err)
			}
		}
		d.close()
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		try := func(data []byte, at int) {
			t.Helper()
			if err := os.WriteFile(name, data, 0o644); err != nil {
				t.Fatal(err)
			}
			d, p := open(t, ctx, fsys, dir)
			var terms []uint64
			for i, from := range ends {
				if to := int64(len(whole)); i+1 < len(ends) && int64(at) >= ends[i+1] || int64(at) >= to {
					terms = append(terms, 1)
				} else if int64(at) < from {
					break
				}
			}
			p.want(t, 1, terms...)
			next := uint64(2 + len(terms))
			if err := d.saveEntries(entries(next, next, 7)); err != nil {
				t.Fatal(err)
			}
			d.close()
			d, p = open(t, ctx, fsys, dir)
			p.want(t, 1, append(terms, 7)...)
			d.close()
		}
		for at := int(ends[0]); at < len(whole); at++ {
			try(whole[:at:at], at)
			damaged := append([]byte(nil), whole...)
			damaged[at] ^= 0x10
			try(damaged, at)
			zeros := append([]byte(nil), whole...)
			clear(zeros[at:])
			if string(zeros) != string(whole) && zeros[at] != whole[at] {
				try(zeros, at)
			}
		}
		try(whole, len(whole))
	})
}

// A vote that is torn leaves the one before it.
func TestTornVote(t *testing.T) {
	onDisk(t, func(ctx context.Context, fsys host.FS, dir string) {
		name := filepath.Join(dir, "vote")
		for term := uint64(1); term <= 5; term++ {
			d, p := open(t, ctx, fsys, dir)
			if p.term != term-1 || p.vote != (term-1)%3 {
				t.Errorf("after %d votes: term %d, vote %d", term-1, p.term, p.vote)
			}
			if err := d.saveVote(term, term%3); err != nil {
				t.Fatal(err)
			}
			at := int64(d.votes%2) * voteApart
			d.close()
			whole, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			torn := append([]byte(nil), whole...)
			torn[at+7] ^= 1
			if err := os.WriteFile(name, torn, 0o644); err != nil {
				t.Fatal(err)
			}
			d, p = open(t, ctx, fsys, dir)
			if p.term != term-1 || p.vote != (term-1)%3 {
				t.Errorf("after vote %d is torn: term %d, vote %d", term, p.term, p.vote)
			}
			d.close()
			if err := os.WriteFile(name, whole, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
}
