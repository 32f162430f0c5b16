package kv

import (
	"context"

	"go.etcd.io/raft/v3/raftpb"
)

// save writes a checkpoint. The log keeps the entries before it for nodes that are a little behind; a node that is
// further behind gets the checkpoint.
func (s *Server) save(ctx context.Context) error {
	term, err := s.entries.Term(s.applied)
	if err != nil {
		return err
	}
	c := checkpoint{point{s.applied, term}, s.store.appendTo(nil)}
	if err := s.disk.saveCheckpoint(ctx, c); err != nil {
		return err
	}
	if _, err := s.entries.CreateSnapshot(c.index, &s.voters, c.state); err != nil {
		return err
	}
	before := s.checkpoint
	s.checkpoint = c.point
	if before.index <= s.base {
		return nil
	}
	if err := s.entries.Compact(before.index); err != nil {
		return err
	}
	last, _ := s.entries.LastIndex()
	var kept []raftpb.Entry
	if last > before.index {
		if kept, err = s.entries.Entries(before.index+1, last+1, 1<<62); err != nil {
			return err
		}
	}
	s.base = before.index
	return s.disk.newLog(ctx, before, kept)
}

// install takes over the checkpoint of another node.
func (s *Server) install(ctx context.Context, snap *raftpb.Snapshot) error {
	c := checkpoint{point{snap.Metadata.Index, snap.Metadata.Term}, snap.Data}
	store, err := parseStore(c.state)
	if err != nil {
		return err
	}
	if err := s.disk.saveCheckpoint(ctx, c); err != nil {
		return err
	}
	if err := s.disk.newLog(ctx, c.point, nil); err != nil {
		return err
	}
	s.store, s.applied, s.checkpoint, s.base = store, c.index, c.point, c.index
	return s.entries.ApplySnapshot(*snap)
}
