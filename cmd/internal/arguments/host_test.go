package arguments

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/host/hosttest"
)

const (
	noConn       = " of a Conn that is nil or the zero Conn; Dial, Accept and Pipe make connections"
	noListener   = " of a Listener that is nil or the zero Listener; Listen of a Network makes listeners"
	noPacketConn = " of a PacketConn that is nil or the zero PacketConn; ListenPacket of a Network makes them"
	noReader     = "host: a Reader that is nil or the zero Reader is used; NewReader makes readers"
	noFS         = " in a nil FS; give it the FS of a Host"
	thisLoop     = "belongs to another loop"
)

// someTransport is a connection without peer, a listener without clients, and a socket without packets.
type someTransport struct{}

func (someTransport) Start(readable, writable func())                   {}
func (someTransport) Receive([]byte) (int, error)                       { return 0, io.EOF }
func (someTransport) Send(p []byte) (int, error)                        { return len(p), nil }
func (someTransport) CloseWrite() error                                 { return nil }
func (someTransport) Close() error                                      { return nil }
func (someTransport) LocalAddr() net.Addr                               { return &net.UnixAddr{} }
func (someTransport) RemoteAddr() net.Addr                              { return &net.UnixAddr{} }
func (someTransport) ReceiveFrom([]byte) (int, net.Addr, bool, error)   { return 0, nil, false, io.EOF }
func (someTransport) SendTo(p []byte, to net.Addr) (ok bool, err error) { return true, nil }

type someAcceptor struct{}

func (someAcceptor) Start(ready func())              {}
func (someAcceptor) Accept() (host.Transport, error) { return nil, nil }
func (someAcceptor) Close() error                    { return nil }
func (someAcceptor) Addr() net.Addr                  { return &net.UnixAddr{} }

func handle(context.Context, *host.Conn) error { return nil }

// onConn has the calls of a method of Conn: of nil, of the zero Conn, and on a closed loop.
func onConn(method string, do func(c *host.Conn)) []call {
	return []call{
		on("nil", "host: "+method+noConn, func() { do(nil) }),
		on("the zero Conn", "host: "+method+noConn, func() { do(new(host.Conn)) }),
	}
}

func onListener(method string, do func(ln *host.Listener)) []call {
	return []call{
		on("nil", "host: "+method+noListener, func() { do(nil) }),
		on("the zero Listener", "host: "+method+noListener, func() { do(new(host.Listener)) }),
	}
}

func onPacketConn(method string, do func(p *host.PacketConn)) []call {
	return []call{
		on("nil", "host: "+method+noPacketConn, func() { do(nil) }),
		on("the zero PacketConn", "host: "+method+noPacketConn, func() { do(new(host.PacketConn)) }),
	}
}

func onReader(do func(r *host.Reader)) []call {
	return []call{
		on("nil", noReader, func() { do(nil) }),
		on("the zero Reader", noReader, func() { do(new(host.Reader)) }),
	}
}

// elsewhere calls do in a task, with a Conn, a Listener and a PacketConn of another loop.
func elsewhere(do func(ctx context.Context, c *host.Conn, ln *host.Listener, p *host.PacketConn)) {
	open(func(l *loop.Loop) {
		c := host.NewConn(l.Context(), "test", someTransport{})
		ln := host.NewListener(l.Context(), "test", someAcceptor{})
		p := host.NewPacketConn(l.Context(), "test", someTransport{})
		in(func(ctx context.Context) { do(ctx, c, ln, p) })
	})
}

// waiting has the calls of a method of a Conn that takes a context.
func waiting(method string, do func(ctx context.Context, c *host.Conn)) rule {
	return with(append(onConn(method, func(c *host.Conn) { in(func(ctx context.Context) { do(ctx, c) }) }),
		inContext(func(ctx context.Context) error { do(ctx, ofClosed()); return nil })...),
		on("another loop's", thisLoop, func() {
			elsewhere(func(ctx context.Context, c *host.Conn, _ *host.Listener, _ *host.PacketConn) { do(ctx, c) })
		}))
}

