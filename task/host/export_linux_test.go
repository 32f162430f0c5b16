package host

// DescriptorOf returns the descriptor of a connection of the machine.
func DescriptorOf(c *Conn) int { return c.transport.(*socket).fd }

// ShortReadTakesAll reports whether a connection takes a short read for the end of what has come.
func ShortReadTakesAll(c *Conn) bool { return c.transport.(*socket).kind == tcpSocket }
