package kv

import (
	"context"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// atOnce returns a context for writes that do not wait: it has ended.
func atOnce(ctx context.Context) context.Context {
	now, end := context.WithCancel(ctx)
	end()
	return now
}

// turn does what the raft node wants to be done, and leaves to run what needs the disk. Each task that has told the raft node
// something calls turn.
func (s *Server) turn(now context.Context) {
	for !s.todo && !s.saving && !s.finishing {
		switch {
		case s.node.HasReady():
			s.rd = s.node.Ready()
			s.todo = len(s.rd.Entries) > 0 || !raft.IsEmptyHardState(s.rd.HardState) || !raft.IsEmptySnap(s.rd.Snapshot)
			if !s.todo {
				s.finishing = true
				s.finish(now, s.rd.Messages)
				s.finishing = false
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
