package hosttest

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A Machine is a machine for the rules of a [host.Network].
type Machine struct {
	Net  host.Network
	Host string // a name or an address at which Net listens, and which the other machine dials; without a port
}

// A NetworkBody is a test of a Network, as the body of a task. a and b are two machines of one network, or one and the
// same.
type NetworkBody func(ctx context.Context, t T, a, b Machine)

// RunNetwork tests that networks keep the rules that the documentation of [host.Network] sets, for tcp and udp: those
// of [RunConn], and others about dials, listeners, packets and errors. For each rule it calls run, which makes a new
// loop and a network with two machines, and calls body in a task. run returns when the loop has ended, and reports a
// deadlock or a panic as a failure. It may call body more than once, for example in several orders of events.
//
// Some rules sleep for some milliseconds. They take no real time if the loop has a virtual clock.
func RunNetwork(t *testing.T, run func(t T, body NetworkBody)) {
	if run == nil {
		panic("hosttest: RunNetwork with a nil run; give it a function that makes a network and calls body in a task")
	}
	t.Run("connections", func(t *testing.T) {
		RunConn(t, func(t T, body ConnBody) {
			run(t, func(ctx context.Context, t T, a, b Machine) {
				n := &network{t, ctx, a, b}
				client, server := n.connected()
				body(ctx, t, client, server)
			})
		})
	})
	for _, rule := range networkRules {
		t.Run(rule.name, func(t *testing.T) {
			run(t, func(ctx context.Context, t T, a, b Machine) { rule.test(&network{t, ctx, a, b}) })
		})
	}
}

var networkRules = []struct {
	name string
	test func(n *network)
}{
	{"addresses", (*network).addresses},
	{"an address where no listener is", (*network).refused},
	{"bad addresses", (*network).badAddresses},
	{"an address in use", (*network).inUse},
	{"an address of another machine", (*network).foreign},
	{"many connections", (*network).many},
	{"connections come in order", (*network).inOrder},
	{"tasks accept in order", (*network).acceptInOrder},
	{"a canceled Accept takes no connection", (*network).cancelAccept},
	{"a connection that waits for Accept", (*network).beforeAccept},
	{"Close of a listener", (*network).closeListener},
	{"Close of a listener while tasks wait", (*network).closeWhileAccepting},
	{"a canceled dial", (*network).cancelDial},
	{"calls under a context that has ended", (*network).endedContext},
	{"a connection to the own machine", (*network).toItself},
	{"the kinds of addresses", (*network).kinds},

	{"packets", (*network).packets},
	{"packets that do not come", (*network).noPackets},
	{"tasks read packets in order", (*network).packetsInOrder},
	{"a full queue of packets", (*network).fullQueue},
	{"errors of packets", (*network).packetErrors},
	{"an address in use, for packets", (*network).packetsInUse},
	{"a dialed socket", (*network).dialedPackets},
	{"a dialed socket keeps packets apart", (*network).apart},
	{"a dialed socket without a peer", (*network).packetsRefused},
	{"a dialed socket takes packets of its peer only", (*network).packetsOfThePeer},
}

// A network is a test of a Network.
type network struct {
	T
	ctx  context.Context
	a, b Machine
}

// listen listens on m, at a free port.
func (n *network) listen(m Machine) *host.Listener {
	n.Helper()
	ln, err := m.Net.Listen(n.ctx, "tcp", m.Host+":0")
	if err != nil {
		n.Fatalf("Listen: %v", err)
	}
	return ln
}

// dial connects a to an address.
func (n *network) dial(to net.Addr) *host.Conn {
	n.Helper()
	c, err := n.a.Net.Dial(n.ctx, "tcp", to.String())
	if err != nil {
		n.Fatalf("Dial: %v", err)
	}
	return c
}

func (n *network) accept(ln *host.Listener) *host.Conn {
	n.Helper()
	c, err := ln.Accept(n.ctx)
	if err != nil {
		n.Fatalf("Accept: %v", err)
	}
	return c
}

// connected returns a connection from a to b.
func (n *network) connected() (client, server *host.Conn) {
	n.Helper()
	ln := n.listen(n.b)
	client = n.dial(ln.Addr())
	server = n.accept(ln)
	noError(n, ln.Close())
	return client, server
}

// write sends text, and wantText checks that it comes.
func (n *network) write(c *host.Conn, text string) {
	n.Helper()
	count(n, len(text))(io.WriteString(c, text))
}

func (n *network) wantText(c *host.Conn, want string) {
	n.Helper()
	p := make([]byte, len(want))
	_, err := io.ReadFull(c, p)
	noError(n, err)
	equal(n, "text", string(p), want)
}

