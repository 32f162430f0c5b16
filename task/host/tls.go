package host

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

const (
	tlsChunk   = 16 << 10        // the most that Send encrypts before the ciphertext below is sent
	tlsPending = 32 << 10        // with more ciphertext that cannot be sent, Receive waits
	tlsGoodbye = 5 * time.Second // for the ciphertext that is left when the Conn is closed
)

// TLSServer begins TLS on c, as the server. It runs the handshake in the running task. From then on Read and
// Write of c go through TLS, and c keeps the rules of every [Conn]: several tasks may use it, a cancellation
// or a deadline loses nothing, and Close sends what was written, within 5 seconds by the clock of c's deadlines, and then
// TLS's notice of the end. [TLSState] tells the version, the certificates of the peer, and so on.
//
// The functions in config, such as GetCertificate, run in the task, and may suspend it with the context that
// they get from crypto/tls. config.KeyLogWriter must not suspend it. config.Renegotiation must be
// [tls.RenegotiateNever], the zero value.
//
// No other task may use c until TLSServer returns. A protocol may begin without TLS, and agree to go on with it
// (STARTTLS). If the handshake fails, or the task is canceled, or ctx ends, TLSServer closes c and returns the
// error: of crypto/tls, of the Conn, the cancellation, or [context.Cause] of ctx. A peer can delay a handshake
// for ever, so put a [task.Timeout] around it; [WithTLS] of Serve has a limit.
//
// # Without TLSServer
//
// [tls.Server] and [tls.Client] work over a Conn too, if only one task uses the [tls.Conn]. A tls.Conn holds
// locks while it reads and writes. If a task is suspended there, and another task needs the lock, the goroutine
// of the loop waits for the lock, and the task that holds it cannot go on: the program hangs. Even one task that
// only reads and another that only writes can do this. The peer decides: if it does not read, the writing task
// is suspended with the lock, and if it then sends a message that must be answered (an update of keys, or a
// wrong record), the reading task waits for the same lock. Besides, a cancellation ends that direction of a
// tls.Conn for good.
//
// TLSServer has neither fault: its tls.Conn reads only what has come, and writes into memory, so it never
// suspends a task.
//
// TLSServer panics if c or config is nil, if config allows renegotiation, or if ctx does not belong to the
// running task of c's loop. A connection with TLS costs what crypto/tls costs, and holds up to 16 KiB more
// while the peer does not read.
func TLSServer(ctx context.Context, c *Conn, config *tls.Config) error {
	checkTLS("TLSServer", config)
	return startTLS(ctx, "TLSServer", c, func(w net.Conn) *tls.Conn { return tls.Server(w, config) })
}

// TLSClient begins TLS on c, as the client. config must have a ServerName, or InsecureSkipVerify. In everything
// else it behaves like [TLSServer].
func TLSClient(ctx context.Context, c *Conn, config *tls.Config) error {
	checkTLS("TLSClient", config)
	return startTLS(ctx, "TLSClient", c, func(w net.Conn) *tls.Conn { return tls.Client(w, config) })
}

// TLSState returns the state of TLS on c, as the field TLS of an http.Request has it. It returns nil if c has no
// TLS. It does not suspend, and panics if c is nil.
func TLSState(c *Conn) *tls.ConnectionState {
	c.mustBeMade("TLSState")
	t, ok := c.transport.(*tlsTransport)
	if !ok {
		return nil
	}
	state := t.tls.ConnectionState()
	return &state
}

func checkTLS(what string, config *tls.Config) {
	if config == nil {
		panic(fmt.Sprintf("host: %s with a nil Config; give it a *tls.Config", what))
	}
	if config.Renegotiation != tls.RenegotiateNever {
		panic(fmt.Sprintf("host: %s with a Config that allows renegotiation, which waits inside of a lock; use tls.RenegotiateNever", what))
	}
}

