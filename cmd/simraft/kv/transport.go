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

// A peer is another node, to which this one sends. Each direction between two nodes is a connection of its own. A message is
// written at once if there is room for it. A task for each peer connects, and writes what has to wait.
type peer struct {
	id      uint64
	address string
	conn    *host.Conn // nil if there is none
	queue   []byte     // frames that were not written
	busy    bool       // the task of the peer is writing
	broken  error      // what a write has returned
	work    lock.Event // wakes the task of the peer
	snaps   int        // how many checkpoints are in the queue
}

// post sends messages to their peers. now is a context that has ended.
func (s *Server) post(now context.Context, messages []raftpb.Message) {
	for i := range messages {
		m := &messages[i]
		p := s.peers[m.To]
		if len(p.queue) > maxQueue {
			s.lost(p, m.Type == raftpb.MsgSnap)
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
	}
	for _, p := range s.peers {
		if p != nil && len(p.queue) > 0 && p.conn != nil && !p.busy {
			s.write(now, p)
		}
	}
}

// write writes what the connection has room for.
func (s *Server) write(now context.Context, p *peer) {
	n, err := p.conn.WriteContext(now, p.queue)
	rest := copy(p.queue, p.queue[n:])
	p.queue = p.queue[:rest]
	switch {
	case err == nil:
		s.written(p)
		return
	case !errors.Is(err, context.Canceled):
		p.broken = err
	}
	p.work.Set()
}

// written notes that the connection has taken all of the queue.
func (s *Server) written(p *peer) {
	if p.snaps > 0 {
		p.snaps = 0
		s.node.ReportSnapshot(p.id, raft.SnapshotFinish)
	}
}

// lost tells the raft node that messages for a peer were dropped, and whether a checkpoint was among them.
func (s *Server) lost(p *peer, snap bool) {
	s.node.ReportUnreachable(p.id)
	if snap {
		s.node.ReportSnapshot(p.id, raft.SnapshotFailure)
	}
}

// send connects to a peer, again and again.
func (s *Server) send(ctx context.Context, p *peer) error {
	for {
		c, err := task.Within(ctx, dialWait, func(ctx context.Context) (*host.Conn, error) {
			return s.host.Net.Dial(ctx, "tcp", p.address)
		})
		if err == nil {
			err = s.sendOver(ctx, p, c)
			_ = c.Close()
		}
		if errors.Is(err, future.ErrCanceled) {
			return err
		}
		s.host.Log.Debug("connection", "to", p.address, "error", err)
		p.conn, p.broken = nil, nil
		p.queue = p.queue[:0]
		s.lost(p, p.snaps > 0)
		p.snaps = 0
		if err := task.Sleep(ctx, redial); err != nil {
			return err
		}
	}
}

// sendOver writes what had no room, until the connection fails.
func (s *Server) sendOver(ctx context.Context, p *peer, c *host.Conn) error {
	p.conn, p.queue = c, append([]byte{fromPeer}, p.queue...)
	var spare []byte
	for {
		for len(p.queue) > 0 && p.broken == nil {
			out := p.queue
			p.queue, p.busy = spare[:0], true
			_, err := c.Write(out)
			p.busy = false
			if err != nil {
				return err
			}
			spare = out
			if len(p.queue) == 0 {
				s.written(p)
			}
		}
		if p.broken != nil {
			return p.broken
		}
		p.work.Clear()
		if err := p.work.Wait(ctx); err != nil {
			return err
		}
	}
}

// receive takes messages from a peer.
func (s *Server) receive(ctx context.Context, _ *host.Conn, r *host.Reader) error {
	now := atOnce(ctx)
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
		s.step(&m)
		s.turn(now)
	}
}
