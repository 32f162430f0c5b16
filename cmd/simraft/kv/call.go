package kv

import (
	"context"
	"encoding/binary"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/task/host"
)

// A call is a command that a connection waits for.
type call struct {
	command
	data   []byte // the command, encoded
	asked  uint64 // for a read: its number
	index  uint64 // for a read: what must be applied before
	answer *future.Future[answer]
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