// addresses: both ends have the same addresses, the other way round.
func (n *network) addresses() {
	ln := n.listen(n.b)
	at, ok := ln.Addr().(*net.TCPAddr)
	if !ok || at.Port == 0 || ln.Addr().Network() != "tcp" {
		n.Fatalf("the listener has the address %v, a %T", ln.Addr(), ln.Addr())
	}
	client := n.dial(ln.Addr())
	server := n.accept(ln)
	equal(n, "RemoteAddr of the client", client.RemoteAddr().String(), ln.Addr().String())
	equal(n, "LocalAddr of the server", server.LocalAddr().String(), ln.Addr().String())
	equal(n, "RemoteAddr of the server", server.RemoteAddr().String(), client.LocalAddr().String())
	other := n.listen(n.b)
	if other.Addr().String() == ln.Addr().String() {
		n.Errorf("two listeners have the address %v", ln.Addr())
	}
	noError(n, errors.Join(other.Close(), ln.Close(), client.Close(), server.Close()))
}

func (n *network) refused() {
	ln := n.listen(n.b)
	noError(n, ln.Close())
	for range 2 {
		c, err := n.a.Net.Dial(n.ctx, "tcp", ln.Addr().String())
		if c != nil {
			n.Errorf("Dial has returned a connection and the error %v", err)
		}
		e := opError(n, err, "dial", "tcp")
		equal(n, "the address of the error", e.Addr.String(), ln.Addr().String())
		errorIs(n, err, syscall.ECONNREFUSED)
	}
}

// badAddresses: the errors are those of package net.
func (n *network) badAddresses() {
	calls := map[string]func(network, address string) error{
		"dial":   func(network, address string) error { _, err := n.b.Net.Dial(n.ctx, network, address); return err },
		"listen": func(network, address string) error { _, err := n.b.Net.Listen(n.ctx, network, address); return err },
		"packet": func(network, address string) error {
			_, err := n.b.Net.ListenPacket(n.ctx, network, address)
			return err
		},
	}
	for _, c := range []struct{ call, network, address, want string }{
		{"dial", "tcp", "not a name:80", "dial tcp: lookup not a name: no such host"},
		{"listen", "tcp", "not a name:80", "listen tcp: lookup not a name: no such host"},
		{"dial", "tcp", "", "dial tcp: missing address"},
		{"dial", "tcp", "127.0.0.1", "dial tcp: address 127.0.0.1: missing port in address"},
		{"dial", "tcp", "1:2:3", "dial tcp: address 1:2:3: too many colons in address"},
		{"dial", "tcp", "127.0.0.1:66000", "dial tcp: address 66000: invalid port"},
		{"listen", "tcp", "127.0.0.1:-1", "listen tcp: address -1: invalid port"},
		{"dial", "tcp", "127.0.0.1:no-service", "dial tcp: lookup tcp/no-service: unknown port"},
		{"dial", "pigeon", "coop", "dial pigeon: unknown network pigeon"},
		{"listen", "pigeon", "coop", "listen pigeon: unknown network pigeon"},
		{"packet", "pigeon", "coop", "listen pigeon: unknown network pigeon"},
		{"listen", "udp", "127.0.0.1:0", "listen udp 127.0.0.1:0: address 127.0.0.1:0: unexpected address type"},
		{"packet", "tcp", "127.0.0.1:0", "listen tcp 127.0.0.1:0: address 127.0.0.1:0: unexpected address type"},
	} {
		err := calls[c.call](c.network, c.address)
		if err == nil {
			n.Errorf("%s(%q, %q) has no error", c.call, c.network, c.address)
			continue
		}
		equal(n, "error", err.Error(), c.want)
		opError(n, err, strings.Replace(c.call, "packet", "listen", 1), c.network)
	}
	var unknown *net.DNSError
	_, err := n.a.Net.Dial(n.ctx, "tcp", "not a name:80")
	equal(n, "the name is unknown", errors.As(err, &unknown) && unknown.IsNotFound, true)
}

// inUse: an address is in use until its listener is closed, whatever becomes of its connections.
func (n *network) inUse() {
	ln := n.listen(n.b)
	client := n.dial(ln.Addr())
	server := n.accept(ln)
	_, err := n.b.Net.Listen(n.ctx, "tcp", ln.Addr().String())
	e := opError(n, err, "listen", "tcp")
	equal(n, "the address of the error", e.Addr.String(), ln.Addr().String())
	errorIs(n, err, syscall.EADDRINUSE)
	noError(n, ln.Close())
	again, err := n.b.Net.Listen(n.ctx, "tcp", ln.Addr().String())
	noError(n, err)
	n.write(client, "still there")
	n.wantText(server, "still there")
	noError(n, errors.Join(again.Close(), client.Close(), server.Close()))
}

