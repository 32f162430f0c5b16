//go:build !linux

package host

import (
	"net"

	"github.com/takt-go/takt/loop"
)

// newSocket returns a Transport over conn, which has come from package net.
func newSocket(l *loop.Loop, conn net.Conn) (Transport, error) { return newPump(l, conn), nil }

// newPacketSocket returns a PacketTransport over conn, which has come from package net.
func newPacketSocket(l *loop.Loop, conn net.PacketConn) (PacketTransport, error) {
	return newPacketPump(l, conn), nil
}

// newAcceptor returns an Acceptor over ln, which has come from package net.
func newAcceptor(l *loop.Loop, ln net.Listener, _ net.ListenConfig) (Acceptor, error) {
	return newPumpAcceptor(l, ln), nil
}
