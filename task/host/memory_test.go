package host

import (
	"context"
	"fmt"
	"net"
	"syscall"
)

// A Memory is an address in memory, for tests: an Acceptor, and the function that connects to it.
type Memory struct {
	ctx     context.Context
	ready   func()
	waiting []arrival
	clients int
	closed  bool
}

type arrival struct {
	transport Transport
	err       error
}

// NewMemory makes an address in memory, and a Listener of it.
func NewMemory(ctx context.Context) (*Memory, *Listener) {
	m := &Memory{ctx: context.WithoutCancel(ctx)}
	return m, NewListener(ctx, "memory", m)
}

// Dial connects to the address. The client's name is client 1, client 2, and so on. Each direction holds
// buffer bytes.
func (m *Memory) Dial(buffer int) (*Conn, error) {
	if m.closed {
		return nil, &net.OpError{Op: "dial", Net: "memory", Addr: m.Addr(), Err: syscall.ECONNREFUSED}
	}
	m.clients++
	there, back := &stream{max: buffer}, &stream{max: buffer}
	name := memoryAddr(fmt.Sprintf("client %d", m.clients))
	c := NewConn(m.ctx, "memory", addressed{&pipeEnd{in: back, out: there}, name, m.Addr()})
	m.arrive(arrival{transport: addressed{&pipeEnd{in: there, out: back}, m.Addr(), name}})
	return c, nil
}

// Fail makes a call of Accept fail.
func (m *Memory) Fail(err error) { m.arrive(arrival{err: err}) }

// Waiting returns how many connections wait to be accepted.
func (m *Memory) Waiting() int { return len(m.waiting) }

func (m *Memory) arrive(a arrival) {
	m.waiting = append(m.waiting, a)
	m.ready()
}

func (m *Memory) Start(ready func()) { m.ready = ready }
func (m *Memory) Addr() net.Addr     { return memoryAddr("server") }

func (m *Memory) Accept() (Transport, error) {
	if len(m.waiting) == 0 {
		return nil, nil
	}
	a := m.waiting[0]
	m.waiting = m.waiting[1:]
	return a.transport, a.err
}

func (m *Memory) Close() error {
	m.closed = true
	for _, a := range m.waiting {
		if a.transport != nil {
			_ = a.transport.Close()
		}
	}
	m.waiting = nil
	return nil
}

// addressed is a transport with other addresses.
type addressed struct {
	Transport
	local, remote net.Addr
}

func (n addressed) LocalAddr() net.Addr  { return n.local }
func (n addressed) RemoteAddr() net.Addr { return n.remote }

type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }

// PendingTLS returns how many bytes of ciphertext c holds.
func PendingTLS(c *Conn) int {
	t := c.transport.(*tlsTransport)
	return len(t.pending) - t.sent
}
