package host

import (
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

const (
	pumpBuffer = 64 << 10 // bytes in each direction
	pumpChunk  = 4 << 10  // bytes in one Read of the net.Conn
)

// A pump is a Transport over any net.Conn, with one goroutine that reads ahead and, while there is something to
// write, another one that writes. It is used where the loop cannot make the system calls itself,
// because there is no poller.
type pump struct {
	conn     net.Conn
	waker    *lowlevel.Waker
	readable func()
	writable func()

	mu       sync.Mutex
	room     sync.Cond // of in, for the goroutine that reads
	in, out  ring
	inErr    error // comes after the bytes of in
	outErr   error
	writing  bool // a goroutine writes
	ended    bool // CloseWrite was called
	closed   bool
	lingered bool // the time after Close has begun to run
}

// newPump returns a Transport over conn.
func newPump(l *loop.Loop, conn net.Conn) Transport {
	if hasMessages(conn.LocalAddr().Network()) {
		return &dialedPump{newPacketPump(l, dialedPackets{conn}), conn}
	}
	p := &pump{conn: conn}
	p.room.L = &p.mu
	p.waker = lowlevel.NewWaker(l, p, p.abandon)
	return p
}

func (p *pump) Start(readable, writable func()) {
	p.readable, p.writable = readable, writable
	p.waker.Go(p.read)
}

// Run is called on the loop when something has come or went.
func (p *pump) Run() {
	defer p.writable() // deferred, as an observer may call Goexit
	p.readable()
}

func (p *pump) Receive(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	full := p.in.size >= pumpBuffer
	if n := p.in.take(b); n > 0 || len(b) == 0 {
		if full {
			p.room.Signal()
		}
		return n, nil
	}
	return 0, p.inErr
}

// read reads until the input ends. After Close, it discards what it reads.
func (p *pump) read() {
	var chunk [pumpChunk]byte
	for {
		n, err := p.conn.Read(chunk[:])
		if !p.came(chunk[:n], err) {
			return
		}
	}
}

// came puts bytes into the buffer, and waits for room. It reports whether the goroutine goes on reading.
func (p *pump) came(b []byte, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && len(b) > 0 {
		n := p.in.put(b, pumpBuffer)
		b = b[n:]
		p.waker.Wake()
		if len(b) > 0 {
			p.room.Wait()
		}
	}
	if err != nil {
		p.inErr = inner(err)
		p.waker.Wake()
		p.finish()
	}
	return err == nil
}

func (p *pump) Send(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return 0, net.ErrClosed
	case p.outErr != nil:
		return 0, p.outErr
	}
	n := p.out.put(b, pumpBuffer)
	p.startWriting()
	return n, nil
}

func (p *pump) startWriting() {
	if !p.writing {
		p.writing = true
		p.waker.Go(p.write)
	}
}

// write writes until nothing is left. Then it ends the direction, or closes the connection, if it was told to.
func (p *pump) write() {
	var chunk [pumpChunk]byte
	for {
		b, more := p.next(chunk[:])
		if !more {
			return
		}
		_, err := p.conn.Write(b)
		p.went(err)
	}
}

// next takes the bytes to write. more is false if the goroutine ends.
func (p *pump) next(chunk []byte) (b []byte, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.out.take(chunk); n > 0 {
		return chunk[:n], true
	}
	p.writing = false
	if p.ended && p.outErr == nil {
		p.endWriting()
	}
	p.finish()
	return nil, false
}

func (p *pump) went(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.outErr = inner(err)
		p.out = ring{}
	}
	p.waker.Wake()
}

func (p *pump) endWriting() {
	if c, ok := p.conn.(interface{ CloseWrite() error }); ok {
		p.outErr = inner(c.CloseWrite())
	}
}

func (p *pump) CloseWrite() error {
	if _, ok := p.conn.(interface{ CloseWrite() error }); !ok {
		return errors.ErrUnsupported
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed
	}
	p.ended = true
	p.startWriting()
	return nil
}

// Close lets the goroutines go on, up to lingerLimit, until everything is written. If input was not read, it
// also lets them go on until the peer closes.
func (p *pump) Close() error { return p.closeAfter(nil) }

// closeAfter is Close that writes the last bytes before.
func (p *pump) closeAfter(last []byte) error {
	defer p.waker.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed { // Close of the loop was first
		return net.ErrClosed
	}
	p.closed = true
	p.room.Signal()
	if len(last) > 0 && p.outErr == nil {
		p.out.put(last, p.out.size+len(last))
		p.startWriting()
	}
	unread := p.in.size > 0 && p.inErr == nil
	p.in = ring{}
	if unread {
		p.ended, p.lingered = true, true
		p.startWriting()
	}
	_ = p.conn.SetDeadline(time.Now().Add(lingerLimit))
	p.finish()
	return nil
}

