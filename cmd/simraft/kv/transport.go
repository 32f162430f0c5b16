package kv

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/lock"
)

const (
	redial   = 200 * time.Millisecond // the pause after a connection has failed
	dialWait = time.Second            // how long a connection may take
	maxQueue = 1 << 20                // bytes for a peer that wait; raft sends again what is dropped
)

// A peer is another node, to which this one sends. Each direction between two nodes is a connection of its own.
type peer struct {
	id      uint64
	address string
	queue   []byte     // frames
	work    lock.Event // there are some
	failed  bool       // messages were dropped, and raft does not know
	snaps   int        // how many checkpoints are in the queue

	snapSent, snapFailed bool // what raft does not know about checkpoints
}

// post puts messages into the queues of their peers.
func (s *Server) post(messages []raftpb.Message) {
	for i := range messages {
		m := &messages[i]
		p := s.peers[m.To]
		if len(p.queue) > maxQueue {
			p.failed = true
			if m.Type == raftpb.MsgSnap {
				p.snapFailed = true
			}
			continue
		}
		if m.Type == raftpb.MsgSnap {
			p.snaps++
		}
		at, n := len(p.queue), m.Size()
		p.queue = append(beginFrame(p.queue), make([]byte, n)...)
		if _, err := m.MarshalToSizedBuffer(p.queue[at+4:]); err != nil {
			panic(err) // there is no such message
		}
		endFrame(p.queue, at)
		p.work.Set()
	}
}

// send sends to a peer, and connects again when the connection has failed.
func (s *Server) send(ctx context.Context, p *peer) error {
	var spare []byte
	for {
		c, err := task.Within(ctx, dialWait, func(ctx context.Context) (*host.Conn, error) {
			return s.host.Net.Dial(ctx, "tcp", p.address)
		})
		if err == nil {
			spare, err = s.sendOver(ctx, p, c, spare)
			_ = c.Close()
		}
		if errors.Is(err, future.ErrCanceled) {
			return err
		}
		s.host.Log.Debug("connection", "to", p.address, "error", err)
		p.queue, p.failed = p.queue[:0], true
		p.snapFailed = p.snapFailed || p.snaps > 0
		p.snaps = 0
		if err := task.Sleep(ctx, redial); err != nil {
			return err
		}
	}
}

// sendOver sends to a peer until the connection fails. It writes all that is queued at once. Two buffers take turns.
func (s *Server) sendOver(ctx context.Context, p *peer, c *host.Conn, spare []byte) ([]byte, error) {
	p.queue = append([]byte{fromPeer}, p.queue...)
	for {
		if len(p.queue) == 0 {
			p.work.Clear()
			if err := p.work.Wait(ctx); err != nil {
				return spare, err
			}
		}
		out := p.queue
		p.queue = spare[:0]
		spare = out
		if _, err := c.Write(out); err != nil {
			return spare, err
		}
		if p.snaps > 0 && len(p.queue) == 0 {
			p.snaps, p.snapSent = 0, true
			s.work.Set()
		}
	}
}

// tell tells the raft node what has become of the messages for a peer.
func (s *Server) tell(p *peer) {
	if p.failed {
		s.node.ReportUnreachable(p.id)
	}
	if p.snapFailed {
		s.node.ReportSnapshot(p.id, raft.SnapshotFailure)
	} else if p.snapSent {
		s.node.ReportSnapshot(p.id, raft.SnapshotFinish)
	}
	p.failed, p.snapFailed, p.snapSent = false, false, false
}

// receive takes messages from a peer.
func (s *Server) receive(ctx context.Context, _ *host.Conn, r *host.Reader) error {
	var frame []byte
	for {
		var err error
		if frame, err = readFrame(ctx, r, frame); err != nil {
			return err
		}
		var m raftpb.Message
		if err := m.Unmarshal(frame); err != nil {
			return err
		}
		s.inbox = append(s.inbox, m)
		s.work.Set()
	}
}
