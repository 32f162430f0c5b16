package kv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/takt-go/takt/future"
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

	peers []*peer // by number; nil for this node

	writes  []*call // that are in the log of this leader, in order
	reads   []*call // that wait for a ReadIndex, in order
	waiting []*call // reads that wait until their index is applied
	asked   uint64  // the number of the last read
}

// A call is a command that a connection waits for.
type call struct {
	command
	data   []byte // the command, encoded
	asked  uint64 // for a read: its number
	index  uint64 // for a read: what must be applied before
	answer *future.Future[answer]
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

// answer carries out what a client sends.
func (s *Server) answer(ctx context.Context, c *host.Conn, r *host.Reader) error {
	now := atOnce(ctx)
	var out []byte
	for {
		data, err := readFrame(ctx, r, nil) // not read again: it becomes the entry
		if err != nil {
			return err
		}
		command, err := parseCommand(data)
		if err != nil {
			return err
		}
		call := &call{command: command, data: data, answer: future.New[answer](ctx)}
		s.take(call)
		s.turn(now)
		a, err := call.answer.Await(ctx)
		if err != nil {
			return err
		}
		a.seq = command.seq
		out = a.appendTo(beginFrame(out[:0]))
		endFrame(out, 0)
		if _, err := c.Write(out); err != nil {
			return err
		}
	}
}

func (c *call) end(a answer) {
	if !c.answer.Done() { // the client may have left
		_ = c.answer.SetResult(a)
	}
}

// atOnce returns a context for writes that do not wait: it has ended.
func atOnce(ctx context.Context) context.Context {
	now, end := context.WithCancel(ctx)
	end()
	return now
}

// turn does what the raft node wants to be done, and leaves to run what needs the disk. Each task that has told the raft node
// something calls turn.
func (s *Server) turn(now context.Context) {
	for !s.todo && !s.saving {
		switch {
		case s.node.HasReady():
			s.rd = s.node.Ready()
			s.todo = len(s.rd.Entries) > 0 || !raft.IsEmptyHardState(s.rd.HardState) || !raft.IsEmptySnap(s.rd.Snapshot)
			if !s.todo {
				s.finish(now, s.rd.Messages)
			}
		case s.applied-s.checkpoint.index >= uint64(s.Checkpoint):
			s.saving = true
		default:
			return
		}
	}
	s.work.Set()
}

// run does what needs the disk, in the order that makes it safe: what a message promises is on the disk before the message
// is sent.
func (s *Server) run(ctx context.Context) error {
	now := atOnce(ctx)
	for {
		for !s.todo && !s.saving {
			s.work.Clear()
			if err := s.work.Wait(ctx); err != nil {
				return err
			}
		}
		if s.todo {
			messages := s.rd.Messages
			if s.Bug == SendEarly {
				s.post(now, messages)
				messages = nil
			}
			if err := s.persist(ctx, &s.rd); err != nil {
				return err
			}
			s.finish(now, messages)
			s.todo = false
		}
		if s.saving {
			if err := s.save(ctx); err != nil {
				return err
			}
			s.saving = false
		}
		s.turn(now)
	}
}

// finish does the rest of what the Ready says. What has to be on the disk is there.
func (s *Server) finish(now context.Context, messages []raftpb.Message) {
	rd := &s.rd
	s.post(now, messages)
	for i := range rd.CommittedEntries {
		s.apply(&rd.CommittedEntries[i])
	}
	s.read(rd.ReadStates)
	if rd.SoftState != nil {
		s.change(rd.SoftState)
	}
	s.node.Advance(*rd)
	s.rd = raft.Ready{}
}

// step tells the raft node a message.
func (s *Server) step(m *raftpb.Message) {
	if m.Term >= s.term && (m.Type == raftpb.MsgApp || m.Type == raftpb.MsgHeartbeat || m.Type == raftpb.MsgSnap) {
		s.listen() // to the leader
	}
	_ = s.node.Step(*m) // an error says that the message is of no use
}

// listen begins to wait for the leader anew. The package's documentation says why raft does not do that.
func (s *Server) listen() {
	s.silence, s.patience = 0, s.ElectionTicks+s.host.Rand.IntN(s.ElectionTicks)
}

// passTime lets one tick pass.
func (s *Server) passTime() {
	if s.node.BasicStatus().RaftState == raft.StateLeader { // s.role may be late, and Tick of a follower would use raft's number
		s.node.Tick()
		return
	}
	if s.silence++; s.silence == s.ElectionTicks {
		_ = s.node.ForgetLeader() // from now on the node may vote for another one
	}
	if s.silence >= s.patience {
		s.listen()
		_ = s.node.Campaign()
	}
}

// take begins a call.
func (s *Server) take(c *call) {
	if s.role != raft.StateLeader {
		c.end(answer{verdict: refused, leader: byte(s.leader)})
		return
	}
	switch {
	case c.op != opGet:
		if s.node.Propose(c.data) != nil {
			c.end(answer{verdict: refused})
			return
		}
		s.writes = append(s.writes, c)
	case s.Bug == StaleRead:
		c.end(answer{verdict: done, value: s.store.data[c.key]})
	default:
		s.asked++
		c.asked = s.asked
		s.reads = append(s.reads, c)
		s.node.ReadIndex(binary.LittleEndian.AppendUint64(nil, c.asked))
	}
}

// persist writes what the raft node must not forget, and syncs it.
func (s *Server) persist(ctx context.Context, rd *raft.Ready) error {
	if !raft.IsEmptySnap(rd.Snapshot) {
		if err := s.install(ctx, &rd.Snapshot); err != nil {
			return err
		}
	}
	if hard := rd.HardState; !raft.IsEmptyHardState(hard) {
		if old, _, _ := s.entries.InitialState(); hard.Term != old.Term || hard.Vote != old.Vote {
			s.term = hard.Term
			s.listen() // as raft does in a new term, and after a vote
			if err := s.disk.saveVote(hard.Term, hard.Vote); err != nil {
				return err
			}
			if s.Bug != VoteUnsync {
				if err := s.disk.syncVote(); err != nil {
					return err
				}
			}
		}
		if err := s.entries.SetHardState(hard); err != nil {
			return err
		}
	}
	if len(rd.Entries) > 0 {
		if err := s.disk.saveEntries(rd.Entries); err != nil {
			return err
		}
		if err := s.disk.syncLog(); err != nil {
			return err
		}
	}
	return s.entries.Append(rd.Entries)
}

// apply applies an entry that the cluster has agreed on.
func (s *Server) apply(e *raftpb.Entry) {
	s.applied = e.Index
	if e.Type != raftpb.EntryNormal || len(e.Data) == 0 {
		return
	}
	c, err := parseCommand(e.Data)
	if err != nil {
		panic(err) // answer has let it pass
	}
	last := s.store.apply(&c, s.Bug == Duplicate)
	s.writes = slices.DeleteFunc(s.writes, func(w *call) bool {
		mine := w.client == c.client && w.seq == c.seq
		if mine {
			a := answer{verdict: done}
			if !last {
				a.verdict = unknown // the client has sent a later request meanwhile
			}
			w.end(a)
		}
		return mine
	})
}

// read answers the reads that a majority has confirmed, when what they must see is applied.
func (s *Server) read(states []raft.ReadState) {
	for _, rs := range states {
		asked := binary.LittleEndian.Uint64(rs.RequestCtx)
		if i := slices.IndexFunc(s.reads, func(c *call) bool { return c.asked == asked }); i >= 0 {
			s.reads[i].index = rs.Index
			s.waiting = append(s.waiting, s.reads[i])
			s.reads = slices.Delete(s.reads, i, i+1)
		}
	}
	if len(s.waiting) > 0 {
		s.waiting = slices.DeleteFunc(s.waiting, func(c *call) bool {
			if c.index > s.applied {
				return false
			}
			c.end(answer{verdict: done, value: s.store.data[c.key]})
			return true
		})
	}
}

// change notes the role of the node.
func (s *Server) change(now *raft.SoftState) {
	was := s.role
	s.role, s.leader = now.RaftState, now.Lead
	switch {
	case s.role == raft.StateLeader && was != raft.StateLeader:
		if s.Elected != nil {
			s.Elected(s.term)
		}
	case s.role != raft.StateLeader && was == raft.StateLeader:
		s.listen()
		// The writes are in the log. Another leader may still carry them out. The reads have not been answered, and never will be.
		v := unknown
		if s.Bug == RefuseLate {
			v = refused
		}
		for _, c := range s.writes {
			c.end(answer{verdict: v})
		}
		for _, c := range s.reads {
			c.end(answer{verdict: refused})
		}
		s.writes, s.reads = nil, nil
	}
}

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

// Applied returns the index of the last entry that the node has applied.
func (s *Server) Applied() uint64 { return s.applied }

// Agrees reports whether both nodes have the same keys, values and sessions.
func (s *Server) Agrees(o *Server) bool { return s.store.equal(o.store) }