// ofClosed returns a Conn of a closed loop.
func ofClosed() *host.Conn { return host.NewConn(closed().Context(), "test", someTransport{}) }

// inFS has the calls of a function that takes an FS.
func inFS(function string, do func(ctx context.Context, fsys host.FS)) rule {
	return with(inContext(func(ctx context.Context) error { do(ctx, host.System().FS); return nil }),
		on("a nil FS", "host: "+function+noFS, func() { in(func(ctx context.Context) { do(ctx, nil) }) }))
}

var pastNegative = "the number of bytes must not be negative"

var hostRules = map[string]rule{
	"System": bad(on("a nil option", "host: System with a nil Option; leave it out", func() { host.System(nil) }),
		on("Dial with a nil context", nilContext, func() { _, _ = host.System().Net.Dial(noContext, "tcp", "localhost:1") }),
		on("Listen with a nil context", nilContext, func() { _, _ = host.System().Net.Listen(noContext, "tcp", "localhost:0") }),
		on("ListenPacket with a nil context", nilContext, func() { _, _ = host.System().Net.ListenPacket(noContext, "udp", "localhost:0") }),
		on("Stat with a nil context", nilContext, func() { _, _ = host.System().FS.Stat(noContext, "x") }),
		on("OpenFile with a nil context", nilContext, func() { _, _ = host.System().FS.OpenFile(noContext, "x", 0, 0) })),
	"WithDialer":       fine("every Dialer is allowed"),
	"WithListenConfig": fine("every ListenConfig is allowed"),
	"WithFileCalls":    bad(on("0", "host: WithFileCalls(0); give it 1 or more", func() { host.WithFileCalls(0) })),
	"WithRoot":         bad(on("nil", "host: WithRoot(nil); give it the result of os.OpenRoot", func() { host.WithRoot(nil) })),

	"NewConn": with(ofALoop(func(ctx context.Context) { host.NewConn(ctx, "", someTransport{}) }),
		on("a nil transport", "host: NewConn with a nil Transport; give it", func() { host.NewConn(closed().Context(), "", nil) }),
		harmless("a closed loop", func() { host.NewConn(closed().Context(), "", someTransport{}) })),
	"Conn.Read": with(onConn("Read", func(c *host.Conn) { _, _ = c.Read(nil) }),
		on("a closed loop", "loop: Conn.Read suspends the running task", func() { _, _ = ofClosed().Read(nil) })),
	"Conn.Write": with(onConn("Write", func(c *host.Conn) { _, _ = c.Write(nil) }),
		on("a closed loop", "loop: Conn.Write suspends the running task", func() { _, _ = ofClosed().Write(nil) })),
	"Conn.ReadContext":  waiting("ReadContext", func(ctx context.Context, c *host.Conn) { _, _ = c.ReadContext(ctx, nil) }),
	"Conn.WriteContext": waiting("WriteContext", func(ctx context.Context, c *host.Conn) { _, _ = c.WriteContext(ctx, nil) }),
	"Conn.CloseWrite": with(onConn("CloseWrite", func(c *host.Conn) { _ = c.CloseWrite() }),
		harmless("a closed loop", func() { _ = ofClosed().CloseWrite() })),
	"Conn.Close": with(onConn("Close", func(c *host.Conn) { _ = c.Close() }),
		harmless("a closed loop", func() { _ = ofClosed().Close() })),
	"Conn.LocalAddr":  bad(onConn("LocalAddr", func(c *host.Conn) { c.LocalAddr() })...),
	"Conn.RemoteAddr": bad(onConn("RemoteAddr", func(c *host.Conn) { c.RemoteAddr() })...),
	"Conn.SetDeadline": with(onConn("SetDeadline", func(c *host.Conn) { _ = c.SetDeadline(time.Time{}) }),
		harmless("a closed loop", func() { _ = ofClosed().SetDeadline(time.Unix(1, 0)) })),
	"Conn.SetReadDeadline":  bad(onConn("SetReadDeadline", func(c *host.Conn) { _ = c.SetReadDeadline(time.Time{}) })...),
	"Conn.SetWriteDeadline": bad(onConn("SetWriteDeadline", func(c *host.Conn) { _ = c.SetWriteDeadline(time.Time{}) })...),

	"Pipe": with(ofALoop(func(ctx context.Context) { host.Pipe(ctx) }),
		on("a nil option", "host: Pipe with a nil PipeOption; leave it out", func() { host.Pipe(closed().Context(), nil) }),
		harmless("a closed loop", func() { host.Pipe(closed().Context()) })),
	"WithPipeBuffer": bad(on("0", "host: WithPipeBuffer(0); the number of bytes must be positive", func() { host.WithPipeBuffer(0) })),

	"NewFS": bad(on("a nil disk", "host: NewFS(nil); give it a Disk", func() { host.NewFS(nil) })),
	"NewListener": with(ofALoop(func(ctx context.Context) { host.NewListener(ctx, "", someAcceptor{}) }),
		on("a nil acceptor", "host: NewListener with a nil Acceptor; give it", func() { host.NewListener(closed().Context(), "", nil) })),
	"Listener.Accept": with(append(onListener("Accept", func(ln *host.Listener) { in(func(ctx context.Context) { _, _ = ln.Accept(ctx) }) }),
		inContext(func(ctx context.Context) error {
			_, err := host.NewListener(closed().Context(), "", someAcceptor{}).Accept(ctx)
			return err
		})...),
		on("another loop's", thisLoop, func() {
			elsewhere(func(ctx context.Context, _ *host.Conn, ln *host.Listener, _ *host.PacketConn) { _, _ = ln.Accept(ctx) })
		})),
	"Listener.Close": with(onListener("Close", func(ln *host.Listener) { _ = ln.Close() }),
		harmless("a closed loop", func() { _ = host.NewListener(closed().Context(), "", someAcceptor{}).Close() })),
	"Listener.Addr": bad(onListener("Addr", func(ln *host.Listener) { ln.Addr() })...),

	"NewPacketConn": with(ofALoop(func(ctx context.Context) { host.NewPacketConn(ctx, "", someTransport{}) }),
		on("a nil transport", "host: NewPacketConn with a nil PacketTransport; give it", func() { host.NewPacketConn(closed().Context(), "", nil) })),
	"PacketConn.ReadFrom": bad(onPacketConn("ReadFrom", func(p *host.PacketConn) { _, _, _ = p.ReadFrom(nil) })...),
	"PacketConn.WriteTo":  bad(onPacketConn("WriteTo", func(p *host.PacketConn) { _, _ = p.WriteTo(nil, nil) })...),
	"PacketConn.ReadFromContext": with(onPacketConn("ReadFromContext", func(p *host.PacketConn) { _, _, _ = p.ReadFromContext(noContext, nil) }),
		on("another loop's", thisLoop, func() {
			elsewhere(func(ctx context.Context, _ *host.Conn, _ *host.Listener, p *host.PacketConn) {
				_, _, _ = p.ReadFromContext(ctx, nil)
			})
		})),
	"PacketConn.WriteToContext": with(onPacketConn("WriteToContext", func(p *host.PacketConn) { _, _ = p.WriteToContext(noContext, nil, nil) }),
		on("another loop's", thisLoop, func() {
			elsewhere(func(ctx context.Context, _ *host.Conn, _ *host.Listener, p *host.PacketConn) {
				_, _ = p.WriteToContext(ctx, nil, nil)
			})
		})),
	"PacketConn.Close":            bad(onPacketConn("Close", func(p *host.PacketConn) { _ = p.Close() })...),
	"PacketConn.LocalAddr":        bad(onPacketConn("LocalAddr", func(p *host.PacketConn) { p.LocalAddr() })...),
	"PacketConn.SetDeadline":      bad(onPacketConn("SetDeadline", func(p *host.PacketConn) { _ = p.SetDeadline(time.Time{}) })...),
	"PacketConn.SetReadDeadline":  bad(onPacketConn("SetReadDeadline", func(p *host.PacketConn) { _ = p.SetReadDeadline(time.Time{}) })...),
	"PacketConn.SetWriteDeadline": bad(onPacketConn("SetWriteDeadline", func(p *host.PacketConn) { _ = p.SetWriteDeadline(time.Time{}) })...),

	"NewReader": bad(
		on("nil", "host: NewReader(nil); give it", func() { host.NewReader(nil) }),
		on("a nil option", "host: NewReader with a nil ReaderOption; leave it out", func() { host.NewReader(strings.NewReader(""), nil) })),
	"WithReadLimit":   bad(on("0", "host: WithReadLimit(0); the number of bytes must be positive", func() { host.WithReadLimit(0) })),
	"Reader.Buffered": bad(harmless("the zero Reader", func() { new(host.Reader).Buffered() })),
	"Reader.ReadLine": bad(onReader(func(r *host.Reader) { _, _ = r.ReadLine(context.Background()) })...),
	"Reader.ReadUntil": with(onReader(func(r *host.Reader) { _, _ = r.ReadUntil(context.Background(), []byte("x")) }),
		on("no separator", "host: ReadUntil with an empty separator; give it", func() { _, _ = text().ReadUntil(context.Background(), nil) })),
	"Reader.ReadFull": bad(onReader(func(r *host.Reader) { _, _ = r.ReadFull(context.Background(), nil) })...),
	"Reader.Peek": with(onReader(func(r *host.Reader) { _, _ = r.Peek(context.Background(), 1) }),
		on("-1", "host: Peek(-1); "+pastNegative, func() { _, _ = text().Peek(context.Background(), -1) }),
		fails("more than the limit", "host: what Peek asks for is longer than the limit of 65536 bytes", func() error { _, err := text().Peek(context.Background(), 1<<20); return err })),
	"Reader.Discard": with(onReader(func(r *host.Reader) { _, _ = r.Discard(context.Background(), 1) }),
		on("-1", "host: Discard(-1); "+pastNegative, func() { _, _ = text().Discard(context.Background(), -1) })),
	"Reader.Read":        bad(onReader(func(r *host.Reader) { _, _ = r.Read(nil) })...),
	"Reader.ReadByte":    bad(onReader(func(r *host.Reader) { _, _ = r.ReadByte() })...),
	"Reader.ReadContext": bad(onReader(func(r *host.Reader) { _, _ = r.ReadContext(context.Background(), nil) })...),
	"LimitError.Error":   fine(receiverOnly),
	"LimitError.Unwrap":  fine(receiverOnly),

	"Serve": with(inContext(func(ctx context.Context) error {
		return host.Serve(ctx, host.NewListener(closed().Context(), "", someAcceptor{}), handle)
	}),
		on("a nil listener", "host: Serve of a nil Listener; make one by Listen", func() { in(func(ctx context.Context) { _ = host.Serve(ctx, nil, handle) }) }),
		on("the zero Listener", noListener, func() { in(func(ctx context.Context) { _ = host.Serve(ctx, new(host.Listener), handle) }) }),
		on("a nil handle", "host: Serve with a nil handle; give it", func() {
			in(func(ctx context.Context) { _ = host.Serve(ctx, host.NewListener(ctx, "", someAcceptor{}), nil) })
		}),
		on("a nil option", "host: Serve with a nil ServeOption; leave it out", func() {
			in(func(ctx context.Context) { _ = host.Serve(ctx, host.NewListener(ctx, "", someAcceptor{}), handle, nil) })
		}),
		on("another loop's listener", thisLoop, func() {
			elsewhere(func(ctx context.Context, _ *host.Conn, ln *host.Listener, _ *host.PacketConn) {
				_ = host.Serve(ctx, ln, handle)
			})
		})),
	"WithMaxConns":     bad(on("0", "host: WithMaxConns(0); give it", func() { host.WithMaxConns(0) })),
	"WithGrace":        fine("a duration that is not positive is no time"),
	"WithErrorHandler": bad(on("nil", "host: WithErrorHandler of a nil function; give it", func() { host.WithErrorHandler(nil) })),
	"WithTLS": bad(on("nil", "host: WithTLS with a nil Config; give it", func() { host.WithTLS(nil) }),
		on("renegotiation", "host: WithTLS with a Config that allows renegotiation", func() { host.WithTLS(&tls.Config{Renegotiation: tls.RenegotiateOnceAsClient}) })),
	"Draining": bad(on("a nil context", "host: Draining with a nil context; give it", func() { host.Draining(noContext) }),
		harmless("a context of no loop", func() { host.Draining(context.Background()) })),
	"Idle": with(inContext(func(ctx context.Context) error { return host.Idle(ctx, func(context.Context) error { return nil }) }),
		on("a nil function", "host: Idle of a nil function; give it", func() { in(func(ctx context.Context) { _ = host.Idle(ctx, nil) }) })),

	"TLSServer": beginning("TLSServer", host.TLSServer),
	"TLSClient": beginning("TLSClient", host.TLSClient),
	"TLSState":  bad(onConn("TLSState", func(c *host.Conn) { host.TLSState(c) })...),

	"ReadFile":    inFS("ReadFile", func(ctx context.Context, fsys host.FS) { _, _ = host.ReadFile(ctx, fsys, "x") }),
	"WriteFile":   inFS("WriteFile", func(ctx context.Context, fsys host.FS) { _ = host.WriteFile(ctx, fsys, "x", nil, 0) }),
	"ReplaceFile": inFS("ReplaceFile", func(ctx context.Context, fsys host.FS) { _ = host.ReplaceFile(ctx, fsys, "x", nil, 0) }),
	"MkdirAll":    inFS("MkdirAll", func(ctx context.Context, fsys host.FS) { _ = host.MkdirAll(ctx, fsys, "x", 0) }),
}