func (n *network) foreign() {
	_, err := n.b.Net.Listen(n.ctx, "tcp", "192.0.2.1:0")
	opError(n, err, "listen", "tcp")
	errorIs(n, err, syscall.EADDRNOTAVAIL)
	_, err = n.b.Net.ListenPacket(n.ctx, "udp", "192.0.2.1:0")
	errorIs(n, err, syscall.EADDRNOTAVAIL)
}

// many: connections that are open at the same time do not mix.
func (n *network) many() {
	const all = 20
	ln := n.listen(n.b)
	bodies := []func(context.Context){func(ctx context.Context) {
		var servers []func(context.Context)
		for range all {
			c, err := ln.Accept(ctx)
			noError(n, err)
			servers = append(servers, func(context.Context) {
				_, err := io.Copy(c, c)
				noError(n, err)
				noError(n, c.Close())
			})
		}
		together(ctx, n, servers...)
	}}
	for i := range all {
		bodies = append(bodies, func(ctx context.Context) {
			c, err := n.a.Net.Dial(ctx, "tcp", ln.Addr().String())
			noError(n, err)
			text := strings.Repeat(string(rune('a'+i)), 1000)
			n.write(c, text)
			noError(n, c.CloseWrite())
			back, err := io.ReadAll(c)
			noError(n, err)
			equal(n, "the echo is the text", string(back) == text, true)
			noError(n, c.Close())
		})
	}
	together(n.ctx, n, bodies...)
	noError(n, ln.Close())
}

// inOrder: Accept returns the connections in the order in which they came.
func (n *network) inOrder() {
	ln := n.listen(n.b)
	var clients []*host.Conn
	for range 5 {
		clients = append(clients, n.dial(ln.Addr()))
		noError(n, task.Sleep(n.ctx, short/2))
	}
	for _, client := range clients {
		server := n.accept(ln)
		equal(n, "the connection of", server.RemoteAddr().String(), client.LocalAddr().String())
		noError(n, errors.Join(client.Close(), server.Close()))
	}
	noError(n, ln.Close())
}

// acceptors starts tasks that accept one connection each, one after the other.
func (n *network) acceptors(ln *host.Listener, how int) (all []*task.Task[*host.Conn]) {
	for i := range how {
		all = append(all, task.Go(n.ctx, ln.Accept))
		waits(n.ctx, n, all[i].Task())
	}
	return all
}

func (n *network) acceptInOrder() {
	ln := n.listen(n.b)
	for _, waiting := range n.acceptors(ln, 4) {
		client := n.dial(ln.Addr())
		server, err := waiting.Await(n.ctx)
		noError(n, err)
		equal(n, "the connection of", server.RemoteAddr().String(), client.LocalAddr().String())
		noError(n, errors.Join(client.Close(), server.Close()))
	}
	noError(n, ln.Close())
}

func (n *network) cancelAccept() {
	ln := n.listen(n.b)
	waiting := n.acceptors(ln, 2)
	waiting[0].Cancel(nil)
	client := n.dial(ln.Addr())
	_, err := waiting[0].Await(n.ctx)
	canceled(n, err)
	server, err := waiting[1].Await(n.ctx)
	noError(n, err)
	n.write(client, "here")
	n.wantText(server, "here")
	noError(n, errors.Join(client.Close(), server.Close(), ln.Close()))
}

// beforeAccept: a client can write, and close, before the server accepts the connection.
func (n *network) beforeAccept() {
	ln := n.listen(n.b)
	client := n.dial(ln.Addr())
	n.write(client, "early")
	noError(n, client.Close())
	noError(n, task.Sleep(n.ctx, short))
	server := n.accept(ln)
	text, err := io.ReadAll(server)
	noError(n, err)
	equal(n, "text", string(text), "early")
	noError(n, errors.Join(server.Close(), ln.Close()))
}

// closeListener: connections that were accepted stay open, and others are closed.
func (n *network) closeListener() {
	ln := n.listen(n.b)
	client := n.dial(ln.Addr())
	server := n.accept(ln)
	waits := n.dial(ln.Addr())
	noError(n, task.Sleep(n.ctx, short))
	noError(n, ln.Close())
	_, err := waits.Read(make([]byte, 1))
	if err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
		n.Errorf("a connection that was not accepted: the error is %v, want the end or a reset", err)
	}
	n.write(client, "still there")
	n.wantText(server, "still there")
	_, err = ln.Accept(n.ctx)
	opError(n, err, "accept", "tcp")
	errorIs(n, err, net.ErrClosed)
	errorIs(n, ln.Close(), net.ErrClosed)
	noError(n, errors.Join(waits.Close(), client.Close(), server.Close()))
}

func (n *network) closeWhileAccepting() {
	ln := n.listen(n.b)
	waiting := n.acceptors(ln, 2)
	noError(n, ln.Close())
	for _, w := range waiting {
		_, err := w.Await(n.ctx)
		errorIs(n, err, net.ErrClosed)
	}
}

