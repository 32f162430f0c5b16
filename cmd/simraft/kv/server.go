package kv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/lock"
)

// A Config says what a node is in its cluster.
type Config struct {
	Peers []string // the addresses of all nodes; node n is at Peers[n-1]
	ID    int      // the number of this node, from 1
	Dir   string   // for the files of this node; it exists

	Tick          time.Duration // the unit of the times below; 100 ms if it is 0
	ElectionTicks int           // a node that hears of no leader for so long, or up to twice, wants to be elected; 8 if it is 0
	Checkpoint    int           // a checkpoint is written after so many entries; 1000 if it is 0

	Bug     Bug
	Elected func(term uint64) // called when the node has become the leader, if it is not nil
}

// A Server is a node. Its methods are for tasks of one loop.
type Server struct {
	Config
	host *host.Host
	disk *disk

	node     *raft.RawNode
	entries  *raft.MemoryStorage // what raft reads of the log
	voters   raftpb.ConfState
	role     raft.StateType
	term     uint64
	leader   uint64
	silence  int // for how many ticks no leader was heard
	patience int // for how many ticks of silence the node waits before it wants to be elected

	store      *store
	applied    uint64
	checkpoint point
	base       uint64 // of the log

	// What only run does, since it waits for the disk. Meanwhile the raft node takes in what comes, and gives out nothing.
	work   lock.Event
	todo   bool // there is a Ready
	saving bool // a checkpoint is due
	rd     raft.Ready

	finishing bool // a task is in the middle of a turn: a write may let other tasks run, in spite of all

	peers []*peer // by number; nil for this node

	writes  []*call // that are in the log of this leader, in order
	reads   []*call // that wait for a ReadIndex, in order
	waiting []*call // reads that wait until their index is applied
	asked   uint64  // the number of the last read
}

// Open recovers a node from its disk.
func Open(ctx context.Context, h *host.Host, c Config) (*Server, error) {
	if c.ID < 1 || c.ID > len(c.Peers) {
		return nil, fmt.Errorf("kv: node %d of %d; give a number from 1", c.ID, len(c.Peers))
	}
	if c.Tick == 0 {
		c.Tick = 100 * time.Millisecond
	}
	if c.ElectionTicks == 0 {
		c.ElectionTicks = 8
	}
	if c.Checkpoint == 0 {
		c.Checkpoint = 1000
	}
	disk, past, err := openDisk(ctx, h.FS, c.Dir)
	if err != nil {
		return nil, fmt.Errorf("kv: opening %s: %w", c.Dir, err)
	}
	s := &Server{Config: c, host: h, disk: disk}
	for n := range len(c.Peers) {
		s.voters.Voters = append(s.voters.Voters, uint64(n+1))
	}
	if err := s.recover(past); err != nil {
		disk.close()
		return nil, err
	}
	s.peers = make([]*peer, len(c.Peers)+1)
	for n, address := range c.Peers {
		if n+1 != c.ID {
			s.peers[n+1] = &peer{id: uint64(n + 1), address: address}
		}
	}
	return s, nil
}

// recover makes the raft node and the store of what was on the disk.
func (s *Server) recover(p *past) (err error) {
	if s.store, err = parseStore(p.checkpoint.state); err != nil {
		return err
	}
	s.applied, s.checkpoint, s.base = p.checkpoint.index, p.checkpoint.point, p.base.index
	if s.Bug == ApplyTwice {
		s.applied, s.store.sessions = s.base, map[uint64]uint64{}
	}
	m := raft.NewMemoryStorage()
	base := raftpb.SnapshotMetadata{Index: p.base.index, Term: p.base.term, ConfState: s.voters}
	if err := m.ApplySnapshot(raftpb.Snapshot{Data: p.checkpoint.state, Metadata: base}); err != nil {
		return err
	}
	if err := m.Append(p.entries); err != nil {
		return err
	}
	if s.checkpoint.index > s.base {
		if _, err := m.CreateSnapshot(s.checkpoint.index, &s.voters, p.checkpoint.state); err != nil {
			return err
		}
	}
	s.entries, s.term = m, max(p.term, first.term) // a new node has no vote
	if err := m.SetHardState(raftpb.HardState{Term: s.term, Vote: p.vote, Commit: s.checkpoint.index}); err != nil {
		return err
	}
	s.listen()
	s.node, err = raft.NewRawNode(&raft.Config{
		ID: uint64(s.ID), Storage: m, Applied: s.applied,
		ElectionTick: s.ElectionTicks, HeartbeatTick: 1, CheckQuorum: true, PreVote: true,
		MaxSizePerMsg: 64 << 10, MaxInflightMsgs: 256, MaxUncommittedEntriesSize: 16 << 20,
		DisableProposalForwarding: true, Logger: logger{s.host.Log},
	})
	return err
}

// Serve runs the node until ctx's task is canceled, or the disk fails.
func (s *Server) Serve(ctx context.Context) error {
	defer s.disk.close()
	ln, err := s.host.Net.Listen(ctx, "tcp", s.Peers[s.ID-1])
	if err != nil {
		return err
	}
	return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
		for _, p := range s.peers {
			if p != nil {
				if err := g.Go(func(ctx context.Context) error { return s.send(ctx, p) }, task.Named("to "+p.address)); err != nil {
					return err
				}
			}
		}
		if err := g.Go(s.tick, task.Named("ticker")); err != nil {
			return err
		}
		err := g.Go(func(ctx context.Context) error {
			return host.Serve(ctx, ln, s.handle, host.WithGrace(0), host.WithErrorHandler(s.report))
		}, task.Named("listener"))
		if err != nil {
			return err
		}
		return s.run(ctx)
	})
}

// report logs the error of a connection. A panic is one of the node, which then ends.
func (s *Server) report(err error) {
	if p := (*task.PanicError)(nil); errors.As(err, &p) {
		panic(p)
	}
	s.host.Log.Debug("connection", "error", err)
}

// tick lets time pass for the raft node.
func (s *Server) tick(ctx context.Context) error {
	now := atOnce(ctx)
	for {
		if err := task.Sleep(ctx, s.Tick); err != nil {
			return err
		}
		s.passTime()
		s.turn(now)
	}
}

// handle serves a connection.
func (s *Server) handle(ctx context.Context, c *host.Conn) error {
	r := host.NewReader(c, host.WithReadLimit(maxFrame))
	kind, err := r.Peek(ctx, 1)
	if err != nil {
		return err
	}
	serve := s.receive
	switch kind[0] {
	case fromPeer:
	case fromClient:
		serve = s.answer
	default:
		return fmt.Errorf("kv: a connection that begins with %q", kind)
	}
	if _, err := r.Discard(ctx, 1); err != nil {
		return err
	}
	if err := serve(ctx, c, r); !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return io.EOF
}

// Applied returns the index of the last entry that the node has applied.
func (s *Server) Applied() uint64 { return s.applied }

// Agrees reports whether both nodes have the same keys, values and sessions.
func (s *Server) Agrees(o *Server) bool { return s.store.equal(o.store) }
