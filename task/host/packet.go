package host

// A PacketConn sends and receives packets.
type PacketConn struct{}