// cancelDial: a dial is canceled at some moments. It returns the cancellation, or a connection if it was faster. A
// connection that the server gets nevertheless is closed.
func (n *network) cancelDial() {
	ln := n.listen(n.b)
	servers := 0
	server := task.Go(n.ctx, func(ctx context.Context) (struct{}, error) {
		for {
			c, err := ln.Accept(ctx)
			if err != nil {
				return struct{}{}, err
			}
			servers++
			_, err = io.Copy(io.Discard, c)
			if err != nil && !errors.Is(err, syscall.ECONNRESET) {
				n.Errorf("the connection of a canceled dial has ended with %v", err)
			}
			noError(n, c.Close())
		}
	})
	for turns := range 6 {
		dial := task.Go(n.ctx, func(ctx context.Context) (*host.Conn, error) {
			return n.a.Net.Dial(ctx, "tcp", ln.Addr().String())
		})
		for range turns {
			noError(n, task.Sleep(n.ctx, short/20))
		}
		dial.Cancel(nil)
		c, err := dial.Await(n.ctx)
		if err == nil {
			noError(n, c.Close())
		} else {
			canceled(n, err)
		}
	}
	noError(n, task.Sleep(n.ctx, 2*short))
	noError(n, ln.Close())
	_, err := server.Await(n.ctx)
	errorIs(n, err, net.ErrClosed)
	again, err := n.b.Net.Listen(n.ctx, "tcp", ln.Addr().String())
	noError(n, err)
	client := n.dial(again.Addr())
	noError(n, errors.Join(client.Close(), again.Close()))
}

func (n *network) endedContext() {
	ln := n.listen(n.b)
	why := errors.New("the reason")
	ctx, cancel := context.WithCancelCause(n.ctx)
	cancel(why)
	_, err := n.a.Net.Dial(ctx, "tcp", ln.Addr().String())
	errorIs(n, err, why)
	_, err = n.b.Net.Listen(ctx, "tcp", n.b.Host+":0")
	errorIs(n, err, why)
	_, err = n.b.Net.ListenPacket(ctx, "udp", n.b.Host+":0")
	errorIs(n, err, why)
	_, err = ln.Accept(ctx)
	errorIs(n, err, why)
	noError(n, ln.Close())
}

// toItself: a machine reaches itself as localhost, and what listens there is hidden from others.
func (n *network) toItself() {
	ln, err := n.b.Net.Listen(n.ctx, "tcp", "127.0.0.1:0")
	noError(n, err)
	client, err := n.b.Net.Dial(n.ctx, "tcp", ln.Addr().String())
	noError(n, err)
	server := n.accept(ln)
	n.write(client, "to myself")
	n.wantText(server, "to myself")
	noError(n, errors.Join(client.Close(), server.Close(), ln.Close()))

	all, err := n.b.Net.Listen(n.ctx, "tcp4", ":0")
	noError(n, err)
	_, port, err := net.SplitHostPort(all.Addr().String())
	noError(n, err)
	for _, to := range []string{"127.0.0.1:", n.b.Host + ":", ":", "0.0.0.0:"} {
		client, err := n.b.Net.Dial(n.ctx, "tcp4", to+port)
		noError(n, err)
		server := n.accept(all)
		noError(n, errors.Join(client.Close(), server.Close()))
	}
	noError(n, all.Close())
}

// kinds: the names of the networks are those of package net, and so are the types of the addresses.
func (n *network) kinds() {
	for _, network := range []string{"tcp", "tcp4"} {
		ln, err := n.b.Net.Listen(n.ctx, network, n.b.Host+":0")
		noError(n, err)
		c, err := n.a.Net.Dial(n.ctx, network, ln.Addr().String())
		noError(n, err)
		for _, at := range []net.Addr{ln.Addr(), c.LocalAddr(), c.RemoteAddr()} {
			if a, ok := at.(*net.TCPAddr); !ok || a.IP.To4() == nil || a.Network() != "tcp" {
				n.Errorf("an address of %s is a %T: %v", network, at, at)
			}
		}
		noError(n, errors.Join(c.Close(), ln.Close()))
	}
	for _, network := range []string{"udp", "udp4"} {
		p, err := n.b.Net.ListenPacket(n.ctx, network, n.b.Host+":0")
		noError(n, err)
		c, err := n.a.Net.Dial(n.ctx, network, p.LocalAddr().String())
		noError(n, err)
		for _, at := range []net.Addr{p.LocalAddr(), c.LocalAddr(), c.RemoteAddr()} {
			if a, ok := at.(*net.UDPAddr); !ok || a.IP.To4() == nil || a.Port == 0 || a.Network() != "udp" {
				n.Errorf("an address of %s is a %T: %v", network, at, at)
			}
		}
		noError(n, errors.Join(c.Close(), p.Close()))
	}
}
