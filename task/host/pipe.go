package host

import (
	"context"
	"fmt"
	"io"
	"net"
	"syscall"
)

// A PipeOption sets up a [Pipe].
type PipeOption func(*pipeConfig)

type pipeConfig struct{ buffer int }

// WithPipeBuffer sets how many bytes each direction of a Pipe holds. The default is 65,536. It panics unless n is
// positive.
func WithPipeBuffer(n int) PipeOption {
	if n < 1 {
		panic(fmt.Sprintf("host: WithPipeBuffer(%d); the number of bytes must be positive", n))
	}
	return func(c *pipeConfig) { c.buffer = n }
}

// Pipe makes a connection in memory, and returns both ends. They belong to the loop of ctx. What one end
// writes, the other end reads. Each direction holds a number of bytes (see [WithPipeBuffer]). Write suspends
// while its direction is full. So, unlike with [net.Pipe], a task can write first and then read.
//
// When one end is closed, the other end reads what was written, and then io.EOF. Its writes fail with
// [syscall.EPIPE]. The memory for the bytes grows as it is needed. It is not taken before the first Write.
func Pipe(ctx context.Context, opts ...PipeOption) (a, b *Conn) {
	config := pipeConfig{buffer: 64 << 10}
	for _, opt := range opts {
		if opt == nil {
			panic("host: Pipe with a nil PipeOption; leave it out")
		}
		opt(&config)
	}
	there, back := &stream{max: config.buffer}, &stream{max: config.buffer}
	a = NewConn(ctx, "pipe", &pipeEnd{in: back, out: there})
	b = NewConn(ctx, "pipe", &pipeEnd{in: there, out: back})
	return a, b
}

// A stream is one direction of a pipe: the bytes that were sent and not received.
type stream struct {
	bytes    ring
	max      int
	ended    bool   // the sender sends no more
	dropped  bool   // the receiver takes no more
	readable func() // of the receiver
	writable func() // of the sender
	starved  bool   // the receiver has found nothing
	stuffed  bool   // the sender has found too little room
}

// A pipeEnd is the transport of one end of a pipe.
type pipeEnd struct{ in, out *stream }

func (e *pipeEnd) Start(readable, writable func()) {
	e.in.readable, e.out.writable = readable, writable
}

func (e *pipeEnd) Receive(p []byte) (n int, err error) {
	s := e.in
	if n = s.bytes.take(p); n == 0 {
		if s.ended {
			return 0, io.EOF
		}
		s.starved = true
		return 0, nil
	}
	s.tellSender()
	return n, nil
}

func (e *pipeEnd) Send(p []byte) (n int, err error) {
	s := e.out
	if s.ended || s.dropped {
		return 0, syscall.EPIPE
	}
	n = s.bytes.put(p, s.max)
	s.stuffed = n < len(p)
	if n > 0 {
		s.tellReceiver()
	}
	return n, nil
}

func (e *pipeEnd) CloseWrite() error {
	e.out.ended = true
	e.out.tellReceiver()
	return nil
}

func (e *pipeEnd) Close() error {
	e.in.dropped = true
	e.in.bytes = ring{}
	e.in.tellSender()
	return e.CloseWrite()
}

// tellReceiver wakes the receiver if it has found nothing before.
func (s *stream) tellReceiver() {
	if s.starved {
		s.starved = false
		s.readable()
	}
}

// tellSender wakes the sender if it has found too little room before.
func (s *stream) tellSender() {
	if s.stuffed {
		s.stuffed = false
		s.writable()
	}
}

func (e *pipeEnd) LocalAddr() net.Addr  { return pipeAddr{} }
func (e *pipeEnd) RemoteAddr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// A ring is a queue of bytes. Its memory grows and is used round and round.
type ring struct {
	memory []byte // its length is a power of two
	start  int    // of the bytes; they go on at the beginning of memory
	size   int
}

// put appends bytes of p, up to the size max, and returns how many.
func (r *ring) put(p []byte, max int) (n int) {
	n = min(len(p), max-r.size)
	r.grow(r.size + n)
	if n > 0 {
		at := (r.start + r.size) & (len(r.memory) - 1)
		first := copy(r.memory[at:], p[:n])
		copy(r.memory, p[first:n])
		r.size += n
	}
	return n
}

// take moves bytes into p, and returns how many.
func (r *ring) take(p []byte) (n int) {
	n = min(len(p), r.size)
	if n > 0 {
		first := copy(p[:n], r.memory[r.start:])
		copy(p[first:n], r.memory)
		r.start = (r.start + n) & (len(r.memory) - 1)
		r.size -= n
	}
	return n
}

// grow makes room for size bytes in all.
func (r *ring) grow(size int) {
	if size <= len(r.memory) {
		return
	}
	length := max(512, 2*len(r.memory))
	for length < size {
		length *= 2
	}
	memory := make([]byte, length)
	n := r.take(memory[:r.size])
	*r = ring{memory: memory, size: n}
}