func startTLS(ctx context.Context, what string, c *Conn, start func(net.Conn) *tls.Conn) error {
	if c == nil {
		panic(fmt.Sprintf("host: %s of a nil Conn; give it the connection to use TLS on", what))
	}
	c.mustSuit(ctx, what)
	t := &tlsTransport{Transport: c.transport, conn: c, handshake: ctx}
	t.tls = start((*wire)(t))
	done := false
	defer func() {
		t.handshake = nil
		if !done {
			_ = t.push() // the alert that tells the peer what is wrong
			_ = c.Close()
		}
	}()
	// If the context could end, crypto/tls would close the connection on a goroutine. The Conn itself returns
	// when ctx ends.
	if err := t.tls.HandshakeContext(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if err := t.flush(ctx); err != nil {
		return err
	}
	done = true
	c.transport, c.sendable, t.below = t, t.sendable, c.sendable
	return nil
}

// A tlsTransport is the transport of TLS above another transport. It uses a tls.Conn as a machine that never
// waits: the tls.Conn reads what has come (from a wire), and gets an error when nothing has come; it writes
// into memory. So no lock of the tls.Conn is held while a task is suspended. Only the handshake suspends the
// task, inside of the wire, while no other task knows of the tls.Conn.
type tlsTransport struct {
	Transport
	tls       *tls.Conn
	conn      *Conn
	below     func()          // sendable of the TLS below, if there is one: TLS inside of TLS
	handshake context.Context // while the handshake goes on
	pending   []byte          // ciphertext to send
	sent      int             // how many bytes of pending were sent
	failed    error           // of Send below
	stalled   bool            // Receive waits until less is pending
	closing   bool            // the Conn is closed, and the transport below is not yet
	limit     loop.Handle     // of closing
}

func (t *tlsTransport) Receive(p []byte) (n int, err error) {
	_ = t.push()
	if t.stalled = len(t.pending)-t.sent > tlsPending; t.stalled {
		return 0, nil // otherwise a peer that asks for answers and does not read them would fill the memory
	}
	n, err = t.tls.Read(p)
	_ = t.push() // the answer of the tls.Conn, if it has one; the next Send returns the error
	if n > 0 || err == errNothing {
		err = nil // the tls.Conn returns other errors again
	}
	return n, err
}

func (t *tlsTransport) Send(p []byte) (n int, err error) {
	for {
		if err = t.push(); err != nil || n == len(p) || len(t.pending) > 0 {
			return n, err
		}
		m, err := t.tls.Write(p[n:min(n+tlsChunk, len(p))])
		n += m
		if err != nil {
			return n, err
		}
	}
}

func (t *tlsTransport) CloseWrite() error {
	err := t.tls.CloseWrite()
	_ = t.push()
	return err
}

func (t *tlsTransport) Close() error {
	err := t.CloseWrite()
	if len(t.pending) > 0 {
		if below, ok := t.Transport.(lastSender); ok {
			return errors.Join(err, below.closeAfter(t.pending[t.sent:]))
		}
		if t.closing = t.conn.home.Err() == nil; t.closing {
			t.limit = lowlevel.CallLater(t.conn.home, tlsGoodbye, t.finish)
			return nil
		}
	}
	return errors.Join(err, t.Transport.Close())
}

// A lastSender is a Transport that sends bytes in the background after its Close, also when the loop is closed.
type lastSender interface{ closeAfter(last []byte) error }

func (t *tlsTransport) closeAfter(last []byte) error {
	_, err := t.tls.Write(last)
	return errors.Join(err, t.Close())
}

// finish closes the transport below.
func (t *tlsTransport) finish() {
	t.closing = false
	t.limit.Cancel()
	_ = t.Transport.Close()
}

// sendable is called when the transport below may take more.
func (t *tlsTransport) sendable() {
	if t.below != nil {
		t.below()
	}
	err := t.push()
	switch left := len(t.pending) - t.sent; {
	case t.closing && (left == 0 || err != nil):
		t.finish()
	case t.stalled && left <= tlsPending:
		t.stalled = false
		t.conn.in.wakeFirst()
	}
}

// push sends ciphertext, as much as there is room for.
func (t *tlsTransport) push() error {
	for t.failed == nil && t.sent < len(t.pending) {
		var n int
		n, t.failed = t.Transport.Send(t.pending[t.sent:])
		if t.sent += n; n == 0 {
			break
		}
	}
	if t.failed != nil || t.sent == len(t.pending) {
		t.sent, t.pending = 0, t.pending[:0]
		if cap(t.pending) > 2<<10 {
			t.pending = nil // an idle connection holds no large buffer
		}
	}
	return t.failed
}

// flush sends all ciphertext, during the handshake.
func (t *tlsTransport) flush(ctx context.Context) error {
	n, err := t.conn.WriteContext(ctx, t.pending)
	t.pending = t.pending[n:]
	return err
}

// A wire is what a tls.Conn reads from and writes to.
type wire tlsTransport

func (w *wire) Read(p []byte) (n int, err error) {
	t := (*tlsTransport)(w)
	if ctx := t.handshake; ctx != nil {
		if err := t.flush(ctx); err != nil {
			return 0, err
		}
		return t.conn.ReadContext(ctx, p)
	}
	if n, err = t.Transport.Receive(p); n == 0 && err == nil {
		err = errNothing
	}
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	if w.failed != nil {
		return 0, w.failed
	}
	w.pending = append(w.pending, p...)
	return len(p), nil
}

// The Conn above has the deadlines, and closes the transport.

func (*wire) Close() error                     { return nil }
func (*wire) SetDeadline(time.Time) error      { return nil }
func (*wire) SetReadDeadline(time.Time) error  { return nil }
func (*wire) SetWriteDeadline(time.Time) error { return nil }
func (w *wire) LocalAddr() net.Addr            { return w.Transport.LocalAddr() }
func (w *wire) RemoteAddr() net.Addr           { return w.Transport.RemoteAddr() }

// errNothing is the error of a wire when nothing has come. A tls.Conn tries again after an error that is
// temporary; every other error it keeps.
var errNothing error = nothing{}

type nothing struct{}

func (nothing) Error() string   { return "host: nothing has come" }
func (nothing) Timeout() bool   { return true }
func (nothing) Temporary() bool { return true }