// finish closes the connection if Close was called and nothing is left to do. If the goroutine that reads has not
// taken all input yet, it does so first, until the peer closes.
func (p *pump) finish() {
	if !p.closed || p.writing {
		return
	}
	if !p.lingered && p.inErr == nil && hasInput(p.conn) {
		p.lingered = true
		p.endWriting()
	}
	if !p.lingered || p.inErr != nil {
		_ = p.conn.Close()
	}
}

// abandon is called when the loop is closed.
func (p *pump) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.room.Signal()
	_ = p.conn.Close()
}

func (p *pump) LocalAddr() net.Addr  { return p.conn.LocalAddr() }
func (p *pump) RemoteAddr() net.Addr { return p.conn.RemoteAddr() }

// packetsAhead is how many packets a packetPump holds. It does not read while it holds so many.
const packetsAhead = 64

// A packetPump is a PacketTransport over any net.PacketConn, with a goroutine that reads ahead. SendTo may wait
// for a moment while the buffer of the operating system is full.
type packetPump struct {
	conn     net.PacketConn
	waker    *lowlevel.Waker
	readable func()
	reading  bool // the goroutine was started; only the loop's goroutine uses it

	mu     sync.Mutex
	room   sync.Cond
	queue  []packet
	closed bool
}

type packet struct {
	b    []byte
	from net.Addr
	err  error
}

func newPacketPump(l *loop.Loop, conn net.PacketConn) *packetPump {
	p := &packetPump{conn: conn}
	p.room.L = &p.mu
	p.waker = lowlevel.NewWaker(l, lowlevel.Func(func() { p.readable() }), func() { _ = p.close() })
	return p
}

func (p *packetPump) Start(readable, _ func()) { p.readable = readable }

func (p *packetPump) read() {
	size := 64 << 10 // more than a packet of IP can have
	if strings.HasPrefix(p.conn.LocalAddr().Network(), "unix") {
		size = 1 << 20 // what the operating systems allow
	}
	chunk := make([]byte, size)
	for {
		n, from, err := p.conn.ReadFrom(chunk)
		if !p.came(packet{append([]byte(nil), chunk[:n]...), from, inner(err)}) {
			return
		}
	}
}

func (p *packetPump) came(got packet) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && len(p.queue) >= packetsAhead {
		p.room.Wait()
	}
	if p.closed {
		return false
	}
	p.queue = append(p.queue, got)
	p.waker.Wake()
	return true
}

func (p *packetPump) ReceiveFrom(b []byte) (n int, from net.Addr, ok bool, err error) {
	if !p.reading {
		p.reading = true
		p.waker.Go(p.read)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return 0, nil, false, nil
	}
	got := p.queue[0]
	p.queue[0] = packet{}
	p.queue = p.queue[1:]
	p.room.Signal()
	return copy(b, got.b), got.from, true, got.err
}

func (p *packetPump) SendTo(b []byte, to net.Addr) (ok bool, err error) {
	_, err = p.conn.WriteTo(b, to)
	return true, inner(err)
}

func (p *packetPump) Close() error {
	defer p.waker.Stop()
	return inner(p.close())
}

func (p *packetPump) close() error {
	p.mu.Lock()
	p.closed = true
	p.room.Signal()
	p.mu.Unlock()
	return p.conn.Close()
}

func (p *packetPump) LocalAddr() net.Addr { return p.conn.LocalAddr() }

// A dialedPump is a Transport over a net.Conn that carries packets. Each call moves one packet. An empty one is
// skipped, because the Conn would take it for nothing.
type dialedPump struct {
	*packetPump
	dialed net.Conn
}

func (p *dialedPump) Receive(b []byte) (n int, err error) {
	for more := len(b) > 0; more && n == 0 && err == nil; {
		n, _, more, err = p.ReceiveFrom(b)
	}
	return n, err
}

func (p *dialedPump) Send(b []byte) (n int, err error) {
	if _, err = p.SendTo(b, nil); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (p *dialedPump) CloseWrite() error {
	if c, ok := p.dialed.(interface{ CloseWrite() error }); ok {
		return inner(c.CloseWrite())
	}
	return errors.ErrUnsupported
}

func (p *dialedPump) RemoteAddr() net.Addr { return p.dialed.RemoteAddr() }

// dialedPackets makes a net.PacketConn of such a connection.
type dialedPackets struct{ net.Conn }

func (c dialedPackets) ReadFrom(b []byte) (n int, from net.Addr, err error) {
	n, err = c.Read(b)
	return n, nil, err
}

func (c dialedPackets) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }
