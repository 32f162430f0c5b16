package kv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

var (
	// ErrRefused says that a request was not carried out, and never will be.
	ErrRefused = errors.New("kv: refused")
	// ErrUnknown says that a request may have been carried out, or may be later.
	ErrUnknown = errors.New("kv: the outcome is unknown")
)

// A Client sends requests to a cluster. One task at a time uses it. The fields may be changed before the first request.
type Client struct {
	Try   time.Duration // how long one node may take to answer; a second
	Tries int           // how often a request is sent while its outcome is unknown; 3
	Pause time.Duration // between two tries; 50 ms

	host    *host.Host
	servers []string
	id      uint64
	seq     uint64
	server  int          // that is asked
	conns   []clientConn // by server; kept, since the leadership may come back
	buf     []byte       // the request, after the byte that begins a connection
	frame   []byte       // the answer
}

type clientConn struct {
	conn   *host.Conn // nil if there is none
	reader *host.Reader
}

// NewClient makes a Client, which connects when it has to.
func NewClient(h *host.Host, servers []string) *Client {
	return &Client{
		Try: time.Second, Tries: 3, Pause: 50 * time.Millisecond,
		host: h, servers: servers, conns: make([]clientConn, len(servers)), id: h.Rand.Uint64(), server: h.Rand.IntN(len(servers)),
	}
}

// Put sets the value of a key. The error is ErrRefused, ErrUnknown or a cancellation; of these, only after ErrRefused it is certain that
// the value was not set.
func (c *Client) Put(ctx context.Context, key, value string) error {
	_, err := c.do(ctx, opPut, key, value)
	return err
}

// Append appends to the value of a key. Errors are as with Put.
func (c *Client) Append(ctx context.Context, key, value string) error {
	_, err := c.do(ctx, opAppend, key, value)
	return err
}

// Get returns the value of a key. If there is none, it is empty.
func (c *Client) Get(ctx context.Context, key string) (string, error) {
	return c.do(ctx, opGet, key, "")
}

// Close closes the connections.
func (c *Client) Close() {
	for i := range c.conns {
		c.conns[i].close()
	}
}

func (c *clientConn) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// do sends a request. If a node does not answer, do sends the same request to the next node, which knows it by its number. If a node
// refuses the request that no other node has got, do returns, and the next request goes to the node that may be the leader.
func (c *Client) do(ctx context.Context, op op, key, value string) (string, error) {
	if len(key) > 1<<16-1 || len(key)+len(value) > maxFrame/2 {
		return "", fmt.Errorf("kv: a key of %d bytes with a value of %d is too long", len(key), len(value))
	}
	c.seq++
	command := command{op: op, client: c.id, seq: c.seq, key: key, value: value}
	c.buf = command.appendTo(beginFrame(append(c.buf[:0], fromClient)))
	endFrame(c.buf, 1)
	open := false // a node may have the request, or another one from it
	for n := 1; n <= c.Tries; n++ {
		sent := false
		a, err := task.Within(ctx, c.Try, func(ctx context.Context) (answer, error) { return c.try(ctx, &sent) })
		if err != nil {
			c.conns[c.server].close() // the answer may still come, and must not be taken for another one
			if errors.Is(err, future.ErrCanceled) {
				return "", err
			}
			a.verdict = refused
			if sent {
				a.verdict = unknown
			}
		}
		if a.verdict == done {
			return a.value, nil
		}
		c.goOn(int(a.leader))
		if a.verdict == refused && err == nil && !open {
			return "", ErrRefused
		}
		open = open || a.verdict != refused
		if n < c.Tries {
			if err := task.Sleep(ctx, c.Pause); err != nil {
				return "", err
			}
		}
	}
	if open {
		return "", ErrUnknown
	}
	return "", ErrRefused
}

// try sends the request to one node, and reads the answer. sent says whether it has begun to send.
func (c *Client) try(ctx context.Context, sent *bool) (a answer, err error) {
	to, out := &c.conns[c.server], c.buf[1:]
	if to.conn == nil {
		conn, err := c.host.Net.Dial(ctx, "tcp", c.servers[c.server])
		if err != nil {
			return a, err
		}
		to.conn, to.reader = conn, host.NewReader(conn, host.WithReadLimit(maxFrame))
		out = c.buf
	}
	*sent = true
	if _, err = to.conn.Write(out); err != nil {
		return a, err
	}
	if c.frame, err = readFrame(ctx, to.reader, c.frame); err != nil {
		return a, err
	}
	if a, err = parseAnswer(c.frame); err == nil && a.seq != c.seq {
		err = fmt.Errorf("kv: the answer to request %d came to request %d", a.seq, c.seq)
	}
	return a, err
}

// goOn chooses the node for the next try.
func (c *Client) goOn(leader int) {
	if next := leader - 1; leader > 0 && leader <= len(c.servers) && next != c.server {
		c.server = next
	} else {
		c.server = (c.server + 1) % len(c.servers)
	}
}
