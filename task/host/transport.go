package host

import "net"

// A Transport moves the bytes of one connection, for a [Conn]. There is one kind of Transport for each kind
// of world: the sockets of the operating system, a pipe in memory, a simulated network. The Conn does what
// is the same in all worlds: it suspends tasks, keeps their order, and has the deadlines. Programs that only
// use connections need no Transport.
//
// The Conn calls the methods on the goroutine that runs its loop, and a method never waits. After Close the
// Conn calls no other method but LocalAddr and RemoteAddr.
type Transport interface {
	// Start is called once, before all other methods. From then on the transport calls readable when
	// Receive may have more after it has returned 0 and nil, and writable when Send may take more after
	// it has taken less than it was given. It calls them on the goroutine that runs the loop, but never inside a
	// method of this transport. They only wake tasks. A call too many does no harm.
	Start(readable, writable func())
	// Receive copies bytes that have come into p, and takes them from the transport. If none have come, it
	// returns 0 and nil. When all bytes are taken and no more can come, it returns why: [io.EOF] if the
	// peer has ended its direction, or another error. From then on it returns the same. (If the connection
	// carries packets, an error may also stand for one packet, and then later ones still come.)
	Receive(p []byte) (n int, err error)
	// Send takes as many bytes of p as there is room for. It returns an error if no byte can be sent any
	// more. From then on it returns the same. The transport does not keep p. (If the connection carries packets,
	// p is one packet. Send takes it whole or not at all.)
	Send(p []byte) (n int, err error)
	// CloseWrite ends the direction to the peer. The peer gets all bytes that were sent before.
	CloseWrite() error
	// Close ends both directions. The transport still delivers the bytes that were sent, as far as
	// the peer takes them within a limit of the transport. Close does not wait for that.
	Close() error
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// An Acceptor has the connections that have come to an address, for a [Listener]. Its methods follow the same
// rules as those of a [Transport].
type Acceptor interface {
	// Start is called once, before all other methods. From then on the acceptor calls ready when Accept
	// may have a connection, or an error, after it has returned nil and nil.
	Start(ready func())
	// Accept takes the connection that has waited longest. If none waits, it returns nil and nil. An error
	// need not be the last: the Listener goes on to call Accept.
	Accept() (Transport, error)
	// Close refuses later connections. Those that wait are closed.
	Close() error
	Addr() net.Addr
}

// A PacketTransport moves packets, for a [PacketConn]. Its methods follow the same rules as those of a
// [Transport].
type PacketTransport interface {
	Start(readable, writable func())
	// ReceiveFrom takes one packet. ok is false if none has come. A packet that is longer than p is cut.
	ReceiveFrom(p []byte) (n int, from net.Addr, ok bool, err error)
	// SendTo takes one packet, whole or not at all. ok is false if there is no room for it.
	SendTo(p []byte, to net.Addr) (ok bool, err error)
	Close() error
	LocalAddr() net.Addr
}