// beginning is the rule of a function that begins TLS.
func beginning(function string, do func(context.Context, *host.Conn, *tls.Config) error) rule {
	return with(inContext(func(ctx context.Context) error { return do(ctx, ofClosed(), &tls.Config{}) }),
		on("a nil Conn", "host: "+function+" of a nil Conn; give it", func() { in(func(ctx context.Context) { _ = do(ctx, nil, &tls.Config{}) }) }),
		on("the zero Conn", "host: "+function+noConn, func() { in(func(ctx context.Context) { _ = do(ctx, new(host.Conn), &tls.Config{}) }) }),
		on("a nil config", "host: "+function+" with a nil Config; give it", func() { in(func(ctx context.Context) { _ = do(ctx, ofClosed(), nil) }) }),
		on("another loop's", thisLoop, func() {
			elsewhere(func(ctx context.Context, c *host.Conn, _ *host.Listener, _ *host.PacketConn) {
				_ = do(ctx, c, &tls.Config{})
			})
		}))
}

func text() *host.Reader { return host.NewReader(strings.NewReader("text")) }

var hosttestRules = map[string]rule{
	"RunConn":    bad(on("nil", "hosttest: RunConn with a nil run; give it", func() { hosttest.RunConn(new(testing.T), nil) })),
	"RunNetwork": bad(on("nil", "hosttest: RunNetwork with a nil run; give it", func() { hosttest.RunNetwork(new(testing.T), nil) })),
	"RunFS":      bad(on("nil", "hosttest: RunFS with a nil run; give it", func() { hosttest.RunFS(new(testing.T), nil) })),
	"ModelFS": bad(
		on("a nil FS", "hosttest: ModelFS of a nil FS or with a nil draw; give it", func() {
			hosttest.ModelFS(noContext, new(testing.T), nil, func(string, int) int { return 0 })
		}),
		on("a nil draw", "hosttest: ModelFS of a nil FS or with a nil draw; give it", func() {
			hosttest.ModelFS(noContext, new(testing.T), host.System().FS, nil)
		})),
}
